package engine

import (
	"slices"
	"strings"
	"time"

	"weir/engine/catalog"
	"weir/engine/diag"
	"weir/engine/expr"
	"weir/engine/wire"
)

// provider is one configured or built-in provider in one plan.
type provider struct {
	id       string
	cat      *catalog.Provider
	spec     *ProviderSpec // nil for custom providers
	custom   bool
	demo     bool
	off      string // why nothing can be sent to it; "" = on
	surfaces []*surface
	keys     []*apiKey
	dynamic  []*expr.Template // keys that hold ${...}
	keyless  bool             // answers without a key
	health   *providerHealth
	// other and otherLocal hold the figures of models that only requests know, together.
	other, otherLocal *modelStats
	pass              []string // vendor-account headers it gets
	listed            bool     // stands in the policy
}

// hasKeys reports whether the gateway has a way to authenticate to the provider.
func (p *provider) hasKeys() bool { return len(p.keys) > 0 || len(p.dynamic) > 0 || p.keyless }

func (p *provider) speaks(api wire.API) bool { return p.surfaceFor(api) != nil }

func (p *provider) surfaceFor(api wire.API) *surface {
	for _, s := range p.surfaces {
		if s.speaks(api) {
			return s
		}
	}
	return nil
}

func (p *provider) speaksDialect(d wire.Dialect) bool {
	return slices.ContainsFunc(p.surfaces, func(s *surface) bool { return s.dialect == d })
}

func (p *provider) passesUnknown() bool { return !p.demo }

// model is one model of one provider in one plan. It is the catalog.Live of its own entry.
type model struct {
	cat        catalog.Model
	provider   *provider
	stats      *modelStats // the whole gateway
	local      *modelStats // this policy
	weight     int
	configured bool // stands in the policy
	rank       int  // order of configuration, then of the catalog
	now        func() time.Time
}

// Metrics returns the rolling figures for a scope.
func (m *model) Metrics(scope catalog.Scope, keyID string) *catalog.Metrics {
	switch scope {
	case catalog.ScopeEndpoint:
		return m.local.metrics(m.now())
	case catalog.ScopeKey:
		return m.keyMetrics(keyID)
	case catalog.ScopeGateway:
		return m.stats.metrics(m.now())
	default:
		return nil
	}
}

// modelOf finds the engine's model behind an entry that an expression returned.
func modelOf(c *catalog.Model) *model {
	m, _ := c.Live.(*model)
	return m
}

func entriesOf(models []*model) []*catalog.Model {
	out := make([]*catalog.Model, len(models))
	for i, m := range models {
		out[i] = &m.cat
	}
	return out
}

// universe is every model that the routes of one set of providers can reach, with the names they go by.
type universe struct {
	rt        *Runtime
	plan      string
	providers []*provider // in order of configuration, then of the registry
	models    []*model    // reachable without being named, in order
	every     []*model    // those that only a caller's own keys reach as well
	byName    map[string][]*model
	byID      map[string]map[string]*model // provider id, then lower-case model id or alias
	named     map[string][]*provider       // lower-case id or alias
	onlyKnown bool                         // only_allow_configured_models
	onlyOwn   bool                         // only_allow_configured_providers
	scopes    scopeTable
}

// named is what one name of the client stands for.
type resolved struct {
	name   string
	models []*model
	err    *Error
}

// resolve finds the models behind a name: provider:model, or a bare id or alias of any provider.
// Errors suggest only names of models that sees reports true for.
func (u *universe) resolve(name string, sees func(*model) bool) resolved {
	lower := strings.ToLower(strings.TrimSpace(name))
	if prefix, rest, ok := strings.Cut(lower, ":"); ok {
		if ps := u.named[prefix]; len(ps) > 0 {
			_, exact, _ := strings.Cut(name, ":")
			return u.resolveAt(ps, name, strings.TrimSpace(rest), strings.TrimSpace(exact), sees)
		}
	}
	if models := u.byName[lower]; len(models) > 0 {
		return resolved{name: name, models: models}
	}
	return resolved{name: name, err: u.unknown(name, lower, sees)}
}

func (u *universe) resolveAt(ps []*provider, name, lower, exact string, sees func(*model) bool) resolved {
	var out []*model
	var off string
	for _, p := range ps {
		if p.off != "" {
			off = p.off
			continue
		}
		if m := u.byID[p.id][lower]; m != nil {
			if !m.cat.Disabled {
				out = append(out, m)
			}
			continue
		}
		if exact == "" || u.onlyKnown || !p.passesUnknown() {
			continue
		}
		out = append(out, u.passThrough(p, exact))
	}
	switch {
	case len(out) > 0:
		return resolved{name: name, models: out}
	case off != "":
		return resolved{name: name, err: &Error{
			Code: CodeNoTarget, Param: "model", Message: "provider " + ps[0].id + " is off: " + off,
		}}
	case u.onlyKnown:
		return resolved{name: name, err: &Error{
			Code: CodeModelNotAllowed, Param: "model",
			Message: "model " + quoteName(name) + " is not allowed here: only configured models are",
		}}
	default:
		return resolved{name: name, err: &Error{
			Code: CodeModelNotFound, Param: "model",
			Message: "provider " + ps[0].id + " has no model " + quoteName(lower) + near(lower, u.idsOf(ps[0], sees)),
		}}
	}
}

// passThrough is a model that only the client's request knows.
func (u *universe) passThrough(p *provider, id string) *model {
	id = strings.Clone(id)
	m := &model{
		cat: catalog.Model{
			ID: id, DisplayName: id, ProviderID: p.id, Provider: p.cat, Custom: p.custom, Metadata: p.cat.Metadata,
		},
		provider: p, now: u.rt.now, weight: 1, stats: p.other, local: p.otherLocal,
	}
	m.cat.Live = m
	return m
}

// unknownModel is the one name under which figures of unknown models are kept, so that clients cannot grow them.
const unknownModel = "other"

// unknown explains a name that nothing goes by, and says what to write.
func (u *universe) unknown(name, lower string, sees func(*model) bool) *Error {
	e := &Error{Code: CodeModelNotFound, Param: "model", Message: "no model is called " + quoteName(name)}
	if author, _, ok := strings.Cut(lower, "/"); ok && !strings.Contains(lower, ":") {
		hint := "openrouter:" + name
		for _, p := range u.providers {
			if m := u.byID[p.id][lower]; p.off == "" && m != nil && sees(m) {
				hint = p.id + ":" + name
				break
			}
		}
		e.Message += "; a name with a slash needs its provider in front, such as " + quoteName(hint)
		if ps := u.named[author]; len(ps) > 0 {
			_, rest, _ := strings.Cut(name, "/")
			e.Message += " or " + quoteName(ps[0].id+":"+rest)
		}
		return e
	}
	if prefix, _, ok := strings.Cut(lower, ":"); ok {
		if hint, found := diag.Nearest(prefix, u.providerNames(sees)); found {
			e.Message += "; " + quoteName(prefix) + " is not a provider, did you mean " + quoteName(hint) + "?"
			return e
		}
	}
	e.Message += near(lower, u.visibleNames(sees))
	return e
}

func near(name string, known []string) string {
	if hint, ok := diag.Nearest(name, known); ok {
		return "; did you mean " + quoteName(hint) + "?"
	}
	return ""
}

func (u *universe) providerNames(sees func(*model) bool) []string {
	out := make([]string, 0, len(u.named))
	for name, ps := range u.named {
		hidden := func(p *provider) bool { return len(u.byID[p.id]) > 0 && len(u.idsOf(p, sees)) == 0 }
		if !slices.ContainsFunc(ps, hidden) {
			out = append(out, name)
		}
	}
	return out
}

func (u *universe) idsOf(p *provider, sees func(*model) bool) []string {
	out := make([]string, 0, len(u.byID[p.id]))
	for id, m := range u.byID[p.id] {
		if sees(m) {
			out = append(out, id)
		}
	}
	return out
}

func (u *universe) visibleNames(sees func(*model) bool) []string {
	out := make([]string, 0, 2*len(u.models))
	for _, m := range u.models {
		if sees(m) {
			out = append(out, m.cat.ID, m.provider.id+":"+m.cat.ID)
		}
	}
	return out
}

// quoteName quotes a name for a message and bounds it.
func quoteName(name string) string {
	const longest = 128 // longer than any real model id; the rest is the client's own doing
	if len(name) > longest {
		name = name[:longest] + "..."
	}
	return `"` + strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == '"' {
			return '?'
		}
		return r
	}, name) + `"`
}

// isAuto reports whether a name leaves the choice to the gateway.
func isAuto(name string) bool {
	return strings.EqualFold(name, "auto") || strings.EqualFold(name, "weir/auto") || strings.EqualFold(name, "ngrok/auto")
}

func (u *universe) providerEntries() []*catalog.Provider {
	out := make([]*catalog.Provider, 0, len(u.providers))
	for _, p := range u.providers {
		if p.off == "" {
			out = append(out, p.cat)
		}
	}
	return out
}

func (u *universe) authorEntries() []*catalog.Author {
	var out []*catalog.Author
	for _, m := range u.models {
		if a := m.cat.Author; a != nil && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}
