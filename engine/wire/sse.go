package wire

import (
	"bytes"
	"errors"
)

// Framing is how a stream's bytes are cut into events.
type Framing uint8

// The framings. FrameSSE is server-sent events; FrameJSONArray is one JSON array whose elements come as they are made,
// which is what Gemini sends without alt=sse.
const (
	FrameSSE Framing = iota
	FrameJSONArray
)

// ErrEventTooLarge says that one event is longer than the splitter was told to hold.
var ErrEventTooLarge = errors.New("stream event too large")

// sseMaxEvent holds where a caller gives no limit: the largest known event is a generated image in base64, about
// 5 MiB at the largest size sold.
const sseMaxEvent = 16 << 20

// sseMaxNames bounds the event names a splitter keeps so that naming an event does not allocate. The richest API has
// about 60; names past the bound still work, they only allocate.
const sseMaxNames = 96

// sseMaxName keeps a stream of giant names from being kept; the longest known one has 43 bytes.
const sseMaxName = 64

// Event is one event of a stream.
//
// Raw is every byte of it with its terminator; the Raws of all events, and Rest, put together give the stream back.
// Data is the payload: the data lines joined by a line feed, or the element of a JSON array. It aliases Raw where
// there is one data line, and is nil where there is none (comments, blank lines, the closing bracket). An event is
// valid until the next Feed.
type Event struct {
	Raw  []byte
	Name string
	Data []byte
}

// Splitter cuts a stream into events as its bytes come. However the bytes are split over Feeds, the events are the
// same. It allocates only to hold an event that spans Feeds, and keeps those buffers over Reset.
type Splitter struct {
	framing  Framing
	maxEvent int
	buf      []byte // holds the unfinished event between Feeds
	cur      []byte // what is being cut: the fed bytes, or buf
	pos      int    // where the next event begins in cur
	scan     int    // how far cur was looked at
	line     int    // where the line that scan is in begins (SSE)
	filled   bool   // the event has a line that is not blank (SSE)
	begun    bool   // an event was cut, so a BOM can no longer come
	own      bool   // cur is buf
	err      error
	array    arrayState
	joined   []byte // data of events with several data lines, kept until the next Feed
	names    map[string]string
	name     string // the last name, which mostly comes again
}

// NewSplitter makes a splitter; maxEvent bounds one event's bytes, 16 MiB where it is not positive.
func NewSplitter(f Framing, maxEvent int) *Splitter {
	s := new(Splitter)
	s.Reset(f, maxEvent)
	return s
}

// Reset makes the splitter ready for another stream and keeps its buffers.
func (s *Splitter) Reset(f Framing, maxEvent int) {
	if maxEvent <= 0 {
		maxEvent = sseMaxEvent
	}
	*s = Splitter{framing: f, maxEvent: maxEvent, buf: s.buf[:0], joined: s.joined[:0], names: s.names, name: s.name}
}

// Feed hands over the stream's next bytes. They must stay unchanged until Next has returned false: only then is what
// is left of them copied. Events returned before are no longer valid.
func (s *Splitter) Feed(p []byte) {
	s.joined = s.joined[:0]
	rest := s.cur[s.pos:]
	if len(rest) == 0 {
		s.cur, s.own = p, false
	} else {
		if s.own { // rest lies in buf: move it to the front
			s.buf = s.buf[:copy(s.buf, rest)]
		} else {
			s.buf = append(s.buf[:0], rest...)
		}
		s.buf = append(s.buf, p...)
		s.cur, s.own = s.buf, true
	}
	s.scan -= s.pos
	s.line -= s.pos
	s.pos = 0
}

// Pending is how many bytes of an unfinished event are held.
func (s *Splitter) Pending() int { return len(s.cur) - s.pos }

// Next cuts the next event. False means that more bytes are needed. The error is ErrEventTooLarge, and stays.
func (s *Splitter) Next(ev *Event) (bool, error) {
	if s.err != nil {
		return false, s.err
	}
	var end int
	if s.framing == FrameJSONArray {
		end = s.arrayEnd()
	} else {
		end = s.blockEnd()
	}
	if end == 0 {
		if len(s.cur)-s.pos > s.maxEvent {
			s.err = ErrEventTooLarge
		} else if !s.own {
			s.keep()
		}
		return false, s.err
	}
	if end-s.pos > s.maxEvent {
		s.err = ErrEventTooLarge
		return false, s.err
	}
	s.emit(ev, end)
	return true, nil
}

// keep copies what is left of the fed bytes: their buffer is the caller's again once Next returned false.
func (s *Splitter) keep() {
	s.buf = append(s.buf[:0], s.cur[s.pos:]...)
	s.scan -= s.pos
	s.line -= s.pos
	s.pos, s.cur, s.own = 0, s.buf, true
}

// emit fills ev with the bytes up to end and goes on behind them.
func (s *Splitter) emit(ev *Event, end int) {
	ev.Raw, ev.Name, ev.Data = s.cur[s.pos:end:end], "", nil
	if s.framing == FrameJSONArray {
		ev.Data = s.arrayData(end)
	} else {
		s.parse(ev)
	}
	s.pos, s.scan, s.line = end, end, end
	s.filled, s.begun = false, true
}

// Rest is what no event was made of: the bytes of an unfinished event.
func (s *Splitter) Rest() []byte {
	return s.cur[s.pos:]
}

// Finish makes a last event of what is left at the end of the stream, if that is a whole one. In SSE it is whole when
// its last line has its end and only the closing blank line is missing, or when even that end is missing but the data
// is [DONE] or one complete JSON value: many upstreams end so, and dropping the event would make a clean end look like
// a cut. In a JSON array only white space is whole. Anything else is a cut, to be found in Rest.
func (s *Splitter) Finish(ev *Event) (bool, error) {
	if s.err != nil {
		return false, s.err
	}
	end := len(s.cur)
	if end == s.pos {
		return false, nil
	}
	if s.framing == FrameJSONArray {
		if s.array.began {
			return false, nil
		}
		s.emit(ev, end)
		return true, nil
	}
	if last := s.cur[end-1]; last == '\n' || last == '\r' {
		s.emit(ev, end)
		return true, nil
	}
	probe := Event{Raw: s.cur[s.pos:end]}
	s.parse(&probe)
	if data := bytes.TrimSpace(probe.Data); !streamDone(data) && !getValid(data) {
		return false, nil
	}
	s.emit(ev, end)
	return true, nil
}

// blockEnd is the index behind the blank line that ends the event at pos, 0 while there is none. Blank lines in front
// of an event belong to it. A carriage return that is the last byte waits for the next one: a line feed there would be
// part of the same line end.
func (s *Splitter) blockEnd() int {
	for {
		eol, next := sseLineEnd(s.cur, s.scan)
		if next == 0 {
			s.scan = eol
			return 0
		}
		blank := eol == s.line || (eol == s.line+3 && !s.begun && s.line == s.pos && sseBOM(s.cur[s.line:]))
		s.scan, s.line = next, next
		if blank && s.filled {
			return next
		}
		s.filled = s.filled || !blank
	}
}

// sseLineEnd finds the end of the line at or after i: the index of its terminator and of the byte behind that. Without
// one, next is 0 and eol is where to go on looking.
func sseLineEnd(b []byte, i int) (eol, next int) {
	rest := b[i:]
	lf := bytes.IndexByte(rest, '\n')
	if lf >= 0 {
		rest = rest[:lf]
	}
	cr := bytes.IndexByte(rest, '\r')
	switch {
	case cr < 0 && lf < 0:
		return len(b), 0
	case cr < 0:
		return i + lf, i + lf + 1
	case cr == lf-1:
		return i + cr, i + lf + 1
	case i+cr+1 == len(b):
		return i + cr, 0
	default:
		return i + cr, i + cr + 1
	}
}

func sseBOM(b []byte) bool {
	return len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF
}

// parse reads the lines of ev.Raw into its name and data.
func (s *Splitter) parse(ev *Event) {
	b := ev.Raw
	if !s.begun && sseBOM(b) {
		b = b[3:]
	}
	lines, start := 0, 0
	for len(b) > 0 {
		eol, next := sseLineEnd(b, 0)
		if next == 0 {
			next = len(b)
		}
		field, value := sseField(b[:eol])
		b = b[next:]
		switch string(field) {
		case "event":
			ev.Name = s.intern(value)
		case "data":
			lines++
			switch lines {
			case 1:
				ev.Data = value
			case 2:
				start = len(s.joined)
				s.joined = append(s.joined, ev.Data...)
				fallthrough
			default:
				s.joined = append(s.joined, '\n')
				s.joined = append(s.joined, value...)
			}
		}
	}
	if lines > 1 {
		ev.Data = s.joined[start:len(s.joined):len(s.joined)]
	}
}

// sseField cuts a line at its first colon and drops one space behind it.
func sseField(line []byte) (field, value []byte) {
	field, value, found := bytes.Cut(line, []byte{':'})
	if !found {
		return line, line[len(line):] // empty, but there
	}
	return field, bytes.TrimPrefix(value, []byte{' '})
}

// intern gives a name without allocating where it was seen before.
func (s *Splitter) intern(b []byte) string {
	if string(b) == s.name {
		return s.name
	}
	name, ok := s.names[string(b)]
	if !ok {
		name = string(b)
		if len(s.names) < sseMaxNames && len(name) <= sseMaxName {
			if s.names == nil {
				s.names = make(map[string]string, 8)
			}
			s.names[name] = name
		}
	}
	s.name = name
	return name
}
