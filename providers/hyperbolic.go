package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed hyperbolic.md
var hyperbolicDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "hyperbolic", Name: "Hyperbolic", Website: "https://www.hyperbolic.ai",
		BaseURL: "https://api.hyperbolic.xyz/v1",
		Env:     []string{"HYPERBOLIC_API_KEY"},
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{wire.OpenAIChat, wire.OpenAICompletions}},
		},
		Doc: hyperbolicDoc,
	})
}
