package catalog

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T) *Catalog {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEmbedded(t *testing.T) {
	c := load(t)
	if c.Len() < 300 {
		t.Errorf("got %d models, want at least 300", c.Len())
	}
	if err := c.check(); err != nil {
		t.Errorf("the data file is faulty: %v", err)
	}
	for _, s := range c.Sources() {
		if s.Name == "" || s.Date == "" || s.Licence == "" {
			t.Errorf("source %+v is not dated, named and licensed", s)
		}
	}
	if again := load(t); again != c {
		t.Error("the data file was decoded twice")
	}
	for _, id := range c.Providers() {
		for _, m := range c.Models(id) {
			checkEntry(t, m)
		}
	}
}

func checkEntry(t *testing.T, m *Model) {
	t.Helper()
	where := m.ProviderID + ":" + m.ID
	if m.Author == nil || m.Author.ID != m.AuthorID {
		t.Errorf("%s: got author %v, want %q", where, m.Author, m.AuthorID)
	}
	if len(m.InputModalities) == 0 || len(m.OutputModalities) == 0 || m.DisplayName == "" {
		t.Errorf("%s: what goes in or comes out is not known", where)
	}
	for _, name := range m.Snapshots {
		if !slices.Contains(m.IDAliases, name) {
			t.Errorf("%s: snapshot %s is no alias", where, name)
		}
	}
	paid := m.Pricing.Input != nil && *m.Pricing.Input > 0
	if p := m.Pricing.CacheRead; paid && p != nil && *p == 0 {
		t.Errorf("%s: a cache that costs nothing", where)
	}
	if p := m.Pricing.InputBatch; paid && p != nil && *p > *m.Pricing.Input {
		t.Errorf("%s: batches cost more than single calls", where)
	}
}

// A model that is free because nobody filled in its price would win every cheapest-first route.
func TestZeroPrices(t *testing.T) {
	c := load(t)
	for _, id := range c.Providers() {
		for _, m := range c.Models(id) {
			p := m.Pricing
			if p.Input == nil || *p.Input != 0 || strings.HasSuffix(m.ID, ":free") || id == "lm-studio" {
				continue
			}
			if !slices.Contains([]string{"omni-moderation-latest", "glm-4.5-flash", "glm-4.7-flash"}, m.ID) {
				t.Errorf("%s:%s has an input price of zero", id, m.ID)
			}
		}
	}
}

func TestAuthorsAreShared(t *testing.T) {
	seen := map[string]*Author{}
	c := load(t)
	for _, id := range c.Providers() {
		for _, m := range c.Models(id) {
			if have := seen[m.AuthorID]; have != nil && have != m.Author {
				t.Fatalf("%s:%s has an author of its own", id, m.ID)
			}
			seen[m.AuthorID] = m.Author
		}
	}
	if a := seen["meta-llama"]; a == nil || !slices.Contains(a.IDAliases, "meta") {
		t.Errorf("got %+v for meta-llama, want the alias meta", a)
	}
}

// Names that clients have in their settings.
func TestFind(t *testing.T) {
	tests := []struct{ name, provider, id string }{
		{"gpt-4o", "openai", "gpt-4o"},
		{"gpt-4o-2024-08-06", "openai", "gpt-4o"},
		{"gpt-4o-2024-05-13", "openai", "gpt-4o-2024-05-13"},
		{"gpt-4.1-mini-2025-04-14", "openai", "gpt-4.1-mini"},
		{"GPT-5-2025-08-07", "openai", "gpt-5"},
		{"gpt-3.5-turbo-0125", "openai", "gpt-3.5-turbo"},
		{"text-embedding-3-large", "openai", "text-embedding-3-large"},
		{"omni-moderation-latest", "openai", "omni-moderation-latest"},
		{"gpt-4o-mini-tts", "openai", "gpt-4o-mini-tts"},
		{"whisper-1", "openai", "whisper-1"},
		{"dall-e-3", "openai", "dall-e-3"},
		{"claude-3-5-sonnet", "anthropic", "claude-3-5-sonnet-20241022"},
		{"claude-3-7-sonnet-latest", "anthropic", "claude-3-7-sonnet-20250219"},
		{"claude-opus-4-5-20251101", "anthropic", "claude-opus-4-5"},
		{"claude-sonnet-4-20250514", "anthropic", "claude-sonnet-4-0"},
		{"anthropic:claude-opus-4.5", "anthropic", "claude-opus-4-5"},
		{"gemini-2.0-flash-001", "google", "gemini-2.0-flash"},
		{"meta-llama/llama-3.3-70b-versatile", "groq", "llama-3.3-70b-versatile"},
		{"openrouter:anthropic/claude-sonnet-4.5", "openrouter", "anthropic/claude-sonnet-4.5"},
		{"rerank-v3.5", "cohere", "rerank-v3.5"},
		{"azure-openai:gpt-4o", "azure-openai", "gpt-4o"},
	}
	c := load(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := c.Find(tt.name)
			if !slices.ContainsFunc(found, func(m *Model) bool { return m.ProviderID == tt.provider && m.ID == tt.id }) {
				t.Errorf("got %d models, want %s:%s among them", len(found), tt.provider, tt.id)
			}
		})
	}
	if found := c.Find("no-such-model"); len(found) != 0 {
		t.Errorf("got %d models for a name that nobody has", len(found))
	}
	if found := c.Find("groq:gpt-4o"); len(found) != 0 {
		t.Errorf("got %s behind the wrong provider", found[0].ID)
	}
}

// The ids that users of the model this catalog mirrors have in their policies.
func TestPublishedIDs(t *testing.T) {
	tests := map[string]string{
		"openai": `gpt-5.6-luna gpt-5.6-terra gpt-5.6-sol gpt-5.5-pro gpt-5.5 gpt-5.4-nano gpt-5.4-mini gpt-5.4-pro gpt-5.4
			gpt-5.3-codex gpt-5.2-codex gpt-5.2-pro gpt-5.2-chat-latest gpt-5.2 gpt-5.1-chat-latest gpt-5.1 gpt-5-pro
			gpt-5-chat-latest gpt-5-nano gpt-5-mini gpt-5 o3-deep-research o4-mini-deep-research o3-pro o3 o4-mini gpt-4.1-nano
			gpt-4.1-mini gpt-4.1 o1-pro o3-mini o1 gpt-4o-mini gpt-4o gpt-4-turbo gpt-3.5-turbo-instruct gpt-4 gpt-3.5-turbo`,
		"anthropic": `claude-opus-5 claude-sonnet-5 claude-fable-5 claude-opus-4-8 claude-opus-4-7 claude-sonnet-4-6
			claude-opus-4-6 claude-opus-4-5 claude-haiku-4-5 claude-sonnet-4-5 claude-opus-4-1 claude-sonnet-4-0 claude-opus-4-0
			claude-3-haiku-20240307`,
		"google": `gemini-3.5-flash-lite gemini-3.6-flash gemini-3.5-flash gemini-3.1-flash-lite gemini-3.1-pro-preview-customtools
			gemini-3.1-pro-preview gemini-3-flash-preview gemini-3-pro-preview gemini-2.5-flash-lite gemini-2.5-flash
			gemini-2.5-pro gemini-2.0-flash gemini-2.0-flash-lite`,
		"deepseek": `deepseek-reasoner deepseek-chat deepseek-v4-flash deepseek-v4-pro`,
		"groq": `meta-llama/llama-3.1-8b-instant meta-llama/llama-3.3-70b-versatile meta-llama/llama-prompt-guard-2-22m
			meta-llama/llama-prompt-guard-2-86m meta-llama/llama-guard-4-12b meta-llama/llama-4-maverick-17b-128e-instruct
			meta-llama/llama-4-scout-17b-16e-instruct moonshotai/kimi-k2-instruct-0905 openai/gpt-oss-120b openai/gpt-oss-20b
			openai/gpt-oss-safeguard-20b qwen/qwen3-32b`,
		"moonshotai": `kimi-k3 kimi-k2.7-code-highspeed kimi-k2.7-code kimi-k2.6`,
		"z-ai": `glm-5.2 glm-5.1 glm-5-turbo glm-5 glm-4.7-flash glm-4.7-flashx glm-4.7 glm-4.6 glm-4.5-flash glm-4.5-airx
			glm-4.5-air glm-4.5-x glm-4.5 glm-4-32b-0414-128k`,
	}
	c := load(t)
	for provider, ids := range tests {
		for id := range strings.FieldsSeq(ids) {
			if !slices.ContainsFunc(c.Models(provider), func(m *Model) bool { return m.Is(id) }) {
				t.Errorf("%s has no model %s", provider, id)
			}
		}
	}
}

func TestNilCatalog(t *testing.T) {
	var c *Catalog
	if c.Len() != 0 || c.Models("openai") != nil || c.Find("gpt-4o") != nil || c.Providers() != nil || c.Sources() != nil {
		t.Error("a nil catalog must be empty")
	}
}

// Commands read the catalog at their start: 100 ms would be felt, a race detector on a busy machine takes some.
func TestDecodeTime(t *testing.T) {
	start := time.Now()
	if _, err := decodeEmbedded(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("decoding took %v", took)
	}
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(embedded)))
	for b.Loop() {
		if _, err := decodeEmbedded(); err != nil {
			b.Fatal(err)
		}
	}
}

// openrouter:anthropic/claude-3.5-sonnet needs its prefix: no other provider may have such a name by chance.
func TestAggregatorNamesNeedPrefix(t *testing.T) {
	c := load(t)
	for _, id := range c.Providers() {
		for _, m := range c.Models(id) {
			if strings.HasPrefix(m.ID, "anthropic/") && id != "openrouter" && id != "huggingface" {
				t.Errorf("%s has %s", id, m.ID)
			}
		}
	}
}
