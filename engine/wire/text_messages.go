package wire

// This file finds the texts in events of Anthropic messages.

var (
	blockText       = textField{kind: TextAssistant, open: `{"type":"text_delta","text":`, shut: `}`}
	blockThinking   = textField{kind: TextReasoning, open: `{"type":"thinking_delta","thinking":`, shut: `}`}
	blockArguments  = textField{kind: TextToolArguments, json: true, open: `{"type":"input_json_delta","partial_json":`, shut: `}`}
	blockCompaction = textField{kind: TextOther, open: `{"type":"compaction_delta","content":`, shut: `}`}
)

// readAnthropic finds the texts of an event of Anthropic messages.
func (r *TextRewriter) readAnthropic(g *cursor, name string) error {
	h := r.readHead(g, name)
	if g.bad {
		return ErrTextMalformed
	}
	if err := r.readStrange(g.b, h.kind); err != nil {
		return err
	}
	switch string(h.kind) {
	case "ping":
		return nil
	case "message_stop":
		r.closeAll()
		return nil
	case "message_delta":
		r.closeAll()
		return r.wholeAt(g.b, h.delta, shapeAnswer, TextOther)
	case "message_start":
		return r.wholeAt(g.b, h.object, shapeAnswer, TextOther)
	case "error":
		return r.wholeAt(g.b, Member{Kind: KindObject, End: len(g.b)}, shapePart, TextOther)
	case "content_block_start":
		return r.blockStart(g, h)
	case "content_block_delta":
		return r.blockDelta(g, h)
	case "content_block_stop":
		r.closeOuter(h.outer)
		return nil
	default:
		return textUnknown(h.kind)
	}
}

// blockStart reads a block that begins. The text it begins with, empty in general, is the first of its channel.
func (r *TextRewriter) blockStart(g *cursor, h *textHead) error {
	if h.object.Kind != KindObject {
		return textUnknown(h.kind)
	}
	at := cursor{b: g.b[:h.object.End], i: h.object.Start}
	typ := look(g.b[h.object.Start:h.object.End], "type", "")
	if typ != "text" && typ != "thinking" {
		return r.wholeAt(g.b, h.object, shapePart, TextAssistant)
	}
	for ok := at.open('{'); ok; ok = at.more('{') {
		var err error
		switch string(at.key()) {
		case "text":
			err = r.delta(&at, textKey{outer: h.outer, field: 0}, &blockText)
		case "thinking":
			err = r.delta(&at, textKey{outer: h.outer, field: 1}, &blockThinking)
		case "citations":
			m, _ := at.take()
			err = r.wholeAt(g.b, m, shapeText, TextOther)
		default:
			at.skip()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *TextRewriter) blockDelta(g *cursor, h *textHead) error {
	if h.delta.Kind != KindObject {
		return textUnknown(h.kind)
	}
	typ := look(g.b[h.delta.Start:h.delta.End], "type", "")
	member, f, field := "text", &blockText, 0
	switch typ {
	case "text_delta":
	case "thinking_delta":
		member, f, field = "thinking", &blockThinking, 1
	case "input_json_delta":
		member, f, field = "partial_json", &blockArguments, 2
	case "compaction_delta":
		member, f, field = "content", &blockCompaction, 3
	case "signature_delta": // it stands behind all that it signs
		r.closeOuter(h.outer)
		return nil
	case "citations_delta":
		return r.wholeAt(g.b, h.delta, shapePart, TextOther)
	default:
		return textUnknown([]byte(typ))
	}
	at := cursor{b: g.b[:h.delta.End], i: h.delta.Start}
	for ok := at.open('{'); ok; ok = at.more('{') {
		if string(at.key()) != member {
			at.skip()
		} else if err := r.delta(&at, textKey{outer: h.outer, field: field}, f); err != nil {
			return err
		}
	}
	return nil
}
