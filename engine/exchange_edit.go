package engine

import (
	"errors"
	"time"
)

// Body is the client's body, decoded from its content encoding. It is read when first asked for; what is wrong with it
// is the exchange's error.
func (x *Exchange) Body() ([]byte, error) {
	if err := x.LoadBody(); err != nil {
		return nil, err
	}
	return x.Request.Body, nil
}

// ReplaceBody puts another body in place of the client's and reads it as strictly. The bytes belong to the exchange from
// here on.
func (x *Exchange) ReplaceBody(body []byte) error {
	if err := x.LoadBody(); err != nil {
		return err
	}
	x.Request.Body = body
	if x.decided != nil {
		x.decided.replaced++
	}
	return x.rescan()
}

// Rewrite sends the request on as if the client had asked for another target, path and query. The client's host stays.
func (x *Exchange) Rewrite(target string) error {
	if x.Loader == nil {
		return errors.New("this exchange cannot be rewritten")
	}
	before := x.Request.API
	if err := x.Loader.Locate(x, target); err != nil {
		if e := AsError(err); e.Code == CodeBadRequest { // the policy's fault, not the client's
			return errors.New("the new URL cannot be asked for: " + e.Message)
		}
		return err //nolint:wrapcheck // what the client is told of a path that exists
	}
	if x.loaded && x.Request.API != before { // the new API's names in it were not looked for
		return x.rescan()
	}
	return nil
}

// AddReplyHeader adds a field to the answer, whatever the answer will be; rules of on_response see it there.
func (x *Exchange) AddReplyHeader(name, value string) { x.extra.Add(name, value) }

// SetReplyHeader gives the answer a field, whatever the answer will be, in the place of what a provider or an earlier
// action says under this name.
func (x *Exchange) SetReplyHeader(name, value string) { x.instead.Set(name, value) }

// ReplyHeader returns what SetReplyHeader was last given under this name, "" where nothing was.
func (x *Exchange) ReplyHeader(name string) string { return x.instead.First(name) }

// OnEnd has f called when the exchange is over and everything about it is known: status, usage, attempts. Expressions of
// on_response can still be evaluated then; the answer can no longer be changed.
func (x *Exchange) OnEnd(f func(*Exchange)) { x.ends = append(x.ends, f) }

// TargetGuard stands between routing and the targets: it may keep one from being called, and hears how calls ended.
// Methods may run at the same time for different exchanges.
type TargetGuard interface {
	// Allow reports whether the target may be called now; a refused one counts as resting for wait.
	Allow(provider, model string) (ok bool, wait time.Duration)
	// Done tells how an allowed call ended. Refusals that are the client's own mistake and clients that went away are
	// OutcomeNeutral.
	Done(provider, model string, o Outcome)
}

// Outcome is how a call to a target ended, as guards see it.
type Outcome uint8

// The outcomes.
const (
	OutcomeSuccess Outcome = iota
	OutcomeFailure         // 5xx, 429, timeouts, connections that failed or broke
	OutcomeNeutral
)

// GuardTargets puts a guard before every target that the exchange will call.
func (x *Exchange) GuardTargets(g TargetGuard) { x.guards = append(x.guards, g) }

// allows asks the guards about a target.
func (x *Exchange) allows(m *model) (bool, time.Duration) {
	for i, g := range x.guards {
		if ok, wait := g.Allow(m.provider.id, m.cat.ID); !ok {
			for _, earlier := range x.guards[:i] { // they let a call pass that is not made
				earlier.Done(m.provider.id, m.cat.ID, OutcomeNeutral)
			}
			return false, wait
		}
	}
	return true, 0
}

func (x *Exchange) tellGuards(m *model, o Outcome) {
	for _, g := range x.guards {
		g.Done(m.provider.id, m.cat.ID, o)
	}
}

// outcomeOf sorts a failure for guards.
func outcomeOf(o *outcome, kind failureKind) Outcome {
	switch {
	case o.ok:
		return OutcomeSuccess
	case o.err != nil && o.err.Code == CodeClientGone:
		return OutcomeNeutral
	case kind == failureServer, kind == failureTimeout, kind == failureLimit:
		return OutcomeFailure
	default:
		return OutcomeNeutral
	}
}

// Respond makes the answer. A streamed answer that stood in its place is ended.
func (x *Exchange) Respond(status int, headers Headers, body []byte) {
	x.dropStream()
	x.Reply = Reply{Status: status, Headers: headers, Body: body, Synthetic: true}
}
