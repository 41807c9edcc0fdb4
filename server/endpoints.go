package server

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"weir/engine"
)

// entry is one endpoint as seen through one listener.
type entry struct {
	engine.Endpoint

	host   string // "" = any
	prefix string // "" = any
	policy Policy
}

// entriesFor lists the endpoints of a listener, the most specific first, so that the first that matches is meant.
func (g *Gateway) entriesFor(addr net.Addr, secure bool) []entry {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	host, portText, err := net.SplitHostPort(addr.String())
	port := 0
	if err == nil {
		port, _ = strconv.Atoi(portText) // the address of a listener has a number; 0 does no harm
	}
	entries := make([]entry, 0, len(g.config.Endpoints))
	for i := range g.config.Endpoints {
		e := &g.config.Endpoints[i]
		name := host
		if e.Host != "" {
			name = e.Host
		}
		entries = append(entries, entry{
			host: e.Host, prefix: strings.TrimSuffix(e.PathPrefix, "/"), policy: g.policy[e.ID],
			Endpoint: engine.Endpoint{
				ID: e.ID, Host: name, Addr: addr.String(), Port: port, Protocol: scheme,
				URL: scheme + "://" + net.JoinHostPort(name, strconv.Itoa(port)) + e.PathPrefix,
			},
		})
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return b.weight() - a.weight() })
	return entries
}

// weight ranks a host without wildcard over one with, any host over none, and then longer prefixes over shorter ones.
func (e *entry) weight() int {
	const host = 1 << 20 // above any path
	w := len(e.prefix)
	if e.host != "" {
		w += host
		if !strings.HasPrefix(e.host, "*") {
			w += host
		}
	}
	return w
}

// endpoint finds the endpoint of a request, and the path without the endpoint's prefix.
func (l *listener) endpoint(host, path string) (e *entry, rest string) {
	for i := range l.entries {
		e := &l.entries[i]
		if e.host != "" && !hostMatches(e.host, hostName(host)) {
			continue
		}
		if rest, ok := strings.CutPrefix(path, e.prefix); ok {
			switch {
			case rest == "":
				return e, "/"
			case rest[0] == '/':
				return e, rest
			}
		}
	}
	return nil, path
}
