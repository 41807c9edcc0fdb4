package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed openrouter.md
var openrouterDoc string

func init() {
	register(3, nil, engine.ProviderSpec{
		ID: "openrouter", Aliases: []string{"open-router"}, Name: "OpenRouter", Website: "https://openrouter.ai",
		BaseURL:   "https://openrouter.ai/api/v1",
		Env:       []string{"OPENROUTER_API_KEY"},
		KeyPrefix: "sk-or-",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings, wire.OpenAIResponses,
			}},
			{Dialect: wire.DialectAnthropic, Auth: engine.AuthBearer, APIs: []wire.API{wire.AnthropicMessages}},
		},
		PassHeaders:     []string{"http-referer", "x-title"},
		AuthorizeParams: []string{"models", "route", "provider", "plugins", "transforms", "preset"},
		PrefixOnly:      true,
		Doc:             openrouterDoc,
	})
}
