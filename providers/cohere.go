package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed cohere.md
var cohereDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "cohere", Name: "Cohere", Website: "https://cohere.com",
		BaseURL: "https://api.cohere.ai/compatibility/v1",
		Env:     []string{"COHERE_API_KEY", "CO_API_KEY"},
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{wire.OpenAIChat, wire.OpenAIEmbeddings}},
			{Dialect: wire.DialectOpenAI, BaseURL: "https://api.cohere.com/v2", APIs: []wire.API{wire.OpenAIRerank}},
		},
		Doc: cohereDoc,
	})
}
