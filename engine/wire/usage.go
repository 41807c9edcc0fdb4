package wire

import "bytes"

// Usage is what one call used, in tokens, with one meaning over all vendors.
//
// Input is the whole prompt with the parts read from and written to a cache. CacheRead and CacheWrite are those parts
// of Input. Output is everything the model made, thinking included; Reasoning is that part of Output. Known is false
// while nothing was told: zeros then mean nothing.
//
// The vendors differ: Anthropic's input_tokens leaves both cache parts out, Gemini's candidatesTokenCount and xAI's
// completion_tokens leave thinking out, and Gemini's prompts of tool use stand beside the prompt. They are added here.
type Usage struct {
	Input, Output, CacheRead, CacheWrite, Reasoning int64
	Known                                           bool
}

// usageCounts is what was read, not yet normalised. Counters of a stream only grow, and vendors send zeros in early or
// late events where the real number stands in another one, so the largest value wins.
type usageCounts struct {
	input, output, total           int64
	cacheRead, cacheWrite          int64
	reasoning, thoughts, toolInput int64
	known                          bool
}

// ReadUsage reads the usage of a whole answer. The same pass says whether the body is one complete JSON value and
// nothing after it, by the grammar of JSON: text that is not UTF-8 and keys that stand twice are for its reader to judge,
// and a byte order mark in front, which servers of some vendors write and most readers drop, is none of its bytes.
func ReadUsage(api API, body []byte) (usage Usage, complete bool) {
	var u usageCounts
	g := cursor{b: bytes.TrimPrefix(body, []byte("\uFEFF"))}
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "usage", "usageMetadata":
			u.read(&g)
		case "meta": // Cohere's rerank
			u.readMeta(&g)
		default:
			g.skip()
		}
	}
	return u.normal(api), g.done()
}

func (u *usageCounts) readSpan(span []byte) bool {
	if len(span) == 0 {
		return false
	}
	g := cursor{b: span}
	return u.read(&g)
}

// read takes in a usage object of any vendor and reports whether it was an object with a count.
func (u *usageCounts) read(g *cursor) bool {
	found := false
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "prompt_tokens", "input_tokens", "promptTokenCount":
			found = usageMax(g, &u.input) || found
		case "completion_tokens", "output_tokens", "candidatesTokenCount":
			found = usageMax(g, &u.output) || found
		case "total_tokens", "totalTokenCount":
			found = usageMax(g, &u.total) || found
		case "cache_read_input_tokens", "cachedContentTokenCount", "prompt_cache_hit_tokens", "cached_tokens":
			usageMax(g, &u.cacheRead)
		case "cache_creation_input_tokens":
			usageMax(g, &u.cacheWrite)
		case "thoughtsTokenCount":
			usageMax(g, &u.thoughts)
		case "toolUsePromptTokenCount":
			usageMax(g, &u.toolInput)
		case "reasoning_tokens":
			usageMax(g, &u.reasoning)
		case "prompt_tokens_details", "input_tokens_details", "completion_tokens_details", "output_tokens_details":
			u.readDetails(g)
		default:
			g.skip()
		}
	}
	u.known = u.known || (found && !g.bad)
	return found
}

func (u *usageCounts) readDetails(g *cursor) {
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "cached_tokens":
			usageMax(g, &u.cacheRead)
		case "cache_write_tokens":
			usageMax(g, &u.cacheWrite)
		case "reasoning_tokens", "thinking_tokens":
			usageMax(g, &u.reasoning)
		default:
			g.skip()
		}
	}
}

// readMeta reads Cohere's meta: tokens is what was processed, billed_units what was charged for.
func (u *usageCounts) readMeta(g *cursor) {
	var billed, tokens []byte
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "billed_units":
			billed = g.span()
		case "tokens":
			tokens = g.span()
		default:
			g.skip()
		}
	}
	if !u.readSpan(tokens) {
		u.readSpan(billed)
	}
}

// usageMax takes in a count that is larger than what is there and reports whether there was one.
func usageMax(g *cursor, dst *int64) bool {
	n, ok := g.count()
	*dst = max(*dst, n)
	return ok
}

// normal gives the counts the one meaning of Usage.
func (u *usageCounts) normal(api API) Usage {
	out := Usage{
		Input:      u.input,
		Output:     u.output,
		CacheRead:  u.cacheRead,
		CacheWrite: u.cacheWrite,
		Reasoning:  u.reasoning,
		Known:      u.known,
	}
	switch {
	case api.Dialect() == DialectAnthropic:
		out.Input += u.cacheRead + u.cacheWrite
	case api.Dialect() == DialectGemini:
		out.Input += u.toolInput
		out.Output += u.thoughts
		out.Reasoning = u.thoughts
	case u.input == 0 && u.output == 0:
		out.Input = u.total // embeddings and rerank that tell only a total
	case u.reasoning > 0 && u.total == u.input+u.output+u.reasoning:
		out.Output += u.reasoning
	}
	return out
}
