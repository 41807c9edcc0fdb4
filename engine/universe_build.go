package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/engine/catalog"
	"weir/engine/diag"
	"weir/engine/wire"
)

// universeBuilder gathers the providers and models of one set of configurations.
type universeBuilder struct {
	u     *universe
	diags diag.List
	seen  map[*ProviderSpec]bool
	rank  int
}

// newUniverse builds what a route reaches: the route's providers over the policy's, then the built-ins that are on.
func (rt *Runtime) newUniverse(plan string, top []ProviderConfig, rc *RouteConfig) (*universe, diag.List) {
	b := &universeBuilder{seen: map[*ProviderSpec]bool{}, u: &universe{
		rt: rt, plan: plan, byName: map[string][]*model{}, byID: map[string]map[string]*model{}, named: map[string][]*provider{},
	}}
	var own []ProviderConfig
	if rc != nil {
		own = rc.Providers
		b.u.onlyKnown, b.u.onlyOwn = rc.OnlyConfiguredModels, rc.OnlyConfiguredProviders
	}
	if b.u.onlyOwn || b.u.onlyKnown {
		top = slices.DeleteFunc(slices.Clone(top), func(c ProviderConfig) bool { return c.Added })
	}
	for _, cfg := range mergeProviders(own, top) {
		b.configured(cfg)
	}
	if !b.u.onlyOwn {
		b.builtins()
		b.demo()
	}
	b.index()
	return b.u, b.diags
}

// mergeProviders puts the route's entries first; an entry of both places has the route's fields over the policy's.
func mergeProviders(own, top []ProviderConfig) []*ProviderConfig {
	out := make([]*ProviderConfig, 0, len(own)+len(top))
	for i := range own {
		merged := own[i]
		for k := range top {
			if strings.EqualFold(top[k].ID, own[i].ID) {
				merged = merged.over(&top[k])
			}
		}
		out = append(out, &merged)
	}
	for i := range top {
		known := slices.ContainsFunc(own, func(c ProviderConfig) bool { return strings.EqualFold(c.ID, top[i].ID) })
		if !known {
			out = append(out, &top[i])
		}
	}
	return out
}

func (c ProviderConfig) over(base *ProviderConfig) ProviderConfig {
	c.BaseURL = cmp.Or(c.BaseURL, base.BaseURL)
	c.DisplayName = cmp.Or(c.DisplayName, base.DisplayName)
	c.Description = cmp.Or(c.Description, base.Description)
	c.Website = cmp.Or(c.Website, base.Website)
	c.Auth = cmp.Or(c.Auth, base.Auth)
	c.Proxy = cmp.Or(c.Proxy, base.Proxy)
	c.MaxConns = cmp.Or(c.MaxConns, base.MaxConns)
	c.Disabled = c.Disabled || base.Disabled
	if c.TLS == (ProviderTLS{}) {
		c.TLS = base.TLS
	}
	if len(c.APIKeys) == 0 {
		c.APIKeys = base.APIKeys
	}
	if len(c.Models) == 0 {
		c.Models = base.Models
	}
	if len(c.Surfaces) == 0 {
		c.Surfaces = base.Surfaces
	}
	if len(c.PassHeaders) == 0 {
		c.PassHeaders = base.PassHeaders
	}
	if len(c.IDAliases) == 0 {
		c.IDAliases = base.IDAliases
	}
	merged := maps.Clone(base.Metadata)
	if merged == nil {
		merged = map[string]any{}
	}
	maps.Copy(merged, c.Metadata)
	c.Metadata = merged
	return c
}

func (b *universeBuilder) errorf(pos diag.Pos, code, format string, args ...any) {
	b.diags = append(b.diags, diag.Diagnostic{Pos: pos, Code: code, Message: fmt.Sprintf(format, args...)})
}

func (b *universeBuilder) configured(cfg *ProviderConfig) {
	rt := b.u.rt
	spec := rt.spec(cfg.ID)
	p := &provider{
		id: cfg.ID, spec: spec, custom: spec == nil, listed: true, pass: cfg.PassHeaders,
		cat: &catalog.Provider{
			ID: cfg.ID, IDAliases: cfg.IDAliases, DisplayName: cmp.Or(cfg.DisplayName, cfg.ID), Description: cfg.Description,
			Website: cfg.Website, Disabled: cfg.Disabled, Metadata: cfg.Metadata,
		},
	}
	if spec != nil {
		b.seen[spec] = true
		p.id = spec.ID
		p.cat.ID, p.cat.Website = spec.ID, cmp.Or(cfg.Website, spec.Website)
		p.cat.DisplayName = cmp.Or(cfg.DisplayName, spec.Name)
		p.cat.IDAliases = append(slices.Clone(cfg.IDAliases), spec.Aliases...)
		p.pass = append(slices.Clone(cfg.PassHeaders), spec.PassHeaders...)
	}
	if cfg.Disabled {
		p.off = "it is disabled in the policy"
	}
	base := b.connect(p, cfg)
	p.cat.BaseURL = base
	b.keysOf(p, cfg)
	p.health = rt.providerHealth(p.id, base)
	p.other, p.otherLocal = rt.modelStats("", p.id, unknownModel), rt.modelStats(b.u.plan, p.id, unknownModel)
	b.u.providers = append(b.u.providers, p)
	b.modelsOf(p, cfg)
}

// connect prepares the provider's surfaces and returns its base URL.
func (b *universeBuilder) connect(p *provider, cfg *ProviderConfig) string {
	rt := b.u.rt
	base := cfg.BaseURL
	if base == "" && p.spec != nil {
		base = rt.baseURL(p.spec)
	}
	surfaces, ok := b.surfacesOf(p, cfg)
	if !ok {
		return base
	}
	for _, s := range surfaces {
		at := cmp.Or(cfg.BaseURL, s.BaseURL, base)
		if at == "" {
			b.errorf(cfg.Pos, "missing_base_url", "provider %q needs a base_url", cfg.ID)
			return base
		}
		if cfg.Auth != "" {
			s.Auth = authByName(cfg.Auth)
		}
		if rt.locate != nil { // proxies and certificates are of the way to the vendor
			at = rt.locate(p.id, at)
			cfg = &ProviderConfig{Pos: cfg.Pos, ID: cfg.ID, Auth: cfg.Auth}
		}
		made, err := rt.newSurface(s, at, cfg)
		if err != nil {
			b.errorf(cfg.Pos, "invalid_base_url", "provider %q: %v", cfg.ID, err)
			return base
		}
		p.addSurface(made)
	}
	return cmp.Or(base, cfg.BaseURL)
}

// addSurface adds a surface; of two that serve one API the later one does, which lets an entry for one API stand beside
// an entry for the rest of its dialect.
func (p *provider) addSurface(s *surface) {
	for _, old := range p.surfaces {
		old.apis &^= s.apis
	}
	p.surfaces = append(p.surfaces, s)
}

// surfacesOf is what the policy says the provider speaks, else what its spec says, else OpenAI.
func (b *universeBuilder) surfacesOf(p *provider, cfg *ProviderConfig) ([]Surface, bool) {
	if len(cfg.Surfaces) == 0 {
		if p.spec != nil {
			return p.spec.Surfaces, true
		}
		return []Surface{{Dialect: wire.DialectOpenAI}}, true
	}
	out := make([]Surface, 0, len(cfg.Surfaces))
	for i := range cfg.Surfaces {
		sc := &cfg.Surfaces[i]
		s := Surface{BaseURL: sc.BaseURL, SupportedParams: sc.SupportedParams}
		switch sc.Format {
		case "openai":
			s.Dialect = wire.DialectOpenAI
		case "anthropic":
			s.Dialect = wire.DialectAnthropic
		case "gemini":
			s.Dialect = wire.DialectGemini
		default:
			b.errorf(sc.Pos, "invalid_value", "format %q is not openai, anthropic or gemini", sc.Format)
			return nil, false
		}
		if sc.Surface != "" {
			api := surfaceAPI(s.Dialect, sc.Surface)
			if api == wire.APIUnknown {
				b.errorf(sc.Pos, "invalid_value", "surface %q is not known for format %q", sc.Surface, sc.Format)
				return nil, false
			}
			s.APIs = []wire.API{api}
		}
		out = append(out, s)
	}
	return out, true
}

// surfaceAPI reads a surface name such as chat-completions.
func surfaceAPI(d wire.Dialect, name string) wire.API {
	for _, api := range apisOf(d) {
		path := strings.ReplaceAll(strings.TrimPrefix(api.Path(), "/"), "/", "-")
		_, short, _ := strings.Cut(api.String(), ".")
		if name == path || name == short || name == strings.ReplaceAll(short, "_", "-") {
			return api
		}
	}
	return wire.APIUnknown
}

func authByName(name string) Auth {
	switch name {
	case "bearer":
		return AuthBearer
	case "x-api-key":
		return AuthXAPIKey
	case "x-goog-api-key":
		return AuthGoogAPIKey
	case "api-key":
		return AuthAPIKey
	case "none":
		return AuthNone
	default:
		return AuthDialect
	}
}

// keysOf reads the configured keys, or those of the environment where none are configured.
func (b *universeBuilder) keysOf(p *provider, cfg *ProviderConfig) {
	rt := b.u.rt
	var missing []string
	for i := range cfg.APIKeys {
		k := &cfg.APIKeys[i]
		switch {
		case k.Missing != "":
			missing = append(missing, k.Missing)
		case k.Value == nil:
		default:
			if value, ok := k.Value.Literal(); ok {
				p.addKey(rt, value)
			} else {
				p.dynamic = append(p.dynamic, k.Value)
			}
		}
	}
	if len(cfg.APIKeys) == 0 {
		b.environmentKeys(p)
	}
	if len(missing) > 0 && len(p.keys) == 0 && len(p.dynamic) == 0 && p.off == "" {
		p.off = "its key is missing: secret " + strings.Join(missing, ", ") + " is not set"
	}
	p.keyless = len(cfg.APIKeys) == 0 && len(p.keys) == 0 && (p.custom || p.spec.KeyOptional)
}

func (b *universeBuilder) environmentKeys(p *provider) {
	if p.spec == nil {
		return
	}
	for _, name := range p.spec.Env {
		if value, ok := b.u.rt.env(name); ok && strings.TrimSpace(value) != "" {
			p.addKey(b.u.rt, strings.TrimSpace(value))
			return
		}
	}
}

func (p *provider) addKey(rt *Runtime, value string) {
	id := hashKey(value)
	p.keys = append(p.keys, &apiKey{
		id: id, masked: maskKey(value), value: value, bearer: bearerPrefix + value, health: rt.keyHealth(p.id, id), index: len(p.keys),
	})
}

// baseURL is where a built-in provider is found: the environment's word before the spec's.
func (rt *Runtime) baseURL(spec *ProviderSpec) string {
	for _, name := range spec.BaseURLEnv {
		if v, ok := rt.env(name); ok && v != "" {
			if !strings.Contains(v, "://") {
				v = "http://" + v // OLLAMA_HOST and its like name a host and a port
			}
			return v
		}
	}
	return spec.BaseURL
}

// builtins adds the providers that the policy does not name. One without a key is there for clients with their own.
func (b *universeBuilder) builtins() {
	rt := b.u.rt
	for i := range rt.specs {
		spec := &rt.specs[i]
		if b.seen[spec] {
			continue
		}
		cfg := &ProviderConfig{ID: spec.ID}
		if rt.baseURL(spec) == "" && !slices.ContainsFunc(spec.Surfaces, func(s Surface) bool { return s.BaseURL != "" }) {
			continue
		}
		if spec.KeyOptional && !slices.Contains(rt.local, spec.ID) {
			continue
		}
		b.configured(cfg)
		b.u.providers[len(b.u.providers)-1].listed = false
	}
}

func (b *universeBuilder) demo() {
	d := b.u.rt.demo
	if d == nil {
		return
	}
	p := &provider{
		id: d.ID, demo: true, keyless: true, cat: &catalog.Provider{ID: d.ID, DisplayName: "Simulator", BaseURL: d.BaseURL},
		health: b.u.rt.providerHealth(d.ID, d.BaseURL),
		other:  b.u.rt.modelStats("", d.ID, unknownModel), otherLocal: b.u.rt.modelStats(b.u.plan, d.ID, unknownModel),
	}
	for _, dialect := range []wire.Dialect{wire.DialectOpenAI, wire.DialectAnthropic, wire.DialectGemini} {
		s, err := b.u.rt.newSurface(Surface{Dialect: dialect, Auth: AuthNone}, d.BaseURL, nil)
		if err != nil {
			b.errorf(diag.Pos{}, "invalid_base_url", "simulator: %v", err)
			return
		}
		p.addSurface(s)
	}
	b.u.providers = append(b.u.providers, p)
	for _, id := range d.Models {
		b.addModel(p, catalog.Model{
			ID: id, DisplayName: id, Known: true, InputModalities: []string{"text", "image"}, OutputModalities: []string{"text"},
		}, nil)
	}
}
