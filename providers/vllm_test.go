package providers

import (
	"testing"

	"weir/engine"
	"weir/engine/wire"
)

// The server reads its key from Authorization on every path.
func TestVLLMMessagesUseBearer(t *testing.T) {
	s := surfaceOf(t, specOf(t, "vllm"), wire.DialectAnthropic)
	if s.Auth != engine.AuthBearer || s.APIs != nil {
		t.Errorf("got auth %d and %v, want Bearer and both APIs of the dialect", s.Auth, s.APIs)
	}
}
