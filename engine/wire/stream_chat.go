package wire

// chat reads a chunk of OpenAI chat or completions, and of what calls itself compatible with them.
func (o *Observer) chat(g *cursor) Signal {
	var content, finished, failed, counted bool
	choices := 0
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "choices":
			for ok := g.open('['); ok; ok = g.more('[') {
				choices++
				c := o.choice(g)
				content = content || c.content
				finished = finished || c.finished
				failed = failed || c.failed
			}
		case "usage":
			counted = o.readUsage(g) || counted
		case "service_tier":
			o.usage.readTier(g.text())
		case "x_groq": // Groq's copy of the usage where nobody asked for usage
			for ok := g.open('{'); ok; ok = g.more('{') {
				if string(g.key()) == "usage" {
					o.readUsage(g)
				} else {
					g.skip()
				}
			}
		case "error":
			failed = g.filled() || failed
		case "object":
			failed = string(g.text()) == "error" || failed // vLLM's own shape
		case "id":
			streamNote(&o.id, g.text())
		case "model":
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
	case finished:
		return SignalOther
	case choices == 0 && counted:
		return SignalUsage
	default:
		return SignalPreamble
	}
}

// chatChoice is what one choice of a chunk holds.
type chatChoice struct {
	content, finished, failed bool
}

func (o *Observer) choice(g *cursor) (c chatChoice) {
	index := int64(0)
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "delta", "message":
			c.content = o.chatDelta(g) || c.content
		case "text":
			c.content = o.weigh(g) || c.content
		case "finish_reason":
			reason := g.text()
			c.finished = len(reason) > 0
			c.failed = string(reason) == "error" || c.failed // OpenRouter, when the provider behind it broke
			o.note(reason)
		case "error":
			c.failed = g.filled() || c.failed
		case "index":
			index, _ = g.count()
		case "usage": // Moonshot counts inside the last choice
			o.readUsage(g)
		default:
			g.skip()
		}
	}
	if !g.bad && !c.failed {
		o.choose(index, c.finished)
	}
	return c
}

// chatDelta reports whether a delta has anything to show. Members that are not known count: vendors add new kinds of
// content, and a stream that commits too early only loses its failover, while one that commits too late is held back.
func (o *Observer) chatDelta(g *cursor) (content bool) {
	var thinking, thought int64 // servers that changed the name of thinking send it under both
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "role", "name", "id", "type", "provider_specific_fields":
			g.skip()
		case "audio":
			for ok := g.open('{'); ok; ok = g.more('{') {
				switch string(g.key()) {
				case "data", "transcript":
					content = g.filled() || content
				default:
					g.skip()
				}
			}
		case "content", "refusal", "tool_calls", "function_call":
			content = o.weigh(g) || content
		case "reasoning_content":
			content = weighInto(g, &thinking) || content
		case "reasoning":
			content = weighInto(g, &thought) || content
		default:
			content = g.filled() || content
		}
	}
	o.passed += max(thinking, thought)
	return content
}
