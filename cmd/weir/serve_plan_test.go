package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"weir/access"
	"weir/actions"
	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/upstream"
	"weir/policies"
	"weir/providers"
	"weir/server"
)

// testRuntime is a runtime without keys.
func testRuntime(t *testing.T) *engine.Runtime {
	t.Helper()
	models, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	client := upstream.New(upstream.Options{})
	t.Cleanup(client.Close)
	return engine.NewRuntime(engine.RuntimeOptions{Client: client, Catalog: models, Providers: providers.Registry(), Log: zerolog.Nop()})
}

// compiledPolicy compiles a policy that a test writes.
func compiledPolicy(t *testing.T, text string) engine.PlanConfig {
	t.Helper()
	cfg, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte(text)}, policies.Options{Actions: actions.Registry(), Log: zerolog.Nop()})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return cfg
}

const (
	plainPolicy   = "on_request: [{name: closed, actions: [{type: deny}]}]"
	provenPolicy  = "on_request: [{name: callers, actions: [{type: basic-auth, config: {credentials: ['ada:correct horse']}}]}]"
	askingPolicy  = "on_request: [{name: keys, actions: [{type: access-key}]}]"
	loopbackAddr  = "127.0.0.1:8080"
	reachableAddr = "0.0.0.0:8080"
)

// TestWhoMayBeServed: when access keys are turned on, which policies they stand in front of, and what may not be served.
func TestWhoMayBeServed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, policy string
		enabled      string
		given        string
		open         bool
		address      string
		late         bool // after the start
		fail         error
		wantOn       bool
		want         string // names of the rules, or the code of what is wrong
	}{
		{name: "nothing said", policy: plainPolicy, wantOn: true, want: "access-key closed"},
		{name: "nothing said, for everybody", policy: plainPolicy, address: reachableAddr, wantOn: true, want: "access-key closed"},
		{name: "proves callers itself", policy: provenPolicy, want: "callers"},
		{name: "proves callers itself, with keys on", policy: provenPolicy, enabled: server.AccessOn, wantOn: true, want: "callers"},
		{name: "asks for keys", policy: askingPolicy, wantOn: true, want: "keys"},
		{name: "asks for keys, in open mode", policy: askingPolicy, open: true, wantOn: true, want: "keys"},
		{name: "open", policy: plainPolicy, open: true, want: "closed"},
		{name: "open, with keys on", policy: plainPolicy, open: true, given: "access.store", wantOn: true, want: "closed"},
		{name: "open for everybody", policy: plainPolicy, open: true, address: reachableAddr, want: "open_policy"},
		{name: "open for everybody, with keys on", policy: plainPolicy, open: true, enabled: server.AccessOn, address: reachableAddr, wantOn: true, want: "open_policy"},
		{name: "off", policy: plainPolicy, enabled: server.AccessOff, want: "open_policy"},
		{name: "off, and asks for keys", policy: askingPolicy, enabled: server.AccessOff, want: "access_off"},
		{name: "an option", policy: provenPolicy, given: "access.file", wantOn: true, want: "callers"},
		{name: "an edit while keys are off", policy: plainPolicy, late: true, want: "open_policy"},
		{name: "an edit that asks for keys while they are off", policy: askingPolicy, late: true, want: "access_off"},
		{name: "cannot be used", policy: plainPolicy, fail: errors.New("the disk is gone"), want: "access_unavailable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := server.DefaultConfig()
			config.OpenMode, config.Access.Given = tt.open, tt.given
			config.Listeners[0].Address = loopbackAddr
			if tt.address != "" {
				config.Listeners[0].Address = tt.address
			}
			if tt.enabled != "" {
				config.Access.Enabled = tt.enabled
			}
			opened := 0
			p := &planner{config: config, runtime: testRuntime(t)}
			p.open = func() (*accessService, error) {
				opened++
				if tt.fail != nil {
					return nil, tt.fail
				}
				return &accessService{runtime: p.runtime, directory: access.NewDirectory(access.DirectoryOptions{})}, nil
			}
			if err := p.begin(); err != nil {
				t.Fatal(err)
			}
			if tt.late {
				if err := p.settle(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			cfg := compiledPolicy(t, tt.policy)
			var rules []string
			d := p.guard(&cfg)
			for _, r := range cfg.OnRequest {
				rules = append(rules, r.Name)
			}
			got := strings.Join(rules, " ")
			if d != nil {
				got = d.Code
				if strings.Contains(d.Message, "open: true") && !strings.Contains(d.Message, "access.enabled") {
					t.Errorf("got %q, want how to turn access keys on", d.Message)
				}
			}
			if got != tt.want || (p.access != nil) != tt.wantOn || opened > 1 {
				t.Errorf("got %q, access keys on: %v, opened %d times; want %q and %v", got, p.access != nil, opened, tt.want, tt.wantOn)
			}
			if d == nil && !config.OpenMode && !cfg.Authenticates {
				t.Error("a policy is served that proves nobody")
			}
			if again := p.guard(&cfg); d == nil && again != nil {
				t.Errorf("got %v the second time", again)
			}
		})
	}
}

// TestLateAccessKeys: a plan that was built before another policy turned access keys on has what the store holds all the same.
func TestLateAccessKeys(t *testing.T) {
	t.Parallel()
	d := access.NewDirectory(access.DirectoryOptions{})
	d.Load().Providers = map[string]*access.Provider{
		"aigp_a": {Meta: access.Meta{ID: "aigp_a"}, ProviderID: "added", BaseURL: "https://added.example.com/v1"},
	}
	p := &planner{config: server.DefaultConfig(), runtime: testRuntime(t)}
	p.open = func() (*accessService, error) {
		return &accessService{runtime: p.runtime, directory: d, log: zerolog.Nop()}, nil
	}
	all := make([]*policies.Store, 0, 2)
	for _, text := range []string{provenPolicy, plainPolicy} {
		s := policies.NewStore(policies.Input{Path: "policy.yaml", Text: []byte(text)}, policies.Options{Actions: actions.Registry(), Build: p.build, Log: zerolog.Nop()})
		if err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := p.settle(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		has := slices.ContainsFunc(s.Load().Providers(), func(p engine.ProviderState) bool { return p.ID == "added" })
		if !has || !s.Status().Authenticates {
			t.Errorf("got %v with the added provider and %v authenticated, want both", has, s.Status().Authenticates)
		}
	}
}

// TestBrokenCustomProvider: a custom provider that cannot be part of a plan is left out, and all else stays.
func TestBrokenCustomProvider(t *testing.T) {
	t.Parallel()
	log := &output{}
	d := access.NewDirectory(access.DirectoryOptions{})
	s := &accessService{runtime: testRuntime(t), directory: d, log: zerolog.New(log)}
	d.Load().Providers = map[string]*access.Provider{
		"aigp_a": {Meta: access.Meta{ID: "aigp_a", Name: "Good"}, ProviderID: "good", BaseURL: "https://good.example.com/v1", Models: []access.ProviderModel{{ModelID: "m", InputPrice: "0.5"}}},
		"aigp_b": {Meta: access.Meta{ID: "aigp_b", Name: "Bad"}, ProviderID: "bad", BaseURL: "https://bad.example.com", Surfaces: []access.ProviderSurface{{Format: "telnet"}}},
		"aigp_c": {Meta: access.Meta{ID: "aigp_c", Name: "Other"}, ProviderID: "own", BaseURL: "https://other.example.com"},
	}
	cfg := compiledPolicy(t, "providers: [{id: own, base_url: 'http://127.0.0.1:1', models: [{id: x}]}]")
	plan, diags := s.newPlan(cfg)
	if plan == nil || diags.HasErrors() {
		t.Fatalf("got %v, want a plan", diags)
	}
	bases := map[string]string{}
	for _, p := range plan.Providers() {
		bases[p.ID] = p.BaseURL
	}
	if bases["good"] != "https://good.example.com/v1" || bases["bad"] != "" || bases["own"] != "http://127.0.0.1:1" {
		t.Errorf("got %v, want the good one, not the bad one, and the policy's own", bases)
	}
	if !strings.Contains(log.String(), `"provider":"aigp_b"`) {
		t.Errorf("got %s, want the bad one told", log)
	}
	cfg = compiledPolicy(t, "providers: [{id: own, models: [{id: x}]}]")
	if plan, diags := s.newPlan(cfg); plan != nil || !diags.HasErrors() {
		t.Errorf("got a plan and %v for a policy that is wrong itself", diags)
	}
}
