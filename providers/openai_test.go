package providers

import (
	"slices"
	"testing"

	"weir/engine/wire"
)

// OpenAI has no rerank, and a request for one must go to a provider that has.
func TestOpenAIHasNoRerank(t *testing.T) {
	s := surfaceOf(t, specOf(t, "openai"), wire.DialectOpenAI)
	if slices.Contains(s.APIs, wire.OpenAIRerank) || !slices.Contains(s.APIs, wire.OpenAIModerations) {
		t.Errorf("got %v, want moderations and no rerank", s.APIs)
	}
}

// The variable usually points clients at this gateway: reading it would make Weir call itself.
func TestOpenAIIgnoresBaseURLVariable(t *testing.T) {
	if spec := specOf(t, "openai"); len(spec.BaseURLEnv) != 0 {
		t.Errorf("got %v, want none", spec.BaseURLEnv)
	}
}
