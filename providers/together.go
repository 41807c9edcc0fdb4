package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed together.md
var togetherDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "together", Aliases: []string{"togetherai", "together-ai", "together_ai"}, Name: "Together AI", Website: "https://www.together.ai",
		BaseURL: "https://api.together.xyz/v1",
		Env:     []string{"TOGETHER_API_KEY", "TOGETHERAI_API_KEY"},
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings, wire.OpenAIImages, wire.OpenAISpeech,
				wire.OpenAITranscriptions, wire.OpenAIRerank,
			}},
		},
		Doc: togetherDoc,
	})
}
