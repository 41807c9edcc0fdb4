package engine

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"weir/engine/catalog"
	"weir/engine/upstream"
)

// modelsOf adds the provider's models: the catalog's with the policy's fields over them, then the policy's own.
func (b *universeBuilder) modelsOf(p *provider, cfg *ProviderConfig) {
	used := make([]bool, len(cfg.Models))
	if p.spec != nil {
		for _, known := range b.u.rt.catalog.Models(cmp.Or(p.spec.CatalogID, p.spec.ID)) {
			entry := *known
			i := slices.IndexFunc(cfg.Models, func(c ModelConfig) bool { return known.Is(c.ID) })
			if i < 0 {
				if !b.u.onlyKnown {
					b.addModel(p, entry, nil)
				}
				continue
			}
			used[i] = true
			b.addModel(p, entry, &cfg.Models[i])
		}
	}
	for i := range cfg.Models {
		if !used[i] {
			b.addModel(p, catalog.Model{ID: cfg.Models[i].ID}, &cfg.Models[i])
		}
	}
}

func (b *universeBuilder) addModel(p *provider, entry catalog.Model, cfg *ModelConfig) {
	entry.ProviderID, entry.Provider, entry.Custom, entry.Known = p.id, p.cat, p.custom, true
	entry.Metadata = p.cat.Metadata
	weight := 1
	if cfg != nil {
		entry = cfg.apply(entry)
		weight = max(cfg.Weight, 1)
	}
	if entry.DisplayName == "" {
		entry.DisplayName = entry.ID
	}
	rt := b.u.rt
	m := &model{
		cat: entry, provider: p, configured: cfg != nil, now: rt.now, weight: weight, rank: b.rank,
		stats: rt.modelStats("", p.id, entry.ID), local: rt.modelStats(b.u.plan, p.id, entry.ID),
	}
	m.cat.Live = m
	b.rank++
	p.cat.Models = append(p.cat.Models, &m.cat)
	ids := b.u.byID[p.id]
	if ids == nil {
		ids = map[string]*model{}
		b.u.byID[p.id] = ids
	}
	for _, name := range append([]string{entry.ID}, entry.IDAliases...) {
		key := strings.ToLower(name)
		if old := ids[key]; old != nil && old.cat.ID != entry.ID && cfg != nil && old.configured {
			b.errorf(cfg.Pos, "duplicate_name", "model name %q of provider %q is already that of %q", name, p.id, old.cat.ID)
			continue
		}
		if ids[key] == nil || cfg != nil { // a name that the policy gives goes before one of the catalog
			ids[key] = m
		}
	}
	b.u.models = append(b.u.models, m)
}

// apply puts the policy's fields over the catalog's.
func (c *ModelConfig) apply(m catalog.Model) catalog.Model {
	m.IDAliases = append(slices.Clone(c.IDAliases), m.IDAliases...)
	if !strings.EqualFold(m.ID, c.ID) {
		m.IDAliases = append(m.IDAliases, c.ID)
	}
	m.AuthorID = cmp.Or(c.AuthorID, m.AuthorID)
	if c.AuthorID != "" {
		m.Author = &catalog.Author{ID: c.AuthorID, DisplayName: c.AuthorID}
	}
	m.DisplayName = cmp.Or(c.DisplayName, m.DisplayName)
	m.Description = cmp.Or(c.Description, m.Description)
	m.Disabled = c.Disabled
	m.MaxContextWindow = cmp.Or(c.MaxContextWindow, m.MaxContextWindow)
	m.MaxOutputTokens = cmp.Or(c.MaxOutputTokens, m.MaxOutputTokens)
	for _, list := range []struct {
		from []string
		to   *[]string
	}{
		{c.InputModalities, &m.InputModalities},
		{c.OutputModalities, &m.OutputModalities},
		{c.SupportedFeatures, &m.SupportedFeatures},
		{c.UnsupportedParams, &m.UnsupportedParams},
	} {
		if list.from != nil {
			*list.to = list.from
		}
	}
	if c.Metadata != nil {
		merged := maps.Clone(m.Metadata)
		if merged == nil {
			merged = map[string]any{}
		}
		maps.Copy(merged, c.Metadata)
		m.Metadata = merged
	}
	if p := c.Pricing; p != nil {
		m.Pricing.Override(p.Input, p.Output, p.CacheRead, p.CacheWrite)
	}
	return m
}

// index makes the names that clients may use, and drops from the choice what cannot be chosen.
func (b *universeBuilder) index() {
	u := b.u
	realOn := false
	for _, p := range u.providers {
		for _, name := range append([]string{p.cat.ID}, p.cat.IDAliases...) {
			key := strings.ToLower(name)
			if !slices.Contains(u.named[key], p) {
				u.named[key] = append(u.named[key], p)
			}
		}
		realOn = realOn || (p.off == "" && !p.demo && p.hasKeys())
	}
	chosen, every := u.models[:0:0], u.models[:0:0]
	for _, m := range u.models {
		p := m.provider
		if p.off != "" || m.cat.Disabled {
			continue
		}
		if !p.demo || !realOn {
			every = append(every, m)
		}
		if !p.demo && (p.spec == nil || !p.spec.PrefixOnly) {
			for _, name := range append([]string{m.cat.ID}, m.cat.IDAliases...) {
				key := strings.ToLower(name)
				if !slices.Contains(u.byName[key], m) {
					u.byName[key] = append(u.byName[key], m)
				}
			}
		}
		if p.hasKeys() && (!p.demo || !realOn) {
			chosen = append(chosen, m)
		}
	}
	u.models, u.every = chosen, every
}

func (t ProviderTLS) upstream() (upstream.TLSConfig, error) {
	out := upstream.TLSConfig{CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile, ServerName: t.ServerName}
	version, err := tlsVersion(t.MinVersion)
	out.MinVersion = version
	return out, err
}
