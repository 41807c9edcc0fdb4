package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed cerebras.md
var cerebrasDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "cerebras", Name: "Cerebras", Website: "https://www.cerebras.ai",
		BaseURL:   "https://api.cerebras.ai/v1",
		Env:       []string{"CEREBRAS_API_KEY"},
		KeyPrefix: "csk-",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{wire.OpenAIChat, wire.OpenAICompletions}},
		},
		Doc: cerebrasDoc,
	})
}
