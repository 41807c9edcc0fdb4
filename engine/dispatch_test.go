package engine

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/engine/vars"
)

func TestBodyPassesByteForByte(t *testing.T) {
	alpha := newFakeProvider(t, answer(200, chatReply))
	f := newFixture(t, alpha, nil)
	const body = "{ \"messages\" : [{\"role\":\"user\",\"content\":\"h\\u00e9\"}],\n \"model\":\"small\", \"seed\": 1e3 }"
	x := chat(body, Header{"Authorization", "Bearer client"}, Header{"Cookie", "a=b"}, Header{"X-Custom", "kept"}, Header{"OpenAI-Organization", "org"})
	got, err := run(t, f.route(t, RouteConfig{}), x)
	if err != nil {
		t.Fatal(err)
	}
	if got != chatReply {
		t.Errorf("got %s, want the provider's body", got)
	}
	call := alpha.made()[0]
	if call.Body != body {
		t.Errorf("upstream got %q, want %q", call.Body, body)
	}
	if call.Auth != "Bearer sk-alpha_key-0123456789" || call.URI != "/v1/chat/completions" {
		t.Errorf("got auth %q uri %q", call.Auth, call.URI)
	}
	for _, name := range []string{"Cookie", "Openai-Organization"} {
		if v := call.Header.Get(name); v != "" {
			t.Errorf("%s went upstream: %q", name, v)
		}
	}
	if call.Header.Get("X-Custom") != "kept" {
		t.Error("x-custom did not go upstream")
	}
	if h := x.Reply.Headers; h.First("x-weir-provider") != "alpha" || h.First("x-weir-model") != "small" || h.First("x-weir-attempts") != "1" {
		t.Errorf("got headers %v", h)
	}
}

func TestNames(t *testing.T) {
	tests := []struct {
		name, model string
		want        string // attempts, or
		code        Code
		message     string
	}{
		{name: "a bare name", model: "small", want: "alpha:small=200"},
		{name: "case does not matter", model: "SMALL", want: "alpha:small=200"},
		{name: "an alias", model: "large", want: "alpha:big=200"},
		{name: "a provider in front", model: "beta:big", want: "beta:big=200"},
		{name: "an unknown model of a known provider passes through", model: "beta:org/New-Model:1b", want: "beta:org/New-Model:1b=200"},
		{name: "an unknown name", model: "smal", code: CodeModelNotFound, message: `did you mean "small"?`},
		{name: "author and model without a provider", model: "anthropic/claude-3.5-sonnet", code: CodeModelNotFound, message: `"openrouter:anthropic/claude-3.5-sonnet"`},
		{name: "auto", model: "auto", want: "alpha:small=200"},
		{name: "auto of old policies", model: "ngrok/auto", want: "alpha:small=200"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha, beta := newFakeProvider(t, answer(200, chatReply)), newFakeProvider(t, answer(200, chatReply))
			f := newFixture(t, alpha, beta)
			x := chat(`{"model":"` + tt.model + `","messages":[]}`)
			_, err := run(t, f.route(t, RouteConfig{}), x)
			if tt.code != "" {
				if e := wantCode(t, err, tt.code); !strings.Contains(e.Message, tt.message) {
					t.Errorf("got message %q, want %q in it", e.Message, tt.message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := attempts(x); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestFailover(t *testing.T) {
	tests := []struct {
		name   string
		first  http.HandlerFunc
		want   string
		status int
		code   Code
	}{
		{"a server error", answer(503, `{"error":{"message":"busy"}}`), "alpha:big=503 beta:big=200", 0, ""},
		{"too many requests", answer(429, `{"error":{"message":"slow down"}}`, "retry-after", "7"), "alpha:big=429 beta:big=200", 0, ""},
		{"a dead key", answer(401, `{"error":{"message":"bad key"}}`), "alpha:big=401 beta:big=200", 0, ""},
		{"no such model there", answer(404, `{"error":{"message":"The model does not exist","code":"model_not_found"}}`), "alpha:big=404 beta:big=200", 0, ""},
		{"context too long", answer(400, `{"error":{"message":"too long","code":"context_length_exceeded"}}`), "alpha:big=400 beta:big=200", 0, ""},
		{"a redirect is not an answer", answer(302, `{}`, "location", "http://elsewhere/"), "alpha:big=302 beta:big=200", 0, ""},
		{"the client's own mistake", answer(400, `{"error":{"message":"bad temperature","type":"invalid_request_error"}}`), "alpha:big=400", 400, CodeBadRequest},
		{"an unprocessable request", answer(422, `{"error":{"message":"no"}}`), "alpha:big=422", 422, CodeBadRequest},
		{"a content refusal", answer(400, `{"error":{"message":"filtered","code":"content_filter"}}`), "alpha:big=400", 400, CodeBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha, beta := newFakeProvider(t, tt.first), newFakeProvider(t, answer(200, chatReply))
			f := newFixture(t, alpha, beta)
			x := chat(`{"model":"big","messages":[]}`)
			_, err := run(t, f.route(t, RouteConfig{}), x)
			if got := attempts(x); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if tt.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if e := wantCode(t, err, tt.code); e.HTTPStatus() != tt.status || e.Upstream == nil {
				t.Errorf("got status %d upstream %s, want %d and the provider's words", e.HTTPStatus(), e.Upstream, tt.status)
			}
		})
	}
}

func TestUnreachableProvider(t *testing.T) {
	beta := newFakeProvider(t, answer(200, chatReply))
	f := newFixture(t, nil, beta)
	x := chat(`{"model":"big","messages":[]}`)
	if _, err := run(t, f.route(t, RouteConfig{}), x); err != nil {
		t.Fatal(err)
	}
	if got, want := attempts(x), "alpha:big=0 beta:big=200"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRestsAndProbe(t *testing.T) {
	alpha := newFakeProvider(t, answer(429, `{"error":{"message":"slow"}}`, "retry-after", "30"))
	f := newFixture(t, alpha, newFakeProvider(t, answer(200, chatReply)))
	now := time.Now()
	f.rt.now, f.rt.realTime = func() time.Time { return now }, false
	p := f.route(t, RouteConfig{})
	for range 3 {
		if _, err := run(t, p, chat(`{"model":"big","messages":[]}`)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(alpha.made()); n != 1 {
		t.Errorf("alpha was called %d times while its key rested, want 1", n)
	}
	x := chat(`{"model":"small","messages":[]}`)
	if _, err := run(t, p, x); AsError(err).Status != 429 {
		t.Errorf("got %v, want the key to be free for another model", err)
	}
	_, err := run(t, p, chat(`{"model":"small","messages":[]}`))
	if e := wantCode(t, err, CodeNoTarget); e.RetryAfter <= 0 {
		t.Errorf("got no retry-after on %v", e)
	}
	now = now.Add(31 * time.Second)
	if _, err := run(t, p, chat(`{"model":"big","messages":[]}`)); err != nil {
		t.Fatal(err)
	}
	if n := len(alpha.made()); n != 3 {
		t.Errorf("alpha was called %d times after the rest, want 3", n)
	}
}

func TestProviderRestsAfterFiveFailures(t *testing.T) {
	alpha := newFakeProvider(t, answer(500, `{"error":{"message":"oops"}}`))
	f := newFixture(t, alpha, newFakeProvider(t, answer(200, chatReply)))
	now := time.Now()
	f.rt.now, f.rt.realTime = func() time.Time { return now }, false
	p := f.route(t, RouteConfig{})
	for range 8 {
		if _, err := run(t, p, chat(`{"model":"big","messages":[]}`)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(alpha.made()); n != failuresToRest {
		t.Errorf("got %d calls, want %d", n, failuresToRest)
	}
	now = now.Add(providerRest + time.Second)
	for range 3 {
		if _, err := run(t, p, chat(`{"model":"big","messages":[]}`)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(alpha.made()); n != failuresToRest+1 {
		t.Errorf("got %d calls, want one probe after the rest", n-failuresToRest)
	}
}

func TestKeysInOrder(t *testing.T) {
	alpha := newFakeProvider(t, answer(401, `{"error":{"message":"dead"}}`), answer(200, chatReply))
	f := newFixture(t, alpha, nil)
	tmpl := func(v string) KeyConfig {
		tm, diags := f.env.Template(vars.PhaseRoute, textOf(v))
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return KeyConfig{Value: tm}
	}
	p := f.plan(t, PlanConfig{Providers: []ProviderConfig{{ID: "alpha", APIKeys: []KeyConfig{tmpl("first-key-000000000"), tmpl("second-key-00000000")}}}})
	if _, err := run(t, p, chat(`{"model":"alpha:small","messages":[]}`)); err != nil {
		t.Fatal(err)
	}
	calls := alpha.made()
	if len(calls) != 2 || calls[0].Auth != "Bearer first-key-000000000" || calls[1].Auth != "Bearer second-key-00000000" {
		t.Errorf("got %+v", calls)
	}
}

func TestRefusedKeyOfTheGatewayIsNotTheClients(t *testing.T) {
	alpha := newFakeProvider(t, answer(401, `{"error":{"message":"Incorrect API key provided: sk-abc"}}`))
	f := newFixture(t, alpha, nil)
	_, err := run(t, f.route(t, RouteConfig{}), chat(`{"model":"small","messages":[]}`))
	e := wantCode(t, err, CodeUpstreamFailed)
	if e.HTTPStatus() != 502 || e.Upstream != nil || strings.Contains(e.Message, "sk-abc") {
		t.Errorf("got %d %q %s", e.HTTPStatus(), e.Message, e.Upstream)
	}
}

func TestClientKeyGoesToItsProviderOnly(t *testing.T) {
	alpha := newFakeProvider(t, answer(401, `{"error":{"message":"Incorrect API key"}}`))
	beta := newFakeProvider(t, answer(200, chatReply))
	f := newFixture(t, alpha, beta)
	x := chat(`{"model":"alpha:big","models":["beta:big"],"messages":[]}`, Header{"Authorization", "Bearer sk-mine-0123456789"})
	_, err := run(t, f.route(t, RouteConfig{Keys: KeysClient}), x)
	e := wantCode(t, err, CodeUnauthorized)
	if e.HTTPStatus() != 401 || len(beta.made()) != 0 {
		t.Errorf("got %d and %d calls to the other provider, want 401 and none", e.HTTPStatus(), len(beta.made()))
	}
	if got := alpha.made()[0].Auth; got != "Bearer sk-mine-0123456789" {
		t.Errorf("got %q", got)
	}
}

func TestStrategies(t *testing.T) {
	tests := []struct {
		name       string
		strategies []string
		model      string
		want       string
		code       Code
	}{
		{"the first that leaves a model wins", []string{"ai.models.filter(m, m.id == 'none')", "ai.models.filter(m, m.provider_id == 'beta')"}, "", "beta:big=200", ""},
		{"order of the strategy for auto", []string{"ai.models.sortBy('price')"}, "auto", "alpha:small=200", ""},
		{"strategies only filter named models", []string{"ai.models.filter(m, m.provider_id == 'beta')"}, "big", "beta:big=200", ""},
		{"none left", []string{"ai.models.filter(m, m.id == 'none')"}, "big", "", CodeNoModelSelected},
		{"a strategy that fails never falls to the next", []string{"ai.models.filter(m, m.metadata.x < 3)", "ai.models"}, "big", "", CodeSelectionFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, newFakeProvider(t, answer(200, chatReply)), newFakeProvider(t, answer(200, chatReply)))
			body := `{"messages":[]}`
			if tt.model != "" {
				body = `{"model":"` + tt.model + `","messages":[]}`
			}
			x := chat(body)
			_, err := run(t, f.route(t, RouteConfig{Strategies: f.strategies(t, tt.strategies...), StrategyTexts: tt.strategies}), x)
			if tt.code != "" {
				wantCode(t, err, tt.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := attempts(x); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestFailoverExpression(t *testing.T) {
	alpha, beta := newFakeProvider(t, answer(422, `{"error":{"message":"no"}}`)), newFakeProvider(t, answer(200, chatReply))
	f := newFixture(t, alpha, beta)
	x := chat(`{"model":"big","messages":[]}`)
	p := f.route(t, RouteConfig{Failover: Failover{On: f.predicate(t, vars.PhaseFailover, "attempt.status == 422")}})
	if _, err := run(t, p, x); err != nil {
		t.Fatal(err)
	}
	if got, want := attempts(x), "alpha:big=422 beta:big=200"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTimeouts(t *testing.T) {
	slow := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	t.Run("one attempt runs out and the next answers", func(t *testing.T) {
		f := newFixture(t, newFakeProvider(t, slow), newFakeProvider(t, answer(200, chatReply)))
		x := chat(`{"model":"big","messages":[]}`)
		if _, err := run(t, f.route(t, RouteConfig{PerRequestTimeout: 50 * time.Millisecond}), x); err != nil {
			t.Fatal(err)
		}
		if x.attempts[0].Code != CodeUpstreamTimeout {
			t.Errorf("got %+v", x.attempts[0])
		}
	})
	t.Run("all time runs out", func(t *testing.T) {
		f := newFixture(t, newFakeProvider(t, slow), newFakeProvider(t, slow))
		x := chat(`{"model":"big","messages":[]}`)
		_, err := run(t, f.route(t, RouteConfig{TotalTimeout: 80 * time.Millisecond}), x)
		if e := wantCode(t, err, CodeTotalTimeout); e.HTTPStatus() != 504 {
			t.Errorf("got %d", e.HTTPStatus())
		}
	})
}

func TestCancelEndsTheUpstreamCall(t *testing.T) {
	gone := make(chan struct{})
	alpha := newFakeProvider(t, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(gone)
	})
	f := newFixture(t, alpha, newFakeProvider(t, answer(200, chatReply)))
	x := chat(`{"model":"big","messages":[]}`)
	time.AfterFunc(50*time.Millisecond, func() { x.Cancel(ClientGone()) })
	_, err := run(t, f.route(t, RouteConfig{}), x)
	wantCode(t, err, CodeClientGone)
	select {
	case <-gone:
	case <-time.After(time.Second):
		t.Fatal("the upstream call was not cancelled within a second")
	}
	if len(x.attempts) != 1 {
		t.Errorf("got %s, want no failover after the client went", attempts(x))
	}
	if f.rt.providerHealth("alpha", alpha.URL).failures.Load() != 0 {
		t.Error("the hang-up counted against the provider")
	}
}
