package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tiered = `{"format":1,"providers":[{"id":"p","models":[{"id":"m","price":{"input":3,"output":15,"cache_read":0.3,"cache_write_hour":6,"input_batch":1.5,"output_image":30,"file_search_per_call":0.0025,` +
	`"flex":{"input":1.5,"output":7.5},"priority":{"input":6,"output":30,"cache_read":0.6},"long_context":{"above":200000,"input":6,"output":22.5,"cache_write":7.5}}}]}]}`

func pricing(t *testing.T, c *Catalog) *Pricing {
	t.Helper()
	return &c.Models(c.Providers()[0])[0].Pricing
}

func TestTiersOfTheFile(t *testing.T) {
	c := read(t, tiered)
	p := pricing(t, c)
	v := func(f float64) *float64 { return &f }
	want := &Pricing{
		Input: v(3), Output: v(15), CacheRead: v(0.3), CacheWriteHour: v(6), InputBatch: v(1.5), OutputImage: v(30), FileSearchPerCall: v(0.0025),
		Flex: &Rates{Input: v(1.5), Output: v(7.5)}, Priority: &Rates{Input: v(6), Output: v(30), CacheRead: v(0.6)},
		LongContext: &LongContext{Above: 200_000, Rates: Rates{Input: v(6), Output: v(22.5), CacheWrite: v(7.5)}},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text := write(t, c); !strings.Contains(text, tiered[strings.Index(tiered, `"flex"`):strings.Index(tiered, `}}}]}]}`)]) {
		t.Errorf("got %s", text)
	}
}

func TestReadRefusesTiers(t *testing.T) {
	tests := []struct{ name, price, want string }{
		{"negative", `"flex":{"input":-1}`, "of a tier is not between"},
		{"per token of a yacht", `"long_context":{"above":1,"output":1e9}`, "of a tier is not between"},
		{"empty", `"priority":{}`, "no price of input or output"},
		{"a cache alone", `"priority":{"cache_read":1}`, "no price of input or output"},
		{"above nothing", `"long_context":{"input":1}`, "not positive"},
		{"unknown", `"flex":{"audio":1}`, "unknown field"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read(strings.NewReader(`{"format":1,"providers":[{"id":"p","models":[{"id":"m","price":{` + tt.price + `}}]}]}`))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// Tiers are of use beside the prices they belong to only.
func TestMergeOfTiers(t *testing.T) {
	over := func(price string) *Pricing {
		return pricing(t, read(t, tiered).Merge(read(t, `{"format":1,"providers":[{"id":"p","models":[{"id":"m","price":{`+price+`}}]}]}`)))
	}
	if p := over(`"input":3,"cache_read":0.2`); p.Flex == nil || p.Priority == nil || p.LongContext == nil || *p.CacheRead != 0.2 {
		t.Errorf("the same price of input: got %+v, want the tiers kept", p)
	}
	if p := over(`"input":2`); p.Flex != nil || p.Priority != nil || p.LongContext != nil || *p.Input != 2 {
		t.Errorf("another price of input: got %+v, want the tiers dropped", p)
	}
	if p := over(`"output":2,"priority":{"input":9},"flex":{"input":8},"long_context":{"above":5,"input":7}`); *p.Priority.Input != 9 || *p.Flex.Input != 8 || p.LongContext.Above != 5 {
		t.Errorf("tiers of its own: got %+v", p)
	}
}

func TestOverride(t *testing.T) {
	two, cache := 2.0, 0.5
	p := pricing(t, read(t, tiered))
	p.Override(nil, nil, &cache, &cache)
	if *p.CacheRead != 0.5 || *p.CacheWrite != 0.5 || p.LongContext == nil || p.InputBatch == nil || *p.Input != 3 {
		t.Errorf("prices of caches: got %+v", p)
	}
	p.Override(&two, nil, nil, nil)
	if *p.Input != 2 || *p.Output != 15 || p.LongContext != nil || p.Flex != nil || p.Priority != nil || p.InputBatch != nil || p.OutputImage == nil {
		t.Errorf("a price of input: got %+v, want no tiers of another list", p)
	}
}

func TestImportOfTiers(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{
			"models.dev", `{"p":{"models":{"m":{"cost":{"input":2.5,"output":15,"cache_read":0.25,"tiers":[
				{"tier":{"size":500000},"input":9},{"tier":{"type":"context","size":272000},"input":5,"output":22.5,"cache_read":0.5},{"tier":{"type":"other","size":1},"input":99}]},
				"limit":{"context":9,"output":9},"modalities":{"input":["text"],"output":["text"]}}}}}`,
			`"price":{"input":2.5,"output":15,"cache_read":0.25,"long_context":{"above":272000,"input":5,"output":22.5,"cache_read":0.5}}`,
		},
		{
			"models.dev with a tier that nobody filled in", `{"p":{"models":{"m":{"cost":{"input":2.5,"output":15,"tiers":[{"tier":{"size":0},"input":5}]},"limit":{"context":9,"output":9},"modalities":{"input":["text"],"output":["text"]}}}}}`,
			`"price":{"input":2.5,"output":15}`,
		},
		{
			"LiteLLM", `{"m":{"litellm_provider":"p","input_cost_per_token":3e-06,"output_cost_per_token":"1.5e-05","cache_creation_input_token_cost_above_1hr":6e-06,"input_cost_per_image_token":8e-06,"output_cost_per_image_token":3e-05,
				"input_cost_per_token_flex":1.5e-06,"output_cost_per_token_flex":7.5e-06,"input_cost_per_token_priority":6e-06,"cache_read_input_token_cost_priority":6e-07,"output_cost_per_token_priority":0,
				"input_cost_per_token_above_200k_tokens":6e-06,"output_cost_per_token_above_200k_tokens":2.25e-05,"input_cost_per_token_above_200k_tokens_priority":1,"input_cost_per_token_above_500k_tokens":1e-05,"input_cost_per_token_above_many_tokens":1}}`,
			`"price":{"input":3,"output":15,"cache_write_hour":6,"input_image":8,"output_image":30,"flex":{"input":1.5,"output":7.5},"priority":{"input":6,"cache_read":0.6},"long_context":{"above":200000,"input":6,"output":22.5}}`,
		},
		{
			"LiteLLM without", `{"m":{"litellm_provider":"p","input_cost_per_token":3e-06,"output_cost_per_token":1e-06,"input_cost_per_token_flex":0,"input_cost_per_token_above_0k_tokens":1}}`,
			`"price":{"input":3,"output":1}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, diags := imported(t, tt.text, FormatAuto)
			if got := lines(t, c)[0]; !strings.Contains(got, tt.want) || len(diags) > 0 {
				t.Errorf("got %s, %v, want %s", got, diags, tt.want)
			}
		})
	}
	c, _ := imported(t, `{"whisper-1":{"litellm_provider":"openai","mode":"audio_transcription","input_cost_per_second":0.0001},"reserved":{"litellm_provider":"openai","mode":"chat","input_cost_per_second":9}}`, FormatAuto)
	if models := c.Models("openai"); *models[0].Pricing.InputPerSecond != 0.0001 || models[1].Pricing.InputPerSecond != nil {
		t.Errorf("got %+v and %+v by the second, want one", models[0].Pricing, models[1].Pricing)
	}
	_, diags := imported(t, `{"m":{"litellm_provider":"p","input_cost_per_token_flex":"dear"},"n":{"litellm_provider":"p"}}`, FormatLiteLLM)
	wantDiags(t, diags, `"m"`)
}

// The steps by which vendors make long prompts dearer: a list that forgot one would let budgets run over.
func TestTiersOfTheBuiltInCatalog(t *testing.T) {
	c := load(t)
	for _, name := range []string{"openai:gpt-5.5", "google:gemini-2.5-pro", "xai:grok-4.3", "openrouter:anthropic/claude-sonnet-4.5"} {
		found := c.Find(name)
		if len(found) == 0 || found[0].Pricing.LongContext == nil {
			t.Errorf("%s has no price for long prompts", name)
		}
	}
	for _, id := range c.Providers() {
		for _, m := range c.Models(id) {
			p := &m.Pricing
			if l := p.LongContext; l != nil && (dearer(p.Input, l.Input) || dearer(p.Output, l.Output)) {
				t.Errorf("%s:%s costs less in long prompts", id, m.ID)
			}
			if p.Flex != nil && (dearer(p.Flex.Input, p.Input) || dearer(p.Flex.Output, p.Output)) {
				t.Errorf("%s:%s costs more in the flex tier", id, m.ID)
			}
			if p.Priority != nil && (dearer(p.Input, p.Priority.Input) || dearer(p.Output, p.Priority.Output)) {
				t.Errorf("%s:%s costs less in the priority tier", id, m.ID)
			}
			if dearer(p.CacheWrite, p.CacheWriteHour) {
				t.Errorf("%s:%s keeps a cache for an hour for less than for minutes", id, m.ID)
			}
		}
	}
}

func dearer(a, b *float64) bool { return a != nil && b != nil && *a > *b }
