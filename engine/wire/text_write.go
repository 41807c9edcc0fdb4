package wire

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// textSequence keeps the sequence numbers of OpenAI Responses in order where events are added.
type textSequence struct {
	start, end int   // of the current event's number
	value      int64 // it
	next       int64 // the number of the next event that is written
	shift      int64 // how many events were added
	known      bool  // the current event has a number
	used       bool  // the stream has them
}

// skip says that the current event has no number.
func (s *textSequence) skip() {
	s.known = false
}

func (s *textSequence) read(g *cursor) {
	g.i = scanSpace(g.b, g.i)
	s.start = g.i
	value, ok := g.count()
	s.end = g.i
	if s.known = ok; ok {
		s.value, s.used = value, true
		s.next = value + s.shift
	}
}

// add is the number of an added event.
func (s *textSequence) add() int64 {
	s.shift++
	s.next++
	return s.next - 1
}

// number writes the event's sequence number anew where events were added before it.
func (r *TextRewriter) number() {
	s := &r.sequence
	if !s.known {
		return
	}
	if s.shift != 0 {
		from := len(r.fresh)
		r.fresh = strconv.AppendInt(r.fresh, s.next, 10)
		r.cuts = append(r.cuts, textCut{start: s.start, end: s.end, from: from, to: len(r.fresh)})
	}
	s.next++
}

// textArray keeps the separators of a JSON array right where elements are added or left out.
type textArray struct {
	bracket bool // the opening bracket is written
	element bool // so is an element
}

// lead appends what stands in front of an element: what came, if that fits.
func (a *textArray) lead(dst, came []byte) []byte {
	fits := (bytes.IndexByte(came, '[') >= 0) == !a.bracket && (bytes.IndexByte(came, ',') >= 0) == a.element
	switch {
	case fits:
		dst = append(dst, came...)
	case a.element:
		dst = append(dst, ",\n"...)
	case !a.bracket:
		dst = append(dst, '[')
	}
	a.bracket, a.element = true, true
	return dst
}

// write appends the event with the cuts made.
func (r *TextRewriter) write(dst []byte, ev *Event) []byte {
	slices.SortFunc(r.cuts, func(a, b textCut) int { return a.start - b.start })
	if r.framing == FrameJSONArray {
		return r.writeElement(dst, ev)
	}
	r.unended = !bytes.HasSuffix(ev.Raw, []byte("\n\n")) && !bytes.HasSuffix(ev.Raw, []byte("\n\r\n")) && !bytes.HasSuffix(ev.Raw, []byte("\r\r"))
	if len(r.cuts) == 0 {
		return append(dst, ev.Raw...)
	}
	if at := bytes.Index(ev.Raw, ev.Data); at >= 0 {
		dst = append(dst, ev.Raw[:at]...)
		dst = applyCuts(dst, ev.Data, r.cuts, r.fresh)
		return append(dst, ev.Raw[at+len(ev.Data):]...)
	}
	r.data = applyCuts(r.data[:0], ev.Data, r.cuts, r.fresh)
	return AppendEvent(dst, ev, r.data)
}

func (r *TextRewriter) writeElement(dst []byte, ev *Event) []byte {
	if len(ev.Data) == 0 {
		if !r.array.bracket && bytes.IndexByte(ev.Raw, '[') < 0 && bytes.IndexByte(ev.Raw, ']') >= 0 {
			dst = append(dst, '[') // every element was left out
		}
		r.array.bracket = true
		return append(dst, ev.Raw...)
	}
	dst = r.array.lead(dst, ev.Raw[:len(ev.Raw)-len(ev.Data)])
	return applyCuts(dst, ev.Data, r.cuts, r.fresh)
}

// AppendEvent appends a server-sent event with other data: its further fields and its line ends stay as they came.
func AppendEvent(dst []byte, ev *Event, data []byte) []byte {
	done := false
	for raw := ev.Raw; len(raw) > 0; {
		eol, next := sseLineEnd(raw, 0)
		if next == 0 {
			eol, next = len(raw), len(raw)
		}
		line, end := raw[:eol], raw[eol:next]
		raw = raw[next:]
		if field, _ := sseField(bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))); string(field) != "data" || len(line) == 0 {
			dst = append(append(dst, line...), end...)
			continue
		}
		if done {
			continue
		}
		done = true
		if len(end) == 0 {
			end = []byte{'\n'}
		}
		for line := range bytes.SplitSeq(data, []byte{'\n'}) {
			dst = append(append(append(dst, "data: "...), bytes.TrimSuffix(line, []byte{'\r'})...), end...)
		}
	}
	return dst
}

// writeDelta appends an event of its own with what the filter let go of a channel at its end.
func (r *TextRewriter) writeDelta(dst []byte, c *textChannel) []byte {
	if r.framing == FrameJSONArray {
		return r.appendDelta(r.array.lead(dst, nil), c)
	}
	end := "\n"
	if r.crlf {
		end = "\r\n"
	}
	if r.unended {
		dst = append(append(dst, end...), end...)
		r.unended = false
	}
	if name := r.deltaName(c); name != "" {
		dst = append(append(append(dst, "event: "...), name...), end...)
	}
	dst = r.appendDelta(append(dst, "data: "...), c)
	return append(append(dst, end...), end...)
}

func (r *TextRewriter) deltaName(c *textChannel) string {
	switch r.api {
	case AnthropicMessages:
		return "content_block_delta"
	case OpenAIResponses:
		return typedTexts[c.key.field].delta
	default:
		return ""
	}
}

// appendDelta appends the data of an event of its own.
func (r *TextRewriter) appendDelta(dst []byte, c *textChannel) []byte {
	switch r.api {
	case AnthropicMessages:
		dst = append(dst, `{"type":"content_block_delta","index":`...)
		dst = strconv.AppendInt(dst, c.key.outer, 10)
		return append(r.appendField(append(dst, `,"delta":`...), c), '}')
	case OpenAIResponses, OpenAITranscriptions, OpenAISpeech, OpenAIImages:
		return r.appendTyped(dst, c)
	case GeminiGenerate:
		dst = r.appendField(append(dst, `{"candidates":[{"content":{"parts":[`...), c)
		dst = append(dst, `],"role":"model"},"index":`...)
		dst = append(strconv.AppendInt(dst, c.key.outer, 10), "}]"...)
		return append(appendMembers(dst, r.made, "modelVersion", "responseId", "createTime"), '}')
	default:
		dst = append(dst, `{"choices":[{"index":`...)
		dst = append(strconv.AppendInt(dst, c.key.outer, 10), ',')
		dst = append(r.appendField(dst, c), `,"logprobs":null,"finish_reason":null}]`...)
	}
	dst = appendMembers(dst, r.made, "id", "object", "created", "model", "system_fingerprint", "service_tier", "provider")
	return append(dst, '}')
}

// appendField appends the text that the filter let go, wrapped as its field wants it.
func (r *TextRewriter) appendField(dst []byte, c *textChannel) []byte {
	open := c.textField.open
	if i := strings.IndexByte(open, '%'); i >= 0 {
		dst = append(dst, open[:i]...)
		dst = strconv.AppendInt(dst, c.key.inner, 10)
		open = open[i+1:]
	}
	dst = AppendString(append(dst, open...), scanAlias(r.out))
	return append(dst, c.shut...)
}

func (r *TextRewriter) appendTyped(dst []byte, c *textChannel) []byte {
	t := &typedTexts[c.key.field]
	dst = append(append(append(dst, `{"type":"`...), t.delta...), '"')
	if r.sequence.used {
		dst = strconv.AppendInt(append(dst, `,"sequence_number":`...), r.sequence.add(), 10)
	} else {
		r.sequence.shift++
	}
	if len(c.item) > 0 {
		dst = append(append(dst, `,"item_id":`...), c.item...)
	}
	if len(c.item) > 0 || t.index != "" {
		dst = strconv.AppendInt(append(dst, `,"output_index":`...), c.key.outer, 10)
	}
	if t.index != "" {
		dst = append(append(append(dst, `,"`...), t.index...), `":`...)
		dst = strconv.AppendInt(dst, c.key.inner, 10)
	}
	dst = append(dst, `,"delta":`...)
	if t.nested != "" {
		dst = append(AppendString(append(dst, '{'), t.nested), ':')
		return append(AppendString(dst, scanAlias(r.out)), "}}"...)
	}
	dst = AppendString(dst, scanAlias(r.out))
	if t.logprobs {
		dst = append(dst, `,"logprobs":[]`...)
	}
	return append(dst, '}')
}

// appendMembers appends those members of an object that have one of the names.
func appendMembers(dst, object []byte, names ...string) []byte {
	g := cursor{b: object}
	for ok := g.open('{'); ok; ok = g.more('{') {
		name := scanAlias(g.key())
		value := g.span()
		if slices.Contains(names, name) && !g.bad {
			dst = AppendString(append(dst, ','), name)
			dst = append(append(dst, ':'), value...)
		}
	}
	return dst
}
