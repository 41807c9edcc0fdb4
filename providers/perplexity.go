package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed perplexity.md
var perplexityDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "perplexity", Name: "Perplexity", Website: "https://www.perplexity.ai",
		BaseURL:   "https://api.perplexity.ai/v1",
		Env:       []string{"PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY"},
		KeyPrefix: "pplx-",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{wire.OpenAIChat, wire.OpenAIResponses}},
		},
		StreamUsage: engine.StreamUsageGiven,
		Doc:         perplexityDoc,
	})
}
