package price

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine/catalog"
	"weir/engine/wire"
)

func TestEstimate(t *testing.T) {
	small := &catalog.Model{MaxOutputTokens: 1000}
	images := &catalog.Pricing{ImageGenerationPerImage: new(0.04)}
	sound := list(func(p *catalog.Pricing) { p.InputAudio, p.OutputAudio = new(6.0), new(12.0) })
	tests := []struct {
		name string
		p    *catalog.Pricing
		m    *catalog.Model
		in   Request
		want wire.Usage
		cost string // "" = not known
	}{
		{"chat", list(nil), nil, Request{API: wire.OpenAIChat, InputBytes: 401, MaxOutput: 200}, wire.Usage{Input: 101, Output: 200}, "0.003303"},
		{"counted", list(nil), nil, Request{API: wire.OpenAIChat, InputTokens: 90, InputBytes: 401, MaxOutput: 200}, wire.Usage{Input: 90, Output: 200}, "0.00327"},
		{"no limit", list(nil), nil, Request{API: wire.AnthropicMessages}, wire.Usage{Output: 4096}, "0.06144"},
		{"no limit and a small model", list(nil), small, Request{API: wire.OpenAIResponses}, wire.Usage{Output: 1000}, "0.015"},
		{"a limit above the model's", list(nil), small, Request{API: wire.GeminiGenerate, MaxOutput: 5000}, wire.Usage{Output: 1000}, "0.015"},
		{"a limit above the default", list(nil), &catalog.Model{}, Request{API: wire.OpenAIChat, MaxOutput: 9000}, wire.Usage{Output: 9000}, "0.135"},
		{"choices", list(nil), small, Request{API: wire.OpenAICompletions, Choices: 3}, wire.Usage{Output: 3000}, "0.045"},
		{"counting tokens", list(nil), nil, Request{API: wire.AnthropicCountTokens, InputTokens: 900, InputBytes: 4000}, wire.Usage{}, "0"},
		{"negative numbers", list(nil), nil, Request{API: wire.OpenAIChat, InputTokens: -1, InputBytes: -1, MaxOutput: -1, Choices: -1}, wire.Usage{Output: 4096}, "0.06144"},
		{
			"numbers to overflow with", list(nil), nil,
			Request{API: wire.OpenAIChat, InputTokens: math.MaxInt64, MaxOutput: math.MaxInt64, Choices: math.MaxInt64},
			wire.Usage{Input: most, Output: most},
			"38654.705646",
		},
		{
			"priority", list(func(p *catalog.Pricing) { p.Priority = &catalog.Rates{Input: new(6.0), Output: new(30.0)} }), nil,
			Request{API: wire.OpenAIChat, InputBytes: 400, MaxOutput: 100, Tier: wire.TierPriority},
			wire.Usage{Input: 100, Output: 100, Tier: wire.TierPriority},
			"0.0036",
		},
		{"priority without a price", list(nil), nil, Request{API: wire.OpenAIChat, MaxOutput: 1, Tier: wire.TierPriority}, wire.Usage{Output: 1, Tier: wire.TierPriority}, ""},
		{"embeddings", &catalog.Pricing{Input: new(0.02)}, nil, Request{API: wire.OpenAIEmbeddings, InputBytes: 4000}, wire.Usage{Input: 1000}, "0.00002"},
		{"moderations", list(nil), nil, Request{API: wire.OpenAIModerations, InputBytes: 4}, wire.Usage{Input: 1}, "0.000003"},
		{"rerank", list(nil), nil, Request{API: wire.OpenAIRerank, InputBytes: 4, Choices: 9}, wire.Usage{Input: 1}, "0.000003"},
		{"vectors of Gemini", list(nil), nil, Request{API: wire.GeminiBatchEmbed, InputBytes: 4}, wire.Usage{Input: 1}, "0.000003"},
		{"images by number", images, nil, Request{API: wire.OpenAIImages, Choices: 3}, wire.Usage{Images: 3}, "0.12"},
		{"one image", images, nil, Request{API: wire.OpenAIImages}, wire.Usage{Images: 1}, "0.04"},
		{"images by tokens", list(nil), nil, Request{API: wire.OpenAIImages, Choices: 2}, wire.Usage{Images: 2, Output: 12480}, "0.1872"},
		{"speech", sound, nil, Request{API: wire.OpenAISpeech, InputBytes: 400}, wire.Usage{Input: 100, Output: 700, OutputAudio: 700}, "0.0087"},
		{"speech at the price of text", list(nil), nil, Request{API: wire.OpenAISpeech, InputBytes: 400}, wire.Usage{Input: 100, Output: 700}, "0.0108"},
		{"a recording", sound, nil, Request{API: wire.OpenAITranscriptions, InputBytes: 400_000}, wire.Usage{Input: 1000, InputAudio: 1000, Output: 200}, "0.009"},
		{"a recording by the second", &catalog.Pricing{InputPerSecond: new(0.0001)}, nil, Request{API: wire.OpenAITranscriptions, InputBytes: 400_000}, wire.Usage{Seconds: 50}, "0.005"},
		{"unknown prices", &catalog.Pricing{}, nil, Request{API: wire.OpenAIChat, MaxOutput: 1}, wire.Usage{Output: 1}, ""},
		{"images without a price", &catalog.Pricing{}, nil, Request{API: wire.OpenAIImages}, wire.Usage{Images: 1, Output: 6240}, ""},
		{"no list", nil, nil, Request{API: wire.OpenAIImages}, wire.Usage{Images: 1}, ""},
		{"an unknown API is taken for text", list(nil), nil, Request{MaxOutput: 1}, wire.Usage{Output: 1}, "0.000015"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Known, tt.want.Estimated = true, true
			usage, cost := Estimate(tt.p, tt.m, tt.in)
			if diff := cmp.Diff(tt.want, usage); diff != "" || shown(cost) != tt.cost {
				t.Errorf("got cost %q, want %q (-want +got):\n%s", shown(cost), tt.cost, diff)
			}
		})
	}
}

// benchUsage has every kind of token.
func benchUsage() (*catalog.Pricing, *wire.Usage) {
	p := list(func(p *catalog.Pricing) {
		p.CacheRead, p.CacheWrite, p.CacheWriteHour, p.WebSearchPerCall = new(0.3), new(3.75), new(6.0), new(0.01)
		p.LongContext = &catalog.LongContext{Above: 200_000, Rates: catalog.Rates{Input: new(6.0), Output: new(22.5)}}
	})
	return p, &wire.Usage{Input: 12_000, Output: 900, CacheRead: 8000, CacheWrite: 2000, CacheWriteHour: 500, WebSearches: 1, Known: true}
}

func BenchmarkOf(b *testing.B) {
	p, u := benchUsage()
	b.ReportAllocs()
	for b.Loop() {
		Of(p, u)
	}
}

func BenchmarkEstimate(b *testing.B) {
	p, _ := benchUsage()
	m := &catalog.Model{MaxOutputTokens: 64_000}
	in := Request{API: wire.OpenAIChat, InputBytes: 9000, MaxOutput: 1024, Choices: 2}
	b.ReportAllocs()
	for b.Loop() {
		Estimate(p, m, in)
	}
}

func BenchmarkAppendText(b *testing.B) {
	var buf [32]byte
	b.ReportAllocs()
	for b.Loop() {
		USD(185_100_000).AppendText(buf[:0])
	}
}
