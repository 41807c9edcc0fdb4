package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed xai.md
var xaiDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "xai", Aliases: []string{"x-ai", "grok"}, Name: "xAI", Website: "https://x.ai",
		BaseURL:   "https://api.x.ai/v1",
		Env:       []string{"XAI_API_KEY"},
		KeyPrefix: "xai-",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIResponses, wire.OpenAIImages,
			}},
		},
		Doc: xaiDoc,
	})
}
