package engine

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/engine/expr"
	"weir/engine/vars"
	"weir/engine/wire"
)

// doing makes a rule of one action.
func doing(f doFunc) []Rule { return []Rule{{Actions: []RuleAction{{Name: "test", Action: f}}}} }

func TestReplacedBodies(t *testing.T) {
	const body = `{"model":"big","messages":[]}`
	t.Run("go upstream and are read anew", func(t *testing.T) {
		alpha := newFakeProvider(t, answer(200, chatReply))
		f := newFixture(t, alpha, nil)
		p := f.plan(t, PlanConfig{Name: "test", OnRequest: doing(func(x *Exchange) (Verdict, error) {
			return VerdictContinue, x.ReplaceBody([]byte(`{"model":"small","messages":[{"role":"user","content":"new"}]}`))
		})})
		if _, err := run(t, p, chat(body)); err != nil {
			t.Fatal(err)
		}
		if calls := alpha.made(); len(calls) != 1 || calls[0].Body != `{"model":"small","messages":[{"role":"user","content":"new"}]}` {
			t.Errorf("got calls %+v", calls)
		}
	})
	t.Run("that cannot be read are refused", func(t *testing.T) {
		alpha := newFakeProvider(t, answer(200, chatReply))
		f := newFixture(t, alpha, nil)
		p := f.plan(t, PlanConfig{Name: "test", OnRequest: doing(func(x *Exchange) (Verdict, error) {
			return VerdictContinue, x.ReplaceBody([]byte(`{"model":"small","model":"big"}`))
		})})
		if _, err := run(t, p, chat(body)); AsError(err).Code != CodeBadRequest {
			t.Errorf("got %v, want a bad request", err)
		}
		if n := len(alpha.made()); n != 0 {
			t.Errorf("got %d calls, want none", n)
		}
	})
}

func TestAddedReplyHeaders(t *testing.T) {
	add := doing(func(x *Exchange) (Verdict, error) {
		x.AddReplyHeader("x-limit", "7")
		return VerdictContinue, nil
	})
	f := newFixture(t, newFakeProvider(t, answer(500, `{}`)), newFakeProvider(t, answer(200, chatReply)))
	tests := []struct {
		name   string
		policy PlanConfig
		failed bool
	}{
		{"an answer after a failover", PlanConfig{OnRequest: add}, false},
		{"a refusal", PlanConfig{OnRequest: append(add[:1:1], doing(func(x *Exchange) (Verdict, error) {
			x.Deny(403, CodePolicyDenied, "no")
			return VerdictDeny, nil
		})...)}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.policy.Name = tt.name
			x := chat(`{"model":"big","messages":[]}`)
			_, err := run(t, f.plan(t, tt.policy), x)
			if (err != nil) != tt.failed {
				t.Fatal(err)
			}
			if got := x.Reply.Headers.First("x-limit"); got != "7" {
				t.Errorf("got %q, want 7", got)
			}
		})
	}
}

func TestConnectRules(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, answer(200, chatReply)), nil)
	verdicts := map[Verdict]bool{VerdictContinue: true, VerdictDeny: false, VerdictClose: false, VerdictRespond: false}
	for verdict, admitted := range verdicts {
		p := f.plan(t, PlanConfig{Name: "test", OnConnect: doing(func(x *Exchange) (Verdict, error) {
			if x.Phase() != vars.PhaseTCPConnect {
				t.Errorf("got phase %s", x.Phase())
			}
			x.SetVar("seen", true)
			return verdict, nil
		})})
		x := chat(`{"model":"big","messages":[]}`)
		_, err := run(t, p, x)
		if admitted != (err == nil) || !admitted && AsError(err).Code != CodeConnectionClosed {
			t.Errorf("verdict %d: got %v", verdict, err)
		}
		if admitted && x.vars["seen"] != true {
			t.Error("a variable of the connection is gone")
		}
		if got := p.Admits(NewExchange()); got != admitted {
			t.Errorf("verdict %d: got admitted %t, want %t", verdict, got, admitted)
		}
	}
	p := f.plan(t, PlanConfig{Name: "test", OnConnect: []Rule{{OnError: OnErrorHalt, Actions: []RuleAction{{Action: doFunc(func(*Exchange) (Verdict, error) {
		return VerdictContinue, errors.New("broken")
	})}}}}})
	if p.Admits(NewExchange()) {
		t.Error("a rule that fails admits the connection")
	}
	p = f.plan(t, PlanConfig{Name: "test", OnConnect: doing(func(*Exchange) (Verdict, error) { panic("broken") })})
	if p.Admits(NewExchange()) {
		t.Error("a rule that panics admits the connection")
	}
}

// refuseProvider keeps one provider from being called and notes how calls ended.
type refuseProvider struct {
	mu   sync.Mutex
	not  string
	done []string
}

func (g *refuseProvider) Allow(provider, _ string) (bool, time.Duration) {
	return provider != g.not, time.Second
}

func (g *refuseProvider) Done(provider, model string, o Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done = append(g.done, provider+"/"+model+"="+[...]string{"ok", "failed", "neutral"}[o])
}

func TestTargetGuards(t *testing.T) {
	const body = `{"model":"big","messages":[]}`
	tests := []struct {
		name string
		not  string
		want string
		code Code
	}{
		{"all may be called", "", "alpha/big=failed beta/big=ok", ""},
		{"the first may not", "alpha", "beta/big=ok", ""},
		{"the second may not", "beta", "alpha/big=failed", CodeUpstreamFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha := newFakeProvider(t, answer(500, `{}`))
			f := newFixture(t, alpha, newFakeProvider(t, answer(200, chatReply)))
			g := &refuseProvider{not: tt.not}
			p := f.plan(t, PlanConfig{Name: "test", OnRequest: doing(func(x *Exchange) (Verdict, error) {
				x.GuardTargets(g)
				return VerdictContinue, nil
			})})
			_, err := run(t, p, chat(body))
			if tt.code == "" && err != nil || tt.code != "" && AsError(err).Code != tt.code {
				t.Errorf("got %v, want code %q", err, tt.code)
			}
			if got := strings.Join(g.done, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if n := len(alpha.made()); tt.not == "alpha" && n != 0 {
				t.Errorf("got %d calls of a target that may not be called", n)
			}
		})
	}
}

func TestOnEnd(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, events(roleEvent, textEvent, stopEvent, useEvent, doneEvent)), nil)
	var tokens int64
	calls := 0
	p := f.plan(t, PlanConfig{Name: "test", OnRequest: doing(func(x *Exchange) (Verdict, error) {
		x.OnEnd(func(x *Exchange) {
			calls++
			e, diags := f.env.Value(vars.PhaseResponse, expr.Text{Value: "ai.response.usage.output_tokens"})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			v, err := e.Value(x)
			if err != nil {
				t.Error(err)
			}
			tokens, _ = v.(int64)
		})
		return VerdictContinue, nil
	})})
	x := chat(`{"model":"big","stream":true,"messages":[]}`)
	if _, err := run(t, p, x); err != nil {
		t.Fatal(err)
	}
	x.Finish()
	if calls != 1 || tokens != 6 {
		t.Errorf("got %d calls and %d tokens, want one and 6", calls, tokens)
	}
}

func TestSharedState(t *testing.T) {
	type counter struct{ _ int }
	rt := NewRuntime(RuntimeOptions{})
	made := 0
	get := func(plan, name string) *counter {
		return State(rt.Services(plan), name, func() *counter { made++; return &counter{} })
	}
	a := get("one", "limit")
	if get("one", "limit") != a || get("one", "other") == a || get("two", "limit") == a || made != 3 {
		t.Errorf("got %d states made, want 3", made)
	}
	if State(Services{}, "limit", func() *counter { return &counter{} }) == a {
		t.Error("a service without a gateway shares")
	}
	runtime.KeepAlive(a)
	a = nil
	_ = a
	for range 100 {
		runtime.GC()
		rt.states.mu.Lock()
		left := len(rt.states.all)
		rt.states.mu.Unlock()
		if left == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("states that nobody holds stay")
}

// TestRewriteReadsTheBodyAsTheNewAPI: a body that was loaded where no API stands has not been scanned.
func TestRewriteReadsTheBodyAsTheNewAPI(t *testing.T) {
	alpha := newFakeProvider(t, answer(200, chatReply))
	f := newFixture(t, alpha, nil)
	p := f.plan(t, PlanConfig{Name: "test", OnRequest: doing(func(x *Exchange) (Verdict, error) {
		if _, err := x.Body(); err != nil {
			return VerdictDeny, err
		}
		return VerdictContinue, x.Rewrite("/v1/chat/completions")
	})})
	for body, code := range map[string]Code{`{"model":"big","messages":[]}`: "", `{"model":"small","model":"big"}`: CodeBadRequest} {
		x := chat(body)
		x.Loader = elsewhere{bodyOf(body)}
		x.Request.API, x.Request.Path, x.Missing = wire.APIUnknown, "/llm", Errorf(CodeNotFound, "no such path")
		_, err := run(t, p, x)
		if code == "" && err != nil || code != "" && AsError(err).Code != code {
			t.Errorf("%s: got %v, want code %q", body, err, code)
		}
	}
	if calls := alpha.made(); len(calls) != 1 || !strings.Contains(calls[0].Body, `"big"`) {
		t.Errorf("got calls %+v, want one of big", calls)
	}
}

// elsewhere is a body that no API reads until the request is rewritten.
type elsewhere struct{ bodyOf }

func (b elsewhere) LoadBody(x *Exchange) error {
	x.Request.Body = []byte(b.bodyOf)
	return nil
}

func (b elsewhere) Locate(x *Exchange, target string) error {
	x.Request.Path, x.Request.RawPath, x.Request.API, x.Missing = target, target, wire.OpenAIChat, nil
	return nil
}

// TestRulesSeeWhatEarlierOnesChanged: what conditions read is kept from rule to rule, and forgotten once an action has run.
func TestRulesSeeWhatEarlierOnesChanged(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, answer(200, chatReply)), nil)
	on := func(condition string, do doFunc) Rule {
		return Rule{When: f.predicate(t, vars.PhaseRequest, condition), Actions: []RuleAction{{Name: "test", Action: do}}}
	}
	var ran []string
	note := func(name string) doFunc {
		return func(*Exchange) (Verdict, error) { ran = append(ran, name); return VerdictContinue, nil }
	}
	p := f.plan(t, PlanConfig{Name: "test", OnRequest: []Rule{
		on("req.url.path == '/new'", note("too early")),
		on("req.method == 'POST'", func(x *Exchange) (Verdict, error) { return VerdictContinue, x.Rewrite("/new") }),
		on("req.method == 'POST' && req.url.path == '/new'", note("both")),
		on("req.url.path == '/new'", note("one")),
		on("req.url.path == '/v1/chat/completions'", note("too late")),
	}})
	if _, err := run(t, p, chat(`{"model":"big","messages":[]}`)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(ran, ", "); got != "both, one" {
		t.Errorf("got rules %s, want both, one", got)
	}
}
