package engine

import (
	"bytes"
	"errors"
	"io"
	"time"

	"weir/engine/upstream"
	"weir/engine/wire"
)

const (
	// holdEvents and holdBytes bound what is held back before a stream is committed: more than any vendor sends before
	// its first content.
	holdEvents = 64
	holdBytes  = 256 << 10
	// maxStreamEvent holds one event: a whole image in base64.
	maxStreamEvent = 16 << 20
	// relayBuffer is one read of the upstream connection: more than one event, less than a page of memory worth noting.
	relayBuffer = 8 << 10
)

var (
	errMalformed = errors.New("malformed event")
	errCut       = errors.New("the provider's stream was cut")
)

// streamFailure is an error event of the provider.
type streamFailure struct{ f wire.Failure }

func (e *streamFailure) Error() string { return "error event: " + e.f.Message }

// relay carries one streamed answer from the provider to the client, event by event. It lives in its exchange.
type relay struct {
	x        *Exchange
	attempt  *Attempt
	target   target
	resp     *upstream.Response
	splitter *wire.Splitter
	observer wire.Observer
	buf      []byte // one read
	held     []byte // whole events on their way to the client
	sent     int    // of held
	events   int64
	idle     time.Duration
	armed    time.Time // the read deadline that is set
	filters  []*filterStage
	strip    bool  // remove the usage that Weir asked for
	raw      bool  // bytes, not events
	content  bool  // something a user sees has come
	closing  bool  // the bracket that closes a JSON array has come: the answer is whole
	done     error // what Read returns once held is out; io.EOF = clean end
	closed   bool
	meter    meter         // of held and of what the splitter holds
	refusal  *wire.Refusal // watches what the client gets; nil where no rule refuses
}

func (r *relay) open(x *Exchange, t target, resp *upstream.Response, idle time.Duration) {
	r.start(x, resp, idle)
	r.target, r.strip = t, x.addsUsage(t)
	if r.splitter == nil {
		r.splitter = wire.NewSplitter(x.Request.Framing, maxStreamEvent)
	} else {
		r.splitter.Reset(x.Request.Framing, maxStreamEvent)
	}
	r.observer.Reset(x.Request.API)
}

func (r *relay) openRaw(x *Exchange, t target, resp *upstream.Response, idle time.Duration) {
	r.start(x, resp, idle)
	r.target, r.raw = t, true
}

func (r *relay) start(x *Exchange, resp *upstream.Response, idle time.Duration) {
	*r = relay{x: x, resp: resp, attempt: x.current, idle: idle, splitter: r.splitter, buf: r.buf, held: r.held[:0], observer: r.observer, meter: meter{x: x, held: r.meter.held}}
	if r.buf == nil {
		r.buf = make([]byte, relayBuffer)
	}
}

// holdBack reads until the stream is committed: content came, it ended cleanly, or as much as may be held is held. An
// error means that the client has seen nothing and another target may try.
func (r *relay) holdBack(deadline time.Time) error {
	r.resp.SetReadDeadline(deadline)
	for {
		n, err := r.resp.Read(r.buf)
		if failure := r.feed(n); failure != nil {
			if !r.content {
				return failure
			}
			r.broken(failure) // what follows content in the same read is after the commit point all the same
		}
		if r.content || r.done != nil || r.events >= holdEvents || len(r.held) >= holdBytes {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return r.endHeld()
		}
		if err != nil {
			return err
		}
	}
}

// endHeld ends a stream that brought no content: clean if the provider said so.
func (r *relay) endHeld() error {
	var ev wire.Event
	if ok, err := r.splitter.Finish(&ev); err == nil && ok {
		if failure := r.take(&ev); failure != nil {
			return failure
		}
	}
	if !r.observer.Ended() {
		return io.ErrUnexpectedEOF
	}
	r.finish(io.EOF)
	return nil
}

// feed takes the n bytes that were read, once there is room for them.
func (r *relay) feed(n int) error {
	if err := r.meter.Reach(max(relayBuffer, len(r.held)+r.splitter.Pending()+r.withheld()+n)); err != nil {
		return err
	}
	r.splitter.Feed(r.buf[:n])
	return r.drainEvents()
}

// drainEvents takes every whole event that was fed.
func (r *relay) drainEvents() error {
	var ev wire.Event
	for r.done == nil {
		ok, err := r.splitter.Next(&ev)
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		if err := r.take(&ev); err != nil {
			return err
		}
	}
	return nil
}

// take looks at one event and puts what the client gets of it into held.
func (r *relay) take(ev *wire.Event) error {
	r.events++
	if r.events == 1 && r.x.Request.Framing == wire.FrameJSONArray && !bytes.HasPrefix(bytes.TrimLeft(ev.Raw, " \t\r\n"), []byte("[")) {
		return errMalformed // one object is a whole answer, not a stream
	}
	if ev.Data == nil && r.x.Request.Framing == wire.FrameJSONArray && bytes.IndexByte(ev.Raw, ']') >= 0 {
		r.closing = r.observer.Ended()
	}
	switch r.observer.Observe(ev) { //nolint:exhaustive // the other signals only pass
	case wire.SignalContent:
		r.content = true
	case wire.SignalError:
		return &streamFailure{r.observer.Failure()}
	case wire.SignalMalformed:
		return errMalformed
	case wire.SignalEnd:
		if r.x.Request.API.Dialect() != wire.DialectGemini {
			if err := r.emit(ev); err != nil {
				return err
			}
			if err := r.endFilters(); err != nil {
				return err
			}
			r.finish(io.EOF)
			return nil
		}
	}
	return r.emit(ev)
}

// emit puts what the client gets of an event into held.
func (r *relay) emit(ev *wire.Event) error {
	if len(r.filters) > 0 {
		return r.emitFiltered(ev)
	}
	if r.strip {
		out, drop := wire.StripUsage(r.held, ev)
		if !drop {
			r.held = out
		}
		return nil
	}
	r.held = append(r.held, ev.Raw...)
	return nil
}

// Read gives the client the next bytes. It returns what one read of the provider brought.
func (r *relay) Read(p []byte) (int, error) {
	for {
		if r.sent < len(r.held) {
			n := copy(p, r.held[r.sent:])
			if r.refusal != nil {
				r.refusal.Watch(r.held[r.sent : r.sent+n])
			}
			r.sent += n
			r.x.sent += int64(n)
			return n, nil
		}
		if r.done != nil {
			return 0, r.done
		}
		r.held, r.sent = r.held[:0], 0
		if r.raw {
			return r.readRaw(p)
		}
		r.fill()
	}
}

// fill reads the provider once.
func (r *relay) fill() {
	r.arm()
	n, err := r.resp.Read(r.buf)
	if failure := r.feed(n); failure != nil {
		r.broken(failure)
		return
	}
	switch {
	case r.done != nil || err == nil:
	case errors.Is(err, io.EOF), r.closing:
		r.endCommitted()
	default:
		r.broken(err)
	}
}

func (r *relay) endCommitted() {
	var ev wire.Event
	if ok, err := r.splitter.Finish(&ev); err == nil && ok {
		if failure := r.take(&ev); failure != nil {
			r.broken(failure)
			return
		}
	}
	if r.done == nil && !r.observer.Ended() {
		r.broken(errCut)
		return
	}
	if r.done == nil {
		if err := r.endFilters(); err != nil {
			r.broken(err)
			return
		}
		r.finish(io.EOF)
	}
}

func (r *relay) readRaw(p []byte) (int, error) {
	r.arm()
	n, err := r.resp.Read(p)
	r.x.sent += int64(n)
	if err == nil {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		r.finish(io.EOF)
	} else {
		r.x.failed = r.explain(err)
		r.finish(err)
	}
	return n, r.done
}

// arm keeps a deadline of one idle time, and at most a quarter more, ahead of the next read; setting it for every event
// would cost more than the event.
func (r *relay) arm() {
	now := time.Now()
	if r.armed.Sub(now) < r.idle {
		r.armed = now.Add(r.idle + r.idle/4)
		r.resp.SetReadDeadline(r.armed)
	}
}

// finish closes the provider's side and counts what the answer used.
func (r *relay) finish(end error) {
	if r.done != nil {
		return
	}
	r.done = end
	r.count(end)
	if r.x.ran && !r.closed { // otherwise what comes of the answer is not known yet
		r.x.endMeter()
	}
}

// count ends the call to the provider and counts what it used.
func (r *relay) count(end error) {
	clean := errors.Is(end, io.EOF)
	if clean {
		r.resp.Close()
	} else {
		r.resp.Discard()
	}
	if r.raw {
		return
	}
	x := r.x
	x.usage, x.finish = r.observer.Usage(), r.observer.FinishReason()
	if r.attempt == nil || r.target.model == nil {
		return
	}
	r.attempt.Usage = x.partialUsage(r, x.usage, clean)
	r.attempt.Elapsed = time.Since(r.attempt.Started)
	if !r.content && !clean {
		return
	}
	rt := x.plan.rt
	if !clean && x.failed != nil && x.failed.Code.blamesProvider() {
		r.attempt.Code, r.attempt.Message = x.failed.Code, x.failed.Message
		r.target.model.provider.health.failed(rt.now())
		for _, s := range x.statsOf(r.target.model) {
			if s != nil {
				s.rates.add(rt.now(), failureServer)
			}
		}
	}
	if n := x.usage.Output; n > 0 && clean {
		ms := (r.attempt.Elapsed - r.attempt.FirstToken).Milliseconds() / n
		for _, s := range x.statsOf(r.target.model) {
			if s != nil {
				s.perToken.add(rt.now(), ms)
			}
		}
	}
}

// blamesProvider tells what a provider did from what its client or the gateway did to a stream.
func (c Code) blamesProvider() bool {
	switch c {
	case CodeClientGone, CodeDraining, CodeOverloaded, CodePolicyFailed, CodePolicyDenied, CodeContentBlocked, CodeAnswerInvalid,
		CodeUnauthorized: // a key that was revoked
		return false
	default:
		return c.known() // a code of a policy's own is no provider's
	}
}

// Close ends the stream from the client's side. Before its end that is a client that went away.
func (r *relay) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	if r.done == nil {
		if r.x.failed == nil {
			r.x.failed = errClientGone
			r.x.Cancel(errClientGone)
		}
		r.finish(r.x.failed)
	}
	if r.target.model != nil {
		r.target.model.stats.busy.Add(-1)
	}
	return nil
}
