package policies

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/expr"
)

// stock is the models that strategies are tried on when a policy loads: those of the catalog and of the policy, whether or
// not their providers have keys here, and for each provider one that nobody knows.
type stock struct {
	opts   *Options
	shared []*catalog.Model // of routes without providers of their own
}

// unknownID is the id of models that nobody knows; no model is called so.
const unknownID = "?"

// empty reports a strategy that leaves none of the models, whatever a request names. Only strategies over fixed facts are
// tried: figures change, and what reads the request depends on it.
func (c *compiler) empty(n *engine.Node, s *expr.Strategy, r *engine.RouteConfig) {
	if c.opts.Catalog == nil || !s.Static() || strings.Contains(n.Text.Value, "metrics") {
		return
	}
	models := c.stock.of(r, c.out.cfg.Providers)
	models = append(slices.Clip(models), named(n.Text.Value, models)...)
	left, err := s.Select(nil, models)
	if err != nil || len(left) > 0 {
		return
	}
	c.warnf(n, "empty_strategy", "names are those of weir catalog list, and of the providers and models of the policy",
		"this strategy never leaves a model: none of the catalog or the policy fits")
}

func (s *stock) of(r *engine.RouteConfig, top []engine.ProviderConfig) []*catalog.Model {
	if len(r.Providers) > 0 || r.OnlyConfiguredModels || r.OnlyConfiguredProviders {
		return s.build(r, top)
	}
	if s.shared == nil {
		s.shared = s.build(r, top)
	}
	return s.shared
}

// build lists the models of a route: those of built-in providers with what the policy says about them, then the policy's
// own.
func (s *stock) build(r *engine.RouteConfig, top []engine.ProviderConfig) []*catalog.Model {
	var out []*catalog.Model
	listed := slices.Concat(r.Providers, top)
	done := map[string]bool{}
	for i := range s.opts.Providers {
		spec := &s.opts.Providers[i]
		p := &catalog.Provider{ID: spec.ID, IDAliases: spec.Aliases}
		var own []engine.ProviderConfig
		for k := range listed {
			if strings.EqualFold(listed[k].ID, spec.ID) || slices.ContainsFunc(spec.Aliases, func(a string) bool { return strings.EqualFold(a, listed[k].ID) }) {
				own, done[strings.ToLower(listed[k].ID)] = append(own, listed[k]), true
			}
		}
		if len(own) > 0 || !r.OnlyConfiguredProviders {
			out = append(out, modelsOf(p, own, s.opts.Catalog.Models(cmp.Or(spec.CatalogID, spec.ID)), r.OnlyConfiguredModels)...)
		}
	}
	for i := range listed {
		id := strings.ToLower(listed[i].ID)
		if done[id] {
			continue
		}
		done[id] = true
		own := slices.DeleteFunc(slices.Clone(listed), func(p engine.ProviderConfig) bool { return !strings.EqualFold(p.ID, id) })
		out = append(out, modelsOf(&catalog.Provider{ID: listed[i].ID}, own, nil, r.OnlyConfiguredModels)...)
	}
	return out
}

// modelsOf lists the models of one provider from what the catalog and the entries of the policy say.
func modelsOf(p *catalog.Provider, own []engine.ProviderConfig, known []*catalog.Model, onlyListed bool) []*catalog.Model {
	metadata := map[string]any{}
	var listed []engine.ModelConfig
	for i := range own {
		p.IDAliases = append(slices.Clone(p.IDAliases), own[i].IDAliases...)
		listed = append(listed, own[i].Models...)
		maps.Copy(metadata, own[i].Metadata)
	}
	var out []*catalog.Model
	add := func(m catalog.Model) {
		m.ProviderID, m.Provider = p.ID, p
		merged := maps.Clone(metadata)
		maps.Copy(merged, m.Metadata)
		m.Metadata = merged
		out = append(out, &m)
	}
	for _, m := range known {
		if !onlyListed {
			entry := *m
			entry.Known = true
			add(entry)
		}
	}
	for i := range listed {
		entry := catalog.Model{}
		if at := slices.IndexFunc(known, func(m *catalog.Model) bool { return m.Is(listed[i].ID) }); at >= 0 {
			entry = *known[at]
		}
		add(configured(entry, &listed[i]))
	}
	if !onlyListed {
		add(catalog.Model{ID: unknownID})
	}
	return out
}

// configured puts what the policy says about a model over what the catalog says.
func configured(m catalog.Model, c *engine.ModelConfig) catalog.Model {
	m.Known = true
	m.ID, m.IDAliases = c.ID, slices.Concat(c.IDAliases, m.IDAliases, []string{m.ID})
	m.AuthorID = cmp.Or(c.AuthorID, m.AuthorID)
	m.Author = nil
	m.MaxContextWindow = cmp.Or(c.MaxContextWindow, m.MaxContextWindow)
	m.MaxOutputTokens = cmp.Or(c.MaxOutputTokens, m.MaxOutputTokens)
	m.Metadata = c.Metadata
	if c.InputModalities != nil {
		m.InputModalities = c.InputModalities
	}
	if c.OutputModalities != nil {
		m.OutputModalities = c.OutputModalities
	}
	if c.SupportedFeatures != nil {
		m.SupportedFeatures = c.SupportedFeatures
	}
	if p := c.Pricing; p != nil {
		m.Pricing.Override(p.Input, p.Output, p.CacheRead, p.CacheWrite)
	}
	return m
}

// named gives each provider that the text of a strategy names, and of which no model is known, the models that the text
// names: clients may ask for them.
func named(text string, models []*catalog.Model) []*catalog.Model {
	known := map[string]bool{}
	for _, m := range models {
		known[m.ProviderID] = known[m.ProviderID] || m.Known
	}
	literals := regexp.MustCompile(`'[^']*'|"[^"]*"`).FindAllString(text, -1)
	for i, quoted := range literals {
		literals[i] = quoted[1 : len(quoted)-1]
	}
	var out []*catalog.Model
	for _, m := range models {
		if m.ID != unknownID || known[m.ProviderID] || !slices.Contains(literals, m.ProviderID) {
			continue
		}
		for _, literal := range literals {
			one := *m
			one.ID = literal
			out = append(out, &one)
		}
	}
	return out
}
