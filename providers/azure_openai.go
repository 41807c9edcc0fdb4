package providers

import (
	_ "embed" // the page
	"net/url"
	"strings"

	"weir/engine"
	"weir/engine/wire"
)

//go:embed azure_openai.md
var azureOpenaiDoc string

func init() {
	register(30, azureEndpoint, engine.ProviderSpec{
		ID: "azure-openai", Aliases: []string{"azure"}, Name: "Azure OpenAI", Website: "https://azure.microsoft.com/products/ai-foundry",
		BaseURLEnv: []string{"AZURE_OPENAI_ENDPOINT"},
		Env:        []string{"AZURE_OPENAI_API_KEY", "AZURE_API_KEY"},
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, Auth: engine.AuthAPIKey, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings, wire.OpenAIResponses, wire.OpenAIImages,
				wire.OpenAISpeech, wire.OpenAITranscriptions,
			}},
		},
		Doc: azureOpenaiDoc,
	})
}

// azureEndpoint completes the address that the portal shows: a resource without a path speaks the v1 API below openai/v1.
func azureEndpoint(value string) string {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return value
	}
	u.Path = "/openai/v1"
	return u.String()
}
