package providers

import (
	"testing"

	"weir/engine/wire"
)

// The Anthropic shape lives beside the OpenAI one, not under it.
func TestMoonshotMessagesURL(t *testing.T) {
	s := surfaceOf(t, specOf(t, "moonshotai"), wire.DialectAnthropic)
	if got, want := join(t, s.BaseURL, "/v1", "/messages"), "https://api.moonshot.ai/anthropic/v1/messages"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
