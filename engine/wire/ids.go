package wire

// ReadResponseID is the id that a whole answer names itself by; "" where it has none.
func ReadResponseID(body []byte) string {
	return readEither(body, "id", "responseId")
}

// ReadModel is the model that a whole answer says made it; "" where it says none.
func ReadModel(body []byte) string {
	return readEither(body, "model", "modelVersion")
}

// readEither is the first of two top-level members that is a string with content.
func readEither(body []byte, a, b string) string {
	g := cursor{b: body}
	for ok := g.open('{'); ok; ok = g.more('{') {
		if key := g.key(); string(key) != a && string(key) != b {
			g.skip()
			continue
		}
		if raw := g.text(); len(raw) > 0 {
			return getString(raw)
		}
	}
	return ""
}

// ReadFinishReason is why a whole answer ended, in the upstream's own words: of its first choice or candidate, of the
// message, or the status of a response, where the reason of an incomplete one goes first. "" where it says nothing.
func ReadFinishReason(api API, body []byte) string {
	switch api {
	case AnthropicMessages:
		return getText(getMember(body, "stop_reason"))
	case GeminiGenerate:
		if reason := getText(getMember(getFirst(getMember(body, "candidates")), "finishReason")); reason != "" {
			return reason
		}
		return getText(getMember(getMember(body, "promptFeedback"), "blockReason"))
	case OpenAIResponses:
		if reason := getText(getMember(getMember(body, "incomplete_details"), "reason")); reason != "" {
			return reason
		}
		return getText(getMember(body, "status"))
	default:
		return getText(getMember(getFirst(getMember(body, "choices")), "finish_reason"))
	}
}

// getFirst is an array's first element, nil where there is none.
func getFirst(b []byte) []byte {
	g := cursor{b: b}
	if g.open('[') {
		return g.span()
	}
	return nil
}
