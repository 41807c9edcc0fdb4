package providers

import (
	"slices"
	"testing"

	"weir/engine/wire"
)

// Rerank is not part of the compatibility API and lives at another host.
func TestCohereRerankURL(t *testing.T) {
	for _, s := range specOf(t, "cohere").Surfaces {
		if slices.Contains(s.APIs, wire.OpenAIRerank) {
			if got, want := join(t, s.BaseURL, "/v1", wire.OpenAIRerank.Path()), "https://api.cohere.com/v2/rerank"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			return
		}
	}
	t.Error("no surface has rerank")
}
