package engine

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine/diag"
	"weir/engine/vars"
)

// shadowing is an action that can be evaluated in shadow.
type shadowing struct{ do, watch doFunc }

func (s shadowing) Do(_ context.Context, x *Exchange) (Verdict, error) { return s.do(x) }

func (s shadowing) DoShadow(_ context.Context, x *Exchange) error {
	_, err := s.watch(x)
	return err
}

func TestSite(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, answer(200, chatReply)), nil)
	var got []Site
	site := doFunc(func(x *Exchange) (Verdict, error) {
		got = append(got, x.Site())
		x.Note(x.Site(), "looked")
		return VerdictContinue, nil
	})
	at := diag.Pos{File: "p.yaml", Line: 3, Col: 5}
	rule := func(name string, onError OnError, mode Mode) Rule {
		return Rule{Name: name, Pos: diag.Pos{File: "p.yaml", Line: 2}, OnError: onError, Mode: mode, Actions: []RuleAction{{Name: "a", Pos: at, Action: shadowing{site, site}}}}
	}
	x := chat(plainBody)
	if _, err := run(t, f.plan(t, PlanConfig{Name: "p", OnRequest: []Rule{
		rule("r", OnErrorHalt, ModeEnforce), rule("", OnErrorDefault, ModeEnforce), rule("s", OnErrorContinue, ModeShadow),
	}}), x); err != nil {
		t.Fatal(err)
	}
	want := []Site{
		{Rule: "r", Action: "a", Pos: at, OnError: OnErrorHalt},
		{Rule: "p.yaml:2", Action: "a", Pos: at, OnError: OnErrorHalt},
		{Rule: "s", Action: "a", Pos: at, OnError: OnErrorContinue, Mode: ModeShadow},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sites (-want +got):\n%s", diff)
	}
	if x.Site() != (Site{}) || len(x.notes) != 3 || !x.notes[2].Shadow || x.notes[1].Rule != "p.yaml:2" {
		t.Errorf("got site %v and notes %+v afterwards", x.Site(), x.notes)
	}
}

// TestShadowChangesNothing: what a rule in shadow does, and what goes wrong in it, changes nothing.
func TestShadowChangesNothing(t *testing.T) {
	tests := []struct {
		name string
		do   doFunc
		want string // what is noted
	}{
		{"refuses", func(*Exchange) (Verdict, error) { return VerdictDeny, nil }, ""},
		{"fails", func(*Exchange) (Verdict, error) { return VerdictDeny, Errorf(CodePolicyDenied, "no") }, "would fail: policy_denied: no"},
		{"panics", func(*Exchange) (Verdict, error) { panic("oh") }, "would fail: panic: oh"},
		{"cannot read the body", func(x *Exchange) (Verdict, error) { x.conversation(); return VerdictContinue, nil }, "would fail: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, newFakeProvider(t, answer(200, chatReply)), nil)
			done := false
			p := f.plan(t, PlanConfig{Name: "p", OnRequest: []Rule{{
				Name: "s", Mode: ModeShadow, Actions: []RuleAction{{Name: "a", Action: shadowing{
					func(*Exchange) (Verdict, error) { done = true; return VerdictDeny, nil }, tt.do,
				}}},
			}}})
			x := chat(oddBody)
			if _, err := run(t, p, x); err != nil || done {
				t.Errorf("got %v, done %t, want the answer", err, done)
			}
			got := ""
			if len(x.notes) > 0 {
				got = x.notes[0].What
			}
			if !strings.HasPrefix(got, tt.want) || got != "" && !x.notes[0].Shadow {
				t.Errorf("got the note %q, want %q", got, tt.want)
			}
		})
	}
}

// oddBody passes the scan of a request and is not a conversation.
const oddBody = `{"model":"big","messages":[{"role":7}]}`

// TestMisreadBodies: a rule that only watches, or goes on after errors, does not refuse a body that it cannot make sense
// of; the next rule that reads it strictly does, and a body that does not load is the client's mistake whoever reads it.
func TestMisreadBodies(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, answer(200, chatReply)), nil)
	reads := f.predicate(t, vars.PhaseRequest, "size(ai.request.messages) > 5")
	quick := f.predicate(t, vars.PhaseRequest, "ai.request.system == 'x'")
	deny := []RuleAction{{Name: "deny", Action: doFunc(func(x *Exchange) (Verdict, error) {
		x.Deny(403, "", "no")
		return VerdictDeny, nil
	})}}
	looks := []RuleAction{{Name: "looks", Action: doFunc(func(x *Exchange) (Verdict, error) {
		x.Deny(403, "", "not seen")
		x.conversation()
		return VerdictDeny, nil
	})}}
	watching := Rule{Name: "w", When: reads, Mode: ModeShadow, Actions: deny}
	lenient := Rule{Name: "l", When: reads, OnError: OnErrorContinue, Actions: deny}
	tests := []struct {
		name  string
		body  string
		rules []Rule
		want  Code
	}{
		{"a watching rule", oddBody, []Rule{watching}, ""},
		{"a lenient rule", oddBody, []Rule{lenient}, ""},
		{"both", oddBody, []Rule{watching, lenient, watching}, ""},
		{"a lenient action", oddBody, []Rule{{Name: "a", OnError: OnErrorContinue, Actions: looks}}, ""},
		{"a strict rule", oddBody, []Rule{{When: reads, OnError: OnErrorHalt, Actions: deny}}, CodeBadRequest},
		{"a strict rule behind a watching one", oddBody, []Rule{watching, {When: reads, OnError: OnErrorHalt, Actions: deny}}, CodeBadRequest},
		{"a simple strict rule behind a simple lenient one", oddBody, []Rule{{When: quick, OnError: OnErrorContinue, Actions: deny}, {When: quick, OnError: OnErrorHalt, Actions: deny}}, CodeBadRequest},
		{"a strict action behind a lenient one", oddBody, []Rule{{OnError: OnErrorContinue, Actions: looks}, {OnError: OnErrorHalt, Actions: looks}}, CodeBadRequest},
		{"a watching rule on a broken body", `{"model":`, []Rule{watching}, CodeBadRequest},
		{"a lenient rule on a broken body", `{"model":`, []Rule{lenient}, CodeBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := run(t, f.plan(t, PlanConfig{Name: "p", OnRequest: tt.rules}), chat(tt.body))
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want the answer", err)
				}
				return
			}
			wantCode(t, err, tt.want)
		})
	}
}

// TestMisreadAnswers: the same holds for the provider's answer.
func TestMisreadAnswers(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, answer(200, `{"choices":[{"message":7}]}`)), nil)
	reads := f.predicate(t, vars.PhaseResponse, "ai.response.text == 'x'")
	noop := []RuleAction{{Name: "log", Action: doFunc(func(*Exchange) (Verdict, error) { return VerdictContinue, nil })}}
	lenient := Rule{When: reads, OnError: OnErrorContinue, Actions: noop}
	if _, err := run(t, f.plan(t, PlanConfig{Name: "p", OnResponse: []Rule{lenient}}), chat(plainBody)); err != nil {
		t.Errorf("got %v, want the answer", err)
	}
	_, err := run(t, f.plan(t, PlanConfig{Name: "p", OnResponse: []Rule{lenient, {When: reads, OnError: OnErrorHalt, Actions: noop}}}), chat(plainBody))
	wantCode(t, err, CodeUpstreamFailed)
}
