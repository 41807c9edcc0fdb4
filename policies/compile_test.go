package policies

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
	"weir/engine/vars"
)

// outline is what a document became, in short: rules with their actions and modes, and how it routes.
func outline(cfg *engine.PlanConfig) []string {
	var out []string
	rule := func(phase string, r *engine.Rule) {
		words := []string{phase, r.Name}
		if r.When != nil {
			words = append(words, "when")
		}
		for _, a := range r.Actions {
			words = append(words, a.Name)
			if a.Mode == engine.ModeShadow {
				words = append(words, "(shadow)")
			}
		}
		if r.Mode == engine.ModeShadow {
			words = append(words, "shadow")
		}
		if r.OnError == engine.OnErrorContinue {
			words = append(words, "continue")
		}
		out = append(out, strings.ReplaceAll(strings.Join(strings.Fields(strings.Join(words, " ")), " "), " (", "("))
	}
	for i := range cfg.OnConnect {
		rule("connect", &cfg.OnConnect[i])
	}
	for i := range cfg.OnRequest {
		rule("request", &cfg.OnRequest[i])
	}
	for i := range cfg.Routes {
		out = append(out, strings.TrimSpace("route "+cfg.Routes[i].Name))
	}
	for i := range cfg.OnResponse {
		rule("response", &cfg.OnResponse[i])
	}
	for i := range cfg.OnEvent {
		rule("event", &cfg.OnEvent[i])
	}
	if cfg.RoutesByAction {
		out = append(out, "by action")
	}
	if cfg.Authenticates {
		out = append(out, "authenticates")
	}
	if cfg.TraceRoute {
		out = append(out, "traced")
	}
	return out
}

func TestShapes(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty mapping", "{}", nil},
		{"no rules", "on_request: []", nil},
		{"bare action", "on_http_request:\n  - type: ai-gateway", []string{"request ai-gateway", "by action"}},
		{"null config", "on_http_request: [{type: ai-gateway, config: }]", []string{"request ai-gateway", "by action"}},
		{"rule in place of a list", "on_http_request: {name: x, actions: [{type: ai-gateway, config: {}}]}", []string{"request x ai-gateway", "by action"}},
		{"action in place of a list", "on_http_response: {type: log, config: {metadata: {a: b}}}", []string{"response log continue"}},
		{"mapping of actions", "on_request: [{actions: {type: deny}}]", []string{"request deny"}},
		{
			"gateway beside a native route", "on_request: [{type: ai-gateway, config: {on_error: continue}}]\nroute: {name: r}",
			[]string{"request ai-gateway", "route r"},
		},
		{
			"several gateways", "on_http_request:\n- expressions: [\"req.method == 'GET'\"]\n  actions: [{type: ai-gateway}]\n- type: ai-gateway",
			[]string{"request when ai-gateway", "request ai-gateway", "by action"},
		},
		{"enforce in the config", "on_request: [{type: deny, config: {enforce: false, status_code: 401}}]", []string{"request deny(shadow)"}},
		{"enforce beside the config", "on_request: [{actions: [{type: deny, enforce: false}, {type: deny}]}]", []string{"request deny(shadow) deny"}},
		{"shadow", "on_request: [{mode: shadow, actions: [{type: deny}]}]", []string{"request deny shadow"}},
		{"merge keys and anchors", "on_response:\n- &a {name: a, actions: [{type: log, config: {metadata: {}}}]}\n- {<<: *a, name: b}", []string{"response a log continue", "response b log continue"}},
		{"json", `{"on_request":[{"actions":[{"type":"deny","config":{"message":"\u00e9\ud83d\ude00"}}]}]}`, []string{"request deny"}},
		{"windows line ends and a byte order mark", "\uFEFFon_request:\r\n  - type: deny\r\n", []string{"request deny"}},
		{
			"rules on connections", "on_tcp_connect: [{expressions: [\"conn.client_port > 0\"], actions: [{type: restrict-ips, config: {allow: [10.0.0.0/8]}}]}]",
			[]string{"connect when restrict-ips"},
		},
		{"trace", "on_response: [{expressions: [\"actions.ngrok.ai_gateway.status == 'x'\"], actions: [{type: log, config: {metadata: {}}}]}]", []string{"response when log continue", "traced"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, diags := Compile(Input{Path: "p.yaml", Text: []byte(tt.text)}, testOptions())
			if len(diags) > 0 {
				t.Fatalf("got %v, want no diagnostics", diags)
			}
			if diff := cmp.Diff(tt.want, outline(&cfg)); diff != "" {
				t.Errorf("policy differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnErrorDefault(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"guards halt", "on_request: [{type: deny}]", []string{"request deny"}},
		{"labels go on", "on_request: [{type: set-vars, config: {vars: [{a: 1}]}}]", []string{"request set-vars continue"}},
		{
			"what a refusal reads halts", `
on_request:
  - {type: set-vars, config: {vars: [{a: 1}]}}
  - {type: set-vars, config: {vars: [{b: "${vars.a}"}]}}
  - {type: set-vars, config: {vars: [{c: 1}]}}
  - {expressions: ["vars.b == 1"], actions: [{type: deny}]}
`, []string{"request set-vars", "request set-vars", "request set-vars continue", "request when deny"},
		},
		{
			"what a route reads halts", `
on_request: [{type: set-vars, config: {vars: [{a: 1}]}}]
route: {model_selection: {strategy: ["ai.models.filter(m, m.id == vars.a)"]}}
`, []string{"request set-vars", "route"},
		},
		{
			"results count too", `
on_request:
  - {type: log, config: {metadata: {a: 1}}}
  - {expressions: ["actions.log.metadata.a == 1"], actions: [{type: deny}]}
`, []string{"request log", "request when deny"},
		},
		{
			"what the rule says wins", `
on_request:
  - {on_error: continue, expressions: ["req.method == 'PUT'"], actions: [{type: deny}]}
  - {on_error: halt, actions: [{type: log, config: {metadata: {}}}]}
`, []string{"request when deny continue", "request log"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, diags := Compile(Input{Path: "p.yaml", Text: []byte(tt.text)}, testOptions())
			if len(diags) > 0 {
				t.Fatalf("got %v, want no diagnostics", diags)
			}
			if diff := cmp.Diff(tt.want, outline(&cfg)); diff != "" {
				t.Errorf("policy differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuthenticates(t *testing.T) {
	const check = `"req.headers['Authorization'][0] != 'Bearer x'"`
	tests := []struct {
		name, text string
		want       bool
	}{
		{"deny", `on_request: [{expressions: [` + check + `], actions: [{type: deny}]}]`, true},
		{"custom response", `on_request: [{expressions: ["req.headers['x-api-key'][0] != 'x'"], actions: [{type: custom-response, config: {status_code: 401}}]}]`, true},
		{"key parameter", `on_request: [{expressions: ["req.url.query_params['key'][0] != 'x'"], actions: [{type: deny}]}]`, true},
		{"another parameter", `on_request: [{expressions: ["req.url.query_params['q'][0] != 'x'"], actions: [{type: deny}]}]`, false},
		{"another header", `on_request: [{expressions: ["req.headers['x-tier'][0] != 'x'"], actions: [{type: deny}]}]`, false},
		{"answers 200", `on_request: [{expressions: [` + check + `], actions: [{type: custom-response}]}]`, false},
		{"shadow", `on_request: [{mode: shadow, expressions: [` + check + `], actions: [{type: deny}]}]`, false},
		{"enforce false", `on_request: [{expressions: [` + check + `], actions: [{type: deny, enforce: false}]}]`, false},
		{"goes on", `on_request: [{on_error: continue, expressions: [` + check + `], actions: [{type: deny}]}]`, false},
		{"behind the route", `on_request: [{type: ai-gateway, config: {on_error: continue}}, {expressions: [` + check + `], actions: [{type: deny}]}]`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, diags := Compile(Input{Path: "p.yaml", Text: []byte(tt.text)}, testOptions())
			if diags.HasErrors() {
				t.Fatalf("got %v, want no errors", diags)
			}
			if cfg.Authenticates != tt.want {
				t.Errorf("got %v, want %v", cfg.Authenticates, tt.want)
			}
		})
	}
}

const fullPolicy = `
time_zone: Europe/Berlin
providers:
  - id: one
    id_aliases: [uno]
    base_url: https://one.example/v1?version=2
    display_name: One
    metadata: {tier: gold, nested: {a: [1, 2.5, null]}}
    api_keys: [{value: "${secrets.get('ONE')}", weight: 2}, {value: "${secrets.get('vault', 'GONE')}"}]
    auth: x-api-key
    pass_headers: [openai-organization]
    max_connections: 10
    tls: {server_name: x, min_version: "1.3"}
    models:
      - id: m
        id_aliases: [n]
        max_context_window: 1000
        pricing: {input: 1, output: 2.5}
        unsupported_params: [top_k, {name: seed}]
    supported_api_surfaces:
      - {format: openai, surface: chat-completions, supported_params: [temperature]}
route:
  name: r
  only_allow_configured_providers: true
  only_allow_configured_models: true
  model_selection: {strategy: ["ai.models.filter(m, m.known)", "ai.models.random()"]}
  api_key_selection: {strategy: [ai.keys]}
  require: m.known
  max_input_tokens: 1000
  max_output_tokens: 10
  total_timeout: 1m
  per_request_timeout: 30s
  first_token_timeout: 1500ms
  stream_idle_timeout: 2h
  on_error: continue
  balance: cheapest
  keys: client
  failover: {on: attempt.retryable, max_attempts: 4, backoff: 100ms, max_backoff: 1s}
  headers: {X-A: "${req.id}"}
  query_params: {api-version: "2024"}
  body: {temperature: 0.50, "user": "<${req.id}>", tags: [a, true, null, {k: "<&>"}]}
`

func TestRouteFields(t *testing.T) {
	opts := testOptions()
	opts.Secrets = []Source{MapSecrets(map[string]string{"ONE": "k1"})}
	cfg, diags := Compile(Input{Path: "p.yaml", Text: []byte(fullPolicy)}, opts)
	if len(diags) != 1 || diags[0].Code != codeSecretMissing || diags.HasErrors() {
		t.Fatalf("got %v, want a warning of the missing secret alone", diags)
	}
	if got := cfg.Location.String(); got != "Europe/Berlin" {
		t.Errorf("got zone %s, want Europe/Berlin", got)
	}
	p, r := cfg.Providers[0], cfg.Routes[0]
	if key, ok := p.APIKeys[0].Value.Literal(); !ok || key != "k1" || p.APIKeys[0].Weight != 2 {
		t.Errorf("got key %q, %v, want k1 of weight 2", key, ok)
	}
	if p.APIKeys[1].Value != nil || p.APIKeys[1].Missing != "vault/GONE" {
		t.Errorf("got missing %q, want vault/GONE without a value", p.APIKeys[1].Missing)
	}
	if diff := cmp.Diff([]string{"top_k", "seed"}, p.Models[0].UnsupportedParams); diff != "" {
		t.Errorf("unsupported params differ (-want +got):\n%s", diff)
	}
	if *p.Models[0].Pricing.Input != 1 || *p.Models[0].Pricing.Output != 2.5 || p.Models[0].Pricing.CacheRead != nil {
		t.Errorf("got prices %+v, want 1, 2.5 and none", p.Models[0].Pricing)
	}
	want := map[string]any{"tier": "gold", "nested": map[string]any{"a": []any{int64(1), 2.5, nil}}}
	if diff := cmp.Diff(want, p.Metadata); diff != "" {
		t.Errorf("metadata differs (-want +got):\n%s", diff)
	}
	got := []any{
		r.Name, r.OnlyConfiguredProviders, r.OnlyConfiguredModels, r.StrategyTexts, r.KeyStrategyTexts, r.Require != nil,
		r.MaxInputTokens, r.MaxOutputTokens, r.TotalTimeout, r.PerRequestTimeout, r.FirstTokenTimeout, r.StreamIdleTimeout,
		r.OnError, r.Balance, r.Keys, r.Failover.On != nil, r.Failover.MaxAttempts, r.Failover.Backoff, r.Failover.MaxBackoff,
		r.Headers[0].Name, r.QueryParams[0].Name, string(r.Body[0].Raw), r.Body[1].Raw == nil, string(r.Body[2].Raw),
	}
	wantRoute := []any{
		"r", true, true,
		[]string{"ai.models.filter(m, m.known)", "ai.models.random()"},
		[]string{"ai.keys"},
		true,
		int64(1000), int64(10), time.Minute, 30 * time.Second, 1500 * time.Millisecond, 2 * time.Hour,
		engine.OnErrorContinue, engine.BalanceCheapest, engine.KeysClient, true, 4, 100 * time.Millisecond, time.Second,
		"X-A", "api-version", "0.50", true, `["a",true,null,{"k":"<&>"}]`,
	}
	if diff := cmp.Diff(wantRoute, got); diff != "" {
		t.Errorf("route differs (-want +got):\n%s", diff)
	}
}

func TestExceptions(t *testing.T) {
	const text = `on_request:
  - {name: a, mode: shadow, actions: [{type: deny}]}
  - {name: b, actions: [{type: deny, enforce: false}]}
  - {name: c, on_error: continue, actions: [{type: deny}]}
`
	c := compile(Input{Path: "p.yaml", Text: []byte(text)}, testOptions(), oneLoad(Options{}))
	want := []Exception{
		{Kind: "shadow", Rule: "a", File: "p.yaml", Line: 2},
		{Kind: "enforce_false", Rule: "b", Action: "deny", File: "p.yaml", Line: 3},
		{Kind: "on_error_continue", Rule: "c", File: "p.yaml", Line: 4},
	}
	if diff := cmp.Diff(want, c.exceptions); diff != "" {
		t.Errorf("exceptions differ (-want +got):\n%s", diff)
	}
}

// TestConditionalAuthentication tells of rules that prove some callers where nothing proves the others.
func TestConditionalAuthentication(t *testing.T) {
	const when = "{name: a, expressions: [\"req.url.path.startsWith('/v1')\"], actions: [{type: basic-auth, config: {credentials: ['alice:correct-horse']}}]}"
	for _, tt := range []struct {
		name, text string
		want       int
	}{
		{"under a condition", "on_request: [" + when + "]", 1},
		{"and one for all", "on_request: [" + when + ", {type: access-key}]", 0},
		{"for all", "on_request: [{type: access-key}]", 0},
		{"none", "on_request: []", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := testOptions()
			for _, name := range []string{"basic-auth", "access-key"} {
				o.Actions = append(o.Actions, engine.ActionSpec{
					Name: name, Phases: vars.PhaseRequest, Guards: true, Authenticates: true,
					Fields: []engine.Field{{Name: "credentials", Type: engine.FieldStrings}},
					New:    func(*engine.Config) engine.Action { return engine.NewAccessAction(engine.ModeEnforce) },
				})
			}
			c := compile(Input{Path: "p.yaml", Text: []byte(tt.text)}, o, oneLoad(Options{}))
			got := 0
			for _, e := range c.exceptions {
				if e.Kind == "conditional_authentication" {
					got++
				}
			}
			if got != tt.want || c.diags.HasErrors() {
				t.Errorf("got %v and %v, want %d exceptions", c.exceptions, c.diags, tt.want)
			}
		})
	}
}

// TestReference compiles every yaml block of the reference, each of which is a whole document.
func TestReference(t *testing.T) {
	page, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlocks(string(page))
	if len(blocks) < 5 {
		t.Fatalf("got %d blocks, want at least 5", len(blocks))
	}
	opts := testOptions()
	opts.Secrets = []Source{EnvSecrets(func(string) (string, bool) { return "value", true })}
	for _, block := range blocks {
		if _, diags := Compile(Input{Path: "policy.md", Text: []byte(block)}, opts); len(diags) > 0 {
			t.Errorf("got %v, want no diagnostics for:\n%s", diags, block)
		}
	}
}
