package engine

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"weir/engine/wire"
)

// GatewayEndpoint is one endpoint of this gateway, as policies may forward to it.
type GatewayEndpoint struct {
	ID, Host, PathPrefix string
	// Plan gives the endpoint's policy as it is now, nil where none is loaded.
	Plan func() *Plan
}

// endpointTable is the endpoints of the gateway, set once before it serves.
type endpointTable struct {
	list atomic.Pointer[[]GatewayEndpoint]
}

// SetEndpoints tells which endpoints the gateway has. Without it none can be forwarded to.
func (rt *Runtime) SetEndpoints(list []GatewayEndpoint) {
	all := slices.Clone(list)
	slices.SortStableFunc(all, func(a, b GatewayEndpoint) int { return len(b.PathPrefix) - len(a.PathPrefix) })
	rt.endpoints.list.Store(&all)
}

// CheckEndpoint reports why an address is not one of an endpoint of this gateway. Where the endpoints are not known, as
// while a policy is only checked, any may be.
func (s Services) CheckEndpoint(address string) error {
	if s.rt == nil || s.rt.endpoints.list.Load() == nil {
		return nil
	}
	_, _, err := s.rt.endpoints.find(address)
	return err
}

// internalSuffix may stand behind the id of an endpoint, as hosts inside a gateway are written elsewhere.
const internalSuffix = ".internal"

// find looks for the endpoint of an address: by its host as configured, by its id, by its id with .internal behind it,
// and last by a host with a wildcard. The path behind the endpoint's prefix is returned too.
func (t *endpointTable) find(address string) (*GatewayEndpoint, *url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, nil, Errorf(CodePolicyFailed, "the address to forward to is not a URL")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, nil, Errorf(CodePolicyFailed, "the address to forward to must be http:// or https:// with a host, without user and fragment")
	}
	var list []GatewayEndpoint
	if p := t.list.Load(); p != nil {
		list = *p
	}
	name := strings.TrimSuffix(u.Hostname(), ".")
	for _, matches := range [...]func(*GatewayEndpoint) bool{
		func(e *GatewayEndpoint) bool { return e.Host != "" && strings.EqualFold(e.Host, name) },
		func(e *GatewayEndpoint) bool {
			return strings.EqualFold(e.ID, name) || strings.EqualFold(e.ID+internalSuffix, name)
		},
		func(e *GatewayEndpoint) bool { return belowWildcard(e.Host, name) },
	} {
		for i := range list {
			e := &list[i]
			if !matches(e) {
				continue
			}
			if strings.EqualFold(e.Host, name) || belowWildcard(e.Host, name) {
				rest, ok := strings.CutPrefix(u.Path, strings.TrimSuffix(e.PathPrefix, "/"))
				if !ok || rest != "" && rest[0] != '/' {
					continue
				}
				u.Path, u.RawPath = rest, ""
			}
			return e, u, nil
		}
	}
	return nil, nil, Errorf(CodeNotFound, "this gateway has no endpoint %s", name)
}

func belowWildcard(host, name string) bool {
	suffix, ok := strings.CutPrefix(host, "*")
	return ok && len(name) > len(suffix) && strings.EqualFold(name[len(name)-len(suffix):], suffix)
}

// Destination is an endpoint of this gateway that was found for an exchange.
type Destination struct {
	endpoint GatewayEndpoint
	plan     *Plan
	from     *Endpoint // that the request came through
	path     string    // in front of the request's own
	query    string
}

// FindEndpoint finds the endpoint of this gateway that an address names, and its policy as it is now. An error says why
// the exchange cannot go there.
func (x *Exchange) FindEndpoint(address string) (*Destination, error) {
	if x.plan == nil {
		return nil, Errorf(CodeInternal, "this exchange cannot be forwarded")
	}
	e, u, err := x.plan.rt.endpoints.find(address)
	if err != nil {
		return nil, err
	}
	if x.Hops() >= maxHops {
		return nil, errLoop()
	}
	plan := e.Plan()
	if plan == nil {
		return nil, &Error{Code: CodeOverloaded, Message: "the endpoint " + e.ID + " has no policy loaded", Retryable: true}
	}
	return &Destination{endpoint: *e, plan: plan, from: x.Endpoint, path: strings.TrimSuffix(u.EscapedPath(), "/"), query: u.RawQuery}, nil
}

// ModelLister is a BodyLoader that can answer with the list of a plan's models.
type ModelLister interface {
	// ListModels makes the list that the request asks for, of what the plan allows, the exchange's reply.
	ListModels(x *Exchange, p *Plan) error
}

// ForwardTo takes the exchange through the whole policy of another endpoint, and comes back with what it answers. The
// error is that policy's own refusal.
func (x *Exchange) ForwardTo(d *Destination) error {
	outer := x.step(d)
	err := x.relocate(d)
	if err == nil {
		err = d.plan.through(x)
	}
	x.back(outer)
	if err != nil {
		return err
	}
	return x.settle(x.plan)
}

// through runs an exchange that another plan has begun.
func (p *Plan) through(x *Exchange) error {
	verdict, err := p.onConnect(x)
	if err == nil && verdict == VerdictContinue {
		verdict, err = p.onRequest(x)
	}
	if err == nil && verdict == VerdictContinue {
		err = p.answer(x)
	}
	if err == nil && x.Reply.Status == 0 && x.Request.API == wire.Models {
		err = p.list(x)
	}
	return p.onResponse(x, err)
}

func (p *Plan) list(x *Exchange) error {
	l, ok := x.Loader.(ModelLister)
	if !ok {
		return Errorf(CodeNotFound, "models are listed at the endpoint itself")
	}
	if err := l.ListModels(x, p); err != nil {
		return fmt.Errorf("listing the models of endpoint %s: %w", p.Name, err)
	}
	return nil
}
