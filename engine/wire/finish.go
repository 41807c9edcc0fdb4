package wire

// ReadFinish is why a whole answer ended, in the vendor's words; "" where it does not say or is no answer of a model. Of
// several choices it is the first one's. It allocates the word and nothing else.
func ReadFinish(api API, body []byte) string {
	g := cursor{b: body}
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch key := string(g.key()); {
		case key == "choices" && api.Dialect() == DialectOpenAI:
			return readChoiceFinish(&g, "finish_reason")
		case key == "candidates" && api.Dialect() == DialectGemini:
			return readChoiceFinish(&g, "finishReason")
		case key == "stop_reason" && api == AnthropicMessages, key == "status" && api == OpenAIResponses:
			return string(g.text())
		default:
			g.skip()
		}
	}
	return ""
}

func readChoiceFinish(g *cursor, name string) string {
	if !g.open('[') {
		return ""
	}
	for ok := g.open('{'); ok; ok = g.more('{') {
		if string(g.key()) == name {
			return string(g.text())
		}
		g.skip()
	}
	return ""
}
