package main

import (
	"context"
	"fmt"
	"slices"

	"weir/engine"
	"weir/engine/diag"
	"weir/policies"
	"weir/server"
)

// accessKeyAction is the action that asks callers for access keys.
const accessKeyAction = "access-key"

// planner builds plans: it sees to it that nobody is served by a policy that does not say that anybody may be, and decides
// whether access keys are on where weir.yaml leaves it open.
type planner struct {
	config  *server.Config
	runtime *engine.Runtime
	// open puts access keys together; it is called once.
	open func() (*accessService, error)

	access  *accessService // nil = access keys are off
	decided bool           // what is off stays off until the next start
	bare    bool           // a plan was built before access keys were on
	failed  error
}

// begin opens access keys where weir.yaml says that they are on.
func (p *planner) begin() error {
	c := &p.config.Access
	switch {
	case c.Enabled == server.AccessOff:
		p.decided = true
	case c.Enabled == server.AccessOn || c.Given != "":
		return p.turnOn()
	}
	return nil
}

func (p *planner) turnOn() error {
	p.decided = true
	p.access, p.failed = p.open()
	return p.failed
}

// build is what policies are built with.
func (p *planner) build(cfg engine.PlanConfig) (*engine.Plan, diag.List) {
	if d := p.guard(&cfg); d != nil {
		d.Pos = diag.Pos{File: cfg.Name}
		return nil, diag.List{*d}
	}
	if p.access != nil {
		return p.access.newPlan(cfg)
	}
	if !p.decided {
		p.bare = true
	}
	return p.runtime.NewPlan(cfg)
}

// guard puts access keys in front of a policy that authenticates nobody, unless that is meant, or says why it may not be served.
func (p *planner) guard(cfg *engine.PlanConfig) *diag.Diagnostic {
	asks := slices.ContainsFunc(cfg.OnRequest, func(r engine.Rule) bool {
		return slices.ContainsFunc(r.Actions, func(a engine.RuleAction) bool { return a.Name == accessKeyAction })
	})
	open := p.config.Open()
	if !asks && (cfg.Authenticates || open == nil) {
		return nil
	}
	if !asks && p.config.OpenMode { // it was meant to be open, and cannot be there
		return &diag.Diagnostic{Code: "open_policy", Message: open.Error()}
	}
	if !p.decided {
		_ = p.turnOn() // told below
	}
	switch {
	case p.failed != nil:
		message := "the policy needs access keys, which cannot be used: " + p.failed.Error()
		return &diag.Diagnostic{Code: "access_unavailable", Message: message}
	case p.access == nil && asks:
		return &diag.Diagnostic{
			Code: "access_off", Message: "the policy uses access-key, and access keys are off",
			Hint: "set access.enabled: on in weir.yaml and start again",
		}
	case p.access == nil:
		return &diag.Diagnostic{Code: "open_policy", Message: open.Error()}
	case !cfg.Authenticates:
		cfg.OnRequest = slices.Concat([]engine.Rule{engine.AccessRule()}, cfg.OnRequest)
		cfg.Authenticates = true
	}
	return nil
}

// settle ends the time in which access keys are turned on by a policy that needs them, and gives plans that were built
// before that what the store holds for all of them.
func (p *planner) settle(ctx context.Context, all []*policies.Store) error {
	p.decided = true
	if p.access == nil || !p.bare {
		return nil
	}
	for _, s := range all {
		if err := s.Rebuild(ctx); err != nil {
			return fmt.Errorf("loading the policies: %w", err)
		}
	}
	return nil
}

// close closes access keys.
func (p *planner) close() error {
	if p.access == nil {
		return nil
	}
	if err := p.access.close(); err != nil {
		return fmt.Errorf("closing access keys: %w", err)
	}
	return nil
}
