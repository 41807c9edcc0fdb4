package providers

import (
	"testing"
)

// The variable of the vendor's SDKs comes before the one that catalogs of others made up.
func TestLMStudioToken(t *testing.T) {
	if got := specOf(t, "lm-studio").Env[0]; got != "LM_API_TOKEN" {
		t.Errorf("got %s, want LM_API_TOKEN", got)
	}
}
