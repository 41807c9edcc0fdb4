package providers

import (
	"testing"

	"weir/engine/wire"
)

// The Anthropic shape lives under a path of its own, version included.
func TestDeepSeekMessagesURL(t *testing.T) {
	s := surfaceOf(t, specOf(t, "deepseek"), wire.DialectAnthropic)
	if got, want := join(t, s.BaseURL, "/v1", "/messages"), "https://api.deepseek.com/anthropic/v1/messages"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
