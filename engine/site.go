package engine

import (
	"context"
	"fmt"
	"strconv"

	"weir/engine/diag"
)

// Site says where in a policy an action stands.
type Site struct {
	Rule    string // the rule's name; file:line where it has none
	Action  string // as in ActionSpec
	Pos     diag.Pos
	OnError OnError // of the rule: OnErrorHalt or OnErrorContinue
	Mode    Mode    // ModeShadow where the rule or the action is in shadow
}

// ShadowAction is an action that can be evaluated without doing anything. In shadow mode the engine calls DoShadow in
// place of Do: it changes nothing that the client, a provider or a later rule can see, and reports with Note and
// RecordDecision what Do would have done.
type ShadowAction interface {
	Action
	DoShadow(ctx context.Context, x *Exchange) error
}

// Site is where the action stands that is running now; the zero Site outside of Do and DoShadow. Who decides later, in a
// filter of a stream or while the provider works, keeps it.
func (x *Exchange) Site() Site {
	r, a := x.rule, x.ruleAction
	if r == nil || a == nil {
		return Site{}
	}
	s := Site{Rule: r.label(), Action: a.Name, Pos: a.Pos, OnError: OnErrorHalt}
	if r.OnError == OnErrorContinue {
		s.OnError = OnErrorContinue
	}
	if r.Mode == ModeShadow || a.Mode == ModeShadow {
		s.Mode = ModeShadow
	}
	return s
}

// Note adds a line to what the log tells of the rules.
func (x *Exchange) Note(at Site, what string) {
	x.notes = append(x.notes, note{Rule: at.Rule, Action: at.Action, What: what, Shadow: at.Mode == ModeShadow})
}

// label names the rule where people read: its name, or where it stands.
func (r *Rule) label() string {
	if r.Name != "" {
		return r.Name
	}
	return r.Pos.File + ":" + strconv.Itoa(r.Pos.Line)
}

// shadow has an action say what it would do. It never ends the phase; only a body that cannot be read does, as it would
// without the rule.
func (r *Rule) shadow(x *Exchange, a *RuleAction, rec *recorder) error {
	s, ok := a.Action.(ShadowAction)
	if !ok {
		x.notes = append(x.notes, note{Rule: r.Name, Action: a.Name, What: "would run", Shadow: true})
		rec.wouldRun(x, a)
		return nil
	}
	known := x.bodyErr
	rec.begin(x)
	err := doShadow(x, s)
	if x.bodyErr != nil && known == nil {
		if !x.misread {
			return x.bodyErr
		}
		if err == nil {
			err = x.bodyErr
		}
		x.forgive()
	}
	if err == nil {
		return nil
	}
	what := "would fail: "
	if r.OnError == OnErrorContinue {
		what = "would fail, and continue: "
	}
	x.notes = append(x.notes, note{Rule: r.Name, Action: a.Name, What: what + err.Error(), Shadow: true})
	rec.failed(x, a, err)
	return nil
}

// doShadow keeps a panic of an action that only watches from ending the exchange.
func doShadow(x *Exchange, s ShadowAction) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return s.DoShadow(&x.ctx, x) //nolint:wrapcheck // the note says which action it was
}

// forgive takes back that a variable could not make sense of a body, for a rule that must not change what becomes of the
// exchange. Whoever reads the body next finds the problem anew.
func (x *Exchange) forgive() {
	x.bodyErr, x.misread = nil, false
	if d := x.derived; d != nil {
		d.conversation, d.messages, d.tools, d.reply = nil, nil, nil, nil
	}
}
