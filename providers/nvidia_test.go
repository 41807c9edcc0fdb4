package providers

import (
	"slices"
	"testing"

	"weir/engine/wire"
)

// Rerank is served from another host, in another shape.
func TestNVIDIAHasNoRerank(t *testing.T) {
	if s := surfaceOf(t, specOf(t, "nvidia"), wire.DialectOpenAI); slices.Contains(s.APIs, wire.OpenAIRerank) {
		t.Errorf("got %v, want no rerank", s.APIs)
	}
}
