package providers

import (
	"slices"
	"testing"

	"weir/engine/wire"
)

// Pictures and sound are at paths that no OpenAI client asks for.
func TestHyperbolicTextOnly(t *testing.T) {
	s := surfaceOf(t, specOf(t, "hyperbolic"), wire.DialectOpenAI)
	if slices.Contains(s.APIs, wire.OpenAIImages) || slices.Contains(s.APIs, wire.OpenAISpeech) {
		t.Errorf("got %v, want text only", s.APIs)
	}
}
