package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"time"

	"weir/engine/diag"
	"weir/engine/opa"
	"weir/engine/wire"
)

const (
	// DefaultPerRequestTimeout is long enough for a whole answer of a reasoning model.
	DefaultPerRequestTimeout = 3 * time.Minute
	// DefaultTotalTimeout leaves room for two attempts that both run out of time.
	DefaultTotalTimeout = 6 * time.Minute
	// DefaultStreamIdleTimeout is longer than the pings that vendors send on quiet streams are apart.
	DefaultStreamIdleTimeout = 60 * time.Second
	// DefaultMaxAttempts bounds what one request can cost when everything fails.
	DefaultMaxAttempts = 5
)

// Plan is one policy, compiled. It never changes once built, so an exchange never mixes two policies.
type Plan struct {
	Generation uint64 // set by the store before the plan is published
	Name       string
	Hash       string
	Built      time.Time

	rt              *Runtime
	location        *time.Location
	onConnectRules  []Rule
	onRequestRules  []Rule
	onResponseRules []Rule
	onEventRules    []Rule
	routes          []*route
	fallback        *route // nil where unmatched requests are refused
	universe        *universe
	authenticates   bool
	actions         map[string]bool // results that expressions read
	traceRoute      bool
	rego            *opa.Policy // nil where it has none
	shadow          int
	editsAnswers    bool // some rule reads or changes the content of answers
}

// NewPlan builds a plan from a compiled policy, or says what is wrong with it.
func (rt *Runtime) NewPlan(cfg PlanConfig) (*Plan, diag.List) {
	p := &Plan{
		Name: cfg.Name, Hash: cfg.Hash, Built: time.Now(), rt: rt, location: cfg.Location,
		onConnectRules: cfg.OnConnect, onEventRules: cfg.OnEvent,
		onRequestRules: cfg.OnRequest, onResponseRules: cfg.OnResponse, authenticates: cfg.Authenticates,
		traceRoute: cfg.TraceRoute, rego: cfg.Rego, actions: map[string]bool{},
	}
	for _, name := range cfg.ReadsActions {
		p.actions[name] = true
	}
	u, diags := rt.newUniverse(cfg.Name, cfg.Providers, nil)
	p.universe = u
	routeOf := func(rc *RouteConfig) *route {
		own := u
		if len(rc.Providers) > 0 || rc.OnlyConfiguredProviders || rc.OnlyConfiguredModels {
			var more diag.List
			own, more = rt.newUniverse(cfg.Name, cfg.Providers, rc)
			diags = append(diags, more...)
		}
		return newRoute(p, own, rc)
	}
	for i := range cfg.Routes {
		p.routes = append(p.routes, routeOf(&cfg.Routes[i]))
	}
	p.editsAnswers = holdsContentRule(cfg.OnResponse) || holdsContentRule(cfg.OnEvent)
	for _, rule := range slices.Concat(cfg.OnConnect, cfg.OnRequest, cfg.OnResponse, cfg.OnEvent) {
		if rule.Mode == ModeShadow {
			p.shadow++
		}
		for i := range rule.Actions {
			if rule.Actions[i].Mode == ModeShadow {
				p.shadow++
			}
			if ra, ok := rule.Actions[i].Action.(*routeAction); ok {
				ra.route = routeOf(ra.cfg)
			}
		}
	}
	if !cfg.RoutesByAction {
		p.fallback = newRoute(p, u, &RouteConfig{Name: "default"})
	}
	diags.Sort()
	if diags.HasErrors() {
		return nil, diags
	}
	return p, diags
}

func holdsContentRule(rules []Rule) bool {
	return slices.ContainsFunc(rules, func(r Rule) bool {
		return slices.ContainsFunc(r.Actions, func(a RuleAction) bool { return a.ContentRule })
	})
}

// Authenticates reports whether some rule proves who the caller is.
func (p *Plan) Authenticates() bool { return p.authenticates }

// Shadow is the number of rules and actions that only report.
func (p *Plan) Shadow() int { return p.shadow }

func (p *Plan) readsAction(name string) bool { return p.actions[name] || p.actions["*"] }

// ProviderState says whether a provider is on, and why not.
type ProviderState struct {
	ID, Name, BaseURL string
	On                bool
	Why               string // where it is off, or whose keys it uses
	Models            int
}

// Providers lists the providers of the plan in order.
func (p *Plan) Providers() []ProviderState {
	out := make([]ProviderState, 0, len(p.universe.providers))
	for _, pr := range p.universe.providers {
		s := ProviderState{
			ID: pr.id, Name: pr.cat.DisplayName, BaseURL: pr.cat.BaseURL, On: pr.off == "" && pr.hasKeys(), Why: pr.off,
			Models: len(pr.cat.Models),
		}
		if s.Why == "" && !pr.hasKeys() {
			s.Why = "no key; callers may bring their own"
			if pr.spec != nil && len(pr.spec.Env) > 0 {
				s.Why = "set " + pr.spec.Env[0]
			}
		}
		out = append(out, s)
	}
	return out
}

// matchRoute finds the first route rule that matches.
func (p *Plan) matchRoute(x *Exchange) (*route, error) {
	for _, r := range p.routes {
		if r.cfg.When == nil {
			return r, nil
		}
		ok, err := r.cfg.When.Match(x)
		if x.bodyErr != nil {
			return nil, x.bodyErr
		}
		if err != nil {
			return nil, &Error{
				Code: CodePolicyFailed, Message: "a route rule could not be evaluated",
				Cause: fmt.Errorf("route rule %q: %w", r.cfg.Name, err),
			}
		}
		if ok {
			return r, nil
		}
	}
	if p.fallback == nil {
		return nil, Errorf(CodeNoRoute, "no route of the policy matches this request")
	}
	return p.fallback, nil
}

// routeAction is an ai-gateway action: a route that stands among the rules of on_request.
type routeAction struct {
	cfg   *RouteConfig
	route *route // set once by NewPlan, before the plan is published
}

// NewRouteAction makes the ai-gateway action from its configuration. Runtime.NewPlan completes it.
func NewRouteAction(cfg *RouteConfig) Action { return &routeAction{cfg: cfg} }

// Do routes the exchange and ends the phase, or goes on with the next action where every target failed and on_error
// says continue.
func (a *routeAction) Do(_ context.Context, x *Exchange) (Verdict, error) {
	if x.Request.isList() && x.route == nil {
		x.route = a.route // the list shows what the first action that matches would route to
	}
	if x.Request.API == wire.APIUnknown || x.Request.Operation != OpCreate || x.Request.isList() {
		return VerdictContinue, nil
	}
	x.takeCredential()
	if err := x.LoadBody(); err != nil {
		return VerdictDeny, err
	}
	err := a.route.serve(x) //nolint:contextcheck // the exchange carries its own cancellation to the call
	if err == nil {
		return VerdictRespond, nil
	}
	e := AsError(err)
	if a.cfg.OnError == OnErrorContinue && e.Code != CodePolicyFailed && e.Code != CodeClientGone {
		x.resetReply()
		return VerdictContinue, nil
	}
	return VerdictDeny, err
}

func tlsVersion(name string) (uint16, error) {
	switch name {
	case "":
		return 0, nil
	case "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	default:
		return 0, fmt.Errorf("TLS version %q is not 1.2 or 1.3", name)
	}
}
