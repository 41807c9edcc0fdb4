package wire

import (
	"strconv"
	"strings"
)

// peekMaxModels bounds the fallback list of one request: every entry may become an attempt, and no caller has asked
// for more than a handful; 32 leaves room and keeps a request from walking a whole catalog.
const peekMaxModels = 32

// Peek is what routing needs of a request body. Its strings alias the body. It is reusable; the zero value is ready.
type Peek struct {
	Doc Doc

	Model    string
	HasModel bool
	Models   []string // the caller's own fallback list
	Stream   bool
	// StreamUsageAsked tells that the caller of a completions API wants the usage event on the stream.
	StreamUsageAsked bool
	// MaxOutputTokens is the largest limit the caller set under any of its names; 0 is unknown or unlimited.
	MaxOutputTokens    int64
	User               string
	PreviousResponseID string // stored state that the request refers to
	Conversation       string // the same
	// BodyModels are the "model" values that a Gemini body repeats although its path names the model; offsets count
	// from the start of the body.
	BodyModels []Member

	nested  Doc
	scratch []byte
}

// Reset forgets the body.
func (p *Peek) Reset() {
	p.Doc.release()
	p.nested.release()
	clear(p.Models)
	clear(p.BodyModels)
	p.Model, p.HasModel, p.Models, p.BodyModels = "", false, p.Models[:0], p.BodyModels[:0]
	p.Stream, p.StreamUsageAsked, p.MaxOutputTokens = false, false, 0
	p.User, p.PreviousResponseID, p.Conversation = "", "", ""
	if cap(p.scratch) > textKeepScratch {
		p.scratch = nil
	}
	if cap(p.BodyModels) > scanKeepMembers {
		p.BodyModels = nil
	}
}

// Read scans the body and takes from it what routing needs. It refuses what two readers could read differently:
// wrong types of the members it reads, and those members spelled in another case, which some upstreams accept.
func (p *Peek) Read(api API, body []byte) *Problem {
	p.Reset()
	if problem := p.Doc.Scan(body); problem != nil {
		return problem
	}
	dialect := api.Dialect()
	for i := range p.Doc.members {
		var problem *Problem
		switch m := &p.Doc.members[i]; dialect {
		case DialectAnthropic:
			problem = p.readAnthropic(m)
		case DialectGemini:
			problem = p.readGemini(m)
		default:
			problem = p.readOpenAI(api, m)
		}
		if problem != nil {
			return problem
		}
	}
	return nil
}

func (p *Peek) readOpenAI(api API, m *Member) *Problem {
	switch m.Key {
	case "max_tokens", "max_completion_tokens", "max_output_tokens":
		return p.readLimit(m)
	case "stream_options":
		return p.readStreamOptions(api, m)
	case "user":
		return p.readText(m, &p.User)
	case "previous_response_id":
		return p.readText(m, &p.PreviousResponseID)
	case "conversation":
		if m.Kind == KindObject {
			return p.readInside(m, "id", &p.Conversation)
		}
		return p.readText(m, &p.Conversation)
	default:
		return p.readShared(m)
	}
}

func (p *Peek) readAnthropic(m *Member) *Problem {
	switch m.Key {
	case "max_tokens":
		return p.readLimit(m)
	case "metadata":
		if m.Kind == KindObject {
			return p.readInside(m, "user_id", &p.User)
		}
		return nil
	default:
		return p.readShared(m)
	}
}

// readShared reads what the OpenAI and Anthropic APIs have in common.
func (p *Peek) readShared(m *Member) *Problem {
	switch m.Key {
	case "model":
		if m.Kind != KindString {
			return peekWrong(m, "a string")
		}
		p.Model, p.HasModel = p.Doc.Str(*m)
		return nil
	case "models":
		return p.readModels(m)
	case "stream":
		if m.Kind == KindNull {
			return nil
		}
		stream, ok := p.Doc.Bool(*m)
		if !ok {
			return peekWrong(m, "a boolean")
		}
		p.Stream = stream
		return nil
	default:
		return peekCase(m)
	}
}

func (p *Peek) readModels(m *Member) *Problem {
	if m.Kind == KindNull {
		return nil
	}
	if m.Kind != KindArray {
		return peekWrong(m, "an array of strings")
	}
	c := cursor{b: p.Doc.body[:m.End], i: m.Start}
	for ok := c.open('['); ok; ok = c.more('[') {
		e, ok := c.take()
		if !ok {
			break
		}
		name, ok := p.Doc.Str(e)
		if !ok {
			return &Problem{
				Offset: e.Start, Param: "models",
				Message: "models[" + strconv.Itoa(len(p.Models)) + "] must be a string, not " + e.Kind.String(),
			}
		}
		if len(p.Models) == peekMaxModels {
			return &Problem{
				Offset: e.Start, Param: "models",
				Message: "models must not name more than " + strconv.Itoa(peekMaxModels) + " models, as each may be tried",
			}
		}
		p.Models = append(p.Models, name)
	}
	return nil
}

func (p *Peek) readStreamOptions(api API, m *Member) *Problem {
	if m.Kind == KindNull {
		return nil
	}
	if m.Kind != KindObject {
		return peekWrong(m, "an object")
	}
	usage, problem := p.inside(m, "include_usage")
	if problem != nil || usage.Kind == KindNone || usage.Kind == KindNull {
		return problem
	}
	asked, ok := p.Doc.Bool(usage)
	if !ok {
		return peekWrong(&usage, "a boolean")
	}
	p.StreamUsageAsked = asked && (api == OpenAIChat || api == OpenAICompletions)
	return nil
}

// readLimit keeps the largest limit, so that a budget never counts on the smaller of two. Local servers take a
// negative limit for none.
func (p *Peek) readLimit(m *Member) *Problem {
	if m.Kind == KindNull {
		return nil
	}
	n, ok := p.Doc.Int(*m)
	if !ok {
		return peekWrong(m, "a whole number")
	}
	p.MaxOutputTokens = max(p.MaxOutputTokens, n)
	return nil
}

func (p *Peek) readText(m *Member, into *string) *Problem {
	if m.Kind == KindNull || m.Kind == KindNone {
		return nil
	}
	s, ok := p.Doc.Str(*m)
	if !ok {
		return peekWrong(m, "a string")
	}
	*into = s
	return nil
}

func (p *Peek) readInside(m *Member, key string, into *string) *Problem {
	inner, problem := p.inside(m, key)
	if problem != nil {
		return problem
	}
	return p.readText(&inner, into)
}

// inside finds a member of a nested object, which must be as unambiguous as the body. Its key and offsets are those
// of the body: "stream_options.include_usage".
func (p *Peek) inside(m *Member, key string) (Member, *Problem) {
	if problem := p.scanNested(m); problem != nil {
		return Member{}, problem
	}
	for i := range p.nested.members {
		if k := p.nested.members[i].Key; k != key && len(k) >= len(key) && strings.EqualFold(k, key) {
			return Member{}, peekMisspelled(m.KeyStart, k, key)
		}
	}
	inner, ok := p.nested.Lookup(key)
	if !ok {
		return Member{}, nil
	}
	return inner.shift(m.Start), nil
}

func (p *Peek) scanNested(m *Member) *Problem {
	problem := ScanObject(p.Doc.Raw(*m), &p.nested)
	if problem == nil {
		return nil
	}
	problem.Offset += m.Start
	if problem.Param != "" {
		problem.Param = m.Key + "." + problem.Param
	}
	return problem
}

func (m Member) shift(by int) Member {
	m.KeyStart += by
	m.Start += by
	m.End += by
	return m
}

func peekWrong(m *Member, want string) *Problem {
	return &Problem{Offset: m.Start, Param: m.Key, Message: m.Key + " must be " + want + ", not " + m.Kind.String()}
}
