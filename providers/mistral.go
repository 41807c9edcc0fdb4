package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed mistral.md
var mistralDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "mistral", Aliases: []string{"mistralai"}, Name: "Mistral", Website: "https://mistral.ai",
		BaseURL: "https://api.mistral.ai/v1",
		Env:     []string{"MISTRAL_API_KEY"},
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAIEmbeddings, wire.OpenAITranscriptions, wire.OpenAIModerations,
			}},
		},
		StreamUsage: engine.StreamUsageGiven,
		Doc:         mistralDoc,
	})
}
