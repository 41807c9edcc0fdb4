package providers

import (
	"testing"

	"weir/engine/wire"
)

// The vendor calls its Messages endpoint fully deprecated.
func TestXAIHasNoMessages(t *testing.T) {
	for _, s := range specOf(t, "xai").Surfaces {
		if s.Dialect == wire.DialectAnthropic {
			t.Error("got an Anthropic surface, want none")
		}
	}
}
