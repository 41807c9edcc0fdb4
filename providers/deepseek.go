package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed deepseek.md
var deepseekDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "deepseek", Aliases: []string{"deep-seek"}, Name: "DeepSeek", Website: "https://www.deepseek.com",
		BaseURL:   "https://api.deepseek.com/v1",
		Env:       []string{"DEEPSEEK_API_KEY"},
		KeyPrefix: "sk-",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{wire.OpenAIChat}},
			{Dialect: wire.DialectAnthropic, BaseURL: "https://api.deepseek.com/anthropic/v1", APIs: []wire.API{
				wire.AnthropicMessages,
			}},
		},
		Doc: deepseekDoc,
	})
}
