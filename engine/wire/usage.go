package wire

import "bytes"

// Usage is what one call used, in tokens, with one meaning over all vendors.
//
// Input is the whole prompt with the parts read from and written to a cache. CacheRead and CacheWrite are those parts
// of Input, and CacheWriteHour the part of CacheWrite that is kept for an hour. InputAudio and InputImage are the parts of
// Input that were sound and pictures; sound that came from a cache is in CacheRead alone. Output is everything the model
// made, thinking included; Reasoning, OutputAudio and OutputImage are parts of Output. Images counts pictures of the
// images API, Seconds the length of a recording where the vendor bills by time, and WebSearches, CodeRuns and FileSearches the calls of tools that the vendor ran and charges for. Known is
// false while nothing was told: zeros then mean nothing. Estimated says that Weir counted, not the vendor.
//
// The vendors differ: Anthropic's input_tokens leaves both cache parts out, Gemini's candidatesTokenCount and xAI's
// completion_tokens leave thinking out, and Gemini's prompts of tool use stand beside the prompt. They are added here.
type Usage struct {
	Input, Output, CacheRead, CacheWrite, Reasoning int64
	CacheWriteHour                                  int64
	InputAudio, InputImage                          int64
	OutputAudio, OutputImage                        int64
	Images, Seconds                                 int64
	WebSearches, CodeRuns, FileSearches             int64
	Tier                                            Tier
	Known                                           bool
	Estimated                                       bool
}

// Tier is how fast, and at which price list, a vendor served a call.
type Tier uint8

// The tiers. What a vendor sells as reserved capacity counts as standard: its list price is the only one that is public.
const (
	TierStandard Tier = iota
	TierBatch
	TierFlex
	TierPriority
	TierOther // dearer than any price list that Weir knows
)

// ReadUsage reads the usage of a whole answer. The same pass says whether the body is one complete JSON value and
// nothing after it, by the grammar of JSON: text that is not UTF-8 and keys that stand twice are for its reader to judge,
// and a byte order mark in front, which servers of some vendors write and most readers drop, is none of its bytes.
func ReadUsage(api API, body []byte) (usage Usage, complete bool) {
	var u usageCounts
	g := cursor{b: bytes.TrimPrefix(body, []byte("\uFEFF"))}
	for ok := g.open('{'); ok; ok = g.more('{') {
		u.readMember(&g, api, g.key())
	}
	return u.normal(api), g.done()
}

// usageCounts is what was read, not yet normalised. Counters of a stream only grow, and vendors send zeros in early or
// late events where the real number stands in another one, so the largest value wins.
type usageCounts struct {
	input, output, total           int64
	cacheRead, cacheWrite          int64
	cacheHour, cacheMinutes        int64
	reasoning, thoughts, toolInput int64
	audioIn, audioOut, audioCached int64
	imageIn, imageOut              int64
	images, seconds                int64
	webSearches, codeRuns          int64
	fileSearches                   int64
	tier                           Tier
	fast                           bool
	known                          bool
}

// normal gives the counts the one meaning of Usage.
func (u *usageCounts) normal(api API) Usage {
	out := Usage{
		Input: u.input, Output: u.output, CacheRead: u.cacheRead, Reasoning: u.reasoning,
		CacheWrite: max(u.cacheWrite, u.cacheHour+u.cacheMinutes), CacheWriteHour: u.cacheHour,
		InputAudio: max(u.audioIn-u.audioCached, 0), InputImage: u.imageIn, OutputAudio: u.audioOut, OutputImage: u.imageOut,
		Images: u.images, Seconds: u.seconds, WebSearches: u.webSearches, CodeRuns: u.codeRuns, FileSearches: u.fileSearches,
		Tier: u.tier, Known: u.known || u.images > 0 || u.seconds > 0,
	}
	switch {
	case api.Dialect() == DialectAnthropic:
		out.Input += u.cacheRead + out.CacheWrite
		if u.tier == TierPriority { // capacity that was bought beforehand
			out.Tier = TierStandard
		}
	case api.Dialect() == DialectGemini:
		out.Input += u.toolInput
		out.Output += u.thoughts
		out.Reasoning = u.thoughts
	case u.input == 0 && u.output == 0:
		out.Input = u.total // embeddings and rerank that tell only a total
	case u.reasoning > 0 && u.total == u.input+u.output+u.reasoning:
		out.Output += u.reasoning
	}
	if u.fast { // Anthropic's fast mode: a dearer list of prices, like priority elsewhere
		out.Tier = TierPriority
	}
	return out
}
