package engine

import "weir/engine/wire"

// Auth says how a provider's key is sent.
type Auth uint8

// The ways of sending a key. AuthDialect is the dialect's own way: Bearer for OpenAI, x-api-key for Anthropic,
// x-goog-api-key for Gemini.
const (
	AuthDialect Auth = iota
	AuthBearer
	AuthXAPIKey
	AuthGoogAPIKey
	AuthAPIKey // "api-key", Azure's header
	AuthNone
)

// StreamUsage says how a provider reports usage on OpenAI-shaped streams.
type StreamUsage uint8

// The ways of getting usage on streams.
const (
	StreamUsageAsk   StreamUsage = iota // stream_options.include_usage must be asked for
	StreamUsageGiven                    // always sent, the option is not known
)

// Surface is one dialect that a provider speaks, at one base URL.
type Surface struct {
	Dialect wire.Dialect
	BaseURL string     // "" = the provider's
	APIs    []wire.API // nil = every API of the dialect
	Auth    Auth
	// SupportedParams is an allow list of top-level body keys; nil = all.
	SupportedParams []string
}

// ProviderSpec declares a built-in provider.
type ProviderSpec struct {
	ID          string
	Aliases     []string
	Name        string
	Website     string
	BaseURL     string   // "" = must be configured
	BaseURLEnv  []string // environment variables that give the base URL
	Env         []string // environment variables that hold a key, in order of preference
	KeyPrefix   string   // how its keys begin, "" = not known
	KeyOptional bool     // answers without a key (local servers)
	Probe       string   // path asked of a local server to see whether it is there; "" = not probed
	Surfaces    []Surface
	StreamUsage StreamUsage
	// Headers are always sent unless the client sent that field.
	Headers Headers
	// PassHeaders are vendor-account fields of the client that this provider gets although others do not.
	PassHeaders []string
	// AuthorizeParams are top-level body keys that choose models or providers behind this one; they are checked entry by
	// entry or stripped where models are restricted.
	AuthorizeParams []string
	CatalogID       string // provider id in the catalog, "" = ID
	// PrefixOnly providers are aggregators: their models are found only behind the provider's name.
	PrefixOnly bool
	Doc        string // the embedded Markdown page
}
