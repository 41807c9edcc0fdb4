package expr

import (
	"net/textproto"
	"slices"
	"testing"
	"time"

	"weir/engine/catalog"
	"weir/engine/vars"
)

// source is a Source made of a table.
type source map[vars.ID]vars.Value

func (s source) Var(id vars.ID) vars.Value { return s[id] }

// header is a MultiMap that ignores case.
type header map[string][]string

func (h header) First(name string) string {
	if v := h.Values(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

func (h header) Values(name string) []string { return h[textproto.CanonicalMIMEHeaderKey(name)] }
func (h header) Has(name string) bool        { return len(h.Values(name)) > 0 }

func (h header) Names() []string {
	out := make([]string, 0, len(h))
	for name := range h {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// exact is a MultiMap that minds case.
type exact map[string][]string

func (h exact) First(name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}
func (h exact) Values(name string) []string { return h[name] }
func (h exact) Has(name string) bool        { return len(h[name]) > 0 }

func (h exact) Names() []string { return header(h).Names() }

func fixtureSource() source {
	return source{
		vars.ReqMethod:           vars.String("POST"),
		vars.ReqHost:             vars.String("api.example.com"),
		vars.ReqURL:              vars.String("https://api.example.com/v1/chat/completions?beta=true"),
		vars.ReqURLPath:          vars.String("/v1/chat/completions"),
		vars.ReqURLPort:          vars.Int(443),
		vars.ReqURLQueryParams:   vars.Multi(exact{"beta": {"true"}, "tag": {"a", "b"}}),
		vars.ReqHeaders:          vars.Multi(header{"X-Tier": {"gold"}, "Accept": {"a", "b"}, "Authorization": {"Bearer s3cret"}}),
		vars.ReqCookies:          vars.Multi(exact{"session": {"abc", "def"}}),
		vars.ReqContentLength:    vars.Int(1200),
		vars.ReqContentType:      vars.String("application/json"),
		vars.ReqUserAgent:        vars.String("OpenAI/Python 1.2.3"),
		vars.ReqTSHeaderReceived: vars.Time(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)),
		vars.ConnClientIP:        vars.String("10.1.2.3"),
		vars.ConnTSStart:         vars.Time(time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)),
		vars.TimeNow:             vars.Time(time.Date(2026, 3, 4, 23, 6, 7, 0, time.UTC)),
		vars.TimeHour:            vars.Time(time.Date(2026, 3, 4, 23, 6, 7, 0, time.UTC)),
		vars.TimeWeekday:         vars.Time(time.Date(2026, 3, 4, 23, 6, 7, 0, time.UTC)),
		vars.TimeDate:            vars.Time(time.Date(2026, 3, 4, 23, 6, 7, 0, time.UTC)),
		vars.Vars: vars.Dyn(map[string]any{
			"tier": "gold", "n": int64(3), "ratio": 0.5, "on": true, "list": []any{"x", int64(2)},
			"deep": map[string]any{"a": map[string]any{"b": "c"}}, "none": nil, "text": "it's",
		}),
		vars.Actions:              vars.Dyn(map[string]any{"rate_limit": map[string]any{"limited": true}}),
		vars.AIAPI:                vars.String("openai.chat"),
		vars.AIRequestModel:       vars.String("gpt-4o"),
		vars.AIRequestModels:      vars.Strings([]string{"gpt-4o", "claude"}),
		vars.AIRequestStream:      vars.Bool(true),
		vars.AIRequestInputTokens: vars.Int(512),
		vars.CallerID:             vars.String("team-a"),
		vars.CallerGroups:         vars.Strings([]string{"admins", "dev"}),
		vars.CallerMetadata:       vars.Dyn(map[string]any{"plan": "trial"}),
		vars.AttemptRetryable:     vars.Bool(true),
		vars.AttemptStatus:        vars.Int(429),
		vars.ResStatusCode:        vars.Int(503),
		vars.ResHeaders: vars.Multi(header{"Retry-After": {"2"}, "Set-Cookie": {
			"seen=1; Path=/", "seen=2; Path=/v1; Domain=example.com; Max-Age=60; Expires=Wed, 04 Mar 2026 05:06:07 GMT; Secure; HttpOnly; SameSite=Lax; Priority=High",
			"=nonsense\x00",
		}}),
	}
}

type live struct {
	gateway, endpoint *catalog.Metrics
	keys              map[string]*catalog.Metrics
}

func (l live) Metrics(scope catalog.Scope, key string) *catalog.Metrics {
	switch scope {
	case catalog.ScopeEndpoint:
		return l.endpoint
	case catalog.ScopeKey:
		return l.keys[key]
	default:
		return l.gateway
	}
}

func (l live) Keys() []string {
	out := make([]string, 0, len(l.keys))
	for k := range l.keys {
		out = append(out, k)
	}
	return out
}

func metrics(latency int64, errors float64) *catalog.Metrics {
	m := &catalog.Metrics{RequestCount: 100}
	m.Latency.UpstreamAvg, m.Latency.UpstreamP95 = latency, 2*latency
	m.ErrorRate.Total, m.ErrorRate.RateLimit, m.ErrorRate.Timeout = errors, errors/2, errors/4
	return m
}

// fixtureModels is a small catalog, in its order.
func fixtureModels() []*catalog.Model {
	openai := &catalog.Provider{ID: "openai", IDAliases: []string{"oai"}}
	anthropic := &catalog.Provider{ID: "anthropic"}
	google := &catalog.Provider{ID: "google"}
	ollama := &catalog.Provider{ID: "ollama", Metadata: map[string]any{"region": "us-east"}}
	byOpenAI, byAnthropic := &catalog.Author{ID: "openai"}, &catalog.Author{ID: "anthropic"}
	byGoogle, byMeta := &catalog.Author{ID: "google"}, &catalog.Author{ID: "meta", IDAliases: []string{"meta-llama"}}
	us := []catalog.Datacenter{{CountryCode: "US", Region: "us-east-1"}}
	de := []catalog.Datacenter{{CountryCode: "DE", Region: "eu-central-1"}, {CountryCode: "US", Region: "us-west-2"}}
	return []*catalog.Model{
		{
			ID: "gpt-4o", IDAliases: []string{"gpt-4o-2024-11-20"}, ProviderID: "openai", Provider: openai, AuthorID: "openai",
			Author: byOpenAI, Known: true, InputModalities: []string{"text", "image"}, MaxContextWindow: 128000,
			SupportedFeatures: []string{"tool-calling"}, Datacenters: us,
			Pricing: catalog.Pricing{Input: new(2.5), Output: new(10.0)}, Metadata: map[string]any{"tier": "premium"},
			Live: live{gateway: metrics(900, 0.02), endpoint: metrics(100, 0), keys: map[string]*catalog.Metrics{"my-key-id": metrics(500, 0)}},
		},
		{
			ID: "gpt-4o-mini", ProviderID: "openai", Provider: openai, AuthorID: "openai", Author: byOpenAI, Known: true,
			InputModalities: []string{"text"}, MaxContextWindow: 128000, Datacenters: us,
			Pricing: catalog.Pricing{Input: new(0.15), Output: new(0.6)}, Metadata: map[string]any{"tier": "budget"},
			Live: live{gateway: metrics(400, 0.003)},
		},
		{
			ID: "gpt-3.5-turbo", ProviderID: "openai", Provider: openai, AuthorID: "openai", Author: byOpenAI, Known: true,
			Pricing: catalog.Pricing{Input: new(0.5), Output: new(1.5)}, Live: live{gateway: metrics(700, 0.2)},
		},
		{
			ID: "claude-3-5-sonnet-20241022", IDAliases: []string{"claude-3-5-sonnet"}, ProviderID: "anthropic", Provider: anthropic,
			AuthorID: "anthropic", Author: byAnthropic, Known: true, InputModalities: []string{"text", "image"}, Datacenters: de,
			SupportedFeatures: []string{"tool-calling"}, Pricing: catalog.Pricing{Input: new(3.0), Output: new(15.0)},
			Metadata: map[string]any{"compliance": "hipaa", "config": map[string]any{"region": "us"}},
			Live:     live{gateway: metrics(1800, 0.001)},
		},
		{
			ID: "gemini-2.0-flash", ProviderID: "google", Provider: google, AuthorID: "google", Author: byGoogle, Known: true,
			Pricing: catalog.Pricing{Input: new(0.1), Output: new(0.4)},
		},
		{
			ID: "llama3.2:1b", ProviderID: "ollama", Provider: ollama, AuthorID: "meta", Author: byMeta, Custom: true,
			Metadata: map[string]any{"region": "us-east"},
		},
	}
}

func newEnv(tb testing.TB, o Options) *Env {
	tb.Helper()
	e, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	e.intn = func(n int) int { return n - 1 }
	e.int64n = func(n int64) int64 { return n - 1 }
	return e
}

func ids(models []*catalog.Model) []string {
	out := make([]string, 0, len(models))
	for _, m := range models {
		out = append(out, m.ID)
	}
	return out
}
