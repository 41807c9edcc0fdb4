package actions

import (
	"testing"

	"weir/engine"
	"weir/policies"
)

func TestForwardIsCheckedAtLoad(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"a url", "url: 'https://example.com/v1'", ""},
		{"a private host", "url: 'http://10.0.0.1:8080'", ""},
		{"an endpoint", "endpoint: other", ""},
		{"neither", "timeout: 3s", "missing_field"},
		{"both", "endpoint: other, url: 'https://example.com/'", "conflicting_fields"},
		{"no http", "url: 'tcp://example.com:22'", "bad_url"},
		{"a user", "url: 'https://a@example.com/'", "bad_url"},
		{"a host of the client", "url: 'https://${req.host}/'", "open_url"},
		{"a host that the client can go on with", "url: 'https://example.com${req.url.path}'", "open_url"},
		{"a listed host of the client", "url: 'https://${req.host}/', allowed_hosts: [example.com]", ""},
		{"a word that is none", "url: 'https://example.com/', credentials: keep", "bad_value"},
		{"no time", "url: 'https://example.com/', timeout: 0s", "out_of_range"},
		{"much time", "url: 'https://example.com/', idle_timeout: 2h", "out_of_range"},
		{"a header of the gateway's", "url: 'https://example.com/', headers: {host: x}", "bad_header"},
	}
	for _, tt := range tests {
		if got := problems(t, "on_request: [{type: forward, config: {"+tt.config+"}}]"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestEndpointsAreCheckedWhereTheyAreKnown(t *testing.T) {
	rt := engine.NewRuntime(engine.RuntimeOptions{})
	rt.SetEndpoints([]engine.GatewayEndpoint{{ID: "other"}})
	for config, want := range map[string]string{
		"{type: forward, config: {endpoint: other}}":                           "",
		"{type: forward, config: {endpoint: nowhere}}":                         "unknown_endpoint",
		"{type: forward-internal, config: {url: 'https://other.internal'}}":    "",
		"{type: forward-internal, config: {url: 'https://nowhere.internal'}}":  "unknown_endpoint",
		"{type: forward-internal, config: {url: 'https://${req.host}'}}":       "",
		"{type: forward-internal, config: {url: other}}":                       "unknown_endpoint",
		"{type: forward-internal, config: {url: 'http://other', binding: x}}":  "",
		"{type: forward-internal, config: {url: 'http://other', on_error: x}}": "bad_value",
		"{type: forward-internal}":                                             "missing_field",
	} {
		_, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte("on_request: [" + config + "]")},
			policies.Options{Actions: Registry(), Services: rt.Services})
		if got := codes(diags); got != want {
			t.Errorf("%s: got %q, want %q", config, got, want)
		}
	}
}

// TestForwardFailures is every way in which nothing comes of forwarding, and what on_error makes of it.
func TestForwardFailures(t *testing.T) {
	const fails = `"https://example.com/${string(1 / size(req.headers['x-none']))}"`
	tests := []struct {
		name, action string
		goesOn       bool // with on_error: continue
	}{
		{"the url fails", "type: forward, config: {url: " + fails, true},
		{"the url is none", `type: forward, config: {url: "https://example.com/${req.headers['x-dots'][0]}"`, true},
		{"the host is not allowed", `type: forward, config: {allowed_hosts: [example.com], url: "https://${req.headers['x-tier'][0]}/"`, true},
		{"a header fails", `type: forward, config: {url: 'https://example.com/', headers: {a: "${req.headers['x-evil'][0]}"}`, false},
		{"outside a gateway", "type: forward, config: {url: 'https://example.com/'", true},
		{"no such endpoint", "type: forward, config: {endpoint: other", true},
		{"the url of forward-internal fails", "type: forward-internal, config: {url: " + fails, false},
		{"no such address", "type: forward-internal, config: {url: 'https://other.internal'", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := exchange()
			x.Request.Headers.Add("x-dots", "../x")
			verdict, err := run(t, x, compile(t, "on_request: [{"+tt.action+"}}]").OnRequest)
			if err == nil || verdict != engine.VerdictDeny {
				t.Errorf("got %v, %v, want an error", verdict, err)
			}
			verdict, err = run(t, x, compile(t, "on_request: [{"+tt.action+", on_error: continue}}]").OnRequest)
			if tt.goesOn != (err == nil && verdict == engine.VerdictContinue) {
				t.Errorf("got %v, %v with on_error: continue, want to go on: %v", verdict, err, tt.goesOn)
			}
		})
	}
}
