package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed huggingface.md
var huggingfaceDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "huggingface", Aliases: []string{"hugging-face", "hf"}, Name: "Hugging Face", Website: "https://huggingface.co",
		BaseURL:   "https://router.huggingface.co/v1",
		Env:       []string{"HF_TOKEN", "HUGGINGFACE_API_KEY"},
		KeyPrefix: "hf_",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{wire.OpenAIChat, wire.OpenAIResponses}},
		},
		PrefixOnly: true,
		Doc:        huggingfaceDoc,
	})
}
