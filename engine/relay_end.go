package engine

import (
	"bytes"
	"errors"
	"io"

	"weir/engine/upstream"
	"weir/engine/wire"
)

// broken ends a committed stream: one error event in the client's own shape, and then a cut, so that it cannot be
// taken for a clean end.
func (r *relay) broken(err error) {
	e := r.explain(err)
	if len(r.filters) > 0 { // no rule has seen what the provider says
		e = e.withoutWords()
	}
	r.x.failed = e
	if e.Refusal && r.refuse(e) {
		return
	}
	if e.Code != CodeClientGone {
		r.closeEvent()
		r.held = wire.AppendErrorEvent(r.held, r.x.Request.API, r.x.Request.Framing, e.Body(r.x.Request.ID), r.events+r.added())
	}
	r.finish(e)
}

// refuse ends the stream with the API's own refusal: a clean end for the client, an answer cut short for the provider.
func (r *relay) refuse(e *Error) bool {
	if r.refusal == nil {
		return false
	}
	r.refusal.Watch(r.held[r.sent:]) // on its way to the client
	r.closeEvent()
	out, ok := r.refusal.Append(r.held, e.Message)
	r.held, r.refusal = out, nil // nothing is watched twice
	if !ok {
		return false
	}
	r.finish(e)
	r.done = io.EOF
	return true
}

// added is how many events more than came the filters have written.
func (r *relay) added() int64 {
	var n int64
	for _, s := range r.filters {
		if f, ok := s.filter.(interface{ Added() int64 }); ok {
			n += f.Added()
		}
	}
	return n
}

// closeEvent ends a last event that came without its blank line, so that what follows is an event of its own.
func (r *relay) closeEvent() {
	if r.x.Request.Framing == wire.FrameSSE && len(r.held) > 0 && !bytes.HasSuffix(r.held, []byte("\n\n")) &&
		!bytes.HasSuffix(r.held, []byte("\r\n\r\n")) {
		r.held = append(r.held, "\n\n"...)
	}
}

func (r *relay) explain(err error) *Error {
	var failed *streamFailure
	var own *Error
	switch {
	case errors.As(err, &failed):
		return &Error{Code: CodeUpstreamFailed, Status: failed.f.Status, Message: failed.f.Message, words: true}
	case errors.Is(err, upstream.ErrCanceled):
		return AsError(r.x.ctx.reason())
	case errors.Is(err, upstream.ErrTimeout):
		return &Error{Code: CodeUpstreamTimeout, Message: "the provider's stream fell silent", Cause: err}
	case errors.As(err, &own):
		return own
	default:
		return &Error{Code: CodeStreamCut, Message: "the provider's stream ended before its answer did", Cause: err}
	}
}
