package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"weir/engine/expr"
	"weir/engine/vars"
	"weir/engine/wire"
)

// Run takes one exchange through the plan. Nil means that x.Reply holds the answer; an error is what the client must be
// told, with x.Reply.Headers to go with it.
func (p *Plan) Run(x *Exchange) (err error) {
	x.plan, x.started = p, time.Now()
	defer func() {
		if r := recover(); r != nil {
			err = x.panicked(r)
		}
	}()
	verdict, err := p.onConnect(x)
	if err == nil && verdict == VerdictContinue {
		verdict, err = p.onRequest(x)
	}
	if err == nil && verdict == VerdictContinue {
		err = p.answer(x)
	}
	if len(x.awaited) > 0 {
		if err = x.await(err); err != nil {
			x.dropStream()
		}
	}
	err = p.onResponse(x, err)
	if err == nil && len(x.afterRules) > 0 && !x.Reply.Synthetic {
		if err = x.finishAnswer(); err != nil {
			x.dropStream()
			x.failed = AsError(err)
		}
	}
	x.tellDecision()
	x.ran = true
	if x.Reply.Stream == nil || x.relay.x == x && x.relay.done != nil {
		x.endMeter()
	}
	return err
}

// onConnect runs the rules on the connection, with each exchange that comes over it: a refusal that a reload brought
// holds for connections that are open already.
func (p *Plan) onConnect(x *Exchange) (Verdict, error) {
	if len(p.onConnectRules) == 0 {
		return VerdictContinue, nil
	}
	x.phase = vars.PhaseTCPConnect
	verdict, err := p.runRules(x, p.onConnectRules, allActions)
	if verdict == VerdictDeny || verdict == VerdictRespond {
		return VerdictClose, errClosed
	}
	return verdict, err
}

// Admits reports whether the rules on connections let one in before anything was read from it. The exchange is one that
// has a connection and no request.
func (p *Plan) Admits(x *Exchange) bool {
	if len(p.onConnectRules) == 0 {
		return true
	}
	x.plan, x.started = p, time.Now()
	ok := false
	func() {
		defer func() {
			if r := recover(); r != nil {
				p.rt.log.Error().Err(x.panicked(r)).Msg("a rule of on_tcp_connect failed")
			}
		}()
		verdict, err := p.onConnect(x)
		ok = verdict == VerdictContinue && err == nil
	}()
	return ok
}

// HasConnectRules reports whether connections are looked at before their first request.
func (p *Plan) HasConnectRules() bool { return len(p.onConnectRules) > 0 }

func (p *Plan) onRequest(x *Exchange) (Verdict, error) {
	x.phase = vars.PhaseRequest
	return p.runRules(x, p.onRequestRules, allActions)
}

// answer finds who answers and asks them.
func (p *Plan) answer(x *Exchange) error {
	x.takeCredential()
	x.phase = vars.PhaseRoute
	switch {
	case x.Missing != nil:
		return x.Missing
	case x.Request.API == wire.Models, x.Request.API == wire.APIUnknown:
		return nil // the server lists what Plan.Models allows, and greets at the root
	case x.Request.Operation != OpCreate:
		return p.stored(x)
	}
	if err := x.LoadBody(); err != nil {
		return err
	}
	r, err := p.findRoute(x)
	if err == nil {
		err = r.serve(x)
	}
	if x.WantsDecisions() {
		x.recordRoute(r, err)
	}
	return err
}

// findRoute finds the route, and how long that takes where somebody wants to know.
func (p *Plan) findRoute(x *Exchange) (*route, error) {
	if !x.WantsDecisions() {
		return p.matchRoute(x)
	}
	started := time.Now()
	r, err := p.matchRoute(x)
	x.deciding().matched = time.Since(started)
	return r, err
}

// onResponse runs the rules on the answer, or on the refusal that takes its place.
func (p *Plan) onResponse(x *Exchange, failure error) error {
	x.phase = vars.PhaseResponse
	which := allActions
	if failure != nil {
		x.failed = AsError(failure)
		if p.editsAnswers && x.failed.Upstream == nil {
			x.failed = x.failed.withoutWords()
			failure = x.failed
		}
		x.Reply.Status, x.Reply.Synthetic = x.failed.HTTPStatus(), true
		x.Reply.Body, x.Reply.Stream = nil, nil
		which = headerActions
		if x.failed.Upstream != nil { // the provider's words, not the gateway's: x.Failure holds them
			which = allActions
		}
		if x.failed.Code == CodeConnectionClosed {
			return failure
		}
	}
	for i := range x.instead {
		x.Reply.Headers.Set(x.instead[i].Name, x.instead[i].Value)
	}
	for i := range x.extra {
		x.Reply.Headers.Add(x.extra[i].Name, x.extra[i].Value)
	}
	if len(p.onResponseRules) == 0 && len(p.onEventRules) == 0 {
		return failure
	}
	if failure == nil && len(p.onEventRules) > 0 && x.unread() {
		failure = &Error{Code: CodePolicyFailed, Message: "the rules on events cannot read the events of this answer"}
		x.dropStream()
		x.failed, which = AsError(failure), headerActions
		x.Reply.Status, x.Reply.Synthetic = x.failed.HTTPStatus(), true
	}
	verdict, err := p.runRules(x, p.onResponseRules, which)
	if err == nil && verdict == VerdictContinue && failure == nil && x.streams() && len(p.onEventRules) > 0 {
		verdict, err = p.runRules(x, p.onEventRules, which)
	}
	switch {
	case err != nil:
		x.dropStream()
		x.failed = AsError(err)
		return err
	case verdict == VerdictRespond:
		x.failed = nil
		return nil
	}
	return failure
}

// unread reports whether the answer is events that pass as bytes: nobody asked for them, or no API explains them.
func (x *Exchange) unread() bool {
	return x.Reply.Stream != nil && !x.streams() && isEventStream(x.Reply.Headers.First("content-type"))
}

// which actions of a rule run.
type actionSet uint8

const (
	allActions    actionSet = iota
	headerActions           // not the ones that change or read the answer's content
)

// runRules runs every matching rule in order until a verdict ends the phase.
func (p *Plan) runRules(x *Exchange, rules []Rule, which actionSet) (Verdict, error) {
	var read expr.Memo
	log := p.rt.decisions != nil
	for i := range rules {
		r := &rules[i]
		if log {
			x.deciding().started = time.Now()
		}
		ok, err := r.matches(x, &read)
		if err != nil {
			read.Reset() // what it could not make sense of is read anew
			if err := r.unmatched(x, err); err != nil {
				return VerdictDeny, err
			}
			continue
		}
		if !ok {
			continue
		}
		outer, action := x.rule, x.ruleAction // of the policy that forwarded the exchange to this one
		x.rule = r
		verdict, err := r.run(x, which)
		x.rule, x.ruleAction = outer, action
		read.Reset() // its actions may have changed what the next rules read
		if err != nil || verdict != VerdictContinue {
			return verdict, err
		}
	}
	return VerdictContinue, nil
}

func (r *Rule) matches(x *Exchange, read *expr.Memo) (bool, error) {
	if r.When == nil {
		return true, nil
	}
	known := x.bodyErr // a body that was refused already is no news to the rules on the refusal
	ok, err := r.When.MatchNext(x, read)
	if x.bodyErr != nil && known == nil {
		return false, x.bodyErr
	}
	return ok, err
}

// unmatched is what becomes of an exchange that a rule's conditions could not be evaluated for; nil where it goes on
// without the rule.
func (r *Rule) unmatched(x *Exchange, err error) error {
	watches := r.Mode == ModeShadow
	if x.bodyErr != nil && errors.Is(err, x.bodyErr) {
		if !x.misread || (!watches && r.OnError != OnErrorContinue) {
			return err
		}
		x.forgive()
		err = fmt.Errorf("reading the body: %w", err)
	} else if !watches {
		x.recorder(r).failed(x, nil, err)
		return r.failure(x, "", err)
	}
	x.recorder(r).failed(x, nil, err)
	what := "failed, continued: "
	if watches {
		what = "would fail: "
	}
	x.notes = append(x.notes, note{Rule: r.Name, What: what + err.Error(), Shadow: watches})
	return nil
}

func (r *Rule) run(x *Exchange, which actionSet) (Verdict, error) {
	rec := x.recorder(r)
	for i := range r.Actions {
		a := &r.Actions[i]
		if which == headerActions && a.ContentRule {
			continue
		}
		x.ruleAction = a
		if r.Mode == ModeShadow || a.Mode == ModeShadow {
			if err := r.shadow(x, a, rec); err != nil {
				return VerdictDeny, err
			}
			continue
		}
		rec.begin(x)
		known := x.bodyErr
		verdict, err := a.Action.Do(&x.ctx, x)
		if x.bodyErr != nil && known == nil {
			if !x.misread || r.OnError != OnErrorContinue {
				return VerdictDeny, x.bodyErr
			}
			err = &Error{Code: CodePolicyFailed, Message: "a rule could not read the body", Cause: x.bodyErr}
			x.forgive()
		}
		if err != nil {
			rec.failed(x, a, err)
			if err := r.failure(x, a.Name, err); err != nil {
				return VerdictDeny, err
			}
			continue
		}
		rec.done(x, verdict)
		switch verdict {
		case VerdictContinue:
		case VerdictDeny:
			x.notes = append(x.notes, note{Rule: r.Name, Action: a.Name, What: "denied"})
			return verdict, x.refusal()
		case VerdictRespond:
			return verdict, nil
		case VerdictClose:
			return verdict, errClosed
		}
	}
	return VerdictContinue, nil
}

// failure turns what went wrong in a rule into the exchange's error, or nil where the rule goes on.
func (r *Rule) failure(x *Exchange, action string, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Code != CodeInternal && e.Code != CodePolicyFailed {
		return e // a body that cannot be read, a route that failed, a client gone: not the rule's failure
	}
	if r.OnError == OnErrorContinue {
		x.notes = append(x.notes, note{Rule: r.Name, Action: action, What: "failed, continued: " + err.Error()})
		return nil
	}
	return &Error{
		Code: CodePolicyFailed, Message: "a policy rule could not be evaluated",
		Cause: fmt.Errorf("rule %q action %q: %w", r.label(), action, err),
	}
}

func (x *Exchange) refusal() error {
	if x.denied == nil {
		return Errorf(CodePolicyDenied, "refused by policy")
	}
	return x.denied
}

func (x *Exchange) panicked(r any) error {
	x.dropStream()
	x.failed = &Error{
		Code: CodeInternal, Message: "internal error",
		Cause: fmt.Errorf("panic: %v\n%s", r, debug.Stack()),
	}
	x.Reply.Status, x.Reply.Synthetic = x.failed.HTTPStatus(), true
	if x.rule != nil {
		x.recorder(x.rule).panicked(x, r)
		x.tellDecision()
	}
	return x.failed
}

// dropStream closes a streamed answer that will not be sent.
func (x *Exchange) dropStream() {
	if x.Reply.Stream != nil {
		_ = x.Reply.Stream.Close() // the answer is thrown away; there is nobody to tell
		x.Reply.Stream = nil
	}
	x.Reply.Body = nil
}
