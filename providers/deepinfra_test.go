package providers

import (
	"testing"
)

// The version comes before the name of the shape, the other way round than at Groq.
func TestDeepInfraURL(t *testing.T) {
	if got, want := join(t, specOf(t, "deepinfra").BaseURL, "/v1", "/embeddings"), "https://api.deepinfra.com/v1/openai/embeddings"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
