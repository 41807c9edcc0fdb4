package server

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAccessConfig(t *testing.T) {
	t.Parallel()
	got, diags := parseConfig("/etc/weir/weir.yaml", []byte(`
access:
  folder: state
  store: sqlite:data/weir.db
  master_key: {file: master.key, command: [kms, decrypt]}
  old_master_keys: ["file:old.key", "secret:OLDER"]
  counters: "redis://:${secrets.get('REDIS_PASSWORD')}@redis:6379/0"
  on_store_error: allow_local
  stale_for: 10m
  file: keys.yaml
  oidc: {issuer: "https://id.example.com", audience: weir, roles: [ops=admin, all=viewer]}
`))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	want := AccessConfig{
		Enabled: AccessAuto, Folder: "/etc/weir/state", Store: "sqlite:/etc/weir/data/weir.db",
		MasterKey:     MasterKeyConfig{Env: "WEIR_MASTER_KEY", File: "/etc/weir/master.key", Command: []string{"kms", "decrypt"}},
		OldMasterKeys: []string{"file:/etc/weir/old.key", "secret:OLDER"},
		Counters:      "redis://:${secrets.get('REDIS_PASSWORD')}@redis:6379/0", OnStoreError: StoreErrorAllowLocal,
		StaleFor: 10 * time.Minute, SyncEvery: 500 * time.Millisecond, File: "/etc/weir/keys.yaml",
		OIDC: AccessOIDCConfig{
			Issuer: "https://id.example.com", Audience: "weir", RoleClaim: "roles", Roles: []string{"ops=admin", "all=viewer"},
		},
		Given: "access.folder",
	}
	if diff := cmp.Diff(want, got.Access); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestAccessConfigGiven(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"only the switch", "access: {enabled: auto}", ""},
		{"a default", "access: {counters: memory}", "access.counters"},
		{"a deep one", "access: {enabled: on, master_key: {env: K}}", "access.master_key.env"},
	}
	for _, tt := range tests {
		c, diags := parseConfig("weir.yaml", []byte(tt.text))
		if len(diags) > 0 || c.Access.Given != tt.want {
			t.Errorf("%s: got %q and %v, want %q", tt.name, c.Access.Given, diags, tt.want)
		}
	}
}

func TestAccessConfigDiagnostics(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"a store", "store: 'postgres://weir@db/weir'", ""},
		{"a store of several hosts", "store: 'postgres://weir@a,b:5433/weir'", ""},
		{"no store", "store: 'mysql://root:hunter2@db/weir'", "must be sqlite:path or postgres://"},
		{"another expression in a store", "store: 'postgres://${req.id}@db/weir'", "the only ${...} here"},
		{"two stores", "{store: 'sqlite:a', store_secret: B}", "store and store_secret"},
		{"no counters", "counters: 'memcached://:hunter2@db'", "must be memory, redis://"},
		{"two counters", "{counters: 'redis://r', counters_secret: B}", "counters and counters_secret"},
		{"the key itself", "master_key: {env: 'aHVudGVyMg=='}", "not its value"},
		{"an old key itself", "old_master_keys: hunter2", "must be env:NAME"},
		{"off with a store", "{enabled: off, store: 'sqlite:a'}", "enabled is off, and access.store is given"},
		{"issuer in the clear", "oidc: {issuer: 'http://id.example.com', audience: a, roles: a=admin}", "must be https://"},
		{"issuer of this machine", "oidc: {issuer: 'http://127.0.0.1:9', audience: a, roles: a=admin}", ""},
		{"no audience", "oidc: {issuer: 'https://id.example.com', roles: a=admin}", "oidc needs the audience"},
		{"no roles", "oidc: {issuer: 'https://id.example.com', audience: a}", "oidc needs roles"},
		{"no issuer", "oidc: {audience: a}", "oidc needs the issuer"},
		{"unknown role", "oidc: {issuer: 'https://id.example.com', audience: a, roles: a=root}", "must be value=role"},
		{"slow sync", "sync_every: 3s", "must be a duration"},
	}
	for _, tt := range tests {
		text := tt.text
		if !strings.HasPrefix(text, "{") {
			text = "{" + text + "}"
		}
		_, diags := parseConfig("weir.yaml", []byte("access: "+text))
		got := diags.Error()
		if (tt.want == "") != (len(diags) == 0) || !strings.Contains(got, tt.want) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAccessAddresses(t *testing.T) {
	t.Parallel()
	secret := func(name string) (string, error) {
		values := map[string]string{"PASSWORD": "s3cret", "ADDRESS": "redis://:s3cret@r:6379", "BAD": "s3cret"}
		if v, ok := values[name]; ok {
			return v, nil
		}
		return "", errors.New("there is no secret " + name)
	}
	tests := []struct {
		name       string
		config     AccessConfig
		want, fail string
	}{
		{name: "memory", config: AccessConfig{Counters: "memory"}, want: "memory"},
		{name: "filled in", config: AccessConfig{Counters: "redis://:${secrets.get('PASSWORD')}@r:1"}, want: "redis://:s3cret@r:1"},
		{name: "by name", config: AccessConfig{Counters: "memory", CountersSecret: "ADDRESS"}, want: "redis://:s3cret@r:6379"},
		{name: "missing", config: AccessConfig{Counters: "memory", CountersSecret: "OTHER"}, fail: "no secret OTHER"},
		{name: "no address", config: AccessConfig{Counters: "memory", CountersSecret: "BAD"}, fail: "must be memory, redis://"},
	}
	for _, tt := range tests {
		got, err := tt.config.CountersAddress(secret)
		if tt.fail != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fail) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: got %v, want %q without the secret", tt.name, err, tt.fail)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: got %q and %v, want %q", tt.name, got, err, tt.want)
		}
	}
	c := AccessConfig{Store: "postgres://weir:${secrets.get('PASSWORD')}@db/weir"}
	if got, err := c.StoreAddress(secret); err != nil || got != "postgres://weir:s3cret@db/weir" {
		t.Errorf("got %q and %v, want the address with the password", got, err)
	}
}

func TestMaskPassword(t *testing.T) {
	t.Parallel()
	tests := []struct{ address, want string }{
		{"sqlite:/var/lib/weir.db", "sqlite:/var/lib/weir.db"},
		{"memory", "memory"},
		{"postgres://weir:s3cret@db/weir?password=s3cret", "postgres://weir:xxxxx@db/weir"},
		{"postgres://weir:s3cret@a:1,b:2/weir", "postgres://weir:xxxxx@a:1,b:2/weir"},
		{"redis://:s3c%ret@r", "redis://...@r"},
	}
	for _, tt := range tests {
		if got := MaskPassword(tt.address); got != tt.want || strings.Contains(got, "s3c") {
			t.Errorf("%s: got %q, want %q", tt.address, got, tt.want)
		}
	}
}
