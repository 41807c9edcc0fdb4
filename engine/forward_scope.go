package engine

import (
	"slices"
	"strconv"

	"weir/engine/vars"
	"weir/engine/wire"
)

// scope is what belongs to one plan's part of an exchange: two policies that see the same request never read each
// other's variables, results and callers.
type scope struct {
	plan     *Plan
	endpoint *Endpoint
	caller   Caller
	phase    vars.Phase
	route    *route
	routeErr *Error
	trace    *routeTrace
	vars     map[string]any
	results  map[string]map[string]any
	extra    Headers
	ends     int
	guards   []TargetGuard

	headers              Headers
	path, rawPath, query string
}

// scope is the part as it stands.
func (x *Exchange) scope() scope {
	r := &x.Request
	return scope{
		plan: x.plan, endpoint: x.Endpoint, caller: x.Caller, phase: x.phase, route: x.route, routeErr: x.routeErr,
		trace: x.trace, vars: x.vars, results: x.results, extra: x.extra, ends: len(x.ends), guards: x.guards,
		headers: r.Headers, path: r.Path, rawPath: r.RawPath, query: r.Query,
	}
}

// step begins the part of another endpoint's plan, and returns what the exchange comes back to.
func (x *Exchange) step(d *Destination) scope {
	outer := x.scope()
	hops := x.Hops() + 1
	x.plan, x.Caller = d.plan, Caller{}
	e := Endpoint{ID: d.endpoint.ID, Host: d.endpoint.Host}
	if o := outer.endpoint; o != nil {
		e.Addr, e.Port, e.Protocol = o.Addr, o.Port, o.Protocol
	}
	e.URL = d.url(e.Protocol)
	x.Endpoint = &e
	x.route, x.routeErr, x.trace, x.vars, x.results, x.extra, x.guards = nil, nil, nil, nil, nil, nil, nil
	x.Request.Headers = slices.Clone(outer.headers)
	x.Request.Headers.Set(HopsHeader, strconv.Itoa(hops))
	x.resetReply()
	x.notes = append(x.notes, note{Action: "forward", What: "sent to endpoint " + d.endpoint.ID})
	return outer
}

// url names the endpoint. Its prefix is not in it, as the path that the endpoint's rules see has none.
func (d *Destination) url(protocol string) string {
	host := d.endpoint.Host
	if host == "" {
		host = d.endpoint.ID + internalSuffix
	}
	return protocol + "://" + host
}

// back ends the part of the other plan. What it left for the end of the exchange still runs in its own scope.
func (x *Exchange) back(outer scope) {
	inner := x.scope()
	for i := outer.ends; i < len(x.ends); i++ {
		x.ends[i] = inner.around(x.ends[i])
	}
	caller := x.Caller
	x.restore(&outer)
	if x.Caller.ID == "" && x.Caller.Kind == "" {
		x.Caller = caller
	}
	x.failed, x.denied = nil, nil
	if x.clientKey.taken { // what one plan has taken out of the request is gone for all
		x.Request.Headers = slices.DeleteFunc(slices.Clone(outer.headers), func(h Header) bool { return isCredentialField(h.Name) })
		x.Request.Query = forwardedQuery(outer.query)
	}
}

func (x *Exchange) restore(s *scope) {
	x.plan, x.Endpoint, x.Caller, x.phase, x.route, x.routeErr = s.plan, s.endpoint, s.caller, s.phase, s.route, s.routeErr
	x.trace, x.vars, x.results, x.extra, x.guards = s.trace, s.vars, s.results, s.extra, s.guards
	r := &x.Request
	r.Headers, r.Path, r.RawPath, r.Query = s.headers, s.path, s.rawPath, s.query
}

// around runs f in the scope, and leaves the exchange as it was.
func (s scope) around(f func(*Exchange)) func(*Exchange) {
	return func(x *Exchange) {
		now := x.scope()
		defer x.restore(&now)
		x.restore(&s)
		f(x)
	}
}

// relocate gives the request the path that the endpoint's own rules see: without the prefix of either endpoint, with the
// address's path in front.
func (x *Exchange) relocate(d *Destination) error {
	r := &x.Request
	path, query := d.path+ownPath(d.from, r), r.Query
	if d.query != "" {
		query = joinQuery(d.query, query)
	}
	if path == r.RawPath && query == r.Query {
		return nil
	}
	target := path
	if query != "" {
		target += "?" + query
	}
	before := r.API
	if err := x.Rewrite(target); err != nil {
		return err
	}
	if x.loaded && x.bodyErr == nil && r.API != before {
		return x.rescan()
	}
	return nil
}

// rescan reads the loaded body again, for the API that the request has become one of.
func (x *Exchange) rescan() error {
	x.Request.Peek.Reset()
	x.Request.Form, x.estimate, x.bodyText = nil, -1, 0
	if x.Loader == nil || x.Request.API == wire.APIUnknown {
		return nil
	}
	x.bodyErr = x.Loader.Scan(x)
	return x.bodyErr
}

func joinQuery(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}
