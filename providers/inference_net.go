package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed inference_net.md
var inferenceNetDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "inference-net", Aliases: []string{"inference.net", "inference_net", "inference"}, Name: "Inference.net", Website: "https://inference.net",
		BaseURL: "https://api.inference.net/v1",
		Env:     []string{"INFERENCE_API_KEY"},
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings,
			}},
		},
		Doc: inferenceNetDoc,
	})
}
