package actions

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
	"weir/engine/opa"
	"weir/engine/vars"
	"weir/engine/wire"
	"weir/policies"
)

const regoSmall = `rego:
  - module: |
      package access

      decision := true

      default body := false

      body if input.res.body

      default calls := false

      calls if input.ai.response.tool_calls

      default long := false

      long if input.ai.response.usage.output_tokens > 3

      default text := false

      text if input.ai.response.text
`

func TestRegoProblems(t *testing.T) {
	two := "rego: [{module: \"package one\\n\\ndecision := true\"}, {module: \"package two\\n\\ndecision := true\"}]\n"
	tests := []struct {
		name, policy, want string
	}{
		{"no Rego", "on_request: [{type: rego}]", "no_rego"},
		{"no decision", "rego: [{module: \"package access\\n\\nallow := true\"}]\non_request: [{type: rego}]", "rego_query_error"},
		{"two decisions", two + "on_request: [{type: rego}]", "rego_query_error"},
		{"two decisions, one asked for", two + "on_request: [{type: rego, config: {query: data.two.decision}}]", ""},
		{"another phase's variable", regoSmall + "on_request: [{type: rego, config: {query: data.access.text}}]", "wrong_phase"},
		{"a window of a request", regoSmall + "on_request: [{type: rego, config: {window: 100}}]", "wrong_phase"},
		{"an ending of a request", regoSmall + "on_request: [{type: rego, config: {on_block: refusal}}]", "wrong_phase"},
		{"a short window", regoSmall + "on_response: [{type: rego, config: {window: 15}}]", "out_of_range"},
		{"a long window", regoSmall + "on_response: [{type: rego, config: {window: 8193}}]", "out_of_range"},
		{"no time", regoSmall + "on_request: [{type: rego, config: {deadline: 0s}}]", "out_of_range"},
		{"much time", regoSmall + "on_request: [{type: rego, config: {deadline: 6s}}]", "out_of_range"},
		{"a way of streams that is none", regoSmall + "on_response: [{type: rego, config: {on_stream: some}}]", "bad_value"},
		{"an ending that is none", regoSmall + "on_response: [{type: rego, config: {on_block: some}}]", "bad_value"},
		{"the body of a stream", regoSmall + "on_response: [{type: rego, config: {query: data.access.body}}]", "stream_query"},
		{"the body of a stream, held back", regoSmall + "on_response: [{type: rego, config: {query: data.access.body, on_stream: buffer}}]", "stream_query"},
		{"the body, no streams", regoSmall + "on_response: [{type: rego, config: {query: data.access.body, on_stream: skip}}]", ""},
		{"the body, no streams, by the rule", regoSmall + "on_response: [{on_stream: skip, actions: [{type: rego, config: {query: data.access.body}}]}]", ""},
		{"tool calls of a stream", regoSmall + "on_response: [{type: rego, config: {query: data.access.calls}}]", "stream_query"},
		{"usage of a stream", regoSmall + "on_response: [{type: rego, config: {query: data.access.long}}]", "stream_query"},
		{"usage of a stream, held back", regoSmall + "on_response: [{type: rego, config: {query: data.access.long, on_stream: buffer}}]", ""},
		{"text of a stream", regoSmall + "on_response: [{type: rego, config: {query: data.access.text}}]", ""},
		{"a variable of the decision", regoSmall + "on_request: [{type: rego}, {expressions: [vars.some], actions: [{type: deny}]}]", ""},
		{"a variable before the decision", regoSmall + "on_request: [{expressions: [vars.some], actions: [{type: deny}]}, {type: rego}]", "unset_variable"},
		{"a result before the decision", regoSmall + "on_request: [{expressions: [actions.rego.allow], actions: [{type: deny}]}, {type: rego}]", "unset_variable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, tt.policy); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestRegoBusy checks that a decision is refused, and quickly, where too many wait for a service already.
func TestRegoBusy(t *testing.T) {
	release := make(chan struct{})
	asked := make(chan struct{}, 1000)
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer service.Close()
	host := strings.TrimPrefix(service.URL, "http://")
	cfg := compile(t, `rego:
  hosts: ["`+host+`"]
  modules:
    - module: |
        package access

        asks if http.send({"method": "GET", "url": "`+service.URL+`", "timeout": "5s"}).status_code == 200

        decision if input.req.id != ""
on_request:
  - {type: rego, config: {query: data.access.asks, deadline: 5s}}
  - {type: rego, config: {query: data.access.decision, deadline: 10ms}}
`)
	asks, decides := cfg.OnRequest[0].Actions[0].Action, cfg.OnRequest[1].Actions[0].Action
	if verdict, err := decides.Do(t.Context(), exchange()); err != nil || verdict != engine.VerdictContinue {
		t.Fatalf("got %v and %v, want to go on while nobody waits", verdict, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	var once sync.Once
	let := func() { once.Do(func() { close(release); cancel(); wait.Wait() }) }
	defer let()
	waiting := 0
	for {
		wait.Go(func() { _, _ = asks.Do(ctx, exchange()) })
		waiting++
		if waiting > 4096 {
			t.Fatal("got no bound to the evaluations at once, want one")
		}
		select {
		case <-asked:
			continue
		case <-time.After(200 * time.Millisecond): // no turn was left
		}
		break
	}
	x := exchange()
	x.Request.ID = "req-2" // about the first it was decided already
	verdict, err := decides.Do(t.Context(), x)
	if !errors.Is(err, opa.ErrBusy) || verdict != engine.VerdictDeny {
		t.Errorf("got %v and %v with %d waiting, want busy", verdict, err, waiting)
	}
	let()
	if verdict, err := decides.Do(t.Context(), exchange()); err != nil || verdict != engine.VerdictContinue {
		t.Errorf("got %v and %v, want to go on when nobody waits any more", verdict, err)
	}
}

// TestRegoResults checks what expressions can read of a decision.
func TestRegoResults(t *testing.T) {
	cfg := compile(t, `rego:
  - module: |
      package access

      kind := input.req.headers["x-test"][0]

      decision := true if kind == "yes"

      decision := {"allow": false, "code": "over_quota", "message": "no more"} if kind == "no"
on_request: [{type: rego}]
`)
	tests := []struct {
		kind string
		want map[string]any
	}{
		{"yes", map[string]any{"allow": true}},
		{"no", map[string]any{"allow": false, "status": int64(403), "code": "over_quota", "message": "no more"}},
		{"", map[string]any{"allow": false, "error": map[string]any{"code": "policy_failed", "message": "access/decision: the query is undefined"}}},
	}
	for _, tt := range tests {
		x := exchange()
		x.Request.Headers = engine.Headers{{Name: "x-test", Value: tt.kind}}
		_, _ = run(t, x, cfg.OnRequest)
		got := results(x, "rego")
		if id, _ := got["decision_id"].(string); len(id) != 36 {
			t.Errorf("%q: got the id %q, want one", tt.kind, id)
		}
		delete(got, "decision_id")
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q: got a difference (-want +got):\n%s", tt.kind, diff)
		}
	}
}

// TestRegoRedactCache checks that lists of redactions are compiled once, and that no more of them are kept than some.
func TestRegoRedactCache(t *testing.T) {
	var c redactCache
	list := []opa.Redaction{{Pattern: `a+`, Replace: "b"}}
	first, err := c.detector(list)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := c.detector([]opa.Redaction{{Pattern: `a+`, Replace: "another"}}); again != first {
		t.Error("got a detector compiled again for the same pattern, want the one that is there")
	}
	if other, _ := c.detector([]opa.Redaction{{Text: `a+`}}); other == first {
		t.Error("got the detector of a pattern for a text, want another one")
	}
	for i := range 4 * maxRedactCache {
		if _, err := c.detector([]opa.Redaction{{Text: strings.Repeat("x", i+1)}}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.made); n > maxRedactCache {
		t.Errorf("got %d detectors kept, want at most %d", n, maxRedactCache)
	}
	if _, err := c.redactor(make([]opa.Redaction, maxRedactions+1)); err == nil {
		t.Error("got no error for too many redactions, want one")
	}
	if _, err := c.redactor([]opa.Redaction{{Text: "a", Replace: strings.Repeat("x", maxTo+1)}}); err == nil {
		t.Error("got no error for a long replacement, want one")
	}
}

// brokenFilter fails in the way that it is told.
type brokenFilter struct {
	events, fail, panics int
}

func (f *brokenFilter) Event(dst []byte, _ *wire.Event) ([]byte, error) {
	f.events++
	switch f.events {
	case f.fail:
		return dst, io.ErrUnexpectedEOF
	case f.panics:
		panic("boom")
	}
	return append(dst, "changed"...), nil
}

func (f *brokenFilter) End(dst []byte) ([]byte, error) { return append(dst, "more"...), nil }

// TestShadowStream checks that a filter that only looks changes nothing, whatever it does.
func TestShadowStream(t *testing.T) {
	for name, tt := range map[string]struct {
		inner  brokenFilter
		events int
		want   string
	}{
		"nothing goes wrong": {brokenFilter{}, 3, ""},
		"it fails":           {brokenFilter{fail: 2}, 2, "unexpected EOF"},
		"it panics":          {brokenFilter{panics: 2}, 2, "panic: boom"},
	} {
		reports := ""
		s := newShadowStream(&tt.inner, func(err error) { reports += err.Error() })
		var out []byte
		for _, raw := range []string{"one", "two", "three"} {
			var err error
			if out, err = s.Event(out, &wire.Event{Raw: []byte(raw)}); err != nil {
				t.Fatal(err)
			}
		}
		out, err := s.End(out)
		if err != nil || string(out) != "onetwothree" || reports != tt.want || tt.inner.events != tt.events {
			t.Errorf("%s: got %q, %v, %q and %d events seen, want every event, %q and %d", name, out, err, reports, tt.inner.events, tt.want, tt.events)
		}
	}
}

// BenchmarkRegoAction measures what the action adds to the evaluation that it asks for: an exchange with a rule that
// answers, and the same with a decision in front of it, evaluated anew or kept from an earlier request.
func BenchmarkRegoAction(b *testing.B) {
	const (
		module = `package access

default allow := false

allow if {
	input.req.method == "POST"
	input.req.headers["x-tier"][0] in {"gold", "silver"}
	startswith(input.req.url.path, "/v1/")
}

decision := {"allow": allow}

again := {"allow": allow, "message": input.req.id}
`
		answer = "{type: custom-response, config: {body: fine}}"
	)
	policy, diags := opa.Compile(opa.Options{Modules: []opa.Text{{Name: "access.rego", Text: []byte(module)}}})
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	b.Run("nothing", func(b *testing.B) { benchmarkPlan(b, "on_request: ["+answer+"]") })
	for name, path := range map[string]string{"kept": "data.access.decision", "anew": "data.access.again"} {
		b.Run(name+"/eval", func(b *testing.B) {
			query, diags := policy.Query(path, vars.PhaseRequest)
			if diags.HasErrors() {
				b.Fatal(diags)
			}
			x := engine.NewExchange()
			benchmarkRequest(x)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := query.Eval(b.Context(), opa.Evaluation{Source: x, Deadline: time.Second}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/action", func(b *testing.B) {
			benchmarkPlan(b, "rego: [{module: "+strconv.Quote(module)+"}]\non_request: [{type: rego, config: {deadline: 1s, query: "+path+"}}, "+answer+"]")
		})
	}
}

func benchmarkRequest(x *engine.Exchange) {
	x.Request.Method, x.Request.Host, x.Request.Path, x.Request.ID = "POST", "api.example.com", "/v1/chat/completions", "req"
	x.Request.Headers = append(x.Request.Headers[:0], engine.Header{Name: "X-Tier", Value: "gold"})
}

func benchmarkPlan(b *testing.B, text string) {
	b.Helper()
	cfg, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte(text)}, policies.Options{Actions: Registry()})
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	plan, diags := engine.NewRuntime(engine.RuntimeOptions{}).NewPlan(cfg)
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	x := engine.NewExchange()
	b.ReportAllocs()
	for b.Loop() {
		benchmarkRequest(x)
		if err := plan.Run(x); err != nil || x.Reply.Status != http.StatusOK {
			b.Fatal(err, x.Reply.Status)
		}
		x.Finish()
		x.Reset()
	}
}
