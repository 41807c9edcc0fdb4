package providers

import (
	"testing"

	"weir/engine"
	"weir/engine/wire"
)

func TestAzureEndpoint(t *testing.T) {
	const deployment = "https://r.openai.azure.com/openai/deployments/gpt-4o?api-version=2024-10-21"
	tests := []struct{ name, value, want string }{
		{"as the portal shows it", "https://r.openai.azure.com/", "https://r.openai.azure.com/openai/v1"},
		{"without a slash", "https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1"},
		{"v1 form", "https://r.openai.azure.com/openai/v1", "https://r.openai.azure.com/openai/v1"},
		{"deployment form", deployment, deployment},
		{"not a URL", "r.openai.azure.com", "r.openai.azure.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := azureEndpoint(tt.value); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// A deployment is one path, and its version is in the query.
func TestAzureDeploymentURL(t *testing.T) {
	got := join(t, "https://r.openai.azure.com/openai/deployments/gpt-4o?api-version=2024-10-21", "/v1", "/chat/completions")
	want := "https://r.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if auth := surfaceOf(t, specOf(t, "azure-openai"), wire.DialectOpenAI).Auth; auth != engine.AuthAPIKey {
		t.Errorf("got auth %d, want api-key", auth)
	}
}
