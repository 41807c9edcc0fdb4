package server

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestEveryDefaultIsValid(t *testing.T) {
	t.Parallel()
	c := &Config{}
	for _, o := range options() {
		if o.doc == "" || !strings.HasSuffix(o.doc, ".") {
			t.Errorf("%s: got doc %q, want a sentence", o.path, o.doc)
		}
		if o.def != "" {
			if err := o.kind.set(o.field(c), o.def); err != nil {
				t.Errorf("%s: its default %q is refused: %v", o.path, o.def, err)
			}
		}
	}
	if c.Limits.Body != 50<<20 || c.Limits.WriteTimeout != 30*time.Second || !c.Log.Access {
		t.Errorf("got %+v, want the documented defaults", c)
	}
}

func TestParseConfig(t *testing.T) {
	t.Parallel()
	text := `
listeners:
  - address: 0.0.0.0:443
    tls: {cert_file: cert.pem, key_file: /etc/key.pem, min_version: "1.3"}
  - address: unix:/run/weir.sock
admin: {address: "127.0.0.1:1"}
endpoints:
  - {id: a, host: "*.example.com", path_prefix: /a, policy: a.yaml}
  - {id: b}
open: true
hosts: gw.local
trusted_proxies: [10.0.0.0/8, 192.168.1.7]
limits: {body: 1MiB, idle_timeout: 5s}
drain:
  wait: 0s
secrets: {dirs: [secrets]}
catalog: own.json
`
	got, diags := parseConfig("/etc/weir/weir.yaml", []byte(text))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	want := DefaultConfig()
	want.Listeners = []ListenerConfig{
		{Address: "0.0.0.0:443", TLS: TLSConfig{CertFile: "/etc/weir/cert.pem", KeyFile: "/etc/key.pem", MinVersion: "1.3"}},
		{Address: "unix:/run/weir.sock", TLS: TLSConfig{MinVersion: "1.2"}},
	}
	want.Admin.Address = "127.0.0.1:1"
	want.Endpoints = []EndpointConfig{
		{ID: "a", Host: "*.example.com", PathPrefix: "/a", Policy: "/etc/weir/a.yaml"}, {ID: "b"},
	}
	want.OpenMode, want.Hosts = true, []string{"gw.local"}
	_ = kindPrefixes().set(&want.TrustedProxies, "10.0.0.0/8")
	_ = kindPrefixes().set(&want.TrustedProxies, "192.168.1.7/32")
	want.Limits.Body, want.Limits.IdleTimeout, want.Drain.Wait = 1<<20, 5*time.Second, 0
	want.Catalog = []string{"/etc/weir/own.json"}
	want.Secrets.Dirs = []string{"/etc/weir/secrets"}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestConfigDiagnostics(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"unknown key", "limit: {}", `weir.yaml:1:1: unknown_key: "limit" is not a key here
 1 | limit: {}
   | ^^^^^  did you mean "limits"?`},
		{"unknown inner key", "limits:\n  boddy: 1MiB", `weir.yaml:2:3: unknown_key: "boddy" is not a key here
 2 |   boddy: 1MiB
   |   ^^^^^  did you mean "body"?`},
		{"bad size", "limits: {body: 1 elephant}", `weir.yaml:1:16: bad_value: must be a size from 1KiB to 1GiB, such as 50MiB
 1 | limits: {body: 1 elephant}
   |                ^^^^^^^^^^`},
		{"size out of range", "limits: {body: 1B}", `weir.yaml:1:16: bad_value: must be a size from 1KiB to 1GiB, such as 50MiB
 1 | limits: {body: 1B}
   |                ^^`},
		{"mapping for a value", "open: {}", `weir.yaml:1:7: wrong_type: a single value belongs here
 1 | open: {}
   |       ^`},
		{"value for a mapping", "limits: 3", `weir.yaml:1:9: wrong_type: a mapping belongs here
 1 | limits: 3
   |         ^`},
		{"twice", "open: true\nopen: false", `weir.yaml:2:1: duplicate_key: "open" is given twice
 2 | open: false
   | ^^^^`},
		{"half a certificate", "listeners: [{tls: {cert_file: a}}]", `weir.yaml:1:1: missing_value: tls needs both cert_file and key_file
 1 | listeners: [{tls: {cert_file: a}}]
   | ^^^^^^^^^`},
		{"endpoint without id", "endpoints: [{}]", `weir.yaml:1:1: bad_endpoints: every endpoint needs an id
 1 | endpoints: [{}]
   | ^^^^^^^^^`},
		{"same place", "endpoints: [{id: a}, {id: b}]", `weir.yaml:1:1: bad_endpoints: endpoint "b" has the host and path prefix of another
 1 | endpoints: [{id: a}, {id: b}]
   | ^^^^^^^^^`},
		{"not YAML", "a: [", `weir.yaml:1:1: bad_yaml: did not find expected node content
 1 | a: [
   | ^`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, diags := parseConfig("weir.yaml", []byte(tt.text))
			if diff := cmp.Diff(tt.want, diags.Error()); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEmptyConfigIsTheDefault(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, diags := LoadConfig(path)
	if diff := cmp.Diff(DefaultConfig(), got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" || len(diags) > 0 {
		t.Errorf("configuration (-want +got):\n%s%v", diff, diags)
	}
	if _, diags := LoadConfig(path + "x"); !diags.HasErrors() {
		t.Error("a missing file is no error")
	}
}

func TestConfigDocNamesEveryKey(t *testing.T) {
	t.Parallel()
	doc := ConfigDoc()
	for _, o := range options() {
		if !strings.Contains(doc, "`"+o.path+"`") {
			t.Errorf("%s is not in the reference", o.path)
		}
	}
}
