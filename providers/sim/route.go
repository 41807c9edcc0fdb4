package sim

import (
	"net/url"
	"strings"
)

// dialect is a family of APIs that share the shape of errors and of the models list.
type dialect uint8

const (
	openAI dialect = iota
	anthropic
	gemini
)

// endpoint is one operation of one API.
type endpoint uint8

const (
	unknownEndpoint endpoint = iota
	root
	chat
	completions
	embeddings
	responses
	responseByID
	responseCancel
	moderations
	images
	speech
	transcriptions
	rerank
	modelsList
	modelByID
	messages
	countMessages
	generate
	embedContent
	batchEmbed
	countContent
)

// place in the API that a request asks for.
type target struct {
	dialect  dialect
	endpoint endpoint
	name     string // of the model or the response in the path
	stream   bool   // the path itself asks for a stream
}

// find reads a path by its end, so that any base path works: /v1, /openai/v1, /api/v1, /v1beta/openai.
func find(method, rawPath string, header func(string) string) target {
	path, err := url.PathUnescape(rawPath)
	if err != nil {
		path = rawPath
	}
	if path == "/" || path == "" {
		return target{endpoint: root}
	}
	if t, ok := findGemini(path); ok {
		return t
	}
	for _, e := range endings {
		if strings.HasSuffix(path, e.path) && method == "POST" {
			return target{dialect: e.dialect, endpoint: e.endpoint}
		}
	}
	if t, ok := findByID(path); ok {
		return t
	}
	d := asker(path, header)
	if strings.HasSuffix(path, "/models") {
		return target{dialect: d, endpoint: modelsList}
	}
	if _, name, ok := strings.Cut(path, "/models/"); ok && name != "" {
		return target{dialect: d, endpoint: modelByID, name: name}
	}
	return target{dialect: d}
}

// endings come longest first where one is the end of another.
var endings = [...]struct {
	path     string
	dialect  dialect
	endpoint endpoint
}{
	{"/chat/completions", openAI, chat},
	{"/completions", openAI, completions},
	{"/embeddings", openAI, embeddings},
	{"/responses", openAI, responses},
	{"/moderations", openAI, moderations},
	{"/images/generations", openAI, images},
	{"/audio/speech", openAI, speech},
	{"/audio/transcriptions", openAI, transcriptions},
	{"/rerank", openAI, rerank},
	{"/messages/count_tokens", anthropic, countMessages},
	{"/messages", anthropic, messages},
}

// findGemini knows paths that end in models/{model}:{verb}.
func findGemini(path string) (target, bool) {
	i := strings.LastIndex(path, "models/")
	if i < 0 {
		return target{}, false
	}
	rest := path[i+len("models/"):]
	j := strings.LastIndexByte(rest, ':')
	if j < 0 {
		return target{}, false
	}
	t := target{dialect: gemini, name: rest[:j]}
	switch rest[j+1:] {
	case "generateContent":
		t.endpoint = generate
	case "streamGenerateContent":
		t.endpoint, t.stream = generate, true
	case "embedContent":
		t.endpoint = embedContent
	case "batchEmbedContents":
		t.endpoint = batchEmbed
	case "countTokens":
		t.endpoint = countContent
	default:
		return target{}, false
	}
	return t, true
}

// findByID knows /responses/{id} and /responses/{id}/cancel.
func findByID(path string) (target, bool) {
	_, id, ok := strings.Cut(path, "/responses/")
	if !ok || id == "" {
		return target{}, false
	}
	if id, ok := strings.CutSuffix(id, "/cancel"); ok {
		return target{endpoint: responseCancel, name: id}, true
	}
	return target{endpoint: responseByID, name: id}, true
}

// asker tells the dialects apart where they share a path.
func asker(path string, header func(string) string) dialect {
	switch {
	case strings.Contains(path, "/openai/"):
		return openAI
	case header("anthropic-version") != "":
		return anthropic
	case header("x-goog-api-key") != "" || header("x-goog-api-client") != "" || strings.Contains(path, "/v1beta/"):
		return gemini
	default:
		return openAI
	}
}
