package providers

import (
	"testing"

	"weir/engine"
)

// Usage comes on every event; asking for it again changes nothing and is not documented.
func TestPerplexityGivesUsage(t *testing.T) {
	if got := specOf(t, "perplexity").StreamUsage; got != engine.StreamUsageGiven {
		t.Errorf("got stream usage %d, want given", got)
	}
}
