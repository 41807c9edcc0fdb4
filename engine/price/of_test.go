package price

import (
	"encoding/json"
	"math"
	"math/big"
	"os"
	"testing"

	"weir/engine/catalog"
	"weir/engine/wire"
)

func list(set func(p *catalog.Pricing)) *catalog.Pricing {
	p := &catalog.Pricing{Input: new(3.0), Output: new(15.0)}
	if set != nil {
		set(p)
	}
	return p
}

func TestOf(t *testing.T) {
	cached := list(func(p *catalog.Pricing) {
		p.CacheRead, p.CacheWrite, p.CacheWriteHour = new(0.3), new(3.75), new(6.0)
	})
	media := list(func(p *catalog.Pricing) {
		p.InputAudio, p.OutputAudio, p.InputImage, p.OutputImage = new(32.0), new(64.0), new(8.0), new(30.0)
	})
	tiers := list(func(p *catalog.Pricing) {
		p.CacheRead, p.InputBatch, p.OutputBatch = new(0.3), new(1.5), new(7.5)
		p.Flex = &catalog.Rates{Input: new(1.0), CacheRead: new(0.1)}
		p.Priority = &catalog.Rates{Input: new(6.0), Output: new(30.0)}
		p.LongContext = &catalog.LongContext{Above: 1000, Rates: catalog.Rates{Input: new(6.0), Output: new(22.5)}}
	})
	tools := list(func(p *catalog.Pricing) {
		p.WebSearchPerCall, p.CodeExecutionPerCall, p.FileSearchPerCall = new(0.01), new(0.03), new(0.0025)
	})
	free := &catalog.Pricing{Input: new(0.0), Output: new(0.0)}
	perImage := &catalog.Pricing{ImageGenerationPerImage: new(0.04)}
	tests := []struct {
		name  string
		p     *catalog.Pricing
		usage wire.Usage
		want  string // "" = not known
	}{
		{"text", list(nil), wire.Usage{Input: 1000, Output: 100}, "0.0045"},
		{"one token", list(nil), wire.Usage{Input: 1}, "0.000003"},
		{"thinking is output", list(nil), wire.Usage{Output: 100, Reasoning: 80}, "0.0015"},
		{"nothing was used", list(nil), wire.Usage{}, "0"},
		{"no list", nil, wire.Usage{Input: 1}, ""},
		{"an empty list", &catalog.Pricing{}, wire.Usage{Input: 1}, ""},
		{"an empty list and nothing used", &catalog.Pricing{}, wire.Usage{}, ""},
		{"input without a price", &catalog.Pricing{Output: new(1.0)}, wire.Usage{Input: 1, Output: 1}, ""},
		{"output without a price", &catalog.Pricing{Input: new(1.0)}, wire.Usage{Input: 1, Output: 1}, ""},
		{"an embedding needs no price of output", &catalog.Pricing{Input: new(0.02)}, wire.Usage{Input: 5}, "0.0000001"},
		{"free", free, wire.Usage{Input: 9999, Output: 9999, CacheRead: 5}, "0"},
		{"a negative count", list(nil), wire.Usage{Input: -5, Output: 1}, "0.000015"},

		{"cache", cached, wire.Usage{Input: 1000, CacheRead: 600, CacheWrite: 300}, "0.001605"},
		{"cache for an hour", cached, wire.Usage{Input: 1000, CacheWrite: 1000, CacheWriteHour: 400}, "0.00465"},
		{"cache without prices", list(nil), wire.Usage{Input: 1000, CacheRead: 600, CacheWrite: 300}, "0.003"},
		{"cache for an hour without a price", list(nil), wire.Usage{Input: 10, CacheWrite: 10, CacheWriteHour: 10}, ""},
		{"more in the cache than in the prompt", cached, wire.Usage{Input: 10, CacheRead: 100}, "0.00003"},

		{"sound", media, wire.Usage{Input: 100, Output: 50, InputAudio: 60, OutputAudio: 40}, "0.00475"},
		{"sound in without a price", list(nil), wire.Usage{Input: 100, InputAudio: 60}, ""},
		{"sound out without a price", list(nil), wire.Usage{Output: 100, OutputAudio: 60}, ""},
		{"pictures in", media, wire.Usage{Input: 100, InputImage: 60}, "0.0006"},
		{"pictures in at the price of text", list(nil), wire.Usage{Input: 100, InputImage: 60}, "0.0003"},
		{"pictures out", media, wire.Usage{Output: 100, OutputImage: 60}, "0.0024"},
		{"pictures out without a price", list(nil), wire.Usage{Output: 100, OutputImage: 60}, ""},
		{"images by tokens", media, wire.Usage{Input: 10, Output: 100, Images: 2}, "0.00303"},
		{"images by tokens without a price of pictures", list(nil), wire.Usage{Output: 100, OutputImage: 60, Images: 2}, "0.0015"},
		{"images by number", perImage, wire.Usage{Images: 3}, "0.12"},
		{"images by number without a price", list(nil), wire.Usage{Images: 3}, ""},

		{"batch", tiers, wire.Usage{Input: 100, Output: 100, Tier: wire.TierBatch}, "0.0009"},
		{"batch without prices", list(nil), wire.Usage{Input: 100, Output: 100, Tier: wire.TierBatch}, "0.0018"},
		{"flex", tiers, wire.Usage{Input: 100, Output: 100, CacheRead: 50, Tier: wire.TierFlex}, "0.001555"},
		{"flex without prices", list(nil), wire.Usage{Input: 100, Tier: wire.TierFlex}, "0.0003"},
		{"priority", tiers, wire.Usage{Input: 100, Output: 100, CacheRead: 50, Tier: wire.TierPriority}, "0.0036"},
		{"priority without prices", list(nil), wire.Usage{Input: 100, Tier: wire.TierPriority}, ""},
		{"a tier without any prices", tiers, wire.Usage{Input: 100, Tier: wire.TierOther}, ""},
		{"at the border of long prompts", tiers, wire.Usage{Input: 1000}, "0.003"},
		{"a long prompt", tiers, wire.Usage{Input: 1001, Output: 2, CacheRead: 1}, "0.006051"},
		{"a long prompt in a batch", tiers, wire.Usage{Input: 1001, Tier: wire.TierBatch}, "0.006006"},
		{"a long prompt with priority", tiers, wire.Usage{Input: 1001, Tier: wire.TierPriority}, ""},

		{"by the second", &catalog.Pricing{InputPerSecond: new(0.0001)}, wire.Usage{Seconds: 90}, "0.009"},
		{"by the second without a price", list(nil), wire.Usage{Input: 4, Seconds: 90}, ""},
		{"tools", tools, wire.Usage{WebSearches: 3, CodeRuns: 1, FileSearches: 2}, "0.065"},
		{"searches without a price", list(nil), wire.Usage{Input: 1, WebSearches: 1}, ""},
		{"code without a price", list(nil), wire.Usage{Input: 1, CodeRuns: 1}, ""},
		{"files without a price", list(nil), wire.Usage{Input: 1, FileSearches: 1}, ""},

		{"more than there is", list(nil), wire.Usage{Input: math.MaxInt64, Output: math.MaxInt64}, "9223372.036854775807"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.usage.Known = true
			got := Of(tt.p, &tt.usage)
			if shown(got) != tt.want {
				t.Errorf("got %q, want %q", shown(got), tt.want)
			}
			tt.usage.Known = false
			if got := Of(tt.p, &tt.usage); got != (Cost{}) {
				t.Errorf("got %+v for usage that nobody told, want none", got)
			}
		})
	}
}

func shown(c Cost) string {
	if !c.Known {
		return ""
	}
	return c.USD.String()
}

// Ten calls cost ten times one, which sums of floats do not hold.
func TestSumsAreExact(t *testing.T) {
	p := list(func(p *catalog.Pricing) { p.Input = new(0.1) })
	sum := USD(0)
	for range 1_000_000 {
		sum = sum.Add(Of(p, &wire.Usage{Input: 1, Known: true}).USD)
	}
	if sum.String() != "0.1" {
		t.Errorf("got %s, want 0.1", sum)
	}
}

// The decimals that stand in the built-in catalog are the amounts that are counted with.
func TestPricesOfTheCatalogAreExact(t *testing.T) {
	data, err := os.ReadFile("../catalog/models.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Providers []struct {
			ID     string `json:"id"`
			Models []struct {
				ID    string                     `json:"id"`
				Price map[string]json.RawMessage `json:"price"`
			} `json:"models"`
		} `json:"providers"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, provider := range file.Providers {
		for i, m := range provider.Models {
			where := provider.ID + ":" + m.ID
			p := &c.Models(provider.ID)[i].Pricing
			for _, price := range []struct {
				name  string
				value *float64
				scale float64
			}{
				{"input", p.Input, 1e6},
				{"output", p.Output, 1e6},
				{"cache_read", p.CacheRead, 1e6},
				{"cache_write", p.CacheWrite, 1e6},
				{"cache_write_hour", p.CacheWriteHour, 1e6},
				{"input_batch", p.InputBatch, 1e6},
				{"output_batch", p.OutputBatch, 1e6},
				{"input_audio", p.InputAudio, 1e6},
				{"output_audio", p.OutputAudio, 1e6},
				{"input_image", p.InputImage, 1e6},
				{"output_image", p.OutputImage, 1e6},
				{"input_per_second", p.InputPerSecond, 1e12},
				{"web_search_per_call", p.WebSearchPerCall, 1e12},
				{"image_generation_per_image", p.ImageGenerationPerImage, 1e12},
			} {
				if text, ok := m.Price[price.name]; ok {
					checked++
					checkExact(t, where+" "+price.name, string(text), price.value, price.scale)
				}
			}
			for name, rates := range map[string]*catalog.Rates{"flex": p.Flex, "priority": p.Priority, "long_context": longRates(p)} {
				var texts map[string]json.RawMessage
				if m.Price[name] == nil {
					continue
				}
				if err := json.Unmarshal(m.Price[name], &texts); err != nil {
					t.Fatal(err)
				}
				for rate, value := range map[string]*float64{"input": rates.Input, "output": rates.Output, "cache_read": rates.CacheRead, "cache_write": rates.CacheWrite} {
					if text, ok := texts[rate]; ok {
						checked++
						checkExact(t, where+" "+name+" "+rate, string(text), value, 1e6)
					}
				}
			}
		}
	}
	if checked < 2000 {
		t.Errorf("got %d prices, want all of some thousand", checked)
	}
}

func longRates(p *catalog.Pricing) *catalog.Rates {
	if p.LongContext == nil {
		return nil
	}
	return &p.LongContext.Rates
}

func checkExact(t *testing.T, where, text string, value *float64, scale float64) {
	t.Helper()
	want, ok := new(big.Rat).SetString(text)
	if !ok || value == nil {
		t.Errorf("%s: got %v for %q", where, value, text)
		return
	}
	want.Mul(want, new(big.Rat).SetFloat64(scale))
	if got := exact(*value, scale); want.Cmp(big.NewRat(int64(got), 1)) != 0 {
		t.Errorf("%s: got %d for %s, want %s", where, got, text, want.RatString())
	}
}
