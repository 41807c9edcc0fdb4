package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed groq.md
var groqDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "groq", Aliases: []string{"groqcloud"}, Name: "Groq", Website: "https://groq.com",
		BaseURL:   "https://api.groq.com/openai/v1",
		Env:       []string{"GROQ_API_KEY"},
		KeyPrefix: "gsk_",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAIResponses, wire.OpenAISpeech, wire.OpenAITranscriptions,
			}},
		},
		Doc: groqDoc,
	})
}
