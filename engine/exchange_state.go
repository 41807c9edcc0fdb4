package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"weir/engine/vars"
	"weir/engine/wire"
)

// errClientGone is the cause of a cancellation because the client hung up.
var errClientGone = &Error{Code: CodeClientGone, Message: "the client went away"}

// errClosed ends an exchange whose connection is closed without an answer.
var errClosed = &Error{Code: CodeConnectionClosed, Message: "the policy closes the connection"}

// ClientGone is the cause to cancel an exchange with when its client hung up.
func ClientGone() error { return errClientGone }

// exchangeContext is the exchange seen as a context.Context. It costs nothing until something waits on Done.
type exchangeContext struct {
	mu     sync.Mutex
	cause  error
	done   chan struct{}
	cut    error         // why no provider is to be asked any longer, although the exchange goes on
	halted bool          // cancelled, or no verdict and no provider is waited for any longer
	stop   chan struct{} // closed when halted
	after  []*func()     // to be called when it is cancelled
	late   sync.WaitGroup
	x      *Exchange
}

// Deadline reports none: timeouts are kept per attempt.
func (c *exchangeContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done is closed when the exchange is cancelled.
func (c *exchangeContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.cause != nil {
			close(c.done)
		}
	}
	return c.done
}

// Err is context.Canceled joined with the cause once the exchange is cancelled.
func (c *exchangeContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		return nil
	}
	return errors.Join(context.Canceled, c.cause)
}

// Value has none.
func (c *exchangeContext) Value(any) any { return nil }

// reason is why the call to a provider was ended.
func (c *exchangeContext) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		return c.cut
	}
	return c.cause
}

// Context is the exchange as a context: cancelled when the client goes away or the server drains.
func (x *Exchange) Context() context.Context { return &x.ctx }

// Cancel ends the exchange from any goroutine: waiting stops and the upstream call is closed. The first cause counts.
func (x *Exchange) Cancel(cause error) {
	for _, f := range x.ctx.cancel(cause) {
		(*f)()
	}
}

func (c *exchangeContext) cancel(cause error) (after []*func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return nil
	}
	c.cause = cause
	if c.done != nil {
		close(c.done)
	}
	c.haltLocked()
	c.x.call.Cancel(cause)
	after, c.after = c.after, nil
	return after
}

// Reset makes the exchange ready for another request; buffers are kept.
func (x *Exchange) Reset() {
	x.ctx.late.Wait()
	x.ctx.mu.Lock()
	x.ctx.after = nil
	x.ctx.cause, x.ctx.done, x.ctx.cut, x.ctx.halted, x.ctx.stop = nil, nil, nil, false, nil
	x.call.Reset()
	x.ctx.mu.Unlock()

	x.Request.reset()
	x.Reply = Reply{Headers: x.Reply.Headers[:0]}
	x.Conn, x.Endpoint, x.Caller, x.Loader, x.Budget, x.Missing = Conn{}, nil, Caller{}, nil, nil, nil
	x.whole.held = 0
	x.plan, x.phase, x.route, x.chosen = nil, 0, nil, nil
	x.loaded, x.bodyErr, x.denied, x.failed, x.routeErr = false, nil, nil, nil, nil
	clear(x.attempt0[:min(len(x.attempts), len(x.attempt0))])
	x.attempts = x.attempt0[:0]
	x.current = nil
	x.usage, x.finish, x.estimate = wire.Usage{}, "", -1
	x.derived, x.vars, x.results, x.policy, x.notes, x.trace = nil, nil, nil, nil, x.notes[:0], nil
	if len(x.awaited)+len(x.afterRules) > 0 {
		clear(x.awaited)
		clear(x.afterRules)
		x.awaited, x.afterRules = x.awaited[:0], x.afterRules[:0]
	}
	if len(x.extra)+len(x.instead)+len(x.ends)+len(x.guards) > 0 { // few exchanges have any
		clear(x.ends)
		clear(x.guards)
		x.extra, x.instead, x.ends, x.guards = x.extra[:0], x.instead[:0], x.ends[:0], x.guards[:0]
	}
	x.rule, x.ruleAction, x.misread = nil, nil, false
	if x.decided != nil {
		x.decided.reset()
	}
	x.narrowed.reset()
	x.clientKey = credential{}
	x.resetMeter()
	x.scratch.reset()
	if x.relay.x != nil { // most exchanges have no stream, and the relay is the largest part of them
		held := x.relay.held[:0]
		if cap(held) > keepBuffers {
			held = nil
		}
		x.relay = relay{splitter: x.relay.splitter, buf: x.relay.buf, held: held, observer: x.relay.observer}
	}
	x.started, x.total, x.sent, x.finished = time.Time{}, 0, 0, false
}

// reset empties the request field by field: a copy of the whole would cost as much as scanning a small body.
func (r *Request) reset() {
	r.ID, r.Method, r.Scheme, r.Host, r.Path, r.RawPath, r.Query, r.Version = "", "", "", "", "", "", "", ""
	r.Headers, r.Received, r.ContentLength = r.Headers[:0], time.Time{}, -1
	r.API, r.Operation, r.StoredID, r.PathModel, r.PathStream, r.Framing = wire.APIUnknown, OpCreate, "", "", false, wire.FrameSSE
	r.Body, r.Form = nil, nil
	r.Peek.Reset()
}

// NewExchange returns an empty exchange.
func NewExchange() *Exchange {
	x := &Exchange{estimate: -1}
	x.ctx.x, x.whole.x = x, x
	x.attempts, x.calls = x.attempt0[:0], x.call0[:0]
	x.Request.ContentLength = -1
	return x
}

// LoadBody reads and scans the client's body once; later calls return what the first one did.
func (x *Exchange) LoadBody() error {
	if x.loaded {
		return x.bodyErr
	}
	x.loaded = true
	if x.Loader != nil && x.Request.Operation == OpCreate && x.Request.API != wire.Models {
		x.bodyErr = x.Loader.LoadBody(x)
	}
	return x.bodyErr
}

// SetVar sets vars.name for this rule and all that follow, in later phases too.
func (x *Exchange) SetVar(name string, value any) {
	if x.vars == nil {
		x.vars = make(map[string]any, 4)
	}
	x.vars[name] = value
}

// SetResult keeps what an action found for actions.<name>.*; name is in snake_case. Only the last run of an action
// is kept.
func (x *Exchange) SetResult(name string, fields map[string]any) {
	if x.results == nil {
		x.results = make(map[string]map[string]any, 2)
	}
	x.results[name] = fields
}

// WantsResult reports whether some expression of the plan reads actions.<name>.
func (x *Exchange) WantsResult(name string) bool { return x.plan == nil || x.plan.readsAction(name) }

// AddLog adds a field to the exchange's log line, under "policy".
func (x *Exchange) AddLog(name string, value any) {
	if x.policy == nil {
		x.policy = make(map[string]any, 2)
	}
	x.policy[name] = value
}

// Deny refuses the exchange with an error in the shape of the client's API; the action returns VerdictDeny.
func (x *Exchange) Deny(status int, code Code, message string) {
	x.denied = &Error{Code: code, Message: message, Status: status}
}

// Phase is the phase the exchange is in.
func (x *Exchange) Phase() vars.Phase { return x.phase }

// Attempts lists the calls made so far.
func (x *Exchange) Attempts() []Attempt { return x.attempts }

// Generation is the number of the plan that runs the exchange, 0 before it runs.
func (x *Exchange) Generation() uint64 {
	if x.plan == nil {
		return 0
	}
	return x.plan.Generation
}
