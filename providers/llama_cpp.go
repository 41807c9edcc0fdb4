package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed llama_cpp.md
var llamaCppDoc string

func init() {
	register(20, nil, engine.ProviderSpec{
		ID: "llama-cpp", Aliases: []string{"llamacpp", "llama.cpp", "llama-server"}, Name: "llama.cpp", Website: "https://github.com/ggml-org/llama.cpp",
		BaseURL:     "http://127.0.0.1:8080",
		BaseURLEnv:  []string{"LLAMA_CPP_BASE_URL"},
		Env:         []string{"LLAMA_CPP_API_KEY"},
		KeyOptional: true, Probe: "/props",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings, wire.OpenAIResponses, wire.OpenAIRerank,
			}},
			{Dialect: wire.DialectAnthropic},
		},
		Doc: llamaCppDoc,
	})
}
