package access

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/access/seal"
)

// identify reads what every resource of a list has, and its id, so that others can refer to it wherever they stand.
func (r *fileReader) identify(top *fileMap, list string, k Kind, fields ...string) {
	known := append([]string{"name", "id", "description", "metadata"}, fields...)
	names, ids := make(map[string]bool), make(map[string]bool) // as the file has them
	for _, n := range top.items(list) {
		m := r.mapping(n, known...)
		if m == nil {
			continue
		}
		e := &entry{m: m, meta: Meta{
			Name: m.text("name"), Description: m.text("description"), Metadata: m.metadata("metadata"),
			CreatedAt: r.changed, UpdatedAt: r.changed, CreatedBy: fileActor, UpdatedBy: fileActor, Static: true,
		}}
		if strings.TrimSpace(e.meta.Name) == "" {
			r.report(n, "missing_field", "", "\"name\" is missing")
			continue
		}
		id := m.text("id")
		e.meta.ID = staticID(k, id, e.meta.Name)
		switch {
		case names[e.meta.Name], ids[e.meta.Name]:
			r.report(m.fields["name"], "duplicate_name", "", "the name %s is taken in %q", shown(e.meta.Name), list)
		case id != "" && (names[id] || ids[id]):
			r.report(m.fields["id"], "duplicate_name", "", "the id %s is taken in %q", shown(id), list)
		}
		names[e.meta.Name], ids[id] = true, id != ""
		r.entries[k] = append(r.entries[k], e)
	}
}

// staticID is the id of a resource of a file. It comes from the id that the file gives, or else the name, and stays what it is
// wherever and whenever the file is read: budgets, usage and tokens go by it. An id as stores have them stays as it is, so
// that what was in a store can be moved into a file.
func staticID(k Kind, id, name string) string {
	of, _ := kindOf(k)
	if isID(of.prefix, id) {
		return id
	}
	text := "name\x00" + name
	if id != "" {
		text = "id\x00" + id
	}
	sum := sha256.Sum256([]byte(string(k) + "\x00" + text))
	return of.prefix + seal.Encode(sum[:idSize])
}

// refer is the id of the resource of a kind that a text names: by its name or id in the file, or by its id in the store.
func (r *fileReader) refer(n *yaml.Node, k Kind, text string) string {
	if text == "" {
		return ""
	}
	for _, e := range r.entries[k] {
		if e.meta.Name == text || e.meta.ID == text || e.m.has("id") && e.m.fields["id"].Value == text {
			return e.meta.ID
		}
	}
	of, _ := kindOf(k)
	if !isID(of.prefix, text) {
		r.report(n, "unknown_reference", "name one of this file, or one of the store by its id", "there is no %s %s", k.words(), shown(text))
		return ""
	}
	meta := Meta{ID: text}
	switch k {
	case KindTeam:
		r.store.Teams[text] = &Team{Meta: meta}
	case KindAccessKey:
		r.store.AccessKeys[text] = &AccessKey{Meta: meta}
	case KindConfiguration:
		r.store.Configurations[text] = &Configuration{Meta: meta}
	case KindProviderKey:
		if r.store.ProviderKeys[text] == nil {
			r.store.ProviderKeys[text] = &ProviderKey{Meta: meta}
		}
	default:
	}
	return text
}

func (m *fileMap) reference(key string, k Kind) string {
	return m.r.refer(m.fields[key], k, m.text(key))
}

func (m *fileMap) references(key string, k Kind) []string {
	var out []string
	for _, n := range m.items(key) {
		if n.Kind != yaml.ScalarNode {
			m.wrong(n, key, "a list of names")
			continue
		}
		out = append(out, m.r.refer(n, k, n.Value))
	}
	return out
}

func (r *fileReader) providerKey(e *entry) *ProviderKey {
	m := e.m
	k := &ProviderKey{Meta: e.meta, ProviderID: m.text("provider"), TeamID: m.reference("team", KindTeam)}
	if !m.has("value") {
		r.report(m.node, "missing_field", "", "\"value\" is missing")
		return k
	}
	if value := m.secret("value"); value != "" {
		k.Sealed, k.Hint = r.o.Box.Seal([]byte(value), k.ID), seal.Hint(value)
	}
	return k
}

func (r *fileReader) team(e *entry) *Team {
	return &Team{Meta: e.meta, Disabled: e.m.flag("disabled"), ProviderKeyIDs: e.m.references("provider_keys", KindProviderKey)}
}

func (r *fileReader) accessKey(e *entry) *AccessKey {
	m := e.m
	k := &AccessKey{
		Meta: e.meta, ConfigurationID: m.reference("configuration", KindConfiguration), TeamID: m.reference("team", KindTeam),
		Groups: m.texts("groups"), ExpiresAt: m.time("expires_at"), NotBefore: m.time("not_before"), Disabled: m.flag("disabled"),
		AllowedNetworks: m.texts("allowed_networks"), ProviderKeyIDs: m.references("provider_keys", KindProviderKey),
	}
	if hash, ok := r.token(m); ok {
		if other, taken := r.tokens[hash.Lookup]; taken {
			r.report(m.node, "duplicate_token", "", "the access key %s has the same token", shown(other))
		}
		r.tokens[hash.Lookup] = k.Name
		k.Tokens = []TokenHash{hash}
	}
	return k
}

// token reads the one token of an access key, from a secret or as a hash.
func (r *fileReader) token(m *fileMap) (TokenHash, bool) {
	if m.has("token") == m.has("token_hash") {
		r.report(m.node, "missing_field", "", "an access key has either \"token\", a reference to a secret, or \"token_hash\"")
		return TokenHash{}, false
	}
	if m.has("token") {
		token := m.secret("token")
		if token == "" {
			return TokenHash{}, false
		}
		if err := checkToken(token); err != nil {
			r.report(m.fields["token"], "bad_token", "", "%s", err)
			return TokenHash{}, false
		}
		return TokenHash{Lookup: strings.Clone(r.o.Box.Lookup(nil, token)[0]), Hash: r.o.Box.Hash(token), Hint: seal.Hint(token)}, true
	}
	text := m.scalar("token_hash", "a hash as weir keys hash prints it", "!!str", "!!int", "!!float")
	r.hide(text) // it may be a token in the wrong field
	lookup, hash, err := r.o.Box.ParseHashText(text)
	if err != nil {
		r.report(m.fields["token_hash"], "bad_hash", "", "%s", err)
		return TokenHash{}, false
	}
	return TokenHash{Lookup: lookup, Hash: hash, Hint: "***"}, true
}

func (r *fileReader) quota(e *entry) *Quota {
	m := e.m
	return &Quota{
		Meta: e.meta, TeamID: m.reference("team", KindTeam), AccessKeyID: m.reference("access_key", KindAccessKey),
		When: m.text("when"), Per: m.texts("per"), Unit: m.text("unit"), Limit: m.number("limit"), Window: m.text("window"),
		Rolling: m.flag("rolling"), Timezone: m.text("timezone"), WarnAt: m.integers("warn_at"), WebhookURL: m.text("webhook_url"),
		Status: m.integer("status"), Disabled: m.flag("disabled"),
	}
}

func (r *fileReader) configuration(e *entry) *Configuration {
	c := &Configuration{Meta: e.meta}
	if n := e.m.fields["access"]; n != nil {
		if m := r.mapping(n, "providers", "models"); m != nil {
			c.Access = &Scope{Providers: m.nameList("providers"), Models: m.nameList("models")}
		} else {
			c.Access = &Scope{Providers: &NameList{}, Models: &NameList{}}
		}
	}
	if n := e.m.fields["router"]; n != nil {
		c.Router = &Router{Rules: []RouterRule{}}
		if m := r.mapping(n, "rules"); m != nil {
			for _, n := range m.items("rules") {
				c.Router.Rules = append(c.Router.Rules, r.rule(n))
			}
		}
	}
	return c
}

// nameList reads a list of names. One that only denies allows the rest.
func (m *fileMap) nameList(key string) *NameList {
	n := m.fields[key]
	if n == nil {
		return nil
	}
	l := m.r.mapping(n, "allow", "deny")
	if l == nil {
		return &NameList{Allow: []string{}}
	}
	out := &NameList{Allow: l.texts("allow"), Deny: l.texts("deny")}
	if !l.has("allow") && !l.has("deny") {
		m.r.report(n, "missing_field", "", "%q has \"allow\", \"deny\" or both", key)
	}
	for _, name := range slices.Concat(out.Allow, out.Deny) {
		if isID(providerPrefix, name) { // of the store
			m.r.store.Providers[name] = &Provider{Meta: Meta{ID: name}, ProviderID: name}
		}
	}
	return out
}

func (r *fileReader) rule(n *yaml.Node) RouterRule {
	m := r.mapping(n, "provider", "model", "steps")
	if m == nil {
		return RouterRule{}
	}
	out := RouterRule{Provider: m.text("provider"), Model: m.text("model")}
	provider := out.Provider
	if provider == "" {
		provider, _, _ = strings.Cut(out.Model, ":")
	}
	for _, n := range m.items("steps") {
		m := r.mapping(n, "type", "key_selection_strategy", "keys")
		if m == nil {
			continue
		}
		step := Step{Type: m.text("type"), KeySelectionStrategy: m.text("key_selection_strategy")}
		for _, id := range m.references("keys", KindProviderKey) {
			step.Keys = append(step.Keys, StepKey{ID: id})
			if k := r.store.ProviderKeys[id]; k != nil && k.ProviderID == "" {
				k.ProviderID = provider // what it is for is in the store; it cannot be for two
			}
		}
		out.Steps = append(out.Steps, step)
	}
	return out
}

// check holds the resources to the rules of those of the store.
func (r *fileReader) check(out *Static) {
	base := *r.store
	s := &Snapshot{
		AccessKeys: with(base.AccessKeys, out.AccessKeys), Configurations: with(base.Configurations, out.Configurations),
		ProviderKeys: with(base.ProviderKeys, out.ProviderKeys), Teams: with(base.Teams, out.Teams),
		Providers: base.Providers,
	}
	m := NewManager(ManagerOptions{
		Box: r.o.Box, BuiltIn: r.o.BuiltIn, KnownProvider: r.o.KnownProvider, CheckWhen: r.o.CheckWhen, CheckPer: r.o.CheckPer, WebhookHosts: r.o.WebhookHosts,
	})
	checkAll(r, m, s, KindProviderKey, out.ProviderKeys)
	checkAll(r, m, s, KindTeam, out.Teams)
	checkAll(r, m, s, KindConfiguration, out.Configurations)
	checkAll(r, m, s, KindAccessKey, out.AccessKeys)
	checkAll(r, m, s, KindBudget, out.Budgets)
	checkAll(r, m, s, KindLimit, out.Limits)
}

func checkAll[T any, P interface {
	*T
	Resource
}](r *fileReader, m *Manager, s *Snapshot, k Kind, all []*T) {
	for i, one := range all {
		if err := m.check(s, k, P(one)); err != nil {
			node, message := r.entries[k][i].m.locate(err)
			r.report(node, "bad_value", "", "%s", fmt.Sprintf("%s %s: %s", k.words(), shown(P(one).Common().Name), message))
		}
	}
}
