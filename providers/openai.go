package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed openai.md
var openaiDoc string

func init() {
	register(0, nil, engine.ProviderSpec{
		ID: "openai", Aliases: []string{"open-ai"}, Name: "OpenAI", Website: "https://platform.openai.com",
		BaseURL:   "https://api.openai.com/v1",
		Env:       []string{"OPENAI_API_KEY"},
		KeyPrefix: "sk-",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings, wire.OpenAIResponses, wire.OpenAIImages,
				wire.OpenAISpeech, wire.OpenAITranscriptions, wire.OpenAIModerations,
			}},
		},
		PassHeaders: []string{"openai-organization", "openai-project"},
		Doc:         openaiDoc,
	})
}
