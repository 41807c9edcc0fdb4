package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed moonshotai.md
var moonshotaiDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "moonshotai", Aliases: []string{"moonshot", "kimi"}, Name: "Moonshot AI", Website: "https://platform.moonshot.ai",
		BaseURL:   "https://api.moonshot.ai/v1",
		Env:       []string{"MOONSHOT_API_KEY"},
		KeyPrefix: "sk-",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{wire.OpenAIChat}},
			{Dialect: wire.DialectAnthropic, BaseURL: "https://api.moonshot.ai/anthropic/v1", Auth: engine.AuthBearer, APIs: []wire.API{
				wire.AnthropicMessages,
			}},
		},
		Doc: moonshotaiDoc,
	})
}
