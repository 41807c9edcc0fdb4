package providers

import (
	"testing"
)

// The router's models answer only behind its name, as those of every aggregator.
func TestHuggingFacePrefixOnly(t *testing.T) {
	if !specOf(t, "huggingface").PrefixOnly {
		t.Error("models of an aggregator must not answer to bare names")
	}
}
