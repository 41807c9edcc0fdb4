package price

import (
	"math"

	"weir/engine/catalog"
	"weir/engine/wire"
)

// What calls are expected to use where the request does not say. They reserve enough for what clients usually ask; what a
// call really used takes their place when it is over.
const (
	// defaultOutput is the output of a client that sets no limit: four pages of text, more than nine answers in ten have.
	defaultOutput = 4096
	// bytesPerToken is the average of English prose and code.
	bytesPerToken = 4
	// imageTokens is the output of the largest picture in the best quality, of the models that sell pictures by tokens.
	imageTokens = 6240
	// speechTokens is how many tokens of sound one token of text takes when it is read out.
	speechTokens = 7
	// recordingBytes is how much of an uploaded recording makes a token: 64 kbit/s of sound and 20 tokens a second.
	recordingBytes = 400
	// recordingRate is how many bytes a second of it takes then.
	recordingRate = 8000
	// transcriptShare is how many tokens of sound make one of its transcript.
	transcriptShare = 5
	// most keeps products and sums of counts far away from overflow; no model reads or writes as much.
	most = math.MaxInt32
)

// Request is what is known of a call before it is made.
type Request struct {
	API wire.API
	// InputTokens is the size of the prompt where it was counted; otherwise it is estimated from InputBytes, the size that
	// wire.TextSize finds, or of the file that a transcription uploads.
	InputTokens, InputBytes int64
	// MaxOutput is the limit that the client set, in tokens for each choice; 0 = none.
	MaxOutput int64
	// Choices is how many answers, or pictures, the client asked for; 0 = one.
	Choices int64
	// Tier is the one that the client asked for.
	Tier wire.Tier
}

// Estimate is what a call may use and cost, to be reserved before it is made: the whole prompt at the full price and as
// much output as the client allows. M may be nil. The cost is not known where the list lacks a price.
func Estimate(p *catalog.Pricing, m *catalog.Model, in Request) (wire.Usage, Cost) {
	u := wire.Usage{Known: true, Estimated: true, Tier: in.Tier, Input: clamp(in.InputTokens)}
	if u.Input == 0 {
		u.Input = (clamp(in.InputBytes) + bytesPerToken - 1) / bytesPerToken
	}
	choices := max(clamp(in.Choices), 1)
	switch in.API {
	case wire.AnthropicCountTokens, wire.GeminiCountTokens, wire.Models: // vendors do not charge for them
		u.Input = 0
	case wire.OpenAIEmbeddings, wire.OpenAIModerations, wire.OpenAIRerank, wire.GeminiEmbed, wire.GeminiBatchEmbed:
	case wire.OpenAIImages:
		u.Images = choices
		if p != nil && p.ImageGenerationPerImage == nil {
			u.Output = min(imageTokens*choices, most)
		}
	case wire.OpenAISpeech:
		u.Output = min(u.Input*speechTokens, most)
		if p != nil && p.OutputAudio != nil {
			u.OutputAudio = u.Output
		}
	case wire.OpenAITranscriptions:
		if p != nil && p.InputPerSecond != nil && p.Input == nil {
			u.Input, u.Seconds = 0, (clamp(in.InputBytes)+recordingRate-1)/recordingRate
			break
		}
		if in.InputTokens <= 0 {
			u.Input = (clamp(in.InputBytes) + recordingBytes - 1) / recordingBytes
		}
		if p != nil && p.InputAudio != nil {
			u.InputAudio = u.Input
		}
		u.Output = u.Input / transcriptShare
	default:
		u.Output = min(outputLimit(m, in.MaxOutput)*choices, most)
	}
	cost := of(p, &u)
	return u, cost
}

// outputLimit is how much one answer may have.
func outputLimit(m *catalog.Model, asked int64) int64 {
	limit := clamp(asked)
	if limit == 0 {
		limit = defaultOutput
	}
	if m != nil && m.MaxOutputTokens > 0 {
		limit = min(limit, m.MaxOutputTokens)
	}
	return limit
}

func clamp(n int64) int64 { return min(max(n, 0), most) }
