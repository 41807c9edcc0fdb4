package providers

import (
	"strings"
	"testing"

	"weir/engine/wire"
)

// A client's own /v1 or /v1beta must survive on the native API, so its base is a bare host.
func TestGoogleNativeKeepsVersion(t *testing.T) {
	s := surfaceOf(t, specOf(t, "google"), wire.DialectGemini)
	if got := join(t, s.BaseURL, "/v1", "/models/gemini-2.5-flash:generateContent"); !strings.HasSuffix(got, ".com/v1/models/gemini-2.5-flash:generateContent") {
		t.Errorf("got %s, want the client's /v1 kept", got)
	}
}

// GOOGLE_API_KEY may be meant for another service of Google.
func TestGoogleKeyPreference(t *testing.T) {
	if got := specOf(t, "google").Env[0]; got != "GEMINI_API_KEY" {
		t.Errorf("got %s first, want GEMINI_API_KEY", got)
	}
}
