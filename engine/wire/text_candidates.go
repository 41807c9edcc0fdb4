package wire

// This file finds the texts in events of a Gemini stream.

const (
	geminiText = iota
	geminiThought
)

var geminiFields = [...]textField{
	geminiText:    {kind: TextAssistant, open: `{"text":`, shut: `}`},
	geminiThought: {kind: TextReasoning, thinks: true, open: `{"text":`, shut: `,"thought":true}`},
}

// readGemini finds the texts of one event.
func (r *TextRewriter) readGemini(g *cursor) error {
	for ok := g.open('{'); ok; ok = g.more('{') {
		var err error
		switch string(g.key()) {
		case "candidates":
			if g.peek() != '[' {
				err = r.refuse(g, []byte("candidates"))
				break
			}
			position := int64(0)
			for ok := g.open('['); ok && err == nil; ok = g.more('[') {
				err = r.readCandidate(g, position)
				position++
			}
		case "usageMetadata", "modelVersion", "responseId", "createTime", "modelStatus":
			g.skip()
		default:
			m, _ := g.take()
			r.other = true
			err = r.wholeAt(g.b, m, shapeText, TextOther)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *TextRewriter) readCandidate(g *cursor, position int64) error {
	if g.peek() != '{' {
		return r.refuse(g, []byte("candidates"))
	}
	f := learnChoice(g, position)
	facts := textObject{shape: shapeCandidate}
	for ok := g.open('{'); ok; ok = g.more('{') {
		var err error
		switch key := scanAlias(g.key()); key {
		case "content":
			err = r.readParts(g, f.index)
		case "index":
			g.skip()
		case "finishReason", "safetyRatings", "tokenCount", "avgLogprobs", "continuationToken":
			r.other = true
			g.skip()
		default:
			r.other = true
			shape, kind := facts.member(key)
			if shape == shapeNone {
				shape = shapeValues // a field that Gemini has added
			}
			m, _ := g.take()
			err = r.wholeAt(g.b, m, shape, kind)
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

func (r *TextRewriter) readParts(g *cursor, candidate int64) error {
	if g.peek() != '{' {
		return r.refuse(g, []byte("content"))
	}
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch name := g.key(); string(name) {
		case "parts":
			if g.peek() != '[' {
				if err := r.refuse(g, name); err != nil {
					return err
				}
				continue
			}
			for ok := g.open('['); ok; ok = g.more('[') {
				if err := r.readPart(g, candidate); err != nil {
					return err
				}
			}
		case "role":
			g.skip()
		default:
			if err := r.refuse(g, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// readPart reads one part. A part of another kind ends the texts before it: in the conversation it stands behind them.
func (r *TextRewriter) readPart(g *cursor, candidate int64) error {
	if g.peek() != '{' {
		return r.refuse(g, []byte("parts"))
	}
	field := geminiText
	ahead := *g
	for ok := ahead.open('{'); ok; ok = ahead.more('{') {
		if string(ahead.key()) == "thought" && ahead.peek() == 't' {
			field = geminiThought
		}
		ahead.skip()
	}
	for ok := g.open('{'); ok; ok = g.more('{') {
		var err error
		switch name := g.key(); string(name) {
		case "text":
			n := len(r.spots)
			err = r.delta(g, textKey{outer: candidate, field: field}, &geminiFields[field])
			if len(r.spots) > n && field == geminiText {
				r.yield(candidate)
			}
		case "thought":
			g.skip()
		case "thoughtSignature", "videoMetadata", "inlineData", "fileData", "mediaResolution", "partMetadata":
			r.other = true
			g.skip()
		case "functionCall":
			r.other = true
			r.closeOuter(candidate)
			err = r.readFunctionCall(g)
		case "functionResponse", "executableCode", "codeExecutionResult", "toolCall", "toolResponse":
			r.other = true
			r.closeOuter(candidate)
			part := textObject{shape: shapePart, kind: TextToolArguments}
			shape, kind := part.member(scanAlias(name))
			m, _ := g.take()
			err = r.wholeAt(g.b, m, shape, kind)
		default:
			r.other = true
			err = r.refuse(g, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *TextRewriter) readFunctionCall(g *cursor) error {
	if g.peek() != '{' {
		return r.refuse(g, []byte("functionCall"))
	}
	for ok := g.open('{'); ok; ok = g.more('{') {
		var err error
		switch name := g.key(); string(name) {
		case "args":
			m, _ := g.take()
			err = r.wholeAt(g.b, m, shapeTree, TextToolArguments)
		case "name", "id", "willContinue":
			g.skip()
		default: // arguments in pieces among others
			err = r.refuse(g, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
