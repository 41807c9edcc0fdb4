// Package access holds who may call the gateway and how much: access keys and their configurations, provider keys, custom
// providers, teams, budgets and limits, as resources that the Admin API, the command line and files share.
package access

import "time"

// Kind names a kind of resource.
type Kind string

// The kinds of resources.
const (
	KindAccessKey     Kind = "access_key"
	KindConfiguration Kind = "access_key_configuration"
	KindProviderKey   Kind = "provider_key"
	KindProvider      Kind = "provider"
	KindTeam          Kind = "team"
	KindBudget        Kind = "budget"
	KindLimit         Kind = "limit"
	KindAPIKey        Kind = "api_key" // a token of the Admin API
	KindGateway       Kind = "gateway_config"
)

// Meta is what every resource has.
type Meta struct {
	ID          string    `json:"id"` // aigk_, aigac_, aigpk_, aigp_, team_, bud_, lim_, aigak_ and 26 characters
	Name        string    `json:"name,omitempty"`
	Description string    `json:"description,omitempty"`
	Metadata    string    `json:"metadata,omitempty"` // at most 4096 bytes; a JSON object in it is what policies read
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	CreatedBy   string    `json:"created_by,omitempty"` // the name of an admin token, a user, or "file"
	UpdatedBy   string    `json:"updated_by,omitempty"`
	Revision    int64     `json:"revision"`         // of the last change
	Static      bool      `json:"static,omitempty"` // from a file: the Admin API cannot change it
}

// AccessKey is a key that clients call with.
type AccessKey struct { //nolint:revive // an access key is what everybody calls it; a key alone may be a provider's
	Meta

	ConfigurationID string      `json:"configuration_id,omitempty"` // "" = everything is allowed
	TeamID          string      `json:"team_id,omitempty"`
	Groups          []string    `json:"groups,omitempty"`
	ExpiresAt       *time.Time  `json:"expires_at,omitempty"`
	NotBefore       *time.Time  `json:"not_before,omitempty"`
	Disabled        bool        `json:"disabled,omitempty"`
	AllowedNetworks []string    `json:"allowed_networks,omitempty"` // addresses and prefixes; empty = anywhere
	ProviderKeyIDs  []string    `json:"provider_key_ids,omitempty"` // attached: tried before the gateway's
	Tokens          []TokenHash `json:"tokens"`                     // the current one first, then those that overlap
}

// TokenHash is a token as it is stored.
type TokenHash struct {
	Lookup    string     `json:"lookup"` // what it is found by: the id in it, or a part of the hash of foreign ones
	Hash      []byte     `json:"hash"`   // keyed hash of the whole token
	Hint      string     `json:"hint"`   // redacted form to show
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// Configuration says what access keys that link it may use and with which provider keys.
type Configuration struct {
	Meta

	Access *Scope  `json:"access,omitempty"` // nil = everything
	Router *Router `json:"router,omitempty"`
}

// Scope is what may be used. A nil list in a dimension does not restrict it.
type Scope struct {
	Providers *NameList `json:"providers,omitempty"`
	Models    *NameList `json:"models,omitempty"`
}

// NameList allows and denies by name, in which * stands for any characters. An Allow that is empty and not nil allows nothing.
type NameList struct {
	Allow []string `json:"allow"`
	Deny  []string `json:"deny,omitempty"`
}

// Router says which provider keys serve.
type Router struct {
	Rules []RouterRule `json:"rules"`
}

// RouterRule is for a provider, a model, or both; the rule of a model goes before that of a provider.
type RouterRule struct {
	Provider string `json:"provider,omitempty"`
	Model    string `json:"model,omitempty"` // provider:model or provider:author/model
	Steps    []Step `json:"steps"`
}

// Step types: the gateway's own keys, or the user's.
const (
	StepGateway = "gateway"
	StepNgrok   = "ngrok" // what the model that this mirrors calls the gateway's own keys
	StepUser    = "user"
)

// Step is one source of keys.
type Step struct {
	Type                 string    `json:"type"`
	KeySelectionStrategy string    `json:"keySelectionStrategy,omitempty"` // ordered
	Keys                 []StepKey `json:"keys,omitempty"`
}

// StepKey refers to a provider key. An inline key of the API is stored as a provider key of its own.
type StepKey struct {
	ID string `json:"id"`
}

// ProviderKey is a key at a provider, stored sealed.
type ProviderKey struct {
	Meta

	ProviderID string `json:"provider_id"`
	Sealed     []byte `json:"sealed"`
	Hint       string `json:"hint"`              // redacted form to show
	TeamID     string `json:"team_id,omitempty"` // "" = any
}

// Provider is a custom provider added at run time.
type Provider struct {
	Meta

	ProviderID string            `json:"provider_id"`
	BaseURL    string            `json:"base_url"`
	Surfaces   []ProviderSurface `json:"surfaces,omitempty"`
	Models     []ProviderModel   `json:"models,omitempty"`
}

// ProviderSurface is an API that a custom provider speaks.
type ProviderSurface struct {
	Format          string   `json:"format"`
	Surface         string   `json:"surface,omitempty"`
	SupportedParams []string `json:"supported_params,omitempty"`
}

// ProviderModel is a model of a custom provider. Prices are decimal USD per million tokens, "" = unknown.
type ProviderModel struct {
	ID                string   `json:"id"`
	ModelID           string   `json:"model_id"`
	UnsupportedParams []string `json:"unsupported_params,omitempty"`
	InputPrice        string   `json:"input_price,omitempty"`
	OutputPrice       string   `json:"output_price,omitempty"`
}

// Team is a part of the organisation that keys, budgets and limits belong to.
type Team struct {
	Meta

	Disabled       bool     `json:"disabled,omitempty"` // its keys are refused
	ProviderKeyIDs []string `json:"provider_key_ids,omitempty"`
}

// Units of quotas.
const (
	UnitUSD        = "usd"
	UnitTokens     = "tokens"
	UnitRequests   = "requests"
	UnitConcurrent = "concurrent"
)

// Quota is a budget (USD and tokens over hours to for ever) or a limit (any unit over seconds to days).
type Quota struct {
	Meta

	TeamID      string   `json:"team_id,omitempty"`       // with AccessKeyID "": every key of the team together
	AccessKeyID string   `json:"access_key_id,omitempty"` // neither: the whole organisation
	When        string   `json:"when,omitempty"`          // CEL over m, caller and the request; "" = every call
	Per         []string `json:"per,omitempty"`           // a counter each: access_key, team, model, provider, or CEL
	Unit        string   `json:"unit"`
	Limit       string   `json:"limit"`  // decimal; whole but for USD
	Window      string   `json:"window"` // hour, day, week, month, total, or a duration such as 90s; "" for concurrent
	Rolling     bool     `json:"rolling,omitempty"`
	Timezone    string   `json:"timezone,omitempty"` // of calendar windows; "" = UTC
	WarnAt      []int    `json:"warn_at,omitempty"`  // percent
	WebhookURL  string   `json:"webhook_url,omitempty"`
	Status      int      `json:"status,omitempty"` // 402 or 429; 0 = 402 for budgets, 429 for limits
	Disabled    bool     `json:"disabled,omitempty"`
}

// Roles of the Admin API, each with the rights of those after it where they read.
const (
	RoleAdmin   = "admin"   // everything, tokens of the API too
	RoleEditor  = "editor"  // every resource but tokens of the API
	RoleViewer  = "viewer"  // reads resources and usage
	RoleAuditor = "auditor" // reads resources, usage and the audit log
)

// APIKey is a token of the Admin API.
type APIKey struct {
	Meta

	Role   string      `json:"role"`
	Tokens []TokenHash `json:"tokens"`
}

// GatewayConfig is what holds for the whole gateway where no route says otherwise.
type GatewayConfig struct {
	Meta

	TotalTimeout      string `json:"total_timeout,omitempty"` // a duration; "" = built in
	PerRequestTimeout string `json:"per_request_timeout,omitempty"`
	MaxInputTokens    *int64 `json:"max_input_tokens,omitempty"`
	MaxOutputTokens   *int64 `json:"max_output_tokens,omitempty"`
}
