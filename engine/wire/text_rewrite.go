package wire

import (
	"bytes"
	"slices"
)

// textMaxChannels bounds the open texts of a stream: 128 choices, the most that is sold, with a few fields each.
const textMaxChannels = 1024

// TextRewriter takes the events of one stream through a filter of their text. It puts the text that the filter lets go
// back in place; every other byte stays as it came, and an event whose text does not change passes untouched.
//
// An event whose text is held back keeps its place with an empty text, which every SDK reads: it may also carry a role,
// an id or a sequence number. Gemini's SDKs take an empty part for a broken answer, so there an event that holds nothing
// else is left out. What is still held when a text ends goes out right before the event that ends it, in an event of
// its own that is made of that one's ids; sequence numbers go on behind it. Where reasoning gives way to the answer it
// ends too, so that it does not come after what it led to.
//
// Events that tell text once more have it filtered once more. What repeats text piece by piece, such as log
// probabilities, is removed from events whose text does not pass as it came. Signatures of thinking stay: they hold no
// text that a client can read, and their vendor alone can say whether they fit what was changed.
//
// An event of an unknown type is refused. A TextRewriter is reusable, and allocates nothing once its buffers have grown.
type TextRewriter struct {
	api      API
	framing  Framing
	filter   TextFilter
	channels []textChannel
	spots    []textSpot
	cuts     []textCut
	fields   []TextField
	fresh    []byte // what the cuts put in
	plain    []byte // a decoded text
	out      []byte // what the filter let go
	inner    []byte // the same inside of tool arguments
	data     []byte // the data of an event that has several lines of it
	cursor   cursor
	whole    textChannel
	last     []byte // the last event's data while text is held, to make events of
	made     []byte // the current one's, the same
	head     textHead
	strange  []Member // of the event's top level, that nobody told of
	seen     uint32   // fields that had a delta
	sequence textSequence
	array    textArray
	crlf     bool
	repeat   bool // the current event tells text once more
	touched  bool // the current event's text does not pass as it came
	changed  bool // some event's did not
	other    bool // the current event holds more than text
	unended  bool // what was written last lacks its blank line
}

// textSpot is a place of an event that holds text.
type textSpot struct {
	start, end int
	channel    int // of a delta
	mode       spotMode
	kind       TextKind
	repeat     bool
}

type spotMode uint8

const (
	spotDelta  spotMode = iota // the next text of a channel
	spotWhole                  // a text by itself
	spotJSON                   // a text by itself that holds JSON
	spotRepeat                 // repeats what the event says
	spotEcho                   // repeats what the stream has said
)

// Reset makes the rewriter ready for another stream and keeps its buffers.
func (r *TextRewriter) Reset(api API, f Framing, filter TextFilter) {
	for i := range r.channels {
		r.channels[i].open = false
	}
	*r = TextRewriter{
		api: api, framing: f, filter: filter,
		channels: r.channels, spots: r.spots, cuts: r.cuts, fields: r.fields, fresh: r.fresh, plain: r.plain, out: r.out,
		inner: r.inner, data: r.data, last: r.last[:0], whole: r.whole, strange: r.strange[:0],
	}
}

// Added is how many events more than it was given the rewriter has written.
func (r *TextRewriter) Added() int64 {
	return r.sequence.shift
}

// Held is how many bytes of text are held back.
func (r *TextRewriter) Held() int {
	n := 0
	for i := range r.channels {
		if c := &r.channels[i]; c.open {
			n += c.held
		}
	}
	return n
}

// Event appends to dst what the client gets for one event. After an error the stream is to be ended: nothing of the
// event, and nothing that was held, may leave.
func (r *TextRewriter) Event(dst []byte, ev *Event) ([]byte, error) {
	mark := len(dst)
	r.spots, r.cuts, r.fresh = r.spots[:0], r.cuts[:0], r.fresh[:0]
	r.repeat, r.touched, r.other = false, false, false
	r.crlf = r.crlf || bytes.HasSuffix(ev.Raw, []byte("\r\n"))
	dst, err := r.event(dst, ev)
	if err != nil {
		return dst[:mark], err
	}
	return dst, nil
}

// End appends what is still held where the stream ends without having ended its texts.
func (r *TextRewriter) End(dst []byte) ([]byte, error) {
	mark := len(dst)
	r.spots = r.spots[:0]
	r.made = r.last
	r.sequence.skip()
	r.closeAll()
	dst, err := r.finish(dst)
	if err != nil {
		return dst[:mark], err
	}
	return dst, nil
}

func (r *TextRewriter) event(dst []byte, ev *Event) ([]byte, error) {
	data := bytes.Trim(ev.Data, " \t\r\n")
	closing := len(data) == 0 && r.framing == FrameJSONArray && bytes.IndexByte(ev.Raw, ']') >= 0
	if len(data) == 0 || streamDone(data) {
		r.made = r.last
		r.sequence.skip()
		if closing || len(data) > 0 {
			r.closeAll()
		}
		dst, err := r.finish(dst)
		if err != nil {
			return dst, err
		}
		return r.write(dst, ev), nil
	}
	if data[0] != '{' {
		return dst, textUnknown(data)
	}
	r.made = ev.Data
	r.cursor = cursor{b: ev.Data}
	if err := r.read(&r.cursor, ev.Name); err != nil {
		return dst, err
	}
	if !r.cursor.done() {
		return dst, ErrTextMalformed
	}
	if err := r.filterSpots(ev.Data); err != nil {
		return dst, err
	}
	dst, err := r.finish(dst)
	if err != nil {
		return dst, err
	}
	r.removeRepeats(ev.Data)
	if r.droppable() {
		r.keepLast(ev.Data)
		return dst, nil
	}
	r.number()
	dst = r.write(dst, ev)
	r.keepLast(ev.Data)
	return dst, nil
}

// read finds the spots of an event and the channels that it ends.
func (r *TextRewriter) read(g *cursor, name string) error {
	switch r.api {
	case AnthropicMessages:
		return r.readAnthropic(g, name)
	case GeminiGenerate:
		return r.readGemini(g)
	case OpenAIResponses, OpenAITranscriptions, OpenAISpeech, OpenAIImages:
		return r.readTyped(g, name)
	default:
		return r.readChat(g)
	}
}

// filterSpots takes the texts of an event through the filter.
func (r *TextRewriter) filterSpots(data []byte) error {
	for i := range r.spots {
		if s := &r.spots[i]; s.mode == spotDelta {
			r.channels[s.channel].last = i
		}
	}
	for i := range r.channels {
		if c := &r.channels[i]; c.yields && c.last < 0 {
			c.closing = true
		}
	}
	for i := range r.spots {
		s := &r.spots[i]
		raw := data[s.start:s.end]
		var (
			passes bool
			err    error
		)
		switch s.mode {
		case spotDelta:
			c := &r.channels[s.channel]
			passes, err = r.feed(c, raw)
			if err == nil && c.closing && c.last == i {
				passes, err = r.endInPlace(c, passes)
			}
			r.touched = r.touched || c.held > 0
		case spotWhole, spotJSON:
			passes, err = r.filterWhole(s, raw)
		default:
			continue
		}
		if err != nil {
			return err
		}
		if !passes {
			r.replace(s, raw)
		}
	}
	return nil
}

// replace puts what the filter let go in place of the spot's text.
func (r *TextRewriter) replace(s *textSpot, raw []byte) {
	r.touched = true
	from := len(r.fresh)
	if raw[0] == '"' {
		r.fresh = AppendString(r.fresh, scanAlias(r.out))
	} else {
		r.fresh = appendNumber(r.fresh, scanAlias(r.out))
	}
	r.cuts = append(r.cuts, textCut{start: s.start, end: s.end, from: from, to: len(r.fresh)})
}

// filterWhole takes a text by itself through the filter; passes says that it stays as it is.
func (r *TextRewriter) filterWhole(s *textSpot, raw []byte) (passes bool, err error) {
	c := &r.whole
	c.reset(textField{kind: s.kind, json: s.mode == spotJSON}, textKey{})
	c.repeat = s.repeat
	if raw[0] != '"' {
		r.plain = append(r.plain[:0], raw...)
		r.out, _, err = r.filter.Feed(r.out[:0], c.name(), r.plain)
		if err == nil {
			r.out, err = r.filter.End(r.out, c.name())
		}
		return bytes.Equal(r.out, raw), err
	}
	passes, err = r.feed(c, raw)
	if err != nil {
		return false, err
	}
	return r.endInPlace(c, passes)
}

// finish ends the closing channels that have no text in the event; what they held goes out before it.
func (r *TextRewriter) finish(dst []byte) ([]byte, error) {
	for i := range r.channels {
		c := &r.channels[i]
		if c.open && c.closing && c.last < 0 {
			r.out = r.out[:0]
			if err := r.endChannel(c); err != nil {
				return dst, err
			}
			if len(r.out) > 0 {
				r.touched = true
				dst = r.writeDelta(dst, c)
			}
		}
		if c.closing {
			c.open = false
		}
		c.closing, c.yields, c.last = false, false, -1
	}
	r.changed = r.changed || r.touched
	return dst, nil
}

// removeRepeats removes what repeats text that does not pass as it came.
func (r *TextRewriter) removeRepeats(data []byte) {
	for i := range r.spots {
		s := &r.spots[i]
		if (s.mode == spotRepeat && r.touched) || (s.mode == spotEcho && r.changed) {
			from := len(r.fresh)
			r.fresh = append(r.fresh, textRemoved(data[s.start])...)
			r.cuts = append(r.cuts, textCut{start: s.start, end: s.end, from: from, to: len(r.fresh)})
		}
	}
}

// droppable reports whether a Gemini event holds nothing but text that was held back.
func (r *TextRewriter) droppable() bool {
	if r.api != GeminiGenerate || r.other || len(r.cuts) == 0 {
		return false
	}
	for i := range r.cuts {
		if c := &r.cuts[i]; c.to-c.from != len(`""`) {
			return false
		}
	}
	for i := range r.spots { // a text that passes is no reason for a cut
		if s := &r.spots[i]; s.end-s.start > len(`""`) && !slices.ContainsFunc(r.cuts, func(c textCut) bool { return c.start == s.start }) {
			return false
		}
	}
	return true
}

// keepLast keeps the event while text is held: what comes next may not tell the ids that a further one needs.
func (r *TextRewriter) keepLast(data []byte) {
	if r.api.Dialect() == DialectAnthropic || r.api == OpenAIResponses {
		return
	}
	for i := range r.channels {
		if c := &r.channels[i]; c.open && c.held > 0 {
			r.last = append(r.last[:0], data...)
			return
		}
	}
}
