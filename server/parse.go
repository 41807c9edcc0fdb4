package server

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/wire"
)

// place is what method and path ask for.
type place struct {
	api    wire.API
	op     engine.Operation
	id     string // of a stored answer or of one model
	model  string // in the path of the Gemini APIs
	stream bool   // the path asks for a stream
	root   bool   // HEAD / and GET /
	allow  string // the methods the path takes, where this one is not among them
}

// exists names the paths there are, for those who asked for another.
const exists = "POST /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/responses, /v1/images/generations, " +
	"/v1/audio/speech, /v1/audio/transcriptions, /v1/moderations, /v1/rerank, /v1/messages, /v1/messages/count_tokens, " +
	"/v1beta/models/{model}:generateContent, :streamGenerateContent, :embedContent, :batchEmbedContents, :countTokens " +
	"(also under /v1); GET /v1/models, /v1/models/{id}; GET and DELETE /v1/responses/{id}"

// maxStoredID bounds the ids of stored answers; vendors' are under 80 characters.
const maxStoredID = 256

// locate reads method and path. ok is false where there is no such path.
func locate(method, path string) (p place, ok bool) {
	switch {
	case path == "/":
		p.root = true
		return p.only(method, http.MethodGet, http.MethodHead), true
	case strings.HasPrefix(path, "/v1/"):
		return locateV1(method, path[len("/v1"):])
	case strings.HasPrefix(path, "/v1beta/"):
		return locateGemini(method, path[len("/v1beta"):])
	default:
		return p, false
	}
}

func locateV1(method, rest string) (p place, ok bool) {
	if api := createAPI(rest); api != wire.APIUnknown {
		p.api = api
		return p.only(method, http.MethodPost), true
	}
	if id, found := strings.CutPrefix(rest, "/responses/"); found {
		return locateStored(method, id)
	}
	if rest == "/models" || strings.HasPrefix(rest, "/models/") {
		return locateGemini(method, rest)
	}
	return p, false
}

// createAPI finds the API of a path that takes a POST and no more.
func createAPI(rest string) wire.API {
	switch rest {
	case "/chat/completions":
		return wire.OpenAIChat
	case "/completions":
		return wire.OpenAICompletions
	case "/embeddings":
		return wire.OpenAIEmbeddings
	case "/responses":
		return wire.OpenAIResponses
	case "/images/generations":
		return wire.OpenAIImages
	case "/audio/speech":
		return wire.OpenAISpeech
	case "/audio/transcriptions":
		return wire.OpenAITranscriptions
	case "/moderations":
		return wire.OpenAIModerations
	case "/rerank":
		return wire.OpenAIRerank
	case "/messages":
		return wire.AnthropicMessages
	case "/messages/count_tokens":
		return wire.AnthropicCountTokens
	default:
		return wire.APIUnknown
	}
}

func locateStored(method, id string) (p place, ok bool) {
	p.api = wire.OpenAIResponses
	name, cancel := strings.CutSuffix(id, "/cancel")
	p.id = name
	if !storedID(name) {
		return place{}, false
	}
	switch {
	case cancel:
		p.op = engine.OpCancel
		return p.only(method, http.MethodPost), true
	case method == http.MethodDelete:
		p.op = engine.OpDelete
	default:
		p.op = engine.OpGet
	}
	return p.only(method, http.MethodGet, http.MethodDelete), true
}

func storedID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return id != "" && len(id) <= maxStoredID
}

// locateGemini reads what follows the version: the list of models, one model, or a model and a verb. Models may hold
// slashes and colons; the verb follows the last colon.
func locateGemini(method, rest string) (p place, ok bool) {
	p.api = wire.Models
	if rest == "/models" {
		p.op = engine.OpList
		return p.only(method, http.MethodGet), true
	}
	name, found := strings.CutPrefix(rest, "/models/")
	if !found || name == "" || strings.HasSuffix(name, "/") {
		return place{}, false
	}
	if colon := strings.LastIndexByte(name, ':'); colon > 0 {
		if api, stream := verb(name[colon+1:]); api != wire.APIUnknown {
			p.api, p.model, p.stream = api, name[:colon], stream
			return p.only(method, http.MethodPost), true
		}
	}
	p.op, p.id = engine.OpGet, name
	return p.only(method, http.MethodGet), true
}

func verb(name string) (api wire.API, stream bool) {
	switch name {
	case "generateContent":
		return wire.GeminiGenerate, false
	case "streamGenerateContent":
		return wire.GeminiGenerate, true
	case "embedContent":
		return wire.GeminiEmbed, false
	case "batchEmbedContents":
		return wire.GeminiBatchEmbed, false
	case "countTokens":
		return wire.GeminiCountTokens, false
	default:
		return wire.APIUnknown, false
	}
}

// only notes the methods that the path takes where the request's is not one of them.
func (p place) only(method string, methods ...string) place {
	if !slices.Contains(methods, method) {
		p.allow = strings.Join(methods, ", ")
	}
	return p
}

// askedBy tells which API's client is asking, for paths that several share and for answers to no path at all.
func askedBy(h engine.Headers) wire.Dialect {
	switch {
	case h.Has("anthropic-version"), h.Has("x-api-key"):
		return wire.DialectAnthropic
	case h.Has("x-goog-api-key"), h.Has("x-goog-api-client"):
		return wire.DialectGemini
	default:
		return wire.DialectOpenAI
	}
}

// framing is how a stream must be cut for the client.
func framing(p *place, query string) wire.Framing {
	if p.api != wire.GeminiGenerate || !p.stream {
		return wire.FrameSSE
	}
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "alt=sse" {
			return wire.FrameSSE
		}
	}
	return wire.FrameJSONArray
}

// checkCredentials refuses a request that carries two different credentials: policy and provider might each believe
// another one.
func checkCredentials(h engine.Headers, query string) *engine.Error {
	var have string
	for i := range h {
		value := credentialOf(h[i].Name, h[i].Value)
		if value == "" || value == have {
			continue
		}
		if have != "" {
			return errHead("the request carries more than one credential")
		}
		have = value
	}
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); value == "" || err != nil || !strings.EqualFold(name, "key") {
			continue
		}
		if have != "" && value != have {
			return errHead("the request carries more than one credential")
		}
		have = value
	}
	return nil
}

func credentialOf(name, value string) string {
	switch len(name) {
	case len("authorization"):
		if strings.EqualFold(name, "authorization") {
			if len(value) > len("bearer ") && strings.EqualFold(value[:len("bearer ")], "bearer ") {
				return strings.TrimSpace(value[len("bearer "):])
			}
			return value
		}
	case len("x-api-key"), len("x-goog-api-key"), len("api-key"):
		if strings.EqualFold(name, "x-api-key") || strings.EqualFold(name, "x-goog-api-key") || strings.EqualFold(name, "api-key") {
			return value
		}
	}
	return ""
}

// checkContentType accepts the one type that the API takes. A missing one is accepted: many hand-written clients send
// none, the body is read strictly all the same, and a page in a browser cannot send JSON without one.
func checkContentType(api wire.API, value string) *engine.Error {
	if api == wire.APIUnknown { // what rules read there is their own matter
		return nil
	}
	media, params, _ := strings.Cut(value, ";")
	media = strings.TrimSpace(media)
	if api == wire.OpenAITranscriptions {
		if strings.EqualFold(media, "multipart/form-data") {
			return nil
		}
		return &engine.Error{Code: engine.CodeUnsupportedMedia, Message: "this API takes multipart/form-data"}
	}
	if media == "" {
		return nil
	}
	if !strings.EqualFold(media, "application/json") {
		return &engine.Error{Code: engine.CodeUnsupportedMedia, Message: "this API takes application/json"}
	}
	for params != "" {
		var param string
		param, params, _ = strings.Cut(params, ";")
		name, charset, _ := strings.Cut(strings.TrimSpace(param), "=")
		charset = strings.Trim(charset, `"`)
		if strings.EqualFold(name, "charset") && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
			return &engine.Error{Code: engine.CodeUnsupportedMedia, Message: "JSON is read as UTF-8 only"}
		}
	}
	return nil
}
