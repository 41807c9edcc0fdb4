package engine

import (
	"errors"
	"io"

	"weir/engine/vars"
)

// settle reads an answer of plain bytes to its end where the rules of a plan look into it, so that they see the whole.
// Events that no API explains cannot be shown to rules on events: there the answer does not go out.
func (x *Exchange) settle(p *Plan) error {
	if x.Reply.Stream != &x.relay || x.relay.x != x || !x.relay.raw {
		return nil
	}
	if len(p.onEventRules) > 0 && isEventStream(x.Reply.Headers.First("content-type")) {
		return x.abandon(&Error{Code: CodePolicyFailed, Message: "the rules on events cannot read the events of this answer"})
	}
	if !p.readsAnswers() {
		return nil
	}
	body, err := x.wholeRelay()
	if err != nil {
		return x.abandon(AsError(err))
	}
	x.dropStream()
	x.Reply.Body = body
	return nil
}

// abandon ends the relay because of the gateway, not of a client that went away.
func (x *Exchange) abandon(why *Error) error {
	if x.relay.done == nil {
		x.relay.finish(why)
	}
	x.dropStream()
	return why
}

// wholeRelay reads the relayed bytes to their end, within what one exchange may hold.
func (x *Exchange) wholeRelay() ([]byte, error) {
	body := x.scratch.answer[:0]
	defer func() { x.scratch.answer = body }()
	for {
		if len(body) == cap(body) {
			if err := x.whole.Reach(max(relayBuffer, 2*len(body))); err != nil {
				return nil, err
			}
			body = append(body, make([]byte, max(relayBuffer, len(body)))...)[:len(body)]
		}
		n, err := x.relay.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxAnswer:
			return nil, Errorf(CodeUpstreamFailed, "the target's answer is over %d MiB", maxAnswer>>20)
		case errors.Is(err, io.EOF):
			x.sent -= int64(len(body)) // nothing of it has been sent yet
			return body, nil
		case err != nil:
			return nil, x.relay.explain(err)
		}
	}
}

// readsAnswers reports whether rules of the plan look into the content of answers.
func (p *Plan) readsAnswers() bool {
	for i := range p.onResponseRules {
		r := &p.onResponseRules[i]
		if r.When != nil {
			reads := r.When.Reads()
			if reads.Has(vars.ResBody) || reads.Has(vars.AIResponseText) || reads.Has(vars.AIResponseToolCalls) {
				return true
			}
		}
		for j := range r.Actions {
			if r.Actions[j].ContentRule {
				return true
			}
		}
	}
	return false
}
