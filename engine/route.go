package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/engine/catalog"
	"weir/engine/vars"
	"weir/engine/wire"
)

// route is one route rule in a plan.
type route struct {
	plan     *Plan
	cfg      *RouteConfig
	universe *universe

	total, perRequest, firstToken, idle time.Duration
	maxAttempts                         int
	restricted                          bool // models are limited: what chooses behind a provider is stripped
	auto                                [autoKinds][]*model
}

func newRoute(p *Plan, u *universe, cfg *RouteConfig) *route {
	cfg = p.rt.withDefaults(cfg)
	r := &route{
		plan: p, cfg: cfg, universe: u, total: cfg.TotalTimeout, perRequest: cfg.PerRequestTimeout,
		firstToken: cfg.FirstTokenTimeout, idle: cfg.StreamIdleTimeout, maxAttempts: cfg.Failover.MaxAttempts,
		restricted: cfg.OnlyConfiguredModels || cfg.Require != nil,
	}
	if r.total == 0 {
		r.total = DefaultTotalTimeout
	}
	if r.perRequest == 0 {
		r.perRequest = DefaultPerRequestTimeout
	}
	if r.idle == 0 {
		r.idle = DefaultStreamIdleTimeout
	}
	if r.maxAttempts == 0 {
		r.maxAttempts = DefaultMaxAttempts
	}
	for kind := range r.auto {
		r.auto[kind] = autoOrder(u.models, autoKind(kind))
	}
	return r
}

// choice is the outcome of choosing: models to try, in order, and what was turned away.
type choice struct {
	models   []*model
	rejected []rejection
	named    bool  // the client named models: its order stands
	shared   bool  // models belongs to the route and must not be changed in place
	groups   []int // which name each model came from
}

type rejection struct {
	Model, Reason string
}

// choose finds the models to try.
func (r *route) choose(x *Exchange) (choice, error) {
	c, err := r.reachable(x)
	if err != nil {
		return c, err
	}
	if len(r.cfg.Strategies) > 0 {
		if err := r.strategise(x, &c); err != nil {
			return c, err
		}
	}
	if err := r.require(x, &c); err != nil {
		return c, err
	}
	if err := r.narrow(x, &c); err != nil { // strategies may name models that were not there to choose from
		return c, err
	}
	if err := c.keepSpeakers(x.Request.API); err != nil {
		return c, err
	}
	r.balance(&c)
	return c, nil
}

// reachable lists what the client named, or everything.
func (r *route) reachable(x *Exchange) (choice, error) {
	if x.Request.PathModel == "" && x.Request.Peek.Model == "" && (x.Request.Peek.HasModel || x.Request.Form != nil) {
		return choice{}, &Error{Code: CodeBadRequest, Param: "model", Message: "model is empty: name one, or leave it out"}
	}
	c := choice{models: x.scratch.models[:0], groups: x.scratch.groups[:0]}
	x.scratch.names = x.Request.appendModels(x.scratch.names[:0])
	names := x.scratch.names
	if r.vendorModels(x) {
		if err := r.authoriseVendorModels(x); err != nil {
			return c, err
		}
		if r.counts(x) { // each is the gateway's own fallback then, and reserved by itself
			names = vendorNames(names)
		} else {
			names = names[:1]
		}
	}
	var first *Error
	for _, name := range names {
		if isAuto(name) {
			continue
		}
		c.named = true
		res := r.resolve(x, name)
		if res.err != nil {
			c.rejected = append(c.rejected, rejection{name, res.err.Message})
			if first == nil {
				first = res.err
			}
			continue
		}
		c.add(x.preferKeyed(res.models))
	}
	if !c.named {
		c.models, c.shared = r.autoModels(x, kindOf(x.Request.API)), true
		err := r.narrow(x, &c)
		return c, err
	}
	x.scratch.models, x.scratch.groups = c.models, c.groups
	if len(c.models) == 0 {
		return c, first
	}
	return c, nil
}

func asPointer(err error) *Error {
	if err == nil {
		return nil
	}
	return AsError(err)
}

func (c *choice) add(models []*model) {
	group := len(c.groups)
	for _, m := range models {
		if !slices.Contains(c.models, m) {
			c.models = append(c.models, m)
			c.groups = append(c.groups, group)
		}
	}
}

// preferKeyed leaves out providers that only a caller's own key reaches where another provider has the gateway's.
func (x *Exchange) preferKeyed(models []*model) []*model {
	bare := func(m *model) bool { return !x.hasKeys(m) }
	if !slices.ContainsFunc(models, bare) {
		return models
	}
	if keyed := slices.DeleteFunc(slices.Clone(models), bare); len(keyed) > 0 {
		return keyed
	}
	return models
}

// strategise lets the first strategy that leaves a model decide.
func (r *route) strategise(x *Exchange, c *choice) error {
	entries := entriesOf(c.models)
	var reasons []string
	for i, s := range r.cfg.Strategies {
		got, err := s.Select(x, entries)
		if x.bodyErr != nil {
			return x.bodyErr
		}
		x.traceStrategy(r.cfg.StrategyTexts, i, got, err)
		if err != nil {
			return &Error{
				Code: CodeSelectionFailed, Message: fmt.Sprintf("model selection failed: strategy %d could not be evaluated", i+1),
				Cause: err,
			}
		}
		if len(got) == 0 {
			reasons = append(reasons, fmt.Sprintf("strategy %d left no model", i+1))
			continue
		}
		if c.named {
			c.keepOnly(got)
		} else {
			c.models, c.shared = c.models[:0:0], false
			for _, e := range got {
				if m := modelOf(e); m != nil && !slices.Contains(c.models, m) {
					c.models = append(c.models, m)
				}
			}
		}
		if len(c.models) > 0 {
			return nil
		}
		reasons = append(reasons, fmt.Sprintf("strategy %d left no model the client named", i+1))
	}
	return &Error{Code: CodeNoModelSelected, Message: "model selection returned no model: " + strings.Join(reasons, "; ")}
}

// keepOnly keeps the client's order and drops what the strategy did not return.
func (c *choice) keepOnly(got []*catalog.Model) {
	models, groups := c.models[:0:0], c.groups[:0:0]
	for i, m := range c.models {
		if slices.Contains(got, &m.cat) {
			models, groups = append(models, m), append(groups, c.groups[i])
		}
	}
	c.models, c.groups = models, groups
}

// require drops every model that the route's predicate does not hold for.
func (r *route) require(x *Exchange, c *choice) error {
	if r.cfg.Require == nil {
		return nil
	}
	models := c.models[:0:0]
	groups := c.groups[:0:0]
	for i, m := range c.models {
		ok, err := r.cfg.Require.Match(x, &m.cat)
		if err != nil {
			return &Error{Code: CodePolicyFailed, Message: "the route's require could not be evaluated", Cause: err}
		}
		if !ok {
			continue
		}
		models = append(models, m)
		if c.named {
			groups = append(groups, c.groups[i])
		}
	}
	c.models, c.groups, c.shared = models, groups, false
	if len(models) == 0 {
		return &Error{Code: CodeModelNotAllowed, Param: "model", Message: "no model that this route allows was asked for or selected"}
	}
	return nil
}

// keepSpeakers drops the models whose provider does not speak the API of the request.
func (c *choice) keepSpeakers(api wire.API) error {
	if len(c.models) == 0 {
		return nothing(c, api)
	}
	deaf := func(m *model) bool { return !m.provider.speaks(api) }
	if slices.ContainsFunc(c.models, deaf) {
		models, groups := c.models[:0:0], c.groups[:0:0]
		for i, m := range c.models {
			if deaf(m) {
				continue
			}
			models = append(models, m)
			if c.named {
				groups = append(groups, c.groups[i])
			}
		}
		c.models, c.groups, c.shared = models, groups, false
	}
	if len(c.models) == 0 {
		return &Error{
			Code: CodeUnsupportedAPI, Message: "no selected provider speaks " + api.String() + "; the models asked for are at providers that do not",
		}
	}
	return nil
}

func nothing(c *choice, api wire.API) error {
	if c.named {
		return &Error{Code: CodeModelNotAllowed, Param: "model", Message: "none of the models asked for is allowed here"}
	}
	return &Error{
		Code: CodeNoTarget, Message: "no provider that is on has a model for " + api.String() + ": give Weir a provider key, or start it with --demo",
	}
}

// inPhase sets the phase while fn runs.
func (x *Exchange) inPhase(ph vars.Phase, fn func()) {
	old := x.phase
	x.phase = ph
	fn()
	x.phase = old
}
