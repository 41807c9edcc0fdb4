package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// bench is resources that others can refer to.
type bench struct {
	*world

	team, otherTeam  *Team
	openai, ours     *ProviderKey
	teamKey          *ProviderKey
	custom           *Provider
	key              *AccessKey
	soon, later, far time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	w := newWorld(t)
	b := &bench{world: w, team: w.team("research"), otherTeam: w.team("other")}
	b.custom = &Provider{Meta: Meta{Name: "Ours"}, ProviderID: "ours", BaseURL: "https://llm.example.com/v1"}
	w.create(KindProvider, b.custom)
	b.openai = w.providerKey("openai", "openai", "sk-0123456789abcdef")
	b.ours = w.providerKey("ours", "ours", "sk-ours-0123456789")
	b.teamKey = &ProviderKey{Meta: Meta{Name: "team's"}, ProviderID: "openai", TeamID: b.team.ID}
	w.SealKey(b.teamKey, "sk-team-0123456789")
	w.create(KindProviderKey, b.teamKey)
	b.key, _ = w.key(&AccessKey{TeamID: b.team.ID}, "")
	b.soon = w.clock.Now().Add(time.Hour)
	b.later = b.soon.Add(time.Hour)
	b.far = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)
	return b
}

// field is where an error of the manager says that something is wrong; "" where it lets the resource through.
func (b *bench) field(k Kind, r Resource) (string, error) {
	var err error
	if k == KindAccessKey || k == KindAPIKey {
		_, err = b.CreateKey(b.t.Context(), admin, r, "", WriteOptions{})
	} else {
		err = b.Create(b.t.Context(), admin, k, r, WriteOptions{})
	}
	if e, ok := errors.AsType[*FieldError](err); ok {
		return e.Field, err
	}
	if err != nil {
		return "?", err
	}
	return "", nil
}

type checkCase struct {
	name, want string
	r          Resource
}

func (b *bench) run(t *testing.T, k Kind, tests []checkCase) {
	t.Helper()
	for _, tt := range tests {
		got, err := b.field(k, tt.r)
		if got != tt.want {
			t.Errorf("%s: got field %q (%v), want %q", tt.name, got, err, tt.want)
		}
		if err != nil && (strings.Contains(err.Error(), "sk-") || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%s: the error shows a secret: %v", tt.name, err)
		}
	}
}

func TestCheckAccessKey(t *testing.T) {
	b := newBench(t)
	b.run(t, KindAccessKey, []checkCase{
		{"nothing", "", &AccessKey{}},
		{"everything", "", &AccessKey{
			Meta: Meta{Name: strings.Repeat("ä", 255), Description: "a\nb", Metadata: strings.Repeat("x", 4096)}, TeamID: b.team.ID,
			Groups: []string{"a", "b"}, NotBefore: &b.soon, ExpiresAt: &b.later, AllowedNetworks: []string{"10.0.0.0/8", "::1", "2001:db8::/32"},
			ProviderKeyIDs: []string{b.openai.ID, b.teamKey.ID},
		}},
		{"long name", "name", &AccessKey{Meta: Meta{Name: strings.Repeat("x", 256)}}},
		{"name with an escape", "name", &AccessKey{Meta: Meta{Name: "a\x1b[31m"}}},
		{"name on two lines", "name", &AccessKey{Meta: Meta{Name: "a\nx-injected: 1"}}},
		{"name with a control character of eight bits", "name", &AccessKey{Meta: Meta{Name: "a\u009b31m"}}},
		{"name that reads backwards", "name", &AccessKey{Meta: Meta{Name: "a\u202egpj"}}},
		{"group on two lines", "groups[0]", &AccessKey{Groups: []string{"a\nb"}}},
		{"name that is not text", "name", &AccessKey{Meta: Meta{Name: "\xff"}}},
		{"long description", "description", &AccessKey{Meta: Meta{Description: strings.Repeat("x", 256)}}},
		{"long metadata", "metadata", &AccessKey{Meta: Meta{Metadata: strings.Repeat("x", 4097)}}},
		{"no such team", "team_id", &AccessKey{TeamID: "team_x"}},
		{"no such configuration", "configuration_id", &AccessKey{ConfigurationID: "aigac_x"}},
		{"no such provider key", "provider_key_ids[1]", &AccessKey{ProviderKeyIDs: []string{b.openai.ID, "aigpk_x"}}},
		{"a provider key of another team", "provider_key_ids[0]", &AccessKey{TeamID: b.otherTeam.ID, ProviderKeyIDs: []string{b.teamKey.ID}}},
		{"a provider key twice", "provider_key_ids[1]", &AccessKey{ProviderKeyIDs: []string{b.openai.ID, b.openai.ID}}},
		{"an empty group", "groups[0]", &AccessKey{Groups: []string{" "}}},
		{"a group twice", "groups[1]", &AccessKey{Groups: []string{"a", "a"}}},
		{"many groups", "groups", &AccessKey{Groups: make([]string, 101)}},
		{"no network", "allowed_networks[0]", &AccessKey{AllowedNetworks: []string{"localhost"}}},
		{"bits behind the prefix", "allowed_networks[0]", &AccessKey{AllowedNetworks: []string{"10.0.0.1/8"}}},
		{"an address with a zone", "allowed_networks[0]", &AccessKey{AllowedNetworks: []string{"fe80::1%eth0"}}},
		{"ends before it begins", "expires_at", &AccessKey{NotBefore: &b.later, ExpiresAt: &b.soon}},
		{"ends as it begins", "expires_at", &AccessKey{NotBefore: &b.soon, ExpiresAt: &b.soon}},
		{"a year that JSON has not", "expires_at", &AccessKey{ExpiresAt: &b.far}},
		{"an id of another kind", "id", &AccessKey{Meta: Meta{ID: "team_00000000000000000000000000"}}},
	})
	b.run(t, KindAPIKey, []checkCase{
		{"a role", "", &APIKey{Role: RoleAuditor}},
		{"no role", "role", &APIKey{}},
		{"another role", "role", &APIKey{Role: "owner"}},
	})
}

func rules(r ...RouterRule) *Configuration {
	return &Configuration{Meta: Meta{Name: "c"}, Router: &Router{Rules: r}}
}

func TestCheckConfiguration(t *testing.T) {
	b := newBench(t)
	gateway := []Step{{Type: StepGateway}}
	user := func(ids ...string) []Step {
		s := Step{Type: StepUser, KeySelectionStrategy: "ordered"}
		for _, id := range ids {
			s.Keys = append(s.Keys, StepKey{ID: id})
		}
		return []Step{s}
	}
	lists := func(l *NameList) *Configuration {
		return &Configuration{Meta: Meta{Name: "c"}, Access: &Scope{Providers: l, Models: l}}
	}
	b.run(t, KindConfiguration, []checkCase{
		{"nothing", "", &Configuration{Meta: Meta{Name: "c"}}},
		{"no name", "name", &Configuration{}},
		{"lists", "", lists(&NameList{Allow: []string{"openai*", "*"}, Deny: []string{"openai:gpt-4o"}})},
		{"an empty allow list", "", lists(&NameList{Allow: []string{}})},
		{"an empty name", "access.providers.allow[0]", lists(&NameList{Allow: []string{""}})},
		{"a space", "access.providers.deny[0]", lists(&NameList{Deny: []string{"a b"}})},
		{"a name twice", "access.providers.allow[1]", lists(&NameList{Allow: []string{"a", "a"}})},
		{"many names", "access.providers.allow", lists(&NameList{Allow: make([]string, 1001)})},
		{"a provider of the store", "", lists(&NameList{Allow: []string{b.custom.ID}})},
		{"no such provider of the store", "access.providers.deny[0]", lists(&NameList{Deny: []string{"aigp_x"}})},
		{"every kind of step", "", rules(
			RouterRule{Provider: "openai", Steps: []Step{{Type: StepNgrok}, user(b.openai.ID, b.teamKey.ID)[0]}},
			RouterRule{Model: "openai:gpt-4o", Steps: gateway},
			RouterRule{Provider: b.custom.ID, Steps: user(b.ours.ID)},
			RouterRule{Provider: "ours", Model: "ours:a/b", Steps: user(b.ours.ID)},
			RouterRule{Provider: "from-policy", Steps: gateway},
		)},
		{"a rule for nothing", "router.rules[0]", rules(RouterRule{Steps: gateway})},
		{"two rules for a provider", "router.rules[1]", rules(RouterRule{Provider: "openai", Steps: gateway}, RouterRule{Provider: "openai", Steps: gateway})},
		{"two for one by its two names", "router.rules[1]", rules(RouterRule{Provider: "ours", Steps: gateway}, RouterRule{Provider: b.custom.ID, Steps: gateway})},
		{"two rules for a model", "router.rules[1]", rules(RouterRule{Model: "openai:a", Steps: gateway}, RouterRule{Provider: "openai", Model: "openai:a", Steps: gateway})},
		{"a model without its provider", "router.rules[0].model", rules(RouterRule{Model: "gpt-4o", Steps: gateway})},
		{"a pattern of models", "router.rules[0].model", rules(RouterRule{Model: "openai:*", Steps: gateway})},
		{"a model of another provider", "router.rules[0].model", rules(RouterRule{Provider: "anthropic", Model: "openai:gpt-4o", Steps: gateway})},
		{"no such provider", "router.rules[0].provider", rules(RouterRule{Provider: "nobody", Steps: gateway})},
		{"no steps", "router.rules[0].steps", rules(RouterRule{Provider: "openai"})},
		{"another type", "router.rules[0].steps[0].type", rules(RouterRule{Provider: "openai", Steps: []Step{{Type: "random"}}})},
		{"another strategy", "router.rules[0].steps[0].keySelectionStrategy", rules(RouterRule{Provider: "openai", Steps: []Step{{Type: StepGateway, KeySelectionStrategy: "random"}}})},
		{"keys of the gateway", "router.rules[0].steps[0].keys", rules(RouterRule{Provider: "openai", Steps: []Step{{Type: StepGateway, Keys: []StepKey{{ID: b.openai.ID}}}}})},
		{"no keys of the user", "router.rules[0].steps[0].keys", rules(RouterRule{Provider: "openai", Steps: user()})},
		{"no such key", "router.rules[0].steps[0].keys[0].id", rules(RouterRule{Provider: "openai", Steps: user("aigpk_x")})},
		{"a key of another provider", "router.rules[0].steps[0].keys[1].id", rules(RouterRule{Provider: "openai", Steps: user(b.openai.ID, b.ours.ID)})},
		{"a key twice", "router.rules[0].steps[0].keys[1].id", rules(RouterRule{Provider: "openai", Steps: user(b.openai.ID, b.openai.ID)})},
		{"many rules", "router.rules", rules(make([]RouterRule, 201)...)},
	})
}

func TestCheckQuota(t *testing.T) {
	b := newBench(t)
	good := func(edit func(q *Quota)) *Quota {
		q := &Quota{Unit: UnitTokens, Limit: "1000", Window: windowDay}
		edit(q)
		return q
	}
	usd := func(limit string) *Quota { return good(func(q *Quota) { q.Unit, q.Limit = UnitUSD, limit }) }
	window := func(w string) *Quota { return good(func(q *Quota) { q.Window = w }) }
	url := func(u string) *Quota { return good(func(q *Quota) { q.WebhookURL = u }) }
	both := []checkCase{
		{"good", "", good(func(*Quota) {})},
		{"everything", "", good(func(q *Quota) {
			q.TeamID, q.AccessKeyID, q.When, q.Per = b.team.ID, b.key.ID, "m.id == 'x'", []string{PerAccessKey, PerModel, "caller.id", PerTeam}
			q.Timezone, q.WarnAt, q.WebhookURL, q.Status = "Europe/Berlin", []int{50, 80, 100}, "https://example.com/h?x", 429
		})},
		{"dollars", "", usd("12.345678901")},
		{"the most dollars", "", usd("999999999.999999999")},
		{"too many dollars", "limit", usd("1000000000")},
		{"ten decimals", "limit", usd("1.0123456789")},
		{"no dollars", "limit", usd("0.000")},
		{"a debt", "limit", usd("-1")},
		{"scientific", "limit", usd("1e3")},
		{"grouped", "limit", usd("1,000")},
		{"half a number", "limit", usd("1.")},
		{"the other half", "limit", usd(".5")},
		{"nothing", "limit", usd("")},
		{"half a token", "limit", good(func(q *Quota) { q.Limit = "1.5" })},
		{"very many tokens", "limit", good(func(q *Quota) { q.Limit = "9999999999999999" })},
		{"no unit", "unit", good(func(q *Quota) { q.Unit = "" })},
		{"hours", "", window("8784h")},
		{"a second", "", window("1s")},
		{"less", "window", window("999ms")},
		{"more", "window", window("8785h")},
		{"part of a second", "window", window("1.5s")},
		{"no window", "window", window("")},
		{"a year", "window", window("year")},
		{"rolling", "", good(func(q *Quota) { q.Rolling = true })},
		{"rolling for ever", "rolling", good(func(q *Quota) { q.Rolling, q.Window = true, windowTotal })},
		{"a zone for what rolls", "timezone", good(func(q *Quota) { q.Rolling, q.Timezone = true, "Europe/Berlin" })},
		{"a zone for a duration", "timezone", good(func(q *Quota) { q.Window, q.Timezone = "90s", "Europe/Berlin" })},
		{"no such zone", "timezone", good(func(q *Quota) { q.Timezone = "Mars/Base" })},
		{"a file as zone", "timezone", good(func(q *Quota) { q.Timezone = "../../etc/passwd" })},
		{"the machine's zone", "timezone", good(func(q *Quota) { q.Timezone = "Local" })},
		{"warns at nothing", "warn_at[0]", good(func(q *Quota) { q.WarnAt = []int{0} })},
		{"warns behind the end", "warn_at[1]", good(func(q *Quota) { q.WarnAt = []int{50, 101} })},
		{"warns twice", "warn_at[1]", good(func(q *Quota) { q.WarnAt = []int{50, 50} })},
		{"http", "webhook_url", url("http://example.com/")},
		{"http to a host of our own", "", url("http://Hooks.internal:9/x")},
		{"http to here", "webhook_url", url("http://127.0.0.1:9/x")},
		{"a password", "webhook_url", url("https://u:p@example.com/")},
		{"a file", "webhook_url", url("file:///etc/passwd")},
		{"no host", "webhook_url", url("https:///x")},
		{"a name that begins like here", "webhook_url", url("http://127.0.0.1.example.com/")},
		{"status", "status", good(func(q *Quota) { q.Status = 503 })},
		{"no such team", "team_id", good(func(q *Quota) { q.TeamID = "team_x" })},
		{"no such key", "access_key_id", good(func(q *Quota) { q.AccessKeyID = "aigk_x" })},
		{"a key of another team", "access_key_id", good(func(q *Quota) { q.TeamID, q.AccessKeyID = b.otherTeam.ID, b.key.ID })},
		{"an expression", "when", good(func(q *Quota) { q.When = "bad" })},
		{"an empty one", "when", good(func(q *Quota) { q.When = " " })},
		{"a part that does not compile", "per[0]", good(func(q *Quota) { q.Per = []string{"bad"} })},
		{"a part twice", "per[1]", good(func(q *Quota) { q.Per = []string{PerModel, PerModel} })},
		{"five parts", "per", good(func(q *Quota) { q.Per = []string{"a", "b", "c", "d", "e"} })},
	}
	b.run(t, KindBudget, both)
	b.run(t, KindBudget, []checkCase{
		{"requests", "unit", good(func(q *Quota) { q.Unit = UnitRequests })},
		{"concurrent", "unit", good(func(q *Quota) { q.Unit, q.Window = UnitConcurrent, "" })},
	})
	for _, tt := range both {
		tt.r.Common().ID = "" // that of a budget
	}
	b.run(t, KindLimit, both)
	b.run(t, KindLimit, []checkCase{
		{"requests", "", good(func(q *Quota) { q.Unit = UnitRequests })},
		{"concurrent", "", good(func(q *Quota) { q.Unit, q.Window = UnitConcurrent, "" })},
		{"concurrent in a window", "window", good(func(q *Quota) { q.Unit = UnitConcurrent })},
	})
	b.m().CheckWhen, b.m().CheckPer = nil, nil
	b.run(t, KindLimit, []checkCase{
		{"nobody checks", "when", good(func(q *Quota) { q.When = "true" })},
		{"nobody checks parts", "per[0]", good(func(q *Quota) { q.Per = []string{"caller.id"} })},
	})
}

func (b *bench) m() *ManagerOptions { return &b.o }

func TestCheckProviders(t *testing.T) {
	b := newBench(t)
	n := 0
	good := func(edit func(p *Provider)) *Provider {
		n++
		p := &Provider{Meta: Meta{Name: "p"}, ProviderID: fmt.Sprintf("p-%d", n), BaseURL: "https://llm.example.com/v1?api-version=1"}
		edit(p)
		return p
	}
	id := func(id string) *Provider { return good(func(p *Provider) { p.ProviderID = id }) }
	base := func(u string) *Provider { return good(func(p *Provider) { p.BaseURL = u }) }
	surface := func(s ProviderSurface) *Provider {
		return good(func(p *Provider) { p.Surfaces = []ProviderSurface{s} })
	}
	models := func(m ...ProviderModel) *Provider { return good(func(p *Provider) { p.Models = m }) }
	b.run(t, KindProvider, []checkCase{
		{"good", "", good(func(*Provider) {})},
		{"no name", "name", good(func(p *Provider) { p.Name = "" })},
		{"no id", "provider_id", id("")},
		{"upper case", "provider_id", id("Ours")},
		{"a colon", "provider_id", id("a:b")},
		{"a long id", "provider_id", id(strings.Repeat("x", 256))},
		{"the longest id", "", id(strings.Repeat("x", 255))},
		{"one of Weir's own", "provider_id", id("openai")},
		{"like a resource", "provider_id", id("aigp_x")},
		{"one that is taken", "?", id("ours")},
		{"http", "", base("http://10.0.0.1:8000")},
		{"no address", "base_url", base("")},
		{"another scheme", "base_url", base("ftp://x")},
		{"a password", "base_url", base("https://u:canary-password@x/")},
		{"a long address", "base_url", base("https://x/" + strings.Repeat("x", 2048))},
		{"a surface", "", surface(ProviderSurface{Format: "openai", Surface: "responses", SupportedParams: []string{"temperature"}})},
		{"another format", "surfaces[0].format", surface(ProviderSurface{Format: "soap"})},
		{"a surface of another format", "surfaces[0].surface", surface(ProviderSurface{Format: "anthropic", Surface: "responses"})},
		{"parameters of nothing", "surfaces[0].supported_params", surface(ProviderSurface{Format: "openai", SupportedParams: []string{"x"}})},
		{"models", "", models(ProviderModel{ModelID: "a", InputPrice: "2.50", OutputPrice: "0"}, ProviderModel{ModelID: "b/c:d"})},
		{"a model twice", "models[1].model_id", models(ProviderModel{ModelID: "a"}, ProviderModel{ModelID: "a"})},
		{"no model id", "models[0].model_id", models(ProviderModel{})},
		{"a price in words", "models[0].input_price", models(ProviderModel{ModelID: "a", InputPrice: "free"})},
		{"a price below zero", "models[0].output_price", models(ProviderModel{ModelID: "a", OutputPrice: "-1"})},
		{"many parameters", "models[0].unsupported_params", models(ProviderModel{ModelID: "a", UnsupportedParams: make([]string, 101)})},
	})
	for _, p := range b.dir.Load().Providers {
		for _, m := range p.Models {
			if !isID("aigpm_", m.ID) {
				t.Errorf("got the id %q for a model", m.ID)
			}
		}
	}
	b.run(t, KindProviderKey, []checkCase{
		{"no provider", "provider_id", b.sealed(&ProviderKey{}, "sk-0123456789abcdef")},
		{"no such provider", "provider_id", b.sealed(&ProviderKey{ProviderID: "nobody"}, "sk-0123456789abcdef")},
		{"no such team", "team_id", b.sealed(&ProviderKey{ProviderID: "openai", TeamID: "team_x"}, "sk-0123456789abcdef")},
		{"no value", "value", &ProviderKey{Meta: Meta{Name: "x"}, ProviderID: "openai"}},
		{"an empty value", "value", b.sealed(&ProviderKey{ProviderID: "openai"}, "")},
		{"a line break behind it", "value", b.sealed(&ProviderKey{ProviderID: "openai"}, "sk-0123456789abcdef\n")},
		{"not text", "value", b.sealed(&ProviderKey{ProviderID: "openai"}, "sk-\xff0123456789abcdef")},
		{"a very long value", "value", b.sealed(&ProviderKey{ProviderID: "openai"}, "sk-"+strings.Repeat("x", 64<<10))},
		{"a header in it", "value", b.sealed(&ProviderKey{ProviderID: "openai"}, "sk-0123456789abcdef\r\nx: y")},
		{"a service account", "", b.sealed(&ProviderKey{ProviderID: "openai"}, "{\n\"type\": \"service_account\"}")},
		{"a value for another id", "value", func() Resource {
			k := b.sealed(&ProviderKey{ProviderID: "openai"}, "sk-0123456789abcdef")
			k.ID = newID("aigpk_", b.clock.Now())
			return k
		}()},
	})
	if _, err := b.Update(t.Context(), admin, KindProvider, b.custom.ID, WriteOptions{}, edit(func(p *Provider) { p.ProviderID = "renamed" })); err == nil || !strings.Contains(err.Error(), "provider_id") {
		t.Errorf("got %v for a provider of another name", err)
	}
}

func (b *bench) sealed(k *ProviderKey, value string) *ProviderKey {
	k.Name = "x"
	b.SealKey(k, value)
	return k
}

func TestCheckOthers(t *testing.T) {
	b := newBench(t)
	b.run(t, KindTeam, []checkCase{
		{"no name", "name", &Team{}},
		{"no such key", "provider_key_ids[0]", &Team{Meta: Meta{Name: "x"}, ProviderKeyIDs: []string{"aigpk_x"}}},
		{"a key of another team", "provider_key_ids[0]", &Team{Meta: Meta{Name: "x"}, ProviderKeyIDs: []string{b.teamKey.ID}}},
	})
	zero, one := int64(0), int64(1)
	for _, tt := range []struct {
		want string
		g    GatewayConfig
	}{
		{"total_timeout", GatewayConfig{TotalTimeout: "soon"}},
		{"per_request_timeout", GatewayConfig{PerRequestTimeout: "0s"}},
		{"per_request_timeout", GatewayConfig{TotalTimeout: "1m", PerRequestTimeout: "2m"}},
		{"max_input_tokens", GatewayConfig{MaxInputTokens: &zero}},
		{"max_output_tokens", GatewayConfig{MaxOutputTokens: &zero}},
		{"", GatewayConfig{TotalTimeout: "2m", PerRequestTimeout: "1m", MaxInputTokens: &one, MaxOutputTokens: &one}},
	} {
		if got, err := b.field(KindGateway, &tt.g); got != tt.want {
			t.Errorf("%+v: got field %q (%v), want %q", tt.g, got, err, tt.want)
		}
	}
}
