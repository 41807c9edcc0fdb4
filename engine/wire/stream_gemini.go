package wire

// gemini reads one GenerateContentResponse of a Gemini stream.
func (o *Observer) gemini(g *cursor) Signal {
	var content, closed, failed bool
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "candidates":
			for ok := g.open('['); ok; ok = g.more('[') {
				shown, last := o.candidate(g)
				content = content || shown
				closed = closed || last
			}
		case "usageMetadata":
			o.readUsage(g)
		case "promptFeedback":
			for ok := g.open('{'); ok; ok = g.more('{') {
				if string(g.key()) == "blockReason" {
					reason := g.text()
					o.note(reason)
					closed = closed || len(reason) > 0
				} else {
					g.skip()
				}
			}
			if closed && !g.bad && o.seen == 0 {
				o.ended = true // a blocked prompt has no candidates: this is the whole answer
			}
		case "error":
			failed = g.filled() || failed
		case "responseId":
			streamNote(&o.id, g.text())
		case "modelVersion":
			streamNote(&o.model, g.text())
		default:
			g.skip()
		}
	}
	switch {
	case failed && !g.bad:
		return o.fail(g.b)
	case content:
		return SignalContent
	case closed && o.ended:
		return SignalEnd
	case closed:
		return SignalOther
	default:
		return SignalPreamble
	}
}

func (o *Observer) candidate(g *cursor) (content, closed bool) {
	index := int64(0)
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "content":
			for ok := g.open('{'); ok; ok = g.more('{') {
				if string(g.key()) != "parts" {
					g.skip()
					continue
				}
				for ok := g.open('['); ok; ok = g.more('[') {
					content = o.geminiPart(g) || content
				}
			}
		case "finishReason":
			reason := g.text()
			o.note(reason)
			closed = len(reason) > 0 && string(reason) != "FINISH_REASON_UNSPECIFIED"
		case "groundingMetadata":
			o.usage.readGrounding(g)
		case "index":
			index, _ = g.count()
		default:
			g.skip()
		}
	}
	if !g.bad {
		o.choose(index, closed)
	}
	return content, closed
}

// geminiPart reports whether a part holds anything: text, a function call, data, code. The mark that a text is a
// thought is no content by itself.
func (o *Observer) geminiPart(g *cursor) (content bool) {
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "thought":
			g.skip()
		case "text", "functionCall", "executableCode":
			content = o.weigh(g) || content
		default:
			content = g.filled() || content
		}
	}
	return content
}
