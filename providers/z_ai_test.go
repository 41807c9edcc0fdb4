package providers

import (
	"testing"
)

// Clients say /v1; the vendor's path says v4.
func TestZAIVersion(t *testing.T) {
	spec := specOf(t, "z-ai")
	if got, want := join(t, spec.BaseURL, "/v1", "/chat/completions"), "https://api.z.ai/api/paas/v4/chat/completions"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
