package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed anthropic.md
var anthropicDoc string

func init() {
	register(1, nil, engine.ProviderSpec{
		ID: "anthropic", Aliases: []string{"claude"}, Name: "Anthropic", Website: "https://www.anthropic.com",
		BaseURL:   "https://api.anthropic.com/v1",
		Env:       []string{"ANTHROPIC_API_KEY"},
		KeyPrefix: "sk-ant-",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectAnthropic},
			{Dialect: wire.DialectOpenAI, Auth: engine.AuthBearer, APIs: []wire.API{wire.OpenAIChat}},
		},
		Headers: engine.Headers{{Name: "anthropic-version", Value: "2023-06-01"}},
		Doc:     anthropicDoc,
	})
}
