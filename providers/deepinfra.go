package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed deepinfra.md
var deepinfraDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "deepinfra", Aliases: []string{"deep-infra"}, Name: "DeepInfra", Website: "https://deepinfra.com",
		BaseURL: "https://api.deepinfra.com/v1/openai",
		Env:     []string{"DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"},
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings, wire.OpenAIImages, wire.OpenAISpeech,
				wire.OpenAITranscriptions,
			}},
		},
		Doc: deepinfraDoc,
	})
}
