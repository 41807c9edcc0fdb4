package wire

// This file finds the texts in events that say in a type what they are, as those of OpenAI Responses and Anthropic do.

// typedText is a text of OpenAI Responses that comes in pieces: the types of its events and their members.
type typedText struct {
	delta, done string
	member      string // that holds the whole text in the done event
	nested      string // the member of the delta that holds the text, where the delta is an object
	index       string // that counts inside of an item
	field       textField
	logprobs    bool // the SDKs want them there
}

var typedTexts = [...]typedText{
	{
		delta: "response.output_text.delta", done: "response.output_text.done", member: "text", index: "content_index",
		field: textField{kind: TextAssistant}, logprobs: true,
	},
	{
		delta: "response.function_call_arguments.delta", done: "response.function_call_arguments.done", member: "arguments",
		field: textField{kind: TextToolArguments, json: true},
	},
	{
		delta: "response.reasoning_summary_text.delta", done: "response.reasoning_summary_text.done", member: "text",
		index: "summary_index", field: textField{kind: TextReasoning},
	},
	{
		delta: "response.reasoning_text.delta", done: "response.reasoning_text.done", member: "text", index: "content_index",
		field: textField{kind: TextReasoning},
	},
	{
		delta: "response.refusal.delta", done: "response.refusal.done", member: "refusal", index: "content_index",
		field: textField{kind: TextRefusal},
	},
	{
		delta: "response.mcp_call_arguments.delta", done: "response.mcp_call_arguments.done", member: "arguments",
		field: textField{kind: TextToolArguments, json: true},
	},
	{
		delta: "response.custom_tool_call_input.delta", done: "response.custom_tool_call_input.done", member: "input",
		field: textField{kind: TextToolArguments},
	},
	{
		delta: "response.code_interpreter_call_code.delta", done: "response.code_interpreter_call_code.done", member: "code",
		field: textField{kind: TextToolArguments},
	},
	{
		delta: "response.code_interpreter_call.code.delta", done: "response.code_interpreter_call.code.done", member: "code",
		field: textField{kind: TextToolArguments},
	},
	{
		delta: "response.audio.transcript.delta", done: "response.audio.transcript.done", member: "transcript",
		field: textField{kind: TextAssistant},
	},
	{
		delta: "response.shell_call_command.delta", done: "response.shell_call_command.done", member: "command",
		index: "command_index", field: textField{kind: TextToolArguments},
	},
	{
		delta: "response.shell_call_output_content.delta", done: "response.shell_call_output_content.done", nested: "stdout",
		index: "command_index", field: textField{kind: TextToolResult},
	},
	{
		delta: "response.shell_call_output_content.delta", done: "response.shell_call_output_content.done", nested: "stderr",
		index: "command_index", field: textField{kind: TextToolResult},
	},
	{delta: "transcript.text.delta", done: "transcript.text.done", member: "text", field: textField{kind: TextAssistant}},
}

// textHead is the top level of a typed event: where its members stand.
type textHead struct {
	kind                                []byte
	delta, object, text, logprobs, item Member
	outer, inner                        int64
	hasOuter                            bool
}

// readHead walks over the event once. What holds the event's object or whole text has another name in each type, but
// no event has two of them.
func (r *TextRewriter) readHead(g *cursor, name string) *textHead {
	h := &r.head
	*h, r.strange = textHead{}, r.strange[:0]
	r.sequence.skip()
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "type":
			h.kind = g.text()
		case "delta":
			h.delta, _ = g.take()
		case "item", "part", "response", "annotation", "content_block", "message", "output":
			h.object, _ = g.take()
		case "text", "arguments", "input", "code", "refusal", "transcript", "command":
			h.text, _ = g.take()
		case "logprobs":
			h.logprobs, _ = g.take()
		case "item_id":
			h.item, _ = g.take()
		case "index", "output_index":
			h.outer, h.hasOuter = g.count()
		case "content_index", "summary_index", "command_index":
			h.inner, _ = g.count()
		case "sequence_number":
			r.sequence.read(g)
		case "usage", "context_management", "obfuscation", "partial_image_b64", "b64_json", "annotation_index",
			"partial_image_index", "size", "quality", "background", "output_format", "created_at", "status", "name":
			g.skip()
		default: // what nobody told of may hold text too
			m, _ := g.take()
			r.strange = append(r.strange, m)
		}
	}
	if len(h.kind) == 0 {
		h.kind = []byte(name) // not appended: what was read is a part of the event
	}
	return h
}

// readStrange finds the texts in members that the event's type is not known to have. An error event is read as a whole.
func (r *TextRewriter) readStrange(b, kind []byte) error {
	if string(kind) == "error" {
		return nil
	}
	for _, m := range r.strange {
		if err := r.wholeAt(b, m, shapeValues, TextOther); err != nil {
			return err
		}
	}
	return nil
}

// readTyped finds the texts of an event of OpenAI Responses, or of a streamed transcription.
func (r *TextRewriter) readTyped(g *cursor, name string) error {
	h := r.readHead(g, name)
	if g.bad {
		return ErrTextMalformed
	}
	if err := r.readStrange(g.b, h.kind); err != nil {
		return err
	}
	kind := scanAlias(h.kind)
	if known, err := r.readTypedText(g, h, kind); known || err != nil {
		return err
	}
	switch string(h.kind) {
	case "response.content_part.done", "response.reasoning_summary_part.done":
		r.closePart(h)
		r.repeat = r.seen != 0
	case "response.output_item.done":
		r.closeOuter(h.outer)
		r.repeat = r.seen != 0
	case "response.completed", "response.incomplete", "response.failed":
		r.closeAll()
		r.repeat = true
	case "response.in_progress", "response.queued":
		r.repeat = true
	case "response.created", "response.output_item.added", "response.content_part.added",
		"response.reasoning_summary_part.added", "response.output_text.annotation.added":
	case "error":
		return r.wholeAt(g.b, Member{Kind: KindObject, End: len(g.b)}, shapePart, TextOther)
	case "transcript.text.segment":
		return r.wholeAt(g.b, h.text, shapeText, TextAssistant)
	case "response.shell_call_command.added":
		return r.wholeAt(g.b, h.text, shapeText, TextToolArguments)
	default:
		if !typedSilent(h.kind) {
			return textUnknown(h.kind)
		}
		return nil
	}
	shape, of := shapePart, TextAssistant
	switch kind {
	case "response.output_text.annotation.added":
		of = TextOther
	case "response.created", "response.in_progress", "response.queued", "response.completed", "response.incomplete",
		"response.failed":
		shape = shapeAnswer
	}
	return r.wholeAt(g.b, h.object, shape, of)
}

// readTypedText finds the texts of an event that tells a piece of a text or its end; known says that it is one.
func (r *TextRewriter) readTypedText(g *cursor, h *textHead, kind string) (known bool, err error) {
	for i := range typedTexts {
		switch t := &typedTexts[i]; kind {
		case t.delta:
			if t.nested == "stdout" { // an event for both
				if err := r.typedDelta(g, h, i); err != nil {
					return true, err
				}
				i++
			}
			return true, r.typedDelta(g, h, i)
		case t.done:
			if t.nested != "" {
				r.closePart(h)
				r.repeat = r.seen != 0
				return true, r.wholeAt(g.b, h.object, shapeText, t.field.kind)
			}
			return true, r.typedDone(g, h, i)
		}
	}
	return false, nil
}

// typedSilent reports whether events of that type are known to hold no text: progress of the vendor's own tools, bytes
// of media, signs of life.
func typedSilent(kind []byte) bool {
	switch string(kind) {
	case "keepalive", "ping", "response.compaction.compacting",
		"response.audio.delta", "response.audio.done", "speech.audio.delta", "speech.audio.done",
		"image_generation.partial_image", "image_generation.completed", "image_edit.partial_image", "image_edit.completed",
		"response.image_generation_call.in_progress", "response.image_generation_call.generating",
		"response.image_generation_call.partial_image", "response.image_generation_call.completed",
		"response.web_search_call.in_progress", "response.web_search_call.searching", "response.web_search_call.completed",
		"response.file_search_call.in_progress", "response.file_search_call.searching", "response.file_search_call.completed",
		"response.code_interpreter_call.in_progress", "response.code_interpreter_call.interpreting",
		"response.code_interpreter_call.completed",
		"response.mcp_call.in_progress", "response.mcp_call.completed", "response.mcp_call.failed",
		"response.mcp_list_tools.in_progress", "response.mcp_list_tools.completed", "response.mcp_list_tools.failed":
		return true
	default:
		return false
	}
}

func (r *TextRewriter) typedDelta(g *cursor, h *textHead, field int) error {
	if h.delta.Kind == KindNone || (typedTexts[field].nested != "" && h.delta.Kind != KindObject) {
		return textUnknown(h.kind)
	}
	t, key := &typedTexts[field], textKey{outer: h.outer, inner: h.inner, field: field}
	at := cursor{b: g.b[:h.delta.End], i: h.delta.Start}
	n := len(r.spots)
	if t.nested == "" {
		if err := r.delta(&at, key, &t.field); err != nil {
			return err
		}
	}
	for ok := t.nested != "" && at.open('{'); ok; ok = at.more('{') {
		if string(at.key()) != t.nested {
			at.skip()
		} else if err := r.delta(&at, key, &t.field); err != nil {
			return err
		}
	}
	if len(r.spots) > n && h.item.Kind == KindString {
		n = len(r.spots)
		c := &r.channels[r.spots[n-1].channel]
		c.item = append(c.item[:0], g.b[h.item.Start:h.item.End]...)
	}
	r.repeatAt(h.logprobs)
	r.repeatAt(h.text)
	return nil
}

func (r *TextRewriter) typedDone(g *cursor, h *textHead, field int) error {
	t := &typedTexts[field]
	key := textKey{outer: h.outer, inner: h.inner, field: field}
	for i := range r.channels {
		if c := &r.channels[i]; c.open && c.key == key {
			c.closing = true
		}
	}
	r.repeat = r.seen&(1<<(field&31)) != 0
	shape := shapeText
	if t.field.json {
		shape = shapeJSON
	}
	r.repeatAt(h.logprobs)
	return r.wholeAt(g.b, h.text, shape, t.field.kind)
}

// closePart ends the channels of one part of an item.
func (r *TextRewriter) closePart(h *textHead) {
	for i := range r.channels {
		if c := &r.channels[i]; c.open && c.key.outer == h.outer && c.key.inner == h.inner {
			c.closing = true
		}
	}
}

// repeatAt notes a value that repeats text piece by piece.
func (r *TextRewriter) repeatAt(m Member) {
	if m.Kind != KindNone && m.Kind != KindNull {
		r.spots = append(r.spots, textSpot{start: m.Start, end: m.End, mode: spotRepeat})
	}
}

// wholeAt notes the texts of a value that stand by themselves.
func (r *TextRewriter) wholeAt(b []byte, m Member, shape textShape, kind TextKind) error {
	if m.Kind == KindNone {
		return nil
	}
	w := fieldWalk{g: cursor{b: b[:m.End], i: m.Start}, api: r.api, fields: r.fields[:0]}
	w.value(shape, kind)
	r.fields = w.fields
	if w.g.bad {
		return ErrTextMalformed
	}
	for i := range r.fields {
		f := &r.fields[i]
		s := textSpot{start: f.Start, end: f.End, mode: spotWhole, kind: f.Kind, repeat: r.repeat}
		switch f.Form {
		case TextJSON:
			s.mode = spotJSON
		case TextRepeat:
			s.mode = spotRepeat
			if r.api == GeminiGenerate || r.repeat {
				s.mode = spotEcho
			}
		case TextPlain:
		}
		r.spots = append(r.spots, s)
	}
	return nil
}
