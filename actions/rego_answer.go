package actions

import (
	"context"
	"errors"

	"weir/engine"
	"weir/engine/opa"
)

// What a decision about an answer cannot do.
var (
	errLateModels   = errors.New("models: the answer is there, there is no route left to narrow")
	errPatchStream  = errors.New("patch: a streamed answer has no body")
	errPatchNothing = errors.New("patch: the answer has no body")
)

// answer asks about an answer: a whole one, a streamed one, or a provider's error.
func (r *ruling) answer(ctx context.Context) error {
	x := r.x
	switch {
	case x.Failure() != nil, x.Reply.Stream == nil, len(x.Reply.Body) > 0: // compressing leaves the body beside its stream
		return r.whole(ctx)
	case r.a.onStream == streamSkip:
		return nil
	default:
		return r.stream(ctx)
	}
}

// whole asks about an answer that is there as a whole.
func (r *ruling) whole(ctx context.Context) error {
	d, err := r.ask(ctx, r.x, nil)
	var (
		body    []byte
		changed bool
	)
	if err == nil && d.Allow {
		body, changed, err = r.editAnswer(d)
	}
	if err != nil {
		r.settle(engine.EffectFailed, err)
		return contentFailure(err)
	}
	if !d.Allow {
		r.refuse(d)
		return nil
	}
	if changed && !r.shadow {
		if f := r.x.Failure(); f != nil {
			f.Upstream = body
		} else {
			r.x.Reply.Body = body
		}
	}
	r.grant(d, changed)
	return nil
}

// editAnswer gives the answer's body as the decision wants it.
func (r *ruling) editAnswer(d *opa.Decision) (edited []byte, changed bool, err error) {
	x := r.x
	if d.Models != nil {
		return nil, false, errLateModels
	}
	body := x.Reply.Body
	if f := x.Failure(); f != nil {
		body = f.Upstream
	}
	if len(d.Patch) > 0 {
		if len(body) == 0 {
			return nil, false, errPatchNothing
		}
		if body, err = patched(body, d.Patch); err != nil {
			return nil, false, err
		}
		changed = true
	}
	return r.redact(d, body, changed, editAnswer)
}
