package engine

import "weir/engine/vars"

// Await has f called once, before the first byte of an answer can reach the client: when the route has an answer, or
// failed to find one. An error takes the place of the answer. It is how a rule asks somebody else while the provider is
// working.
func (x *Exchange) Await(f func(x *Exchange) error) { x.awaited = append(x.awaited, f) }

// AfterRules has f called when the rules of on_response have run on an answer that a provider gave, so that it works on
// what they left, streams included (FilterStream). It is not called for refusals and Weir's own errors. An error takes
// the place of the answer.
func (x *Exchange) AfterRules(f func(x *Exchange) error) { x.afterRules = append(x.afterRules, f) }

// await calls what waits for the answer. What fails first decides, over a failure of the route too; the rest are still
// called, so that they can let go of what they hold.
func (x *Exchange) await(failure error) error {
	if failure != nil && len(x.attempts) == 0 { // refused before anybody was asked: no verdict is needed
		x.ctx.halt()
	}
	var refused error
	x.inPhase(vars.PhaseRequest, func() {
		for _, f := range x.awaited {
			if err := f(x); err != nil && refused == nil {
				refused = err
				x.ctx.halt()
			}
		}
	})
	x.awaited = x.awaited[:0]
	if refused == nil || (failure != nil && x.ctx.Err() != nil) {
		return failure
	}
	x.failed = AsError(refused) // before the stream closes: it is neither its client's doing nor the provider's
	x.dropStream()
	x.resetReply()
	return refused
}

// finishAnswer calls what works behind the rules of on_response.
func (x *Exchange) finishAnswer() error {
	for _, f := range x.afterRules {
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}
