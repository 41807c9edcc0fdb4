package engine

import (
	"errors"
	"fmt"

	"weir/engine/wire"
)

// StreamFilter changes the events of one streamed answer. An error of either method ends the stream: with the error
// itself where it is an *Error, as a policy that failed otherwise.
type StreamFilter interface {
	// Event appends to dst what the client gets for one event of the provider: the event as it came, another one,
	// several, or nothing.
	Event(dst []byte, ev *wire.Event) ([]byte, error)
	// End appends what was held back, once the provider has sent everything.
	End(dst []byte) ([]byte, error)
}

// holder is a filter that says how many bytes of text it keeps.
type holder interface{ Held() int }

// filterStage is one filter with what cuts its input into events.
type filterStage struct {
	filter   StreamFilter
	splitter *wire.Splitter // nil of the first stage, which gets events
	out      []byte
	ended    bool
	site     *Site // of the action that put it there, where decisions are logged
	failed   error
}

// errNoEvents says that a filter was put on an answer that has none.
var errNoEvents = errors.New("the answer is not a stream of events")

// streams reports whether the answer is a stream of events.
func (x *Exchange) streams() bool { return x.Reply.Stream != nil && x.relay.x == x && !x.relay.raw }

// IsEventStream reports whether the answer is a stream of events that FilterStream can work on.
func (x *Exchange) IsEventStream() bool { return x.streams() }

// KeepRefusal has the streamed answer watched from here on, so that a filter can end it with the API's own refusal. It is
// called before FilterStream; an answer that is not a stream needs nothing.
func (x *Exchange) KeepRefusal() {
	if x.streams() && x.relay.refusal == nil {
		x.relay.refusal = &wire.Refusal{}
		x.relay.refusal.Reset(x.Request.API, x.Request.Framing)
	}
}

// FilterStream puts a filter on the streamed answer, behind those that are there. What was held back so far passes
// through it too, so that the filter sees the stream from its first byte.
func (x *Exchange) FilterStream(f StreamFilter) error {
	if !x.streams() {
		return errNoEvents
	}
	r := &x.relay
	stage := &filterStage{filter: f, splitter: wire.NewSplitter(x.Request.Framing, maxStreamEvent)}
	so := append([]byte(nil), r.held[r.sent:]...)
	r.held, r.sent = r.held[:0], 0
	r.filters = append(r.filters, stage)
	var err error
	if r.held, err = stage.feed(r.held, so); err == nil && r.done != nil {
		err = r.endLast(len(r.filters) - 1)
	}
	if err != nil { // a rule that goes on after its failure leaves the stream as it was
		r.filters, r.held = r.filters[:len(r.filters)-1], append(r.held[:0], so...)
	}
	return err
}

// emitFiltered takes one event through every filter.
func (r *relay) emitFiltered(ev *wire.Event) error {
	if !r.strip {
		return r.through(ev.Raw)
	}
	first := r.filters[0]
	out, drop := wire.StripUsage(first.out[:0], ev)
	first.out = out
	if drop {
		return nil
	}
	return r.through(out)
}

// withheld is how many bytes the filters hold back.
func (r *relay) withheld() int {
	n := 0
	for _, s := range r.filters {
		n += s.splitter.Pending()
		if h, ok := s.filter.(holder); ok {
			n += h.Held()
		}
	}
	return n
}

// through takes bytes through every filter and puts what comes out into held.
func (r *relay) through(b []byte) error {
	return r.from(0, b)
}

func (r *relay) from(stage int, b []byte) error {
	last := len(r.filters) - 1
	for i := stage; i < last; i++ {
		s := r.filters[i]
		out, err := s.feed(nil, b)
		if err != nil {
			return err
		}
		b = out
	}
	var err error
	r.held, err = r.filters[last].feed(r.held, b)
	return err
}

// feed gives the stage bytes and appends to dst what leaves it.
func (s *filterStage) feed(dst, b []byte) ([]byte, error) {
	s.splitter.Feed(b)
	var ev wire.Event
	for {
		ok, err := s.splitter.Next(&ev)
		if err != nil {
			return dst, fmt.Errorf("reading what a rule made of the stream: %w", err)
		}
		if !ok {
			return dst, nil
		}
		if dst, err = s.filter.Event(dst, &ev); err != nil {
			s.failed = err
			return dst, asFilterFailure(err)
		}
	}
}

// endFilters lets out what the filters hold back; the stream is at its clean end.
func (r *relay) endFilters() error {
	for i := range r.filters {
		if err := r.endLast(i); err != nil {
			return err
		}
	}
	return nil
}

func (r *relay) endLast(i int) error {
	s := r.filters[i]
	if s.ended {
		return nil
	}
	s.ended = true
	var ev wire.Event
	var out []byte
	ok, err := s.splitter.Finish(&ev)
	if err == nil && ok {
		out, err = s.filter.Event(out, &ev)
	}
	if err == nil {
		out, err = s.filter.End(out)
	}
	if err != nil {
		s.failed = err
		return asFilterFailure(err)
	}
	if i == len(r.filters)-1 {
		r.held = append(r.held, out...)
		return nil
	}
	return r.from(i+1, out)
}

// asFilterFailure is what ends a stream whose filter failed.
func asFilterFailure(err error) error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	return &Error{Code: CodePolicyFailed, Message: "a rule could not be applied to the stream", Cause: err}
}
