package server

import (
	"net/netip"
	"slices"
	"strings"

	"weir/engine"
)

// origins says which hosts and which web pages may ask. A page in a browser can reach a loopback port, by its address
// or by a name that resolves to it; neither may use the gateway unless it is listed.
type origins struct {
	hosts   []string // beside the loopback names
	allowed []string
}

func newOrigins(c *Config) origins {
	o := origins{allowed: c.Origins, hosts: append([]string(nil), c.Hosts...)}
	for i := range c.Endpoints {
		if c.Endpoints[i].Host != "" {
			o.hosts = append(o.hosts, c.Endpoints[i].Host)
		}
	}
	return o
}

// checkOrigin refuses a request whose Host or Origin says that it comes from another site.
func (g *Gateway) checkOrigin(h *head, l *listener) *engine.Error {
	return g.origins.check(h, l.loopback)
}

func (o *origins) check(h *head, loopback bool) *engine.Error {
	if loopback && h.hasHost && !loopbackHost(h.host) && !hostListed(o.hosts, h.host) {
		return &engine.Error{
			Code: engine.CodePolicyDenied, Message: "the host header names neither this machine nor a host listed under hosts",
		}
	}
	if h.origin == "" || sameSite(h.origin, h.host) || o.lists(h.origin) {
		return nil
	}
	return &engine.Error{Code: engine.CodePolicyDenied, Message: "the origin of the request is not listed under origins"}
}

func (o *origins) lists(origin string) bool {
	for _, a := range o.allowed {
		if strings.EqualFold(a, origin) {
			return true
		}
	}
	return false
}

// allowedOrigin is the origin to name in the answer to a page that may read it, "" where there is none.
func (g *Gateway) allowedOrigin(h *head) string {
	if h.origin != "" && g.origins.lists(h.origin) {
		return h.origin
	}
	return ""
}

// sameSite reports whether the page was served under the host that it asks.
func sameSite(origin, host string) bool {
	_, authority, ok := strings.Cut(origin, "://")
	return ok && host != "" && strings.EqualFold(authority, host)
}

// hostListed reports whether a host, with or without port, is in the list; "*.example.com" stands for every name below
// example.com.
func hostListed(list []string, host string) bool {
	name := hostName(host)
	for _, want := range list {
		if hostMatches(want, name) || strings.EqualFold(want, host) {
			return true
		}
	}
	return false
}

func hostMatches(want, name string) bool {
	if suffix, ok := strings.CutPrefix(want, "*"); ok {
		return len(name) > len(suffix) && strings.EqualFold(name[len(name)-len(suffix):], suffix)
	}
	return strings.EqualFold(want, name)
}

// hostName is the host without port and brackets.
func hostName(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		name, _, _ := strings.Cut(inner, "]")
		return name
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[:i], ':') < 0 {
		return host[:i]
	}
	return host
}

// loopbackHost reports whether a host header names this machine.
func loopbackHost(host string) bool {
	name := hostName(host)
	if strings.EqualFold(name, "localhost") {
		return true
	}
	if name == "" || (name[0] != ':' && (name[0] < '0' || name[0] > '9')) {
		return false
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}

// forwarded takes the client's address and scheme from the fields of trusted proxies.
func (v *visit) forwarded() {
	r := &v.x.Request
	r.Scheme = "http"
	if v.conn.secure != nil {
		r.Scheme = "https"
	}
	if !v.g.trusts(v.conn.client.Addr()) {
		return
	}
	if proto := r.Headers.First("x-forwarded-proto"); strings.EqualFold(proto, "https") {
		r.Scheme = "https"
	} else if strings.EqualFold(proto, "http") {
		r.Scheme = "http"
	}
	for _, f := range slices.Backward(r.Headers) {
		if strings.EqualFold(f.Name, "x-forwarded-for") && v.clientFrom(f.Value) {
			return
		}
	}
}

// clientFrom walks a list of forwarded addresses from its end, where the nearest proxy wrote, to the first that is no
// trusted proxy's. It reports whether the walk is over.
func (v *visit) clientFrom(list string) bool {
	for list != "" {
		comma := strings.LastIndexByte(list, ',')
		addr, err := netip.ParseAddr(strings.TrimSpace(hostName(strings.TrimSpace(list[comma+1:]))))
		if err != nil {
			return true
		}
		v.x.Conn.ClientIP, v.x.Conn.ClientText = addr.Unmap(), ""
		if !v.g.trusts(addr.Unmap()) {
			return true
		}
		list = list[:max(comma, 0)]
	}
	return false
}

func (g *Gateway) trusts(addr netip.Addr) bool {
	for _, p := range g.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
