package engine

import (
	"context"
	"errors"
	"fmt"
)

// Beside runs ask in a goroutine of its own while the exchange goes on, and lets no byte of an answer reach the client
// before ask has returned. An error refuses the exchange: the call to the provider is cut at once, without counting
// against it, and the error takes the place of the answer. Where the rule says on_error: continue, that holds only for
// refusals, which are errors of a code other than policy_failed and internal. The context that ask gets ends with ctx, that of
// the exchange, and when something else refuses the exchange. ask may not touch the exchange, and keeps clones of its text.
// Then, where it is not nil, is called by the exchange itself once ask has said its word.
func (x *Exchange) Beside(ctx context.Context, ask func(ctx context.Context) error, then func(x *Exchange)) {
	ctx, cancel := context.WithCancel(ctx)
	b := &besides{rule: x.rule, cancel: cancel, done: make(chan struct{}), then: then}
	if x.ruleAction != nil {
		b.action = x.ruleAction.Name
	}
	go b.run(ctx, x, ask)
	x.Await(b.verdict)
	x.OnEnd(func(*Exchange) { b.end() }) // an exchange that broke off leaves nothing running
}

// besides is one question that is asked while the exchange goes on.
type besides struct {
	rule   *Rule // nil outside of rules
	action string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // readable when done is closed
	late   bool  // it ended because it was told to; the same
	then   func(*Exchange)
}

func (b *besides) run(ctx context.Context, x *Exchange, ask func(context.Context) error) {
	defer close(b.done)
	b.err = asked(ctx, ask)
	switch {
	case ctx.Err() != nil:
		b.late = true
	case b.err != nil && !b.tolerates(b.err):
		x.ctx.cutOff(b.err)
	}
}

// asked keeps a panic of one question from ending the gateway.
func asked(ctx context.Context, ask func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return ask(ctx)
}

// tolerates reports whether the rule goes on although the question has no answer.
func (b *besides) tolerates(err error) bool {
	var own *Error
	if errors.As(err, &own) && own.Code != CodeInternal && own.Code != CodePolicyFailed {
		return false
	}
	return b.rule != nil && b.rule.OnError == OnErrorContinue
}

// verdict waits for the answer to the question, or lets go of it where none is needed any longer.
func (b *besides) verdict(x *Exchange) error {
	select {
	case <-b.done:
	case <-x.ctx.stopped():
		b.end()
	}
	if b.late {
		if cause := x.ctx.Err(); cause != nil {
			return AsError(cause)
		}
		return nil // something else has refused the exchange
	}
	if b.then != nil {
		b.then(x)
	}
	switch {
	case b.err == nil || b.rule == nil:
		return b.err
	case !b.tolerates(b.err):
		x.notes = append(x.notes, note{Rule: b.rule.Name, Action: b.action, What: "denied"})
	}
	return b.rule.failure(x, b.action, b.err)
}

func (b *besides) end() {
	b.cancel()
	<-b.done
}

// cutOff ends the call to the provider, and lets none follow. The first cause counts.
func (c *exchangeContext) cutOff(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil || c.cut != nil {
		return
	}
	c.cut = cause
	c.haltLocked()
	c.x.call.Cancel(cause)
}

// halt lets nobody wait any longer.
func (c *exchangeContext) halt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.haltLocked()
}

func (c *exchangeContext) haltLocked() {
	if c.halted {
		return
	}
	c.halted = true
	if c.stop != nil {
		close(c.stop)
	}
}

// stopped is closed when nobody need wait any longer for a provider or a verdict.
func (c *exchangeContext) stopped() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop == nil {
		c.stop = make(chan struct{})
		if c.halted {
			close(c.stop)
		}
	}
	return c.stop
}
