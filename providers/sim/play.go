package sim

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"
)

// event is one event of a stream, before it has a framing.
type event struct {
	name    string // of the SSE event, "" where the API has none
	data    []byte
	content bool // text, thinking or tool data: what commits a stream
}

// framing is how events become bytes.
type framing uint8

const (
	sse     framing = iota
	sseCRLF         // Google ends its lines so
	array
)

// act is what a step does once its wait is over.
type act uint8

const (
	send act = iota
	cut
	reset
)

// step is one piece of an answer on the wire.
type step struct {
	wait time.Duration // negative: until somebody goes away
	data []byte
	act  act
}

// steps turns the events of an answer into what happens on the wire, faults included.
func (f *Fault) steps(events []event, pace time.Duration, fr framing, failed event) []step {
	if f.empty {
		return nil
	}
	places, f := f.places(events)
	out := make([]step, 0, len(events)+2)
	for i := range events {
		e, here := &events[i], places[i]
		if here != nowhere && f.befall(&out, here, i, fr, failed) {
			return f.trickled(out)
		}
		s := step{data: frame(e, fr, i)}
		if here != nowhere && here == f.malformed {
			s.data = frame(&event{name: e.name, data: broken(e.data)}, fr, i)
		}
		if e.content && here > content {
			s.wait = pace
		}
		out = append(out, s)
	}
	if here := places[len(events)]; here != nowhere && f.befall(&out, here, len(events), fr, failed) {
		return f.trickled(out)
	}
	if fr == array {
		out = append(out, step{data: closing(len(events))})
	}
	return f.trickled(out)
}

// places says which place of the fault each event has, with one more for the end. The place after the last event with
// content is the event that follows it; a fault that asks for a later one gets this one, so that a short answer never
// passes for a good one.
func (f *Fault) places(events []event) ([]place, *Fault) {
	out := make([]place, len(events)+1)
	seen, last := content, 0
	for i := range events {
		switch {
		case events[i].content:
			out[i] = seen
			seen++
			last = i
		case i == 0:
			out[i] = start
		}
	}
	tail := len(events)
	if seen > content && last+1 < tail {
		tail = last + 1
	}
	out[tail] = seen
	g := *f
	for _, p := range []*place{&g.stallAt, &g.cutAt, &g.resetAt, &g.errorAt, &g.malformed} {
		*p = min(*p, seen)
		if *p == start && out[0] == content {
			*p = content // this API opens with content: both places are one
		}
	}
	return out, &g
}

// befall adds what the fault does before the event at this place; true where nothing follows it.
func (f *Fault) befall(out *[]step, here place, sent int, fr framing, failed event) bool {
	if here == f.stallAt {
		wait := f.stall
		if wait == 0 {
			wait = -1
		}
		*out = append(*out, step{wait: wait})
	}
	if here == f.cutAt {
		*out = append(*out, step{act: cut})
		return true
	}
	if here == f.resetAt {
		*out = append(*out, step{act: reset})
		return true
	}
	if here == f.errorAt {
		*out = append(*out, step{data: frame(&failed, fr, sent)})
		if fr == array {
			*out = append(*out, step{data: closing(sent + 1)})
		}
		return true
	}
	return false
}

func frame(e *event, fr framing, sent int) []byte {
	var b bytes.Buffer
	if fr == array {
		if sent == 0 {
			b.WriteByte('[')
		} else {
			b.WriteString(",\r\n")
		}
		b.Write(e.data)
		return b.Bytes()
	}
	end := "\n"
	if fr == sseCRLF {
		end = "\r\n"
	}
	if e.name != "" {
		b.WriteString("event: " + e.name + end)
	}
	b.WriteString("data: ")
	b.Write(e.data)
	b.WriteString(end + end)
	return b.Bytes()
}

func closing(sent int) []byte {
	if sent == 0 {
		return []byte("[]")
	}
	return []byte("]")
}

// broken is JSON that ends too early.
func broken(data []byte) []byte {
	return data[:max(1, len(data)/2)]
}

// trickled divides the steps into small pieces where the fault asks for it.
func (f *Fault) trickled(steps []step) []step {
	if f.trickle == 0 {
		return steps
	}
	var out []step
	for _, s := range steps {
		for len(s.data) > f.piece {
			out = append(out, step{wait: max(s.wait, f.trickle), data: s.data[:f.piece]})
			s.data, s.wait = s.data[f.piece:], 0
		}
		if len(s.data) > 0 && s.wait >= 0 {
			s.wait = max(s.wait, f.trickle)
		}
		out = append(out, s)
	}
	return out
}

// compressed makes one gzip stream of the steps, flushed at each.
func compressed(steps []step) []step {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	out := make([]step, 0, len(steps)+1)
	for _, s := range steps {
		if len(s.data) > 0 {
			_, _ = z.Write(s.data) // a buffer takes everything
			_ = z.Flush()
			s.data = bytes.Clone(b.Bytes())
			b.Reset()
		}
		out = append(out, s)
	}
	_ = z.Close() // into the same buffer
	return append(out, step{data: bytes.Clone(b.Bytes())})
}

var (
	errCut  = errors.New("cut or reset by a fault")
	errGone = errors.New("client or server went away")
)

// player plays steps to fasthttp, which reads them as the body of a stream.
type player struct {
	steps []step
	data  []byte
	conn  *conn
	ended func(end End, sent int)
	sent  int
	end   End
}

// Read waits for the next step and gives its bytes.
func (p *player) Read(b []byte) (int, error) {
	for len(p.data) == 0 {
		if len(p.steps) == 0 {
			p.end = Completed
			return 0, io.EOF
		}
		s := &p.steps[0]
		if s.wait != 0 && !p.conn.wait(s.wait) {
			p.end = ClientClosed
			return 0, errGone
		}
		if p.breaks(s.act) {
			return 0, errCut
		}
		if len(s.data) > 0 {
			p.sent++
		}
		p.data, p.steps = s.data, p.steps[1:]
	}
	n := copy(b, p.data)
	p.data = p.data[n:]
	return n, nil
}

// breaks does what breaks the connection; false where the act does not.
func (p *player) breaks(a act) bool {
	switch a {
	case cut:
		p.end = Cut
	case reset:
		p.end = Reset
		p.conn.reset()
	case send:
		return false
	}
	return true
}

// Close notes how the stream ended: fasthttp calls it after the last byte, or when a write failed.
func (p *player) Close() error {
	if p.end == Running {
		p.end = ClientClosed
	}
	p.ended(p.end, p.sent)
	return nil
}

// write plays steps onto the connection itself, for answers that fasthttp would not send so.
func (p *player) write(head []byte) {
	if _, err := p.conn.Write(head); err != nil {
		p.end = ClientClosed
	}
	for _, s := range p.steps {
		if p.end != Running {
			break
		}
		if s.wait != 0 && !p.conn.wait(s.wait) {
			p.end = ClientClosed
			break
		}
		if p.breaks(s.act) {
			break
		}
		if _, err := p.conn.Write(s.data); err != nil {
			p.end = ClientClosed
		}
		p.sent++
	}
	if p.end == Running {
		p.end = Completed
	}
	_ = p.conn.Close() // the end of the answer, or of a broken one
	p.ended(p.end, p.sent)
}

// whole makes steps of a body: in one piece, or as the faults of a whole answer ask for.
func (f *Fault) whole(body []byte) []step {
	half := len(body) / 2
	steps := []step{{data: body[:half]}}
	if f.stallAt != nowhere {
		wait := f.stall
		if wait == 0 {
			wait = -1
		}
		steps = append(steps, step{wait: wait})
	}
	switch {
	case f.cutAt == start:
		return []step{{act: cut}}
	case f.cutAt != nowhere:
		steps = append(steps, step{act: cut})
	case f.resetAt == start:
		return []step{{act: reset}}
	case f.resetAt != nowhere:
		steps = append(steps, step{act: reset})
	default:
		steps = append(steps, step{data: body[half:]})
	}
	return f.trickled(steps)
}

// breaksWhole tells whether a whole answer needs the connection itself.
func (f *Fault) breaksWhole() bool {
	return f.wrongLen || f.trickle > 0 || f.stallAt != nowhere || f.cutAt != nowhere || f.resetAt != nowhere
}

// length is the content length that a whole answer claims.
func (f *Fault) length(n int) string {
	if f.wrongLen {
		n += 100 // more than comes: fewer would be a valid answer followed by garbage
	}
	return strconv.Itoa(n)
}
