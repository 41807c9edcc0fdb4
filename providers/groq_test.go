package providers

import (
	"slices"
	"testing"

	"weir/engine/wire"
)

// A 404 on embeddings would count as a failure of the provider; the API is left out instead.
func TestGroqHasNoEmbeddings(t *testing.T) {
	s := surfaceOf(t, specOf(t, "groq"), wire.DialectOpenAI)
	if slices.Contains(s.APIs, wire.OpenAIEmbeddings) || slices.Contains(s.APIs, wire.OpenAICompletions) {
		t.Errorf("got %v, want no embeddings and no completions", s.APIs)
	}
}
