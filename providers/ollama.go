package providers

import (
	_ "embed" // the page
	"net"
	"strings"

	"weir/engine"
	"weir/engine/wire"
)

//go:embed ollama.md
var ollamaDoc string

func init() {
	register(20, ollamaEndpoint, engine.ProviderSpec{
		ID: "ollama", Name: "Ollama", Website: "https://ollama.com",
		BaseURL:     "http://127.0.0.1:11434",
		BaseURLEnv:  []string{"OLLAMA_HOST"},
		Env:         []string{"OLLAMA_API_KEY"},
		KeyOptional: true, Probe: "/api/version",
		Surfaces: []engine.Surface{
			{Dialect: wire.DialectOpenAI, APIs: []wire.API{
				wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings, wire.OpenAIResponses,
			}},
			{Dialect: wire.DialectAnthropic, APIs: []wire.API{wire.AnthropicMessages}},
		},
		Doc: ollamaDoc,
	})
}

// ollamaEndpoint reads OLLAMA_HOST as the server does: the scheme and the port may be missing, and the address may be the
// one to listen on.
func ollamaEndpoint(value string) string {
	const port = "11434" // of the server, where the variable has none
	scheme, rest, ok := strings.Cut(value, "://")
	if !ok {
		scheme, rest = "http", value
	}
	authority, path, _ := strings.Cut(rest, "/")
	host, given, err := net.SplitHostPort(authority)
	if err != nil {
		host, given = strings.Trim(authority, "[]"), ""
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	switch {
	case given != "":
	case scheme == "https":
		given = "443"
	case ok: // as for any URL
		given = "80"
	default:
		given = port
	}
	out := scheme + "://" + net.JoinHostPort(host, given)
	if path = strings.Trim(path, "/"); path != "" {
		out += "/" + path
	}
	return out
}
