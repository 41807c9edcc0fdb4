package engine

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/engine/diag"
	"weir/engine/vars"
	"weir/engine/wire"
)

// decisionList is a decision log that keeps everything.
type decisionList struct {
	mu  sync.Mutex
	all []*DecisionRecord
}

func (l *decisionList) LogDecision(r *DecisionRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, r)
}

// lines tells each decision in one line.
func (l *decisionList) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]string, 0, len(l.all))
	for _, r := range l.all {
		line := fmt.Sprintf("%s %s %s", r.Path, r.Effect, r.Action)
		if r.Shadow {
			line += " shadow"
		}
		if r.ErrCode != "" {
			line += " " + string(r.ErrCode)
		}
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

func decidingFixture(t *testing.T, alpha *fakeProvider) (*fixture, *decisionList) {
	t.Helper()
	f := newFixture(t, alpha, nil)
	list := &decisionList{}
	f.rt.decisions = list
	return f, list
}

const plainBody = `{"model":"big","messages":[{"role":"user","content":"hello"}]}`

func TestDecisionsOfRules(t *testing.T) {
	deny := doFunc(func(x *Exchange) (Verdict, error) {
		x.Deny(403, "no_trial", "not for trials")
		return VerdictDeny, nil
	})
	rule := func(name string, do Action) Rule {
		return Rule{Name: name, OnError: OnErrorHalt, Actions: []RuleAction{{Name: "act", Action: do}}}
	}
	goesOn := func(r Rule) Rule { r.OnError = OnErrorContinue; return r }
	shadow := func(r Rule) Rule { r.Mode = ModeShadow; return r }
	fails := doFunc(func(*Exchange) (Verdict, error) { return VerdictContinue, errors.New("no such thing") })
	tests := []struct {
		name        string
		request     []Rule
		response    []Rule
		stream      bool
		want        []string
		wantFailure Code
	}{
		{"nothing decided", []Rule{rule("a", doFunc(func(*Exchange) (Verdict, error) { return VerdictContinue, nil }))}, nil, false, []string{}, ""},
		{"denied", []Rule{rule("a", deny)}, nil, false, []string{"on_request/a refused act"}, "no_trial"},
		{"answered", []Rule{rule("a", doFunc(func(x *Exchange) (Verdict, error) {
			x.Respond(200, nil, []byte("hi"))
			return VerdictRespond, nil
		}))}, nil, false, []string{"on_request/a refused act"}, ""},
		{"closed", []Rule{rule("a", doFunc(func(*Exchange) (Verdict, error) { return VerdictClose, nil }))}, nil, false, []string{"on_request/a refused act"}, CodeConnectionClosed},
		{"failed", []Rule{rule("a", fails)}, nil, false, []string{"on_request/a failed act policy_failed"}, CodePolicyFailed},
		{"failed and went on", []Rule{goesOn(rule("a", fails)), rule("b", deny)}, nil, false, []string{"on_request/a failed act policy_failed", "on_request/b refused act"}, "no_trial"},
		{"refused by an error", []Rule{rule("a", doFunc(func(*Exchange) (Verdict, error) {
			return VerdictDeny, Errorf(CodeRateLimited, "slow down")
		}))}, nil, false, []string{"on_request/a refused act"}, CodeRateLimited},
		{"the client's own mistake", []Rule{rule("a", doFunc(func(*Exchange) (Verdict, error) {
			return VerdictDeny, Errorf(CodeBadRequest, "what is this")
		}))}, nil, false, []string{}, CodeBadRequest},
		{"body replaced", []Rule{rule("a", doFunc(func(x *Exchange) (Verdict, error) {
			if _, err := x.Body(); err != nil {
				return VerdictDeny, err
			}
			return VerdictContinue, x.ReplaceBody([]byte(plainBody))
		}))}, nil, false, []string{"on_request/a rewrote act"}, ""},
		{"body only read", []Rule{rule("a", doFunc(func(x *Exchange) (Verdict, error) {
			_, err := x.Body()
			return VerdictContinue, err
		}))}, nil, false, []string{}, ""},
		{"target rewritten", []Rule{rule("a", doFunc(func(x *Exchange) (Verdict, error) { return VerdictContinue, x.Rewrite("/v1/chat/completions?x") }))}, nil, false, []string{"on_request/a rewrote act"}, ""},
		{"answer changed", nil, []Rule{rule("a", doFunc(func(x *Exchange) (Verdict, error) {
			x.Reply.Body = []byte(strings.ReplaceAll(string(x.Reply.Body), "hi", "ho"))
			return VerdictContinue, nil
		}))}, false, []string{"on_response/a rewrote act"}, ""},
		{"stream filtered", nil, []Rule{rule("a", filtering(&upper{}))}, true, []string{"on_response/a rewrote act"}, ""},
		{"stream refused at once", nil, []Rule{rule("a", filtering(&upper{fail: "hello", own: Errorf(CodeContentBlocked, "no more")}))}, true, []string{"on_response/a refused act"}, CodeContentBlocked},
		{"refused while the provider worked", []Rule{rule("a", doFunc(func(x *Exchange) (Verdict, error) {
			x.Await(func(*Exchange) error { return Errorf(CodeContentBlocked, "the guard says no") })
			return VerdictContinue, nil
		}))}, nil, false, []string{"on_request/a refused act"}, CodeContentBlocked},
		{"shadow that cannot tell", []Rule{shadow(rule("a", deny))}, nil, false, []string{"on_request/a unknown act shadow"}, ""},
		{"shadow that tells", []Rule{shadow(rule("a", shadowing{deny, func(x *Exchange) (Verdict, error) {
			x.RecordDecision(Decision{Path: "access/decision", Language: "rego", Effect: EffectRefused})
			return VerdictContinue, nil
		}}))}, nil, false, []string{"access/decision refused act shadow"}, ""},
		{"shadow that fails", []Rule{shadow(rule("a", shadowing{deny, fails}))}, nil, false, []string{"on_request/a failed act shadow policy_failed"}, ""},
		{"an action that says so itself", []Rule{rule("a", doFunc(func(x *Exchange) (Verdict, error) {
			x.RecordDecision(Decision{Path: "access/decision", Language: "rego", Effect: EffectRefused})
			return deny(x)
		}))}, nil, false, []string{"access/decision refused act"}, "no_trial"},
		{"panic", []Rule{rule("a", doFunc(func(*Exchange) (Verdict, error) { panic("oh") }))}, nil, false, []string{"on_request/a failed act policy_failed"}, CodeInternal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			step, body := answer(200, chatReply), plainBody
			if tt.stream {
				step, body = events(roleEvent, textEvent, stopEvent, doneEvent), `{"model":"big","stream":true,"messages":[]}`
			}
			f, list := decidingFixture(t, newFakeProvider(t, step))
			_, err := run(t, f.plan(t, PlanConfig{Name: "p", OnRequest: tt.request, OnResponse: tt.response}), chat(body))
			if tt.wantFailure != "" {
				wantCode(t, err, tt.wantFailure)
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, list.lines()); diff != "" {
				t.Errorf("decisions (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDecisionInput: the input is what the conditions read, as it was before the rule's actions ran, and shares nothing
// with the exchange.
func TestDecisionInput(t *testing.T) {
	f, list := decidingFixture(t, newFakeProvider(t, answer(200, chatReply)))
	when := f.predicate(t, vars.PhaseRequest, "req.url != '' && req.method == 'POST' && 'x-tier' in req.headers && ai.request.messages[0].text == 'hello' && vars.level >= 2 && size(ai.request.models) == 1")
	name := []byte("gold")
	p := f.plan(t, PlanConfig{Name: "p", Hash: "h1", OnRequest: []Rule{
		{Actions: []RuleAction{{Name: "set-vars", Action: doFunc(func(x *Exchange) (Verdict, error) {
			x.SetVar("level", int64(3))
			return VerdictContinue, nil
		})}}},
		{Pos: diag.Pos{File: "p.yaml", Line: 7}, When: when, Actions: []RuleAction{{Name: "replace", Pos: diag.Pos{File: "p.yaml", Line: 9, Col: 3}, Action: doFunc(func(x *Exchange) (Verdict, error) {
			return VerdictContinue, x.ReplaceBody([]byte(strings.ReplaceAll(plainBody, "hello", "CANARY")))
		})}}},
	}})
	x := chat(plainBody, Header{"X-Tier", view(name)})
	x.Request.Scheme, x.Request.Host, x.Request.ID = "https", "gw", "r1"
	if _, err := run(t, p, x); err != nil {
		t.Fatal(err)
	}
	copy(name, "GONE")
	if len(list.all) != 1 {
		t.Fatalf("got %v, want one decision", list.lines())
	}
	got := list.all[0]
	want := map[string]any{
		"req": map[string]any{
			"method": "POST", "url": map[string]any{"value": "https://gw/v1/chat/completions"},
			"headers": map[string]any{"content-type": []any{"application/json"}, "x-tier": []any{"gold"}},
		},
		"ai": map[string]any{"request": map[string]any{
			"models":   []any{"big"},
			"messages": []any{map[string]any{"role": "user", "text": "hello", "name": "", "tool_calls": []any{}, "images": int64(0)}},
		}},
		"vars": map[string]any{"level": int64(3)},
	}
	if diff := cmp.Diff(any(want), got.Input); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
	if got.Path != "on_request/p.yaml:7" || got.Pos.Line != 9 || got.Hash != "h1" || got.RequestID != "r1" || got.Language != "cel" || got.Elapsed <= 0 || got.Exchange != 1 || got.Cut {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff(any(map[string]any{"allow": true, "rewrote": []any{"request_body"}}), got.Result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

// TestDecisionInputReadsNoBody: a rule that refused before it looked at the body does not read it for the log.
func TestDecisionInputReadsNoBody(t *testing.T) {
	f, list := decidingFixture(t, nil)
	when := f.predicate(t, vars.PhaseRequest, "req.method == 'POST' || ai.request.model == 'x'")
	x := chat(`not JSON`)
	_, err := run(t, f.plan(t, PlanConfig{Name: "p", OnRequest: []Rule{{Name: "a", When: when, Actions: []RuleAction{{Name: "deny", Action: doFunc(func(x *Exchange) (Verdict, error) {
		x.Deny(403, "", "no")
		return VerdictDeny, nil
	})}}}}}), x)
	if e := AsError(err); e.Status != 403 || x.loaded {
		t.Errorf("got %v, loaded %t, want a refusal without the body", err, x.loaded)
	}
	if diff := cmp.Diff(any(map[string]any{"req": map[string]any{"method": "POST"}}), list.all[0].Input); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
}

func TestLargeDecisionsAreCut(t *testing.T) {
	f, list := decidingFixture(t, nil)
	x := chat(plainBody)
	x.plan = f.plan(t, PlanConfig{Name: "p"})
	long := strings.Repeat("ä", maxDecisionValue)
	x.RecordDecision(Decision{Path: "a", Effect: EffectAllowed, Input: map[string]any{"text": long, "list": []any{long, "x"}}, Result: true})
	x.RecordDecision(Decision{Path: "b", Effect: EffectAllowed, Input: map[string]any{"n": int64(1)}, Result: false})
	a, b := list.all[0], list.all[1]
	if n := sizeOf(a.Input); !a.Cut || n > maxDecisionValue+1000 || a.Size > maxDecisionValue+2*recordSize || a.Result != true {
		t.Errorf("got cut %t, %d bytes, size %d, result %v; want a cut input and the result", a.Cut, n, a.Size, a.Result)
	}
	if diff := cmp.Diff(any(map[string]any{"n": int64(1)}), b.Input); diff != "" || b.Cut || b.Result != false {
		t.Errorf("got %+v, want it whole", b)
	}
}

// TestDecisionHeader: the client is told the refusal, or else the last decision; shadow and hidden routing tell nothing.
func TestDecisionHeader(t *testing.T) {
	decide := func(e Effect) Rule {
		return Rule{Name: string(e), Actions: []RuleAction{{Name: "rego", Action: doFunc(func(x *Exchange) (Verdict, error) {
			x.RecordDecision(Decision{Path: string(e), Effect: e})
			if e == EffectRefused {
				x.Deny(403, "", "no")
				return VerdictDeny, nil
			}
			return VerdictContinue, nil
		})}}}
	}
	asks := Rule{Actions: []RuleAction{{Name: "rego", Action: doFunc(func(x *Exchange) (Verdict, error) {
		x.AddLog("id", x.DecisionID())
		return VerdictContinue, nil
	})}}}
	shadow := decide(EffectAllowed)
	shadow.Mode = ModeShadow
	shadow.Actions[0].Action = shadowing{watch: func(x *Exchange) (Verdict, error) {
		x.RecordDecision(Decision{Effect: EffectRefused})
		return VerdictContinue, nil
	}}
	tests := []struct {
		name     string
		request  []Rule
		response []Rule
		log      bool
		hidden   bool
		want     string // the path of the decision; "none", or "asked"
	}{
		{"last", []Rule{decide(EffectAllowed), decide(EffectRewrote)}, nil, true, false, "rewrote"},
		{"refusal over what follows", []Rule{decide(EffectRefused)}, []Rule{decide(EffectAllowed)}, true, false, "refused"},
		{"shadow", []Rule{shadow}, nil, true, false, "none"},
		{"hidden", []Rule{decide(EffectRefused)}, nil, true, true, "none"},
		{"no decision", nil, nil, true, false, "none"},
		{"without a log", []Rule{asks}, nil, false, false, "asked"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, list := decidingFixture(t, newFakeProvider(t, answer(200, chatReply)))
			if !tt.log {
				f.rt.decisions = nil
			}
			f.rt.hideRouting = tt.hidden
			x := chat(plainBody)
			_, _ = run(t, f.plan(t, PlanConfig{Name: "p", OnRequest: tt.request, OnResponse: tt.response}), x)
			id := x.Reply.Headers.First("x-weir-decision-id")
			got := "none"
			if id != "" {
				got = "?"
			}
			for _, r := range list.all {
				if r.ID == id {
					got = r.Path
				}
			}
			if id != "" && id == x.policy["id"] {
				got = "asked"
			}
			if got != tt.want {
				t.Errorf("got the id of %s, want that of %s", got, tt.want)
			}
		})
	}
}

func TestDecisionIDs(t *testing.T) {
	f, list := decidingFixture(t, nil)
	x := chat(plainBody)
	x.plan = f.plan(t, PlanConfig{Name: "p"})
	first := x.DecisionID()
	if again := x.DecisionID(); first != again {
		t.Errorf("got %s and %s for one decision", first, again)
	}
	x.RecordDecision(Decision{Effect: EffectAllowed})
	x.RecordDecision(Decision{Effect: EffectAllowed})
	if list.all[0].ID != first || list.all[1].ID == first {
		t.Errorf("got %s and %s, want %s and another", list.all[0].ID, list.all[1].ID, first)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(first) {
		t.Errorf("got %q, want a UUID", first)
	}
	x.Reset()
	if x.decisionID() != "" || x.Site() != (Site{}) {
		t.Errorf("got %q and %v after a reset", x.decisionID(), x.Site())
	}
}

func TestDecisionInputHasEveryKind(t *testing.T) {
	c := clipper{left: maxDecisionValue, clone: true}
	tests := []struct {
		name string
		in   vars.Value
		want any
	}{
		{"null", vars.Null(), nil},
		{"bool", vars.Bool(true), true},
		{"int", vars.Int(3), int64(3)},
		{"double", vars.Double(1.5), 1.5},
		{"time", vars.Time(time.Unix(1, 5)), "1970-01-01T00:00:01.000000005Z"},
		{"duration", vars.Duration(time.Second), "1s"},
		{"strings", vars.Strings([]string{"a"}), []any{"a"}},
		{"multi", vars.Multi(&Headers{{"A", "1"}, {"a", "2"}}), map[string]any{"a": []any{"1", "2"}}},
		{"dyn", vars.Dyn(map[string]any{"a": []any{int64(1), nil, []byte("x"), map[string]string{"b": "c"}}}), map[string]any{"a": []any{int64(1), nil, "x", map[string]any{"b": "c"}}}},
		{"object", vars.Object(wire.OpenAIChat), nil},
	}
	for _, tt := range tests {
		if got, ok := c.variable(tt.in); cmp.Diff(tt.want, got) != "" || ok != (tt.want != nil) {
			t.Errorf("%s: got %v, %t, want %v", tt.name, got, ok, tt.want)
		}
	}
}
