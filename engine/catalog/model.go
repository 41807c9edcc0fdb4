package catalog

// Model is one model at one provider, as the catalog, the policy and the client's request together describe it.
// A Model is never changed once a plan holds it.
type Model struct {
	ID        string   // as the provider knows it
	IDAliases []string // other names clients may use
	// Snapshots are those of IDAliases that the provider itself knows: a client that writes one means just that version.
	Snapshots   []string
	ProviderID  string
	AuthorID    string
	DisplayName string
	Description string
	Known       bool // in the catalog or in the configuration; false for pass-through names
	Custom      bool // of a provider that is not built in
	Disabled    bool

	InputModalities   []string
	OutputModalities  []string
	SupportedFeatures []string
	UnsupportedParams []string // top-level body keys that are stripped before this model
	MaxContextWindow  int64    // tokens; 0 = unknown
	MaxOutputTokens   int64    // tokens; 0 = unknown
	ParameterCount    int64    // 0 = unknown
	Quantization      string

	DataTrainingPolicy  string
	DataRetentionDays   int64
	DataRetentionPolicy string

	Pricing     Pricing
	Datacenters []Datacenter
	ReleaseDate string         // YYYY-MM-DD, "" = unknown
	Metadata    map[string]any // the provider's metadata with the model's over it; never sent upstream

	// Provider is shared by all models of the provider.
	Provider *Provider
	// Author is shared by all models of the author; nil where unknown.
	Author *Author
	// Live reads rolling metrics; nil = no traffic yet.
	Live Live
}

// Datacenter is a place where a model is served.
type Datacenter struct {
	CountryCode string // ISO 3166 alpha-2
	Region      string // the vendor's region name
}

// Provider is who answers for a model.
type Provider struct {
	ID          string
	IDAliases   []string
	DisplayName string
	Description string
	Website     string
	BaseURL     string
	Disabled    bool
	Metadata    map[string]any
	Models      []*Model
}

// Author is who made a model.
type Author struct {
	ID          string
	IDAliases   []string
	DisplayName string
}

// Scope says over which traffic a metric was taken.
type Scope uint8

// The scopes of metrics: the whole gateway, this policy's endpoint, and one access key.
const (
	ScopeGateway Scope = iota
	ScopeEndpoint
	ScopeKey
)

// Live gives the rolling metrics of one model at one provider.
type Live interface {
	// Metrics returns a snapshot for the scope; keyID names the access key for ScopeKey. Nil = no traffic.
	Metrics(scope Scope, keyID string) *Metrics
	// Keys lists the access keys that have metrics.
	Keys() []string
}

// Metrics is a snapshot of rolling figures of one model at one provider.
type Metrics struct {
	RequestCount       int64
	StartTime, EndTime int64 // unix seconds of the window

	Latency struct {
		GatewayAvg, GatewayP95                       int64 // milliseconds
		UpstreamAvg, UpstreamP95                     int64 // milliseconds
		TimeToFirstTokenAvg, TimeToFirstTokenP95     int64 // milliseconds, streams only
		TimePerOutputTokenAvg, TimePerOutputTokenP95 int64 // milliseconds, streams only
	}
	ErrorRate ErrorRate
	Token     struct {
		ProviderInput, ProviderOutput   int64
		EstimatedInput, EstimatedOutput int64
	}
	Quota Quota
}

// ErrorRate holds shares of requests between 0 and 1.
type ErrorRate struct {
	Total, Timeout, RateLimit, Client, Server float64
}

// Quota is what a provider's rate-limit headers last said. A negative number = unknown.
type Quota struct {
	RemainingRequests, RemainingTokens int64
	LimitRequests, LimitTokens         int64
}
