package wire

import "strings"

// readGemini knows both spellings of each member: the Gemini API takes the JSON names and the original field names.
func (p *Peek) readGemini(m *Member) *Problem {
	switch m.Key {
	case "model":
		return p.noteModel(m)
	case "requests":
		return p.readRequests(m)
	case "generateContentRequest", "generate_content_request":
		if p.twice("generateContentRequest", "generate_content_request") {
			return peekTwice(m)
		}
		return p.readWrapped(m)
	case "generationConfig", "generation_config":
		return p.readGenerationConfig(m)
	default:
		return nil
	}
}

func (p *Peek) noteModel(m *Member) *Problem {
	if m.Kind == KindNone {
		return nil
	}
	if m.Kind != KindString {
		return peekWrong(m, "a string")
	}
	p.BodyModels = append(p.BodyModels, *m)
	return nil
}

// readRequests notes the model of every request of a batch.
func (p *Peek) readRequests(m *Member) *Problem {
	if m.Kind != KindArray {
		return nil
	}
	c := cursor{b: p.Doc.body[:m.End], i: m.Start}
	for ok := c.open('['); ok; ok = c.more('[') {
		e, ok := c.take()
		if !ok {
			break
		}
		e.Key = m.Key
		if e.Kind != KindObject {
			return peekWrong(&e, "an array of objects")
		}
		if problem := p.readWrapped(&e); problem != nil {
			return problem
		}
	}
	return nil
}

// readWrapped notes the model of a request inside the request.
func (p *Peek) readWrapped(m *Member) *Problem {
	if m.Kind != KindObject {
		return peekWrong(m, "an object")
	}
	inner, problem := p.inside(m, "model")
	if problem != nil {
		return problem
	}
	return p.noteModel(&inner)
}

func (p *Peek) readGenerationConfig(m *Member) *Problem {
	if m.Kind == KindNull {
		return nil
	}
	if m.Kind != KindObject {
		return peekWrong(m, "an object")
	}
	if p.twice("generationConfig", "generation_config") {
		return peekTwice(m)
	}
	camel, problem := p.inside(m, "maxOutputTokens")
	if problem != nil {
		return problem
	}
	snake, problem := p.inside(m, "max_output_tokens")
	if problem != nil {
		return problem
	}
	switch {
	case camel.Kind == KindNone:
		return p.readProtoLimit(&snake)
	case snake.Kind == KindNone:
		return p.readProtoLimit(&camel)
	default:
		return peekTwice(&snake)
	}
}

// readProtoLimit takes a whole number or, as protocol buffers allow in JSON, a string that holds one.
func (p *Peek) readProtoLimit(m *Member) *Problem {
	switch m.Kind {
	case KindNone:
		return nil
	case KindString:
		s, _ := p.Doc.Str(*m)
		n, ok := membersInt(s)
		if !ok {
			return peekWrong(m, "a whole number")
		}
		p.MaxOutputTokens = max(p.MaxOutputTokens, n)
		return nil
	default:
		return p.readLimit(m)
	}
}

func (p *Peek) twice(a, b string) bool {
	_, hasA := p.Doc.find(a)
	_, hasB := p.Doc.find(b)
	return hasA && hasB
}

func peekTwice(m *Member) *Problem {
	return &Problem{Offset: m.KeyStart, Param: m.Key, Message: m.Key + " is given in both of its spellings"}
}

// SpliceModels appends the body with every value of BodyModels replaced by the raw JSON value, every other byte as
// it came.
func (p *Peek) SpliceModels(dst, value []byte) []byte {
	from := 0
	for _, m := range p.BodyModels {
		dst = append(dst, p.Doc.body[from:m.Start]...)
		dst = append(dst, value...)
		from = m.End
	}
	return append(dst, p.Doc.body[from:]...)
}

// peekNames are the members of OpenAI and Anthropic bodies that Weir or its policies read. Some upstreams match names
// without regard to case, so that "Model" beside "model" would be another request there than here.
var peekNames = [...]string{
	"conversation", "input", "instructions", "max_completion_tokens", "max_output_tokens", "max_tokens", "messages",
	"metadata", "model", "models", "previous_response_id", "prompt", "stream", "stream_options", "system", "tools", "user",
}

// peekCase refuses such a name in another case. Names are lower case throughout these APIs, so that the comparison
// is for odd bodies only.
func peekCase(m *Member) *Problem {
	odd := false
	for i := range len(m.Key) {
		c := m.Key[i]
		odd = odd || c >= 0x80 || (c >= 'A' && c <= 'Z')
	}
	if !odd {
		return nil
	}
	for _, name := range peekNames {
		if strings.EqualFold(m.Key, name) {
			return peekMisspelled(m.KeyStart, m.Key, name)
		}
	}
	return nil
}

func peekMisspelled(at int, key, want string) *Problem {
	return &Problem{Offset: at, Param: scanShown(key), Message: "the key must be spelled " + want}
}
