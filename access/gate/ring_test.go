package gate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weir/access"
	"weir/engine"
	"weir/engine/catalog"
)

func model(provider, id string) *catalog.Model {
	m := &catalog.Model{ProviderID: provider, ID: id, Provider: &catalog.Provider{ID: provider}}
	if provider == "openai" || provider == "azure-openai" {
		m.AuthorID, m.Author = "openai", &catalog.Author{ID: "openai", IDAliases: []string{"open-ai"}}
	}
	if provider == "google" {
		m.Provider.IDAliases = []string{"gemini"}
	}
	return m
}

// shown writes a ring's word about a model: gateway, ids of keys, "-" where it says nothing, "none" where nothing may be used.
func shown(k engine.Keyring, m *catalog.Model) string {
	if k == nil {
		return "-"
	}
	keys, ok := k.Keys(m)
	switch {
	case !ok:
		return "-"
	case len(keys) == 0:
		return "none"
	}
	var out []string
	for _, key := range keys {
		if key.Gateway {
			out = append(out, "gateway")
			continue
		}
		if key.Value != "sk-"+key.ID || key.Name != "name of "+key.ID {
			out = append(out, "WRONG")
		}
		out = append(out, key.ID)
	}
	return strings.Join(out, " ")
}

func (f *fixture) providerKey(id, provider, team string) {
	f.static.ProviderKeys = append(f.static.ProviderKeys, &access.ProviderKey{
		Meta: access.Meta{ID: id, Name: "name of " + id}, ProviderID: provider, TeamID: team, Sealed: f.box.Seal([]byte("sk-"+id), id),
	})
}

func user(ids ...string) access.Step {
	s := access.Step{Type: access.StepUser, KeySelectionStrategy: "ordered"}
	for _, id := range ids {
		s.Keys = append(s.Keys, access.StepKey{ID: id})
	}
	return s
}

func TestKeyring(t *testing.T) {
	own, mirrored := access.Step{Type: access.StepGateway}, access.Step{Type: access.StepNgrok}
	rule := func(provider, model string, steps ...access.Step) access.RouterRule {
		return access.RouterRule{Provider: provider, Model: model, Steps: steps}
	}
	tests := []struct {
		name     string
		rules    []access.RouterRule
		attached []string
		team     string
		ask      *catalog.Model
		want     string
	}{
		{"nothing", nil, nil, "", model("openai", "gpt-5"), "-"},
		{"a rule of the provider", []access.RouterRule{rule("openai", "", user("k1", "k2"))}, nil, "", model("openai", "gpt-5"), "k1 k2"},
		{"a rule of another provider", []access.RouterRule{rule("openai", "", user("k1"))}, nil, "", model("google", "gemini-3"), "-"},
		{"steps in order", []access.RouterRule{rule("openai", "", user("k2"), mirrored, user("k1"))}, nil, "", model("openai", "gpt-5"), "k2 gateway k1"},
		{"the gateway alone", []access.RouterRule{rule("openai", "", own)}, nil, "", model("openai", "gpt-5"), "gateway"},
		{"a model rule beats a provider rule", []access.RouterRule{
			rule("openai", "", own), rule("openai", "openai:openai/gpt-5", user("k1")),
		}, nil, "", model("openai", "gpt-5"), "k1"},
		{"and only for its model", []access.RouterRule{
			rule("openai", "", own), rule("openai", "openai:openai/gpt-5", user("k1")),
		}, nil, "", model("openai", "gpt-4.1"), "gateway"},
		{"a model rule without the author", []access.RouterRule{rule("", "openai:gpt-5", user("k1"))}, nil, "", model("openai", "GPT-5"), "k1"},
		{"a model rule by the author's alias", []access.RouterRule{rule("", "openai:open-ai/gpt-5", user("k1"))}, nil, "", model("openai", "gpt-5"), "k1"},
		{"a model rule by another author", []access.RouterRule{rule("", "openai:meta/gpt-5", user("k1"))}, nil, "", model("openai", "gpt-5"), "-"},
		{"a model rule at another provider", []access.RouterRule{rule("", "openai:gpt-5", user("k1"))}, nil, "", model("azure-openai", "gpt-5"), "-"},
		{"a model rule with *", []access.RouterRule{rule("", "openai:gpt-*", user("k1"))}, nil, "", model("openai", "gpt-5"), "k1"},
		{"a model rule with a bare model", []access.RouterRule{rule("openai", "gpt-5", user("k1"))}, nil, "", model("openai", "gpt-5"), "k1"},
		{"a model with a colon", []access.RouterRule{rule("ollama", "tiny:1b", user("k5"))}, nil, "", model("ollama", "tiny:1b"), "k5"},
		{"a model with a colon and its provider", []access.RouterRule{rule("", "ollama:tiny:1b", user("k5"))}, nil, "", model("ollama", "tiny:1b"), "k5"},
		{"a model that only requests know", []access.RouterRule{rule("", "ollama:meta/tiny", user("k5"))}, nil, "", model("ollama", "tiny"), "k5"},
		{"by the provider's alias", []access.RouterRule{rule("gemini", "", user("k3"))}, nil, "", model("google", "gemini-3"), "k3"},
		{"by the custom provider's id", []access.RouterRule{rule("aigp_9", "", user("k4"))}, nil, "", model("mine", "m"), "k4"},
		{"a key of another provider is not sent there", []access.RouterRule{rule("openai", "", user("k3"))}, nil, "", model("openai", "gpt-5"), "none"},
		{"nor beside its own", []access.RouterRule{rule("", "", user("k3", "k1"))}, nil, "", model("openai", "gpt-5"), "k1"},
		{"a rule for everything", []access.RouterRule{rule("", "", user("k3", "k1"), own)}, nil, "", model("mistral", "m"), "gateway"},
		{"a key that cannot be opened", []access.RouterRule{rule("openai", "", user("broken"))}, nil, "", model("openai", "gpt-5"), "none"},
		{"a key that cannot be opened among others", []access.RouterRule{rule("openai", "", user("broken", "k1"))}, nil, "", model("openai", "gpt-5"), "k1"},
		{"a key that is gone", []access.RouterRule{rule("openai", "", user("gone"))}, nil, "", model("openai", "gpt-5"), "none"},
		{"a rule without steps", []access.RouterRule{rule("openai", "")}, nil, "", model("openai", "gpt-5"), "none"},
		{"a step of no known type", []access.RouterRule{rule("openai", "", access.Step{Type: "all"})}, nil, "", model("openai", "gpt-5"), "none"},
		{"another team's key", []access.RouterRule{rule("openai", "", user("of_b"))}, nil, "team_a", model("openai", "gpt-5"), "none"},
		{"another team's key without a team", []access.RouterRule{rule("openai", "", user("of_b"))}, nil, "", model("openai", "gpt-5"), "none"},
		{"the team's own key", []access.RouterRule{rule("openai", "", user("of_b"))}, nil, "team_b", model("openai", "gpt-5"), "of_b"},
		{"attached", nil, []string{"k2", "k1", "k2"}, "", model("openai", "gpt-5"), "k2 k1 gateway"},
		{"attached, another provider", nil, []string{"k2"}, "", model("google", "gemini-3"), "-"},
		{"attached to the team", nil, nil, "team_a", model("openai", "gpt-5"), "k2 of_a gateway"},
		{"attached to both", nil, []string{"k1", "k2"}, "team_a", model("openai", "gpt-5"), "k1 k2 of_a gateway"},
		{"attached, of another team", nil, []string{"of_b"}, "team_a", model("openai", "gpt-5"), "k2 of_a gateway"},
		{"attached, but a rule speaks", []access.RouterRule{rule("openai", "", own)}, []string{"k1"}, "team_a", model("openai", "gpt-5"), "gateway"},
		{"attached, and the rule speaks of others", []access.RouterRule{rule("google", "", own)}, []string{"k1"}, "", model("openai", "gpt-5"), "k1 gateway"},
		{"one key twice in a rule", []access.RouterRule{rule("openai", "", user("k1"), user("k1"))}, nil, "", model("openai", "gpt-5"), "k1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.static.Teams = []*access.Team{
				{Meta: access.Meta{ID: "team_a"}, ProviderKeyIDs: []string{"k2", "of_a", "of_b"}}, {Meta: access.Meta{ID: "team_b"}},
			}
			for _, k := range []string{"k1 openai ", "k2 openai ", "k3 google ", "k4 aigp_9 ", "k5 ollama ", "of_a openai team_a", "of_b OpenAI team_b"} {
				parts := strings.SplitN(k, " ", 3)
				f.providerKey(parts[0], parts[1], parts[2])
			}
			f.static.ProviderKeys = append(f.static.ProviderKeys, &access.ProviderKey{Meta: access.Meta{ID: "broken"}, ProviderID: "openai", Sealed: []byte("x")})
			f.static.Configurations = []*access.Configuration{{Meta: access.Meta{ID: "aigac_1"}, Router: &access.Router{Rules: tt.rules}}}
			f.add(1, func(k *access.AccessKey) {
				k.ConfigurationID, k.TeamID, k.ProviderKeyIDs = "aigac_1", tt.team, tt.attached
			})
			f.compile(&access.Provider{Meta: access.Meta{ID: "aigp_9"}, ProviderID: "Mine"})
			if got := shown(f.gate.view.Load().grants["aigk_"+id(1)].ring, tt.ask); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// compile puts the fixture's resources in force with a custom provider, which files cannot have.
func (f *fixture) compile(p *access.Provider) {
	f.apply()
	s := *f.dir.Load()
	s.Providers = map[string]*access.Provider{p.ID: p}
	c := compiler{snapshot: &s, before: f.gate.view.Load(), box: f.box, log: f.gate.o.Log}
	f.gate.view.Store(c.view())
}

// TestRingsAreShared: keys of one configuration and team share a ring, keys of different teams do not.
func TestRingsAreShared(t *testing.T) {
	f := newFixture(t)
	f.static.Teams = []*access.Team{{Meta: access.Meta{ID: "team_a"}}, {Meta: access.Meta{ID: "team_b"}}}
	f.providerKey("of_a", "openai", "team_a")
	f.static.Configurations = []*access.Configuration{{
		Meta: access.Meta{ID: "aigac_1"}, Router: &access.Router{Rules: []access.RouterRule{{Provider: "openai", Steps: []access.Step{user("of_a")}}}},
	}}
	for n, team := range []string{"team_a", "team_b", "team_a", "", "team_gone", ""} {
		f.add(n, func(k *access.AccessKey) { k.TeamID, k.ConfigurationID = team, "aigac_1" })
	}
	f.apply()
	got := make([]string, 0, 6)
	v := f.gate.view.Load()
	for n := range 6 {
		got = append(got, shown(v.grants["aigk_"+id(n)].ring, model("openai", "gpt-5")))
	}
	if diff := cmp.Diff([]string{"of_a", "none", "of_a", "none", "none", "none"}, got); diff != "" {
		t.Error(diff)
	}
	if v.grants["aigk_"+id(0)].ring != v.grants["aigk_"+id(2)].ring {
		t.Error("keys of one team and configuration have a ring each")
	}
}

// TestProviderKeyRotates: a key that was sealed anew in place serves at once.
func TestProviderKeyRotates(t *testing.T) {
	f := newFixture(t)
	f.providerKey("k1", "openai", "")
	f.add(1, func(k *access.AccessKey) { k.ProviderKeyIDs = []string{"k1"} })
	f.apply()
	value := func() string {
		keys, _ := f.gate.view.Load().grants["aigk_"+id(1)].ring.Keys(model("openai", "gpt-5"))
		return keys[0].Value
	}
	if got := value(); got != "sk-k1" {
		t.Errorf("got %q, want sk-k1", got)
	}
	other := *f.static.ProviderKeys[0]
	other.Sealed = f.box.Seal([]byte("sk-new"), "k1")
	f.static.ProviderKeys = []*access.ProviderKey{&other}
	f.apply()
	if got := value(); got != "sk-new" {
		t.Errorf("got %q, want sk-new", got)
	}
}

// TestLostConfiguration: a key whose configuration cannot be read may use nothing.
func TestLostConfiguration(t *testing.T) {
	f := newFixture(t)
	f.add(1, func(k *access.AccessKey) { k.ConfigurationID = "aigac_gone" })
	f.apply()
	k := f.gate.view.Load().grants["aigk_"+id(1)]
	nothing := engine.NewModelScope(engine.ModelLists{HasAllow: true})
	if diff := cmp.Diff(nothing, k.scope, cmp.AllowUnexported(*nothing), cmpopts.IgnoreFields(*nothing, "self")); diff != "" {
		t.Error(diff)
	}
	if got := shown(k.ring, model("openai", "gpt-5")); got != "none" {
		t.Errorf("got %s, want no key", got)
	}
	if !strings.Contains(f.log.String(), "aigac_gone") {
		t.Errorf("got log %s, want the configuration in it", f.log.String())
	}
}
