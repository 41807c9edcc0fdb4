package providers

import (
	"slices"
	"testing"
)

// The service was renamed; both names are in use.
func TestNebiusAliases(t *testing.T) {
	if got := specOf(t, "nebius").Aliases; !slices.Contains(got, "token-factory") {
		t.Errorf("got %v, want token-factory", got)
	}
}
