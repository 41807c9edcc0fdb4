package wire

import (
	"bytes"
	"slices"
	"strconv"
)

const (
	// refusalMaxOpen bounds the choices that a refusal closes: as many as one request can ask for anywhere.
	refusalMaxOpen = 128
	// refusalMaxKept bounds what is kept of the object that a stream began with. Those of OpenAI Responses repeat
	// instructions and tools; one that is longer is ended with its ids alone.
	refusalMaxKept = 256 << 10
)

// Refusal watches what a client has got of a stream, so that the stream can be ended in its API's own words for an answer
// that was refused. It is reusable, and allocates nothing once its buffers have grown.
type Refusal struct {
	api      API
	splitter Splitter
	framing  Framing
	kept     []byte  // the data of an event that has the ids, in OpenAI Responses the response object
	open     []int64 // choices, candidates or blocks that have not ended
	items    int64   // output items that have begun
	sequence int64   // the next sequence number
	begun    bool    // an event with a payload has come
	over     bool    // the API's own end has
	listed   bool    // choices or candidates have come
	numbered bool
}

// Reset makes it ready for another stream and keeps its buffers.
func (r *Refusal) Reset(api API, f Framing) {
	*r = Refusal{api: api, framing: f, splitter: r.splitter, kept: r.kept[:0], open: r.open[:0]}
	r.splitter.Reset(f, 0)
}

// Watch takes the next bytes that the client gets, cut anywhere.
func (r *Refusal) Watch(b []byte) {
	r.splitter.Feed(b)
	var ev Event
	for {
		ok, err := r.splitter.Next(&ev)
		if err != nil {
			r.over = true // what cannot be followed cannot be ended
		}
		if err != nil || !ok {
			return
		}
		r.note(&ev)
	}
}

func (r *Refusal) note(ev *Event) {
	data := bytes.Trim(ev.Data, " \t\r\n")
	switch {
	case len(data) == 0:
		r.over = r.over || r.framing == FrameJSONArray && bytes.IndexByte(ev.Raw, ']') >= 0
		return
	case streamDone(data):
		r.over = true
		return
	}
	r.begun = true
	switch r.api {
	case AnthropicMessages:
		r.noteAnthropic(data, ev.Name)
	case OpenAIResponses:
		r.noteResponse(data, ev.Name)
	case GeminiGenerate:
		r.keep(data)
		r.noteList(data, "candidates", "finishReason")
	default:
		if len(r.kept) == 0 {
			r.keep(data)
		}
		r.noteList(data, "choices", "finish_reason")
	}
}

func (r *Refusal) keep(data []byte) {
	if len(data) <= refusalMaxKept {
		r.kept = append(r.kept[:0], data...)
		return
	}
	r.kept = appendMembers(append(r.kept[:0], `{"object":"response"`...), data, "id", "created_at", "model")
	r.kept = append(r.kept, '}')
}

func (r *Refusal) opens(index int64) {
	if len(r.open) < refusalMaxOpen && !slices.Contains(r.open, index) {
		r.open = append(r.open, index)
	}
}

func (r *Refusal) closes(index int64) {
	r.open = slices.DeleteFunc(r.open, func(i int64) bool { return i == index })
}

// noteList notes which choices or candidates have begun and which have ended.
func (r *Refusal) noteList(data []byte, list, reason string) {
	g := cursor{b: data}
	for ok := g.open('{'); ok; ok = g.more('{') {
		if string(g.key()) != list {
			g.skip()
			continue
		}
		for ok := g.open('['); ok; ok = g.more('[') {
			index, ended := int64(0), false
			for ok := g.open('{'); ok; ok = g.more('{') {
				switch string(g.key()) {
				case "index":
					index, _ = g.count()
				case reason:
					ended = len(g.text()) > 0 || ended
				default:
					g.skip()
				}
			}
			r.listed = true
			r.opens(index)
			if ended {
				r.closes(index)
			}
		}
	}
}

func (r *Refusal) noteAnthropic(data []byte, name string) {
	if name == "content_block_delta" {
		return
	}
	index, kind := int64(0), name
	g := cursor{b: data}
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "type":
			if text := g.text(); kind != string(text) {
				kind = string(text)
			}
		case "index":
			index, _ = g.count()
		default:
			g.skip()
		}
	}
	switch kind {
	case "message_start":
		r.listed = true
	case "content_block_start":
		r.opens(index)
	case "content_block_stop":
		r.closes(index)
	case "message_stop", "error":
		r.over = true
	}
}

func (r *Refusal) noteResponse(data []byte, name string) {
	var response []byte
	g := cursor{b: data}
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "sequence_number":
			if n, ok := g.count(); ok {
				r.sequence, r.numbered = n+1, true
			}
		case "response":
			response = g.span()
		case "type":
			if text := g.text(); name != string(text) {
				name = string(text)
			}
		default:
			g.skip()
		}
	}
	switch name {
	case "response.created":
		r.listed = true
		r.keep(response)
	case "response.output_item.added":
		r.items++
	case "response.completed", "response.incomplete", "response.failed", "error":
		r.over = true
	}
}

// Append appends the events that end the stream with a refusal. It reports false, and appends nothing, where the API has
// no refusal of its own, where the client has not got what one could end, and where the stream is over.
func (r *Refusal) Append(dst []byte, message string) (out []byte, ok bool) {
	if r.over || !r.begun || r.splitter.Pending() > 0 {
		return dst, false
	}
	switch r.api {
	case OpenAIChat, OpenAICompletions:
		if len(r.open) == 0 && r.listed {
			return dst, false
		}
		dst = r.appendChoices(append(dst, "data: "...), message)
		dst = append(dst, "\n\ndata: [DONE]\n\n"...)
	case OpenAIResponses:
		if !r.listed {
			return dst, false
		}
		dst = r.appendResponse(dst, message)
	case AnthropicMessages:
		if !r.listed {
			return dst, false
		}
		dst = r.appendMessage(dst, message)
	case GeminiGenerate:
		if len(r.open) == 0 && r.listed {
			return dst, false
		}
		dst = r.appendCandidates(dst, message)
	default:
		return dst, false
	}
	r.over = true
	return dst, true
}

// ending is what is closed: what has begun, or the first where nothing said that it did.
func (r *Refusal) ending() []int64 {
	if len(r.open) == 0 {
		r.open = append(r.open, 0)
	}
	slices.Sort(r.open)
	return r.open
}

func (r *Refusal) appendChoices(dst []byte, message string) []byte {
	dst = append(dst, `{"choices":[`...)
	for i, index := range r.ending() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, `{"index":`...), index, 10)
		if r.api == OpenAICompletions {
			dst = append(dst, `,"text":""`...)
		} else {
			dst = AppendString(append(dst, `,"delta":{"refusal":`...), message)
			dst = append(dst, '}')
		}
		dst = append(dst, `,"logprobs":null,"finish_reason":"content_filter"}`...)
	}
	dst = appendMembers(append(dst, ']'), r.kept, "id", "object", "created", "model", "system_fingerprint", "service_tier", "provider")
	return append(dst, '}')
}

func (r *Refusal) appendMessage(dst []byte, message string) []byte {
	for _, index := range r.open {
		dst = append(dst, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":"...)
		dst = append(strconv.AppendInt(dst, index, 10), "}\n\n"...)
	}
	dst = append(dst, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\",\"stop_sequence\":null,"...)
	dst = append(dst, `"stop_details":{"type":"refusal","category":null,"explanation":`...)
	dst = AppendString(dst, message)
	dst = append(dst, "}},\"usage\":{\"output_tokens\":0}}\n\n"...)
	return append(dst, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"...)
}

func (r *Refusal) appendCandidates(dst []byte, message string) []byte {
	if r.framing == FrameJSONArray {
		dst = append(dst, ',')
	} else {
		dst = append(dst, "data: "...)
	}
	dst = append(dst, `{"candidates":[`...)
	for i, index := range r.ending() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(append(dst, `{"finishReason":"PROHIBITED_CONTENT","finishMessage":`...), message)
		dst = append(strconv.AppendInt(append(dst, `,"index":`...), index, 10), '}')
	}
	dst = appendMembers(append(dst, ']'), r.kept, "usageMetadata", "modelVersion", "responseId", "createTime")
	if dst = append(dst, '}'); r.framing == FrameJSONArray {
		return append(dst, ']')
	}
	return append(dst, "\n\n"...)
}
