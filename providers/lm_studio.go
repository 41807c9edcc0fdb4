package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed lm_studio.md
var lmStudioDoc string

func init() {
	register(20, nil, engine.ProviderSpec{
		ID: "lm-studio", Aliases: []string{"lmstudio", "lm_studio"}, Name: "LM Studio", Website: "https://lmstudio.ai",
		BaseURL:     "http://127.0.0.1:1234",
		BaseURLEnv:  []string{"LM_STUDIO_BASE_URL"},
		Env:         []string{"LM_API_TOKEN", "LMSTUDIO_API_KEY"},
		KeyOptional: true, Probe: "/v1/models",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings, wire.OpenAIResponses,
			}},
			{Dialect: wire.DialectAnthropic, APIs: []wire.API{wire.AnthropicMessages}},
		},
		Doc: lmStudioDoc,
	})
}
