package providers

import (
	"slices"
	"testing"

	"weir/engine"
	"weir/engine/wire"
)

// Each of these fields picks models or vendors behind OpenRouter, past an allow list that looks at model alone.
func TestOpenRouterAuthorizeParams(t *testing.T) {
	spec := specOf(t, "openrouter")
	for _, name := range []string{"models", "route", "provider", "plugins", "transforms", "preset"} {
		if !slices.Contains(spec.AuthorizeParams, name) {
			t.Errorf("body field %q is not authorised", name)
		}
	}
	if !spec.PrefixOnly {
		t.Error("models of an aggregator must not answer to bare names")
	}
}

// x-api-key is not documented for the Messages shape there.
func TestOpenRouterMessagesUseBearer(t *testing.T) {
	if got := surfaceOf(t, specOf(t, "openrouter"), wire.DialectAnthropic).Auth; got != engine.AuthBearer {
		t.Errorf("got auth %d, want Bearer", got)
	}
}
