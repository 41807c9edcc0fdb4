package engine

import (
	"time"

	"weir/engine/diag"
	"weir/engine/expr"
	"weir/engine/opa"
)

// OnError says what a failing expression or action of a rule does.
type OnError uint8

// The ways of taking a failure. OnErrorDefault is resolved when the plan is compiled.
const (
	OnErrorDefault OnError = iota
	OnErrorHalt
	OnErrorContinue
)

// Mode says whether a rule acts.
type Mode uint8

// The modes: ModeShadow evaluates and reports, and does nothing.
const (
	ModeEnforce Mode = iota
	ModeShadow
)

// Rule is one compiled rule of on_request or on_response.
type Rule struct {
	Name    string
	Pos     diag.Pos
	When    *expr.Predicate // nil = always
	Actions []RuleAction
	OnError OnError
	Mode    Mode
}

// RuleAction is one action of a rule.
type RuleAction struct {
	Name   string // as in ActionSpec
	Pos    diag.Pos
	Action Action
	Mode   Mode // ModeShadow for enforce: false
	// ContentRule actions are skipped on refusals and on Weir's own errors.
	ContentRule bool
}

// Balance orders models that strategies left equal.
type Balance uint8

// The words of balance:.
const (
	BalanceOrdered Balance = iota
	BalanceWeighted
	BalanceLeastBusy
	BalanceFastest
	BalanceCheapest
)

// KeysMode says whose keys a route uses.
type KeysMode uint8

// The modes of keys:. KeysDefault is configured where a provider has keys, client elsewhere.
const (
	KeysDefault KeysMode = iota
	KeysConfigured
	KeysClient
)

// Failover is a route's rule for trying the next target.
type Failover struct {
	On          *expr.Predicate // nil = the built-in classification
	MaxAttempts int             // 0 = DefaultMaxAttempts
	Backoff     time.Duration   // before the second attempt; doubles; 0 = none
	MaxBackoff  time.Duration
}

// KeyConfig is one configured provider key.
type KeyConfig struct {
	Pos   diag.Pos
	Value *expr.Template // usually literal after secrets were read
	// Missing names the secret that was not found; the key is then left out and the provider may be off.
	Missing string
	Weight  int
}

// ModelConfig is one configured model of a provider. Nil and zero fields keep what the catalog says.
type ModelConfig struct {
	Pos               diag.Pos
	ID                string
	IDAliases         []string
	AuthorID          string
	DisplayName       string
	Description       string
	Disabled          bool
	Metadata          map[string]any
	InputModalities   []string
	OutputModalities  []string
	SupportedFeatures []string
	UnsupportedParams []string
	MaxContextWindow  int64
	MaxOutputTokens   int64
	Pricing           *PricingConfig
	Weight            int
}

// PricingConfig overrides prices; USD per million tokens; nil keeps what the catalog says.
type PricingConfig struct {
	Input, Output, CacheRead, CacheWrite *float64
}

// SurfaceConfig is one entry of supported_api_surfaces.
type SurfaceConfig struct {
	Pos             diag.Pos
	Format          string // openai, anthropic, gemini
	Surface         string // chat-completions, responses, messages, ...; "" = all of the format
	SupportedParams []string
	BaseURL         string
}

// ProviderTLS is a provider's TLS configuration.
type ProviderTLS struct {
	CAFile, CertFile, KeyFile, ServerName, MinVersion string
}

// ProviderConfig is one entry of providers:.
type ProviderConfig struct {
	Pos         diag.Pos
	ID          string
	IDAliases   []string
	BaseURL     string
	DisplayName string
	Description string
	Website     string
	Disabled    bool
	Metadata    map[string]any
	APIKeys     []KeyConfig
	Models      []ModelConfig
	Surfaces    []SurfaceConfig
	Auth        string // "" = the spec's; bearer, x-api-key, x-goog-api-key, api-key, none
	PassHeaders []string
	TLS         ProviderTLS
	Proxy       string
	MaxConns    int
	// Added says that the provider was added while the gateway runs: routes that are limited to what the policy configures
	// do not reach it.
	Added bool
}

// NamedTemplate is one header or query parameter to send.
type NamedTemplate struct {
	Pos   diag.Pos
	Name  string
	Value *expr.Template
}

// BodyField is one top-level member merged into the upstream body. Constant values have Raw; others are evaluated.
type BodyField struct {
	Pos   diag.Pos
	Name  string
	Raw   []byte     // JSON; nil where the value holds ${...}
	Value *ValueTree // nil where Raw is set
}

// ValueTree is a configuration value with ${...} somewhere in it.
type ValueTree struct {
	Template *expr.Template // a string leaf
	Const    any            // a constant leaf
	List     []*ValueTree
	Keys     []string // of a mapping, with Vals
	Vals     []*ValueTree
}

// RouteConfig is one route rule: native, or the config of an ai-gateway action.
type RouteConfig struct {
	Pos  diag.Pos
	Name string
	When *expr.Predicate // nil = always

	Providers               []ProviderConfig
	OnlyConfiguredProviders bool
	OnlyConfiguredModels    bool
	Strategies              []*expr.Strategy
	StrategyTexts           []string // for traces
	KeyStrategies           []*expr.KeyStrategy
	KeyStrategyTexts        []string
	Require                 *expr.ModelPredicate

	MaxInputTokens  int64 // 0 = none
	MaxOutputTokens int64 // 0 = none
	Headers         []NamedTemplate
	QueryParams     []NamedTemplate
	Body            []BodyField

	TotalTimeout      time.Duration // 0 = default
	PerRequestTimeout time.Duration // 0 = default
	FirstTokenTimeout time.Duration // 0 = none
	StreamIdleTimeout time.Duration // 0 = default

	OnError  OnError // OnErrorContinue: when every target failed, go on with the actions that follow
	Failover Failover
	Balance  Balance
	Keys     KeysMode
}

// PlanConfig is a whole compiled policy: what package policies hands to Runtime.NewPlan.
type PlanConfig struct {
	Name      string // file name or endpoint id, for logs
	Hash      string // of the bytes that were compiled
	Location  *time.Location
	Providers []ProviderConfig
	OnConnect []Rule // on_tcp_connect
	OnRequest []Rule
	Routes    []RouteConfig
	// RoutesByAction says that the document routes by ai-gateway actions: without a match there is no default route.
	RoutesByAction bool
	OnResponse     []Rule
	OnEvent        []Rule // on_event_stream_message; they run once a stream, when it begins
	Authenticates  bool   // some rule proves who the caller is
	ReadsActions   []string
	// TraceRoute says that an expression reads actions.ngrok.ai_gateway, so that the trace must be kept.
	TraceRoute bool
	Sources    []*diag.Source
	// Rego is what the rules of the policy may ask; nil where it has none.
	Rego *opa.Policy
}
