package providers

import (
	"testing"

	"weir/engine"
)

// Asking for usage on a stream is a 422 there; it is always given.
func TestMistralGivesUsage(t *testing.T) {
	if got := specOf(t, "mistral").StreamUsage; got != engine.StreamUsageGiven {
		t.Errorf("got stream usage %d, want given", got)
	}
}
