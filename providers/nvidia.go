package providers

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/wire"
)

//go:embed nvidia.md
var nvidiaDoc string

func init() {
	register(10, nil, engine.ProviderSpec{
		ID: "nvidia", Aliases: []string{"nvidia-nim", "nvidia_nim", "nim"}, Name: "NVIDIA NIM", Website: "https://build.nvidia.com",
		BaseURL:   "https://integrate.api.nvidia.com/v1",
		Env:       []string{"NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"},
		KeyPrefix: "nvapi-",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings,
			}},
		},
		Doc: nvidiaDoc,
	})
}
