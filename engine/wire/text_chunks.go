package wire

// This file finds the texts in chunks of OpenAI chat and completions.

// The fields of a chat delta whose text comes in pieces.
const (
	chatContent = iota
	chatRefusal
	chatReasoningContent
	chatReasoning
	chatThinking
	chatContentThinking
	chatDetailText
	chatDetailSummary
	chatThinkingBlock
	chatToolArguments
	chatToolInput
	chatFunction
	chatTranscript
	chatText
)

var chatFields = [...]textField{
	chatContent:          {kind: TextAssistant, open: `"delta":{"content":`, shut: `}`},
	chatRefusal:          {kind: TextRefusal, open: `"delta":{"refusal":`, shut: `}`},
	chatReasoningContent: {kind: TextReasoning, thinks: true, open: `"delta":{"reasoning_content":`, shut: `}`},
	chatReasoning:        {kind: TextReasoning, thinks: true, open: `"delta":{"reasoning":`, shut: `}`},
	chatThinking:         {kind: TextReasoning, thinks: true, open: `"delta":{"thinking":`, shut: `}`},
	chatContentThinking: {
		kind: TextReasoning, thinks: true,
		open: `"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":`, shut: `}]}]}`,
	},
	chatDetailText: {
		kind: TextReasoning, thinks: true,
		open: `"delta":{"reasoning_details":[{"type":"reasoning.text","index":%,"text":`, shut: `}]}`,
	},
	chatDetailSummary: {
		kind: TextReasoning, thinks: true,
		open: `"delta":{"reasoning_details":[{"type":"reasoning.summary","index":%,"summary":`, shut: `}]}`,
	},
	chatThinkingBlock: {
		kind: TextReasoning, thinks: true, open: `"delta":{"thinking_blocks":[{"type":"thinking","thinking":`, shut: `}]}`,
	},
	chatToolArguments: {
		kind: TextToolArguments, json: true, open: `"delta":{"tool_calls":[{"index":%,"function":{"arguments":`, shut: `}}]}`,
	},
	chatToolInput:  {kind: TextToolArguments, open: `"delta":{"tool_calls":[{"index":%,"custom":{"input":`, shut: `}}]}`},
	chatFunction:   {kind: TextToolArguments, json: true, open: `"delta":{"function_call":{"arguments":`, shut: `}}`},
	chatTranscript: {kind: TextAssistant, open: `"delta":{"audio":{"transcript":`, shut: `}}`},
	chatText:       {kind: TextAssistant, open: `"text":`},
}

// readChat finds the texts of a chunk.
func (r *TextRewriter) readChat(g *cursor) error {
	for ok := g.open('{'); ok; ok = g.more('{') {
		var err error
		switch string(g.key()) {
		case "choices":
			if g.peek() != '[' {
				err = r.refuse(g, []byte("choices"))
				break
			}
			position := int64(0)
			for ok := g.open('['); ok && err == nil; ok = g.more('[') {
				err = r.readChoice(g, position)
				position++
			}
		case "id", "object", "created", "model", "system_fingerprint", "service_tier", "provider", "usage", "x_groq",
			"obfuscation", "prompt_filter_results", "timings":
			g.skip()
		default:
			m, _ := g.take()
			err = r.wholeAt(g.b, m, shapeValues, TextOther)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// choiceFacts is what a choice says of itself, wherever it stands.
type choiceFacts struct {
	index        int64
	ends, pieces bool
}

// learnChoice looks ahead over the choice that the cursor stands on.
func learnChoice(g *cursor, position int64) choiceFacts {
	f := choiceFacts{index: position}
	ahead := *g
	for ok := ahead.open('{'); ok; ok = ahead.more('{') {
		switch string(ahead.key()) {
		case "index":
			if n, ok := ahead.count(); ok {
				f.index = n
			}
		case "finish_reason":
			f.ends = len(ahead.text()) > 0
		case "finishReason":
			reason := ahead.text()
			f.ends = len(reason) > 0 && string(reason) != "FINISH_REASON_UNSPECIFIED"
		case "delta":
			f.pieces = true
			ahead.skip()
		default:
			ahead.skip()
		}
	}
	return f
}

func (r *TextRewriter) readChoice(g *cursor, position int64) error {
	if g.peek() != '{' {
		return r.refuse(g, []byte("choice"))
	}
	f := learnChoice(g, position)
	for ok := g.open('{'); ok; ok = g.more('{') {
		var err error
		switch key := string(g.key()); key {
		case "delta":
			err = r.readDelta(g, f.index)
		case "text":
			err = r.delta(g, textKey{outer: f.index, field: chatText}, &chatFields[chatText])
		case "message":
			m, _ := g.take()
			err = r.readMessage(g, m, f.pieces)
		case "logprobs":
			m, _ := g.take()
			r.repeatAt(m)
		case "index", "finish_reason", "native_finish_reason", "content_filter_results", "content_filter_offsets", "usage",
			"token_ids", "prompt_token_ids":
			g.skip()
		default: // vLLM's stop_reason is the text that ended the answer
			m, _ := g.take()
			err = r.wholeAt(g.b, m, shapeValues, TextOther)
		}
		if err != nil {
			return err
		}
	}
	if f.ends {
		r.closeOuter(f.index)
	}
	return nil
}

// readMessage reads a whole message in a chunk. Beside a delta it is all that the deltas have said.
func (r *TextRewriter) readMessage(g *cursor, m Member, echo bool) error {
	from := len(r.spots)
	if err := r.wholeAt(g.b, m, shapeMessage, TextAssistant); err != nil {
		return err
	}
	for i := range r.spots[from:] {
		if echo {
			r.spots[from+i].mode = spotEcho
		}
	}
	return nil
}

// readDelta finds the texts of a chat delta.
func (r *TextRewriter) readDelta(g *cursor, choice int64) error {
	if g.peek() != '{' {
		return r.refuse(g, []byte("delta"))
	}
	for ok := g.open('{'); ok; ok = g.more('{') {
		var err error
		piece := -1
		key := g.key()
		switch string(key) {
		case "role", "name", "id", "type", "index", "token_ids", "extra_content":
			g.skip()
		case "content":
			err = r.readContent(g, choice)
		case "refusal":
			piece = chatRefusal
		case "reasoning_content":
			piece = chatReasoningContent
		case "reasoning":
			piece = chatReasoning
		case "thinking":
			piece = chatThinking
		case "reasoning_details":
			err = r.readEach(g, choice, r.readDetail)
		case "thinking_blocks":
			err = r.readEach(g, choice, r.readThinkingBlock)
		case "tool_calls":
			err = r.readEach(g, choice, r.readToolCall)
		case "function_call":
			err = r.readMember(g, textKey{outer: choice, field: chatFunction}, "arguments")
		case "audio":
			err = r.readMember(g, textKey{outer: choice, field: chatTranscript}, "transcript")
		case "annotations", "citations":
			m, _ := g.take()
			err = r.wholeAt(g.b, m, shapeText, TextOther)
		case "provider_specific_fields": // a proxy's second copy of what the delta holds
			m, _ := g.take()
			r.repeatAt(m)
		default:
			err = r.refuse(g, key)
		}
		if piece >= 0 {
			err = r.piece(g, textKey{outer: choice, field: piece})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// piece notes the next text of a chat field. Where it is not reasoning, reasoning gives way.
func (r *TextRewriter) piece(g *cursor, key textKey) error {
	f := &chatFields[key.field]
	n := len(r.spots)
	if err := r.delta(g, key, f); err != nil {
		return err
	}
	if len(r.spots) > n && !f.thinks && r.spots[n].end-r.spots[n].start > len(`""`) {
		r.yield(key.outer)
	}
	return nil
}

// refuse walks over a member that is not known; it must not hold text.
func (r *TextRewriter) refuse(g *cursor, key []byte) error {
	m, ok := g.take()
	if !ok {
		return nil
	}
	w := fieldWalk{g: cursor{b: g.b[:m.End], i: m.Start}, fields: r.fields[:0]}
	w.value(shapeValues, TextOther)
	r.fields = w.fields
	for i := range r.fields {
		if f := &r.fields[i]; f.End-f.Start > len(`""`) {
			return textUnknown(key)
		}
	}
	return nil
}

// readContent reads the content of a delta: a text, or parts as Mistral sends them.
func (r *TextRewriter) readContent(g *cursor, choice int64) error {
	key := textKey{outer: choice, field: chatContent}
	switch g.peek() {
	case '"':
		return r.piece(g, key)
	case '[':
	default:
		return r.refuse(g, []byte("content"))
	}
	for ok := g.open('['); ok; ok = g.more('[') {
		if g.peek() != '{' {
			if err := r.refuse(g, []byte("content")); err != nil {
				return err
			}
			continue
		}
		for ok := g.open('{'); ok; ok = g.more('{') {
			var err error
			switch name := g.key(); string(name) {
			case "type", "closed", "signature":
				g.skip()
			case "text":
				err = r.piece(g, key)
			case "thinking":
				err = r.readThinking(g, choice)
			default:
				err = r.refuse(g, name)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *TextRewriter) readThinking(g *cursor, choice int64) error {
	key := textKey{outer: choice, field: chatContentThinking}
	if g.peek() != '[' {
		return r.piece(g, key)
	}
	for ok := g.open('['); ok; ok = g.more('[') {
		if err := r.readMember(g, key, "text"); err != nil {
			return err
		}
	}
	return nil
}

// readMember notes one member of an object as the next text of a channel; the others are no text.
func (r *TextRewriter) readMember(g *cursor, key textKey, name string) error {
	if g.peek() != '{' {
		return r.refuse(g, []byte(name))
	}
	for ok := g.open('{'); ok; ok = g.more('{') {
		if string(g.key()) != name {
			g.skip()
		} else if err := r.piece(g, key); err != nil {
			return err
		}
	}
	return nil
}

// readEach reads the objects of an array that count themselves.
func (r *TextRewriter) readEach(g *cursor, choice int64, read func(*cursor, textKey) error) error {
	if g.peek() != '[' {
		return r.refuse(g, []byte("delta"))
	}
	position := int64(0)
	for ok := g.open('['); ok; ok = g.more('[') {
		key := textKey{outer: choice, inner: learnChoice(g, position).index}
		if err := read(g, key); err != nil {
			return err
		}
		position++
	}
	return nil
}

func (r *TextRewriter) readToolCall(g *cursor, key textKey) error {
	if g.peek() != '{' {
		return r.refuse(g, []byte("tool_calls"))
	}
	for ok := g.open('{'); ok; ok = g.more('{') {
		var err error
		switch name := g.key(); string(name) {
		case "function":
			key.field = chatToolArguments
			err = r.readMember(g, key, "arguments")
		case "custom":
			key.field = chatToolInput
			err = r.readMember(g, key, "input")
		case "id", "type", "index", "name", "extra_content", "thought_signature":
			g.skip()
		default:
			err = r.refuse(g, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readDetail reads one of OpenRouter's reasoning details.
func (r *TextRewriter) readDetail(g *cursor, key textKey) error {
	if g.peek() != '{' {
		return r.refuse(g, []byte("reasoning_details"))
	}
	for ok := g.open('{'); ok; ok = g.more('{') {
		var err error
		switch name := g.key(); string(name) {
		case "text":
			key.field = chatDetailText
			err = r.piece(g, key)
		case "summary":
			key.field = chatDetailSummary
			err = r.piece(g, key)
		case "type", "id", "format", "index", "data", "signature":
			g.skip()
		default:
			err = r.refuse(g, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *TextRewriter) readThinkingBlock(g *cursor, key textKey) error {
	key.field = chatThinkingBlock
	return r.readMember(g, key, "thinking")
}
