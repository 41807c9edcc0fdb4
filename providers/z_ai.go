package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed z_ai.md
var zAiDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "z-ai", Aliases: []string{"zai", "zhipu", "zhipuai"}, Name: "Z.AI", Website: "https://z.ai",
		BaseURL: "https://api.z.ai/api/paas/v4",
		Env:     []string{"ZAI_API_KEY", "ZHIPU_API_KEY", "ZHIPUAI_API_KEY"},
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{wire.OpenAIChat, wire.OpenAIImages}},
			{Dialect: wire.DialectAnthropic, BaseURL: "https://api.z.ai/api/anthropic/v1", Auth: engine.AuthBearer, APIs: []wire.API{
				wire.AnthropicMessages,
			}},
		},
		Doc: zAiDoc,
	})
}
