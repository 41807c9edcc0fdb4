package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/access"
	"weir/access/admin"
	"weir/engine"
	"weir/engine/diag"
	"weir/providers"
)

// onChange notes that plans hold something else than the store. It must not wait: revocations come behind it.
func (s *accessService) onChange(before, now *access.Snapshot) {
	if sameParts(before, now) {
		return
	}
	select {
	case s.changed <- struct{}{}:
	default: // the rebuild that waits will see this one too
	}
}

// sameParts reports whether two snapshots hold the same of what plans are made of.
func sameParts(a, b *access.Snapshot) bool {
	revision := func(g *access.GatewayConfig) int64 {
		if g == nil {
			return 0
		}
		return g.Revision
	}
	return revision(a.Gateway) == revision(b.Gateway) && maps.EqualFunc(a.Providers, b.Providers, func(x, y *access.Provider) bool {
		return x.Revision == y.Revision
	})
}

// rebuilds makes the plans anew when what was added at run time has changed.
func (s *accessService) rebuilds(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		}
		s.runtime.SetDefaults(defaultsOf(s.directory.Load().Gateway))
		for _, p := range s.stores {
			_ = p.Rebuild(ctx) // it is logged and in the status of the policy
		}
	}
}

// defaultsOf reads what holds for the whole gateway. The Admin API has checked it.
func defaultsOf(g *access.GatewayConfig) engine.Defaults {
	var out engine.Defaults
	if g == nil {
		return out
	}
	out.TotalTimeout, _ = time.ParseDuration(g.TotalTimeout)           // zero = built in
	out.PerRequestTimeout, _ = time.ParseDuration(g.PerRequestTimeout) // as above
	if g.MaxInputTokens != nil {
		out.MaxInputTokens = *g.MaxInputTokens
	}
	if g.MaxOutputTokens != nil {
		out.MaxOutputTokens = *g.MaxOutputTokens
	}
	return out
}

// customFile is what stands in the place of a file where something is wrong with a custom provider.
const customFile = "provider "

// added are the custom providers that a policy does not know by itself, in the order of their ids.
func (s *accessService) added(cfg *engine.PlanConfig) []engine.ProviderConfig {
	snapshot := s.directory.Load()
	var out []engine.ProviderConfig
	for _, id := range slices.Sorted(maps.Keys(snapshot.Providers)) {
		p := snapshot.Providers[id]
		own := slices.ContainsFunc(cfg.Providers, func(c engine.ProviderConfig) bool { return strings.EqualFold(c.ID, p.ProviderID) })
		if !own {
			out = append(out, customProvider(p))
		}
	}
	return out
}

func customProvider(p *access.Provider) engine.ProviderConfig {
	pos := diag.Pos{File: customFile + p.ID, Line: 1, Col: 1}
	out := engine.ProviderConfig{Pos: pos, Added: true, ID: p.ProviderID, BaseURL: p.BaseURL, DisplayName: p.Name, Description: p.Description}
	for i := range p.Surfaces {
		f := &p.Surfaces[i]
		out.Surfaces = append(out.Surfaces, engine.SurfaceConfig{
			Pos: pos, Format: f.Format, Surface: f.Surface, SupportedParams: f.SupportedParams,
		})
	}
	for i := range p.Models {
		m := &p.Models[i]
		model := engine.ModelConfig{Pos: pos, ID: m.ModelID, UnsupportedParams: m.UnsupportedParams}
		if in, outPrice := decimal(m.InputPrice), decimal(m.OutputPrice); in != nil || outPrice != nil {
			model.Pricing = &engine.PricingConfig{Input: in, Output: outPrice}
		}
		out.Models = append(out.Models, model)
	}
	return out
}

// decimal reads a price, nil where there is none.
func decimal(text string) *float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	return &v
}

// newPlan builds a plan with the custom providers. One that cannot be part of it is left out and logged: it must not keep
// anybody from changing the policy.
func (s *accessService) newPlan(cfg engine.PlanConfig) (*engine.Plan, diag.List) {
	own, extra := cfg.Providers, s.added(&cfg)
	for {
		cfg.Providers = slices.Concat(own, extra)
		plan, diags := s.runtime.NewPlan(cfg)
		broken := map[string]string{}
		for i := range diags {
			if id, ok := strings.CutPrefix(diags[i].Pos.File, customFile); ok {
				broken[diags[i].Pos.File] = cmp.Or(broken[diags[i].Pos.File], diags[i].Message)
				s.log.Error().Str("provider", id).Str("policy", cfg.Name).Str("reason", diags[i].Message).Msg("a custom provider is not used")
			}
		}
		diags = slices.DeleteFunc(diags, func(d diag.Diagnostic) bool { return broken[d.Pos.File] != "" })
		if plan != nil || len(broken) == 0 {
			return plan, diags
		}
		extra = slices.DeleteFunc(extra, func(c engine.ProviderConfig) bool { return broken[c.Pos.File] != "" })
	}
}

// providerNames are the providers that the gateway knows beside those of the store.
func (s *accessService) providerNames() []admin.ProviderInfo {
	names := map[string]string{}
	specs := providers.Registry()
	for i := range specs {
		names[specs[i].ID] = specs[i].Name
	}
	for _, p := range s.stores {
		plan := p.Load()
		if plan == nil {
			continue
		}
		for _, state := range plan.Providers() {
			names[state.ID] = cmp.Or(names[state.ID], state.Name, state.ID)
		}
	}
	out := make([]admin.ProviderInfo, 0, len(names))
	for _, id := range slices.Sorted(maps.Keys(names)) {
		out = append(out, admin.ProviderInfo{ID: id, Name: names[id]})
	}
	return out
}
