package providers

import (
	"testing"

	"weir/engine"
	"weir/engine/wire"
)

// The vendor tells users of the Messages shape to send Bearer, not x-api-key.
func TestFireworksMessagesUseBearer(t *testing.T) {
	if got := surfaceOf(t, specOf(t, "fireworks"), wire.DialectAnthropic).Auth; got != engine.AuthBearer {
		t.Errorf("got auth %d, want Bearer", got)
	}
}
