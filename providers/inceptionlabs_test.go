package providers

import (
	"slices"
	"testing"
)

// Agents that learned the name elsewhere write inception.
func TestInceptionLabsAliases(t *testing.T) {
	if got := specOf(t, "inceptionlabs").Aliases; !slices.Contains(got, "inception") || !slices.Contains(got, "inception-labs") {
		t.Errorf("got %v, want inception and inception-labs", got)
	}
}
