package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed fireworks.md
var fireworksDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "fireworks", Aliases: []string{"fireworks-ai", "fireworks_ai"}, Name: "Fireworks AI", Website: "https://fireworks.ai",
		BaseURL:   "https://api.fireworks.ai/inference/v1",
		Env:       []string{"FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"},
		KeyPrefix: "fw_",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings, wire.OpenAIResponses, wire.OpenAIRerank,
			}},
			{Dialect: wire.DialectAnthropic, Auth: engine.AuthBearer, APIs: []wire.API{wire.AnthropicMessages}},
		},
		StreamUsage: engine.StreamUsageGiven,
		Doc:         fireworksDoc,
	})
}
