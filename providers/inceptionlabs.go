package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed inceptionlabs.md
var inceptionlabsDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "inceptionlabs", Aliases: []string{"inception-labs", "inception"}, Name: "Inception Labs", Website: "https://www.inceptionlabs.ai",
		BaseURL: "https://api.inceptionlabs.ai/v1",
		Env:     []string{"INCEPTION_API_KEY"},
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{wire.OpenAIChat}},
		},
		Doc: inceptionlabsDoc,
	})
}
