package actions

import (
	"fmt"

	"weir/engine"
	"weir/engine/wire"
)

// shadowStream lets a filter see a stream that stays as it is.
type shadowStream struct {
	inner   engine.StreamFilter
	report  func(error)
	scratch []byte
	over    bool // the filter would have ended the stream
}

// newShadowStream makes a filter that passes every event as it came and has another one look at it. report is told, once,
// what that would have ended the stream with.
func newShadowStream(inner engine.StreamFilter, report func(error)) engine.StreamFilter {
	return &shadowStream{inner: inner, report: report}
}

// Event appends the event as it came.
func (s *shadowStream) Event(dst []byte, ev *wire.Event) ([]byte, error) {
	s.watch(func(scratch []byte) ([]byte, error) { return s.inner.Event(scratch, ev) })
	return append(dst, ev.Raw...), nil
}

// End has nothing held back.
func (s *shadowStream) End(dst []byte) ([]byte, error) {
	s.watch(s.inner.End)
	return dst, nil
}

// watch has the filter look, whose failures and panics harm nobody.
func (s *shadowStream) watch(look func([]byte) ([]byte, error)) {
	if s.over {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			s.over = true
			s.report(fmt.Errorf("panic: %v", p))
		}
	}()
	out, err := look(s.scratch[:0])
	s.scratch = out
	if err != nil {
		s.over = true
		s.report(err)
	}
}
