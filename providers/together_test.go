package providers

import (
	"slices"
	"testing"
)

// Clients of other gateways write the vendor in three ways.
func TestTogetherAliases(t *testing.T) {
	for _, name := range []string{"togetherai", "together-ai", "together_ai"} {
		if !slices.Contains(specOf(t, "together").Aliases, name) {
			t.Errorf("%s does not lead to together", name)
		}
	}
}
