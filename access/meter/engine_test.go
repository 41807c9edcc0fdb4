package meter

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"weir/access"
	"weir/access/counter"
	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/upstream"
	"weir/engine/wire"
	"weir/policies"
)

// bodyOf is a client's body.
type bodyOf string

func (b bodyOf) LoadBody(x *engine.Exchange) error {
	x.Request.Body = []byte(b)
	return b.Scan(x)
}

func (b bodyOf) Scan(x *engine.Exchange) error {
	if problem := x.Request.Peek.Read(x.Request.API, x.Request.Body); problem != nil {
		return problem
	}
	return nil
}

func (b bodyOf) Locate(*engine.Exchange, string) error { return nil }

// gateway runs exchanges through a plan that meters what it asks two providers.
func gateway(t *testing.T, m engine.Meter, first http.HandlerFunc) func(body string) (*engine.Exchange, error) {
	t.Helper()
	run := gatewayOf(t, m, first)
	return func(body string) (*engine.Exchange, error) {
		x := exchange()
		return x, run(x, body)
	}
}

func gatewayOf(t *testing.T, m engine.Meter, first http.HandlerFunc) func(x *engine.Exchange, body string) error {
	t.Helper()
	answer := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("content-type", "application/json")
		_, _ = w.Write([]byte(`{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],` +
			`"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}}`))
	}
	if first == nil {
		first = answer
	}
	one, two := httptest.NewServer(first), httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(one.Close)
	t.Cleanup(two.Close)
	text := strings.NewReplacer("ONE", one.URL, "TWO", two.URL).Replace(`
providers:
  - {id: one, base_url: "ONE/v1", api_keys: [{value: k1}], models: [{id: big, pricing: {input: 10, output: 100}}]}
  - {id: two, base_url: "TWO/v1", api_keys: [{value: k2}], models: [{id: small, pricing: {input: 1, output: 10}}]}
route:
  - providers: [{id: one}, {id: two}]
    failover: {max_attempts: 2}
`)
	models, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	client := upstream.New(upstream.Options{})
	t.Cleanup(client.Close)
	rt := engine.NewRuntime(engine.RuntimeOptions{Client: client, Catalog: models, Log: zerolog.Nop()})
	rt.SetMeter(m)
	cfg, diags := policies.Compile(policies.Input{Path: "p.yaml", Text: []byte(text)}, policies.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	plan, diags := rt.NewPlan(cfg)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return func(x *engine.Exchange, body string) error {
		x.Request.Method, x.Request.Path = "POST", "/v1/chat/completions"
		x.Loader = bodyOf(body)
		err := plan.Run(x)
		x.Finish()
		return err
	}
}

// Calls that the engine makes are counted and recorded as they went, the ones that failed too.
func TestThroughTheEngine(t *testing.T) {
	all, small := budget("all", "1", "day"), limit("small", access.UnitRequests, "2", "60s")
	small.When = "m.id == 'small'"
	r := newRig(t, []*access.Quota{all}, []*access.Quota{small, limit("requests", access.UnitRequests, "9", "60s"), limit("flight", access.UnitConcurrent, "1", "")})
	var failing atomic.Bool
	failing.Store(true)
	send := gateway(t, r.Meter, func(w http.ResponseWriter, _ *http.Request) {
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("content-type", "application/json")
		_, _ = w.Write([]byte(`{"choices":[{"index":0,"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":40000,"completion_tokens":6000}}`))
	})
	const body = `{"model":"big","models":["small"],"max_tokens":100,"messages":[{"role":"user","content":"hello"}]}`
	x, err := send(body)
	if err != nil {
		t.Fatal(err)
	}
	rows := r.journal.rows
	if len(rows) != 2 || rows[0].Status != 500 || rows[0].Final || rows[0].CostKnown || rows[0].Spend != nil {
		t.Fatalf("got %+v, want a failed attempt that cost nothing and another", rows)
	}
	// 1000 tokens at a millionth of a dollar and 500 at ten of them
	if got := rows[1]; got.Status != 200 || !got.Final || got.Input != 1000 || got.Output != 500 || got.Cost != 6_000_000_000 ||
		!got.CostKnown || got.Model != "small" || got.KeySource != "gateway" || len(got.Spend) != 1 || got.Spend[0].Amount != 6_000_000 {
		t.Errorf("got %+v, want what the second provider told and its price", got)
	}
	if got := r.state(t, "all"); got != (counter.State{Used: 6_000_000}) {
		t.Errorf("got %+v, want 0.6 cents used", got)
	}
	if a, b, c := r.state(t, "small").Used, r.state(t, "requests").Used, r.state(t, "flight").Reserved; a != 1 || b != 1 || c != 0 {
		t.Errorf("got %d, %d and %d, want one request and nothing in flight", a, b, c)
	}
	if got := x.Reply.Headers.First("ratelimit"); !strings.Contains(got, `"requests";r=8`) {
		t.Errorf("got %q, want the limits in the answer", got)
	}

	failing.Store(false)
	if _, err := send(body); err != nil { // a dollar: 40000 tokens at 1e-5 and 6000 at 1e-4
		t.Fatal(err)
	}
	if got := r.state(t, "all"); got != (counter.State{Used: 1_006_000_000}) {
		t.Errorf("got %+v, want one dollar more", got)
	}
	before := len(r.journal.rows)
	x, err = send(body)
	wantRefusal(t, err, engine.CodeBudgetExceeded, 402, `budget "all"`, "nothing of $1.00 is left")
	if len(r.journal.rows) != before || len(x.Attempts()) != 0 {
		t.Errorf("got %d rows and %d attempts, want no call made", len(r.journal.rows)-before, len(x.Attempts()))
	}
	if got := r.state(t, "requests"); got != (counter.State{Used: 2}) {
		t.Errorf("got %+v, want refused requests not counted", got)
	}
}

// A call that is ended while the provider works, whoever ends it, has cost its input and leaves nothing reserved.
func TestCallsThatAreCutThroughTheEngine(t *testing.T) {
	for _, cause := range []*engine.Error{
		engine.AsError(engine.ClientGone()),
		{Code: engine.CodeUnauthorized, Message: "the access key was revoked"},
		{Code: engine.CodePolicyDenied, Message: "a guard beside the call refuses it"},
	} {
		t.Run(string(cause.Code), func(t *testing.T) {
			r := newRig(t, []*access.Quota{budget("all", "1", "day")}, []*access.Quota{limit("flight", access.UnitConcurrent, "1", "")})
			x := exchange()
			over := make(chan struct{})
			run := gatewayOf(t, r.Meter, func(_ http.ResponseWriter, req *http.Request) {
				x.Cancel(cause)
				select { // until the gateway hangs up as well
				case <-req.Context().Done():
				case <-over:
				}
			})
			err := run(x, `{"model":"big","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}`)
			close(over)
			if engine.AsError(err).Code != cause.Code {
				t.Errorf("got %v, want %v", err, cause)
			}
			if len(r.journal.rows) != 1 {
				t.Fatalf("got %d rows, want one", len(r.journal.rows))
			}
			got, state := r.journal.rows[0], r.state(t, "all")
			if got.Code != string(cause.Code) || !got.Estimated || len(got.Spend) != 1 || got.Spend[0].Amount != state.Used {
				t.Errorf("got %+v, want an estimate", got)
			}
			if state.Reserved != 0 || state.Used == 0 || state.Used > 1_000_000 || r.state(t, "flight").Reserved != 0 {
				t.Errorf("got %+v, want the price of a short input and nothing reserved", state)
			}
		})
	}
}

// Who hangs up before the last byte of an answer whose usage nobody tells pays for all of it.
func TestSpeechThatIsCutThroughTheEngine(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("all", "1", "day")}, nil)
	x := exchange()
	x.Request.API = wire.OpenAISpeech
	run := gatewayOf(t, r.Meter, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("content-type", "audio/mpeg")
		_, _ = w.Write(make([]byte, 100_000)) // of which nobody reads the end
	})
	if err := run(x, `{"model":"big","input":"a few words to be read out","voice":"x"}`); err != nil {
		t.Fatal(err)
	}
	row, all := r.journal.rows[0], r.state(t, "all")
	reserved := int64(x.Calls()[0].EstimatedCost.USD) / perNano
	if row.Code != "client_gone" || !row.Estimated || all.Used != reserved || reserved == 0 {
		t.Errorf("got %+v and %+v used, want all of the %d that were reserved", row, all, reserved)
	}
}
