package engine

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"weir/engine/catalog"
	"weir/engine/expr"
	"weir/engine/upstream"
	"weir/engine/vars"
	"weir/engine/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// fakeProvider answers with the handlers it was given, one a call, the last one again and again.
type fakeProvider struct {
	*httptest.Server
	mu    sync.Mutex
	calls []recorded
	steps []http.HandlerFunc
}

type recorded struct {
	Method, URI, Auth, Body string
	Header                  http.Header
}

func newFakeProvider(t *testing.T, steps ...http.HandlerFunc) *fakeProvider {
	t.Helper()
	f := &fakeProvider{steps: steps}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		n := len(f.calls)
		auth := r.Header.Get("Authorization") + r.Header.Get("X-Api-Key") + r.Header.Get("X-Goog-Api-Key") + r.Header.Get("Api-Key")
		f.calls = append(f.calls, recorded{r.Method, r.RequestURI, auth, string(body), r.Header.Clone()})
		step := f.steps[min(n, len(f.steps)-1)]
		f.mu.Unlock()
		step(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeProvider) made() []recorded {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]recorded(nil), f.calls...)
}

func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func events(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, p := range parts {
			switch p {
			case "CUT":
				panic(http.ErrAbortHandler)
			case "WAIT":
				<-r.Context().Done()
				return
			}
			_, _ = io.WriteString(w, p)
			w.(http.Flusher).Flush() //nolint:errcheck,forcetypeassert // httptest's writer flushes
		}
	}
}

const chatReply = `{"id":"c1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`

// fixture is a runtime with two OpenAI-shaped built-in providers, alpha and beta, and a small catalog.
type fixture struct {
	rt  *Runtime
	env *expr.Env
}

func newFixture(t *testing.T, alpha, beta *fakeProvider) *fixture {
	t.Helper()
	client := upstream.New(upstream.Options{})
	t.Cleanup(client.Close)
	spec := func(id string, f *fakeProvider) ProviderSpec {
		s := ProviderSpec{
			ID: id, Name: id, Env: []string{strings.ToUpper(id) + "_KEY"}, Surfaces: []Surface{
				{Dialect: wire.DialectOpenAI}, {Dialect: wire.DialectAnthropic}, {Dialect: wire.DialectGemini},
			},
		}
		if f != nil {
			s.BaseURL = f.URL
		} else {
			s.BaseURL = "http://127.0.0.1:1"
		}
		return s
	}
	price := func(f float64) *float64 { return &f }
	models := []*catalog.Model{
		{ID: "big", ProviderID: "alpha", IDAliases: []string{"large"}, MaxContextWindow: 1000, Pricing: catalog.Pricing{Input: price(10), Output: price(20)}, ReleaseDate: "2026-01-01"},
		{ID: "small", ProviderID: "alpha", MaxContextWindow: 500, Pricing: catalog.Pricing{Input: price(1), Output: price(2)}, ReleaseDate: "2026-02-01"},
		{ID: "big", ProviderID: "beta", MaxContextWindow: 100_000, Pricing: catalog.Pricing{Input: price(5), Output: price(9)}, ReleaseDate: "2026-01-01"},
	}
	env, err := expr.New(expr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{env: env, rt: NewRuntime(RuntimeOptions{
		Client: client, Catalog: catalog.New(models), Providers: []ProviderSpec{spec("alpha", alpha), spec("beta", beta)},
		Env: func(name string) (string, bool) { return "sk-" + strings.ToLower(name) + "-0123456789", true },
	})}
}

func (f *fixture) plan(t *testing.T, cfg PlanConfig) *Plan {
	t.Helper()
	p, diags := f.rt.NewPlan(cfg)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

func (f *fixture) route(t *testing.T, cfg RouteConfig) *Plan {
	t.Helper()
	return f.plan(t, PlanConfig{Name: "test", Routes: []RouteConfig{cfg}})
}

func (f *fixture) strategies(t *testing.T, texts ...string) []*expr.Strategy {
	t.Helper()
	out := make([]*expr.Strategy, len(texts))
	for i, text := range texts {
		s, diags := f.env.Strategy(expr.Text{Value: text})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		out[i] = s
	}
	return out
}

func (f *fixture) predicate(t *testing.T, ph vars.Phase, text string) *expr.Predicate {
	t.Helper()
	p, diags := f.env.Predicate(ph, []expr.Text{{Value: text}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

type bodyOf string

// LoadBody gives the exchange its body.
func (b bodyOf) LoadBody(x *Exchange) error {
	x.Request.Body = []byte(b)
	if problem := x.Request.Peek.Read(x.Request.API, x.Request.Body); problem != nil {
		return &Error{Code: CodeBadRequest, Message: problem.Message, Param: problem.Param}
	}
	return nil
}

// Scan reads a changed body.
func (b bodyOf) Scan(x *Exchange) error {
	if problem := x.Request.Peek.Read(x.Request.API, x.Request.Body); problem != nil {
		return &Error{Code: CodeBadRequest, Message: problem.Message, Param: problem.Param}
	}
	return nil
}

// Locate takes any target for the path of the chat API.
func (b bodyOf) Locate(x *Exchange, target string) error {
	x.Request.Path, x.Request.RawPath = target, target
	return nil
}

// chat makes an exchange that posts body to the chat API.
func chat(body string, headers ...Header) *Exchange {
	x := NewExchange()
	x.Request.API, x.Request.Method, x.Request.Path, x.Request.RawPath = wire.OpenAIChat, "POST", "/v1/chat/completions", "/v1/chat/completions"
	x.Request.Headers = append(Headers{{"Content-Type", "application/json"}}, headers...)
	x.Loader = bodyOf(body)
	return x
}

// run runs the exchange to its end and returns what the client got: the whole body, and the error of a cut stream.
func run(t *testing.T, p *Plan, x *Exchange) (body string, err error) {
	t.Helper()
	if err := p.Run(x); err != nil {
		x.Finish()
		return "", err
	}
	defer x.Finish()
	if x.Reply.Stream == nil {
		return string(x.Reply.Body), nil
	}
	all, err := io.ReadAll(x.Reply.Stream)
	return string(all), err
}

func wantCode(t *testing.T, err error, code Code) Error {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %s", code)
	}
	e := AsError(err)
	if e.Code != code {
		t.Fatalf("got %v, want code %s", err, code)
	}
	return *e
}

func attempts(x *Exchange) string {
	out := make([]string, len(x.attempts))
	for i := range x.attempts {
		a := &x.attempts[i]
		out[i] = fmt.Sprintf("%s:%s=%d", a.Provider, a.Model, a.Status)
	}
	return strings.Join(out, " ")
}

func textOf(v string) expr.Text { return expr.Text{Value: v} }

// TestActionRoutesServeOnlyWhatTheyMatch: a document that routes by ai-gateway actions has no default route, and none of its
// actions serves a call that its rule did not match.
func TestActionRoutesServeOnlyWhatTheyMatch(t *testing.T) {
	alpha := newFakeProvider(t, answer(200, chatReply))
	f := newFixture(t, alpha, nil)
	when := f.predicate(t, vars.PhaseRequest, "req.headers['x-team'][0] == 'research'")
	p := f.plan(t, PlanConfig{Name: "test", RoutesByAction: true, OnRequest: []Rule{{
		When: when, Actions: []RuleAction{{Name: "ai-gateway", Action: NewRouteAction(&RouteConfig{})}},
	}}})
	if _, err := run(t, p, chat(`{"model":"big","messages":[]}`)); AsError(err).Code != CodeNoRoute {
		t.Errorf("got %v, want %s", err, CodeNoRoute)
	}
	if n := len(alpha.made()); n != 0 {
		t.Errorf("got %d calls, want none", n)
	}
	if _, err := run(t, p, chat(`{"model":"big","messages":[]}`, Header{"X-Team", "research"})); err != nil {
		t.Errorf("got %v for a call that matches", err)
	}
	for team, listed := range map[string]bool{"research": true, "other": false} {
		x := chat("", Header{"X-Team", team})
		x.Request.API, x.Request.Method, x.Request.Operation = wire.Models, "GET", OpList
		if err := p.Run(x); err != nil {
			t.Fatal(err)
		}
		if models, err := p.Models(x, wire.DialectOpenAI); (err == nil && len(models) > 0) != listed {
			t.Errorf("team %s: got %d models and %v", team, len(models), err)
		}
		x.Finish()
	}
}
