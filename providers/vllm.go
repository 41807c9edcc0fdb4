package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed vllm.md
var vllmDoc string

func init() {
	register(20, nil, engine.ProviderSpec{
		ID: "vllm", Name: "vLLM", Website: "https://docs.vllm.ai",
		BaseURL:     "http://127.0.0.1:8000",
		BaseURLEnv:  []string{"VLLM_BASE_URL"},
		Env:         []string{"VLLM_API_KEY"},
		KeyOptional: true, Probe: "/version",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings, wire.OpenAIResponses,
				wire.OpenAITranscriptions, wire.OpenAIRerank,
			}},
			{Dialect: wire.DialectAnthropic, Auth: engine.AuthBearer},
		},
		Doc: vllmDoc,
	})
}
