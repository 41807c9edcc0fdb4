package engine

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"weir/engine/vars"
)

// languageCEL is the language of rules without Rego.
const languageCEL = "cel"

// recorder finds out what the actions of one rule do to an exchange, for the decision log. It is nil where there is none.
type recorder struct {
	rule     *Rule
	input    any
	cut      bool
	before   footprint
	recorded int
}

// footprint is what of an exchange tells that a rule changed it.
type footprint struct {
	replaced      int
	answer        []byte
	target, query string
	filters       int
	chosen        *model
	attempts      int
	awaited       int
	after         int
}

func (x *Exchange) footprint() footprint {
	r := &x.Request
	return footprint{
		replaced: x.deciding().replaced, answer: x.Reply.Body, target: r.RawPath, query: r.Query, filters: len(x.relay.filters),
		chosen: x.chosen, attempts: len(x.attempts), awaited: len(x.awaited), after: len(x.afterRules),
	}
}

// recorder begins to watch a rule whose conditions hold. What they read is copied now: its actions may change it.
func (x *Exchange) recorder(r *Rule) *recorder {
	if !x.WantsDecisions() {
		return nil
	}
	rec := &recorder{rule: r}
	if r.When != nil {
		if input, cut := x.decisionInput(r.When.Reads()); input != nil {
			rec.input, rec.cut = input, cut
		}
	}
	return rec
}

// begin is called before each action.
func (rec *recorder) begin(x *Exchange) {
	if rec != nil {
		rec.before, rec.recorded = x.footprint(), x.deciding().recorded
	}
}

// done records what an action did that returned a verdict, unless it has said so itself.
func (rec *recorder) done(x *Exchange, verdict Verdict) {
	if rec == nil {
		return
	}
	now := x.footprint()
	rec.watch(x, &now)
	if x.decided.recorded != rec.recorded {
		return
	}
	d := Decision{}
	switch {
	case verdict == VerdictDeny:
		d.Effect, d.Result = EffectRefused, refusalResult(AsError(x.refusal()))
	case verdict == VerdictClose:
		d.Effect, d.Result = EffectRefused, map[string]any{"allow": false, "closed": true}
	case now.chosen != rec.before.chosen, verdict == VerdictRespond && !x.Reply.Synthetic && x.phase != vars.PhaseResponse:
		d.Effect, d.Result = EffectRouted, x.routeResult()
	case verdict == VerdictRespond && x.phase != vars.PhaseResponse:
		d.Effect, d.Result = EffectRefused, map[string]any{"allow": false, "status": int64(x.Reply.Status)}
	default:
		parts := rec.rewritten(x, &now, verdict)
		if len(parts) == 0 {
			return
		}
		d.Effect, d.Result = EffectRewrote, map[string]any{"allow": true, "rewrote": parts}
	}
	rec.record(x, &d)
}

// rewritten lists the parts of the exchange that an action changed.
func (rec *recorder) rewritten(x *Exchange, now *footprint, verdict Verdict) []any {
	var parts []any
	was := &rec.before
	if now.replaced > was.replaced {
		parts = append(parts, "request_body")
	}
	if was.target != now.target || was.query != now.query {
		parts = append(parts, "request_target")
	}
	compressed := x.Reply.Headers.Has("content-encoding") // an answer in another coding says the same
	if verdict == VerdictRespond || !sameBytes(was.answer, now.answer) && !compressed {
		parts = append(parts, "answer")
	}
	if now.filters > was.filters {
		parts = append(parts, "stream")
	}
	return parts
}

// watch has what an action does later recorded under its name: the filters that it put on a stream, and what it has
// called before or behind the answer's other rules.
func (rec *recorder) watch(x *Exchange, now *footprint) {
	if now.filters == rec.before.filters && now.awaited == rec.before.awaited && now.after == rec.before.after {
		return
	}
	at := x.Site()
	for i := min(rec.before.filters, now.filters); i < now.filters; i++ {
		x.relay.filters[i].site = &at
	}
	for _, list := range [...][]func(*Exchange) error{x.awaited[min(rec.before.awaited, now.awaited):], x.afterRules[min(rec.before.after, now.after):]} {
		for i, f := range list {
			list[i] = rec.watched(f, &at)
		}
	}
}

func (rec *recorder) watched(f func(*Exchange) error, at *Site) func(*Exchange) error {
	return func(x *Exchange) error {
		recorded := x.deciding().recorded
		err := f(x)
		if err != nil && x.decided.recorded == recorded {
			rec.recordAs(x, failedDecision(err), at)
		}
		return err
	}
}

// failed records that an action, or a condition where a is nil, could not be evaluated or ended the exchange.
func (rec *recorder) failed(x *Exchange, a *RuleAction, err error) {
	if rec == nil || a != nil && x.decided != nil && x.decided.recorded != rec.recorded {
		return
	}
	d := failedDecision(err)
	if a != nil && len(x.attempts) > rec.before.attempts { // the route was found, and no target answered
		d = x.triedDecision(d, err)
	}
	if d == nil {
		return
	}
	if a == nil { // no action ran: there is no site
		d.Rule, d.Pos, d.Shadow = rec.rule.label(), rec.rule.Pos, rec.rule.Mode == ModeShadow
		rec.recordAs(x, d, &Site{Rule: d.Rule, OnError: rec.rule.OnError})
		return
	}
	rec.record(x, d)
}

// panicked records the action that ended the exchange by a panic.
func (rec *recorder) panicked(x *Exchange, why any) {
	if rec != nil && x.ruleAction != nil {
		rec.record(x, failedDecision(fmt.Errorf("panic: %v", why)))
	}
}

// wouldRun records an action in shadow that cannot tell what it would do.
func (rec *recorder) wouldRun(x *Exchange, a *RuleAction) {
	if rec == nil {
		return
	}
	rec.record(x, &Decision{Effect: EffectUnknown, Shadow: true, Result: map[string]any{"would_run": a.Name}})
}

func (rec *recorder) record(x *Exchange, d *Decision) {
	at := x.Site()
	rec.recordAs(x, d, &at)
}

func (rec *recorder) recordAs(x *Exchange, d *Decision, at *Site) {
	if d == nil {
		return
	}
	d.Language, d.Path = languageCEL, x.phaseName()+"/"+rec.rule.label()
	d.Input, d.cut = rec.input, rec.cut
	if s := x.deciding(); !s.started.IsZero() {
		d.Elapsed = time.Since(s.started)
	}
	x.record(d, at)
}

// failedDecision tells a decision that failed from one that refused by an error. Nil is neither: a client that went away,
// a body that nobody could read, a provider that did not answer.
func failedDecision(err error) *Decision {
	e := AsError(err)
	switch e.Code {
	case CodeInternal, CodePolicyFailed, CodeSelectionFailed, CodeKeySelectionFailed:
		return &Decision{Effect: EffectFailed, Err: err, Result: map[string]any{"allow": false}}
	case CodeUnauthorized, CodePolicyDenied, CodeModelNotAllowed, CodeRateLimited, CodeNoRoute, CodeNoModelSelected,
		CodeInputTooLarge, CodeCircuitOpen, CodeContentBlocked, CodeLoopDetected:
		return &Decision{Effect: EffectRefused, Result: refusalResult(e)}
	default:
		return nil
	}
}

func refusalResult(e *Error) map[string]any {
	out := map[string]any{"allow": false, "status": int64(e.HTTPStatus()), "code": string(e.Code)}
	if e.Message != "" {
		out["message"] = strings.Clone(e.Message)
	}
	return out
}

// routeResult is where the exchange went.
func (x *Exchange) routeResult() map[string]any {
	out := map[string]any{"allow": true}
	if m := x.chosen; m != nil {
		out["provider"], out["model"] = m.provider.id, strings.Clone(m.cat.ID)
	}
	if n := len(x.attempts); n > 0 {
		out["attempts"] = int64(n)
	}
	return out
}

// recordRoute records the route that a rule of the policy chose, or that none could be.
func (x *Exchange) recordRoute(r *route, err error) {
	if !x.WantsDecisions() || (r != nil && r == x.plan.fallback) {
		return
	}
	d := &Decision{Effect: EffectRouted, Result: x.routeResult()}
	if err != nil {
		if x.ctx.reason() != nil { // the client went away, or a guard refused while the provider worked
			return
		}
		d = failedDecision(err)
		if len(x.attempts) > 0 {
			d = x.triedDecision(d, err)
		}
		if d == nil {
			return
		}
	}
	at := Site{}
	if r != nil {
		at.Rule, d.Pos = r.label(), r.cfg.Pos
		if input, cut := x.decisionInput(r.reads()); input != nil {
			d.Input, d.cut = input, cut
		}
	}
	d.Language, d.Path = languageCEL, vars.PhaseRoute.String()+"/"+at.Rule
	d.Elapsed = x.deciding().matched
	x.record(d, &at)
}

// triedDecision tells a route whose targets all failed: what a provider refuses is no decision of the policy.
func (x *Exchange) triedDecision(d *Decision, err error) *Decision {
	if d != nil && d.Effect == EffectFailed || AsError(err).Code == CodeClientGone {
		return d
	}
	return &Decision{Effect: EffectRouted, Result: x.routeResult(), Err: err}
}

func (r *route) label() string {
	rule := Rule{Name: r.cfg.Name, Pos: r.cfg.Pos}
	return rule.label()
}

// reads are the variables that choose a target of the route.
func (r *route) reads() vars.Set {
	var out vars.Set
	if r.cfg.When != nil {
		out = r.cfg.When.Reads()
	}
	for _, s := range r.cfg.Strategies {
		out.Union(s.Reads())
	}
	for _, s := range r.cfg.KeyStrategies {
		out.Union(s.Reads())
	}
	if r.cfg.Require != nil {
		out.Union(r.cfg.Require.Reads())
	}
	return out
}

// recordStream records the filter that ended a stream after its rule had run.
func (x *Exchange) recordStream() {
	if !x.WantsDecisions() || x.failed == nil {
		return
	}
	for _, s := range x.relay.filters {
		if s.failed == nil || s.site == nil {
			continue
		}
		if x.decided != nil && x.decided.refusal != "" { // its action said so itself
			return
		}
		var own *Error
		if !errors.As(s.failed, &own) {
			own = x.failed
		}
		if d := failedDecision(own); d != nil {
			d.Language, d.Path = languageCEL, x.phaseName()+"/"+s.site.Rule
			x.record(d, s.site)
		}
		return
	}
}
