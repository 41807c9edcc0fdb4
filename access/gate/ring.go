package gate

import (
	"slices"
	"strings"

	"weir/access"
	"weir/engine"
	"weir/engine/catalog"
)

// ring is the provider keys that callers of one kind may use.
type ring struct {
	models    []ringRule // in their order; they go before those of providers
	providers []ringRule
	every     []ringRule
	attached  map[string][]engine.RingKey // where no rule speaks, by provider
}

// ringRule is one rule of a router.
type ringRule struct {
	provider string                      // in lower case; "" = any
	model    string                      // the same, without its provider; * stands for any characters
	keys     map[string][]engine.RingKey // by the provider that they are for, the gateway's among them
	gateway  []engine.RingKey            // for providers that none of its keys is for
}

// noKeys is the ring of who may use none.
type noKeys struct{}

// Keys implements engine.Keyring.
func (noKeys) Keys(*catalog.Model) ([]engine.RingKey, bool) { return nil, true }

// Keys implements engine.Keyring.
func (r *ring) Keys(m *catalog.Model) ([]engine.RingKey, bool) {
	for _, rules := range [...][]ringRule{r.models, r.providers, r.every} {
		for i := range rules {
			if rules[i].covers(m) {
				return rules[i].of(m), true
			}
		}
	}
	keys, ok := r.attached[strings.ToLower(m.ProviderID)]
	return keys, ok
}

func (r *ringRule) covers(m *catalog.Model) bool {
	if r.provider != "" && !goesBy(m, r.provider) {
		return false
	}
	return r.model == "" || named(m, r.model)
}

func (r *ringRule) of(m *catalog.Model) []engine.RingKey {
	if keys, ok := r.keys[strings.ToLower(m.ProviderID)]; ok {
		return keys
	}
	return r.gateway
}

// goesBy reports whether a model's provider has a name.
func goesBy(m *catalog.Model, name string) bool {
	if strings.EqualFold(m.ProviderID, name) {
		return true
	}
	if m.Provider != nil {
		for _, alias := range m.Provider.IDAliases {
			if strings.EqualFold(alias, name) {
				return true
			}
		}
	}
	return false
}

// named reports whether a model has a name, with or without its author in front.
func named(m *catalog.Model, pattern string) bool {
	if oneOf(m, pattern) {
		return true
	}
	author, rest, ok := strings.Cut(pattern, "/")
	return ok && by(m, author) && oneOf(m, rest)
}

func oneOf(m *catalog.Model, pattern string) bool {
	if engine.MatchGlob(pattern, strings.ToLower(m.ID)) {
		return true
	}
	for _, alias := range m.IDAliases {
		if engine.MatchGlob(pattern, strings.ToLower(alias)) {
			return true
		}
	}
	return false
}

// by reports whether somebody made the model. Of models that only requests know nobody knows who did, and a rule that says
// whose keys pay must hold for them too.
func by(m *catalog.Model, author string) bool {
	if m.AuthorID == "" || engine.MatchGlob(author, strings.ToLower(m.AuthorID)) {
		return true
	}
	if m.Author != nil {
		for _, alias := range m.Author.IDAliases {
			if engine.MatchGlob(author, strings.ToLower(alias)) {
				return true
			}
		}
	}
	return false
}

// newRing makes the ring of a key, nil where the gateway's keys serve alone.
func (c *compiler) newRing(key *access.AccessKey, conf *access.Configuration, team *access.Team) engine.Keyring {
	r := &ring{}
	if conf != nil && conf.Router != nil {
		for i := range conf.Router.Rules {
			c.addRule(r, &conf.Router.Rules[i], key.TeamID)
		}
	}
	c.attach(r, key.ProviderKeyIDs, key.TeamID)
	if team != nil {
		c.attach(r, team.ProviderKeyIDs, key.TeamID)
	}
	for provider, keys := range r.attached {
		r.attached[provider] = append(keys, engine.RingKey{Gateway: true})
	}
	if len(r.models)+len(r.providers)+len(r.every)+len(r.attached) == 0 {
		return nil
	}
	return r
}

func (c *compiler) addRule(r *ring, rule *access.RouterRule, team string) {
	out := ringRule{provider: providerID(rule.Provider, c.snapshot.Providers), model: strings.ToLower(strings.TrimSpace(rule.Model))}
	if prefix, rest, ok := strings.Cut(out.model, ":"); ok {
		prefix = providerID(prefix, c.snapshot.Providers)
		if out.provider == "" || out.provider == prefix { // otherwise the colon is one of the model's own
			out.provider, out.model = prefix, rest
		}
	}
	c.addSteps(&out, rule.Steps, team)
	switch {
	case out.model != "":
		r.models = append(r.models, out)
	case out.provider != "":
		r.providers = append(r.providers, out)
	default:
		r.every = append(r.every, out)
	}
}

// addSteps sorts the keys of a rule by the providers that they are for: a key goes to no other.
func (c *compiler) addSteps(out *ringRule, steps []access.Step, team string) {
	out.keys = map[string][]engine.RingKey{}
	for i := range steps {
		for _, ref := range steps[i].Keys {
			if key, _, ok := c.key(ref.ID, team); ok {
				out.keys[providerID(key.ProviderID, c.snapshot.Providers)] = nil
			}
		}
	}
	for i := range steps {
		switch steps[i].Type {
		case access.StepGateway, access.StepNgrok:
			own := engine.RingKey{Gateway: true}
			out.gateway = append(out.gateway, own)
			for provider := range out.keys {
				out.keys[provider] = append(out.keys[provider], own)
			}
		case access.StepUser:
			for _, ref := range steps[i].Keys {
				if key, entry, ok := c.key(ref.ID, team); ok {
					provider := providerID(key.ProviderID, c.snapshot.Providers)
					out.keys[provider] = with(out.keys[provider], entry)
				}
			}
		}
	}
}

// attach adds keys that go before the gateway's own.
func (c *compiler) attach(r *ring, ids []string, team string) {
	for _, id := range ids {
		key, entry, ok := c.key(id, team)
		if !ok {
			continue
		}
		if r.attached == nil {
			r.attached = map[string][]engine.RingKey{}
		}
		provider := providerID(key.ProviderID, c.snapshot.Providers)
		r.attached[provider] = with(r.attached[provider], entry)
	}
}

// with adds a key to a list that does not have it: no key is tried twice.
func with(keys []engine.RingKey, entry engine.RingKey) []engine.RingKey {
	if slices.ContainsFunc(keys, func(k engine.RingKey) bool { return k.ID == entry.ID }) {
		return keys
	}
	return append(keys, entry)
}

// key finds a provider key that was opened and that a team may use: its own, and those of no team.
func (c *compiler) key(id, team string) (*access.ProviderKey, engine.RingKey, bool) {
	key := c.snapshot.ProviderKeys[id]
	if key == nil || key.TeamID != "" && key.TeamID != team {
		return nil, engine.RingKey{}, false
	}
	entry, ok := c.values[id]
	return key, entry, ok
}
