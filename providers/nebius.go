package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed nebius.md
var nebiusDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "nebius", Aliases: []string{"nebius-ai-studio", "token-factory"}, Name: "Nebius Token Factory", Website: "https://nebius.com",
		BaseURL: "https://api.tokenfactory.nebius.com/v1",
		Env:     []string{"NEBIUS_API_KEY"},
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings, wire.OpenAIImages,
			}},
		},
		Doc: nebiusDoc,
	})
}
