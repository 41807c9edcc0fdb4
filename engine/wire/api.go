package wire

// API is one client or provider interface: a path, a body shape and a stream shape.
type API uint8

// The APIs Weir knows. Their names are what policies read in ai.api.
const (
	APIUnknown API = iota
	OpenAIChat
	OpenAICompletions
	OpenAIEmbeddings
	OpenAIResponses
	OpenAIImages
	OpenAISpeech
	OpenAITranscriptions
	OpenAIModerations
	OpenAIRerank
	AnthropicMessages
	AnthropicCountTokens
	GeminiGenerate
	GeminiEmbed
	GeminiBatchEmbed
	GeminiCountTokens
	Models
	apiCount
)

// Dialect is a family of APIs that share authentication headers, error shapes and the models list.
type Dialect uint8

// The dialects, named after the vendor whose SDKs speak them.
const (
	DialectOpenAI Dialect = iota
	DialectAnthropic
	DialectGemini
)

// String names the dialect as it is spelled in policies (supported_api_surfaces[].format).
func (d Dialect) String() string {
	switch d {
	case DialectAnthropic:
		return "anthropic"
	case DialectGemini:
		return "gemini"
	default:
		return "openai"
	}
}

// apiFacts is what is fixed about an API.
type apiFacts struct {
	name    string
	dialect Dialect
	path    string // path under the version prefix of the dialect; "" where the path holds the model
	stream  bool   // a request may ask for a streamed answer
	other   bool   // a whole answer need not be JSON: sound, or plain text
}

var apiTable = [apiCount]apiFacts{
	APIUnknown:           {name: "unknown"},
	OpenAIChat:           {name: "openai.chat", path: "/chat/completions", stream: true},
	OpenAICompletions:    {name: "openai.completions", path: "/completions", stream: true},
	OpenAIEmbeddings:     {name: "openai.embeddings", path: "/embeddings"},
	OpenAIResponses:      {name: "openai.responses", path: "/responses", stream: true},
	OpenAIImages:         {name: "openai.images", path: "/images/generations", stream: true},
	OpenAISpeech:         {name: "openai.speech", path: "/audio/speech", stream: true, other: true},
	OpenAITranscriptions: {name: "openai.transcriptions", path: "/audio/transcriptions", stream: true, other: true},
	OpenAIModerations:    {name: "openai.moderations", path: "/moderations"},
	OpenAIRerank:         {name: "openai.rerank", path: "/rerank"},
	AnthropicMessages:    {name: "anthropic.messages", dialect: DialectAnthropic, path: "/messages", stream: true},
	AnthropicCountTokens: {name: "anthropic.count_tokens", dialect: DialectAnthropic, path: "/messages/count_tokens"},
	GeminiGenerate:       {name: "gemini.generate", dialect: DialectGemini, stream: true},
	GeminiEmbed:          {name: "gemini.embed", dialect: DialectGemini},
	GeminiBatchEmbed:     {name: "gemini.batch_embed", dialect: DialectGemini},
	GeminiCountTokens:    {name: "gemini.count_tokens", dialect: DialectGemini},
	Models:               {name: "models", path: "/models"},
}

// String is the name policies read in ai.api, such as "openai.chat".
func (a API) String() string {
	if a >= apiCount {
		return apiTable[APIUnknown].name
	}
	return apiTable[a].name
}

// Dialect is the family whose errors and headers the API uses.
func (a API) Dialect() Dialect {
	if a >= apiCount {
		return DialectOpenAI
	}
	return apiTable[a].dialect
}

// Path is the path under the dialect's version prefix, "" for the Gemini APIs, whose path holds the model.
func (a API) Path() string {
	if a >= apiCount {
		return ""
	}
	return apiTable[a].path
}

// Streams reports whether a request of this API may ask for a streamed answer.
func (a API) Streams() bool {
	return a < apiCount && apiTable[a].stream
}

// AnswersJSON reports whether every whole answer of this API is JSON, whatever its content type says.
func (a API) AnswersJSON() bool {
	return a < apiCount && !apiTable[a].other
}

// APIByName finds an API by the name policies use; APIUnknown where there is none.
func APIByName(name string) API {
	for i := APIUnknown + 1; i < apiCount; i++ {
		if apiTable[i].name == name {
			return i
		}
	}
	return APIUnknown
}
