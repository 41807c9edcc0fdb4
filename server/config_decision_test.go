package server

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDecisionConfig(t *testing.T) {
	t.Parallel()
	got, diags := parseConfig("/etc/weir/weir.yaml", []byte(`
decision_log:
  stdout: true
  file: {path: d.log, max_size: 1MiB}
  http: {url: "https://logs.example.com/logs", token: "${secrets.get('T')}", headers: ["X-Scope: a"], interval: 1s}
  labels: [region=eu]
`))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	want := DecisionLogConfig{
		Labels: []string{"region=eu"}, Buffer: 16 << 20, Stdout: true, File: DecisionFileConfig{Path: "/etc/weir/d.log", MaxSize: 1 << 20, MaxFiles: 10},
		HTTP: DecisionHTTPConfig{
			URL: "https://logs.example.com/logs", Token: "${secrets.get('T')}", Headers: []string{"X-Scope: a"}, Batch: 256 << 10, Interval: time.Second,
			Timeout: 10 * time.Second,
		},
	}
	if diff := cmp.Diff(want, got.Decisions); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if DefaultConfig().Decisions.on() {
		t.Error("decisions are logged by default")
	}
}

func TestDecisionConfigDiagnostics(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"in the clear", "http: {url: 'http://logs.example.com/'}", "in the clear"},
		{"to this machine", "http: {url: 'http://127.0.0.1:9/'}", ""},
		{"in the clear, as said", "http: {url: 'http://logs.example.com/', plain: true}", ""},
		{"no URL", "http: {url: 'logs.example.com'}", "must be https://"},
		{"password in the URL", "http: {url: 'https://a:b@c/'}", "must be https://"},
		{"token without a service", "http: {token: a}", "need http.url"},
		{"another expression", "http: {url: 'https://a/', token: '${req.id}'}", "the only ${...} here"},
		{"header without a value", "http: {url: 'https://a/', headers: [x]}", "must be name: value"},
		{"header that is set", "http: {url: 'https://a/', headers: ['Content-Type: x']}", "set by Weir"},
		{"label", "labels: [region]", "must be name=value"},
		{"label that is set", "labels: ['id=x']", "set by Weir"},
	}
	for _, tt := range tests {
		_, diags := parseConfig("weir.yaml", []byte("decision_log: {"+tt.text+"}"))
		if got := diags.Error(); (tt.want == "") != (len(diags) == 0) || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
