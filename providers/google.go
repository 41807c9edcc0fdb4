package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed google.md
var googleDoc string

func init() {
	register(2, nil, engine.ProviderSpec{
		ID: "google", Aliases: []string{"gemini"}, Name: "Google Gemini", Website: "https://ai.google.dev",
		BaseURL:   "https://generativelanguage.googleapis.com/v1beta/openai",
		Env:       []string{"GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"},
		KeyPrefix: "AIza",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectGemini, BaseURL: "https://generativelanguage.googleapis.com"},
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAIEmbeddings, wire.OpenAIImages,
			}},
		},
		PassHeaders: []string{"x-goog-user-project"},
		Doc:         googleDoc,
	})
}
