package providers

import (
	"testing"

	"weir/engine"
	"weir/engine/wire"
)

// The two APIs take the same key in different fields.
func TestAnthropicAuth(t *testing.T) {
	spec := specOf(t, "anthropic")
	if got := surfaceOf(t, spec, wire.DialectAnthropic).Auth; got != engine.AuthDialect {
		t.Errorf("Messages: got auth %d, want that of the dialect", got)
	}
	if got := surfaceOf(t, spec, wire.DialectOpenAI).Auth; got != engine.AuthBearer {
		t.Errorf("chat: got auth %d, want Bearer", got)
	}
}

// Messages without a version is a 400.
func TestAnthropicVersion(t *testing.T) {
	if got := specOf(t, "anthropic").Headers.First("Anthropic-Version"); got != "2023-06-01" {
		t.Errorf("got version %q, want 2023-06-01", got)
	}
}
