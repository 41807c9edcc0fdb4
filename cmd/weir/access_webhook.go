package main

import (
	"net/http"
	"slices"
	"strings"

	"weir/engine/upstream"
)

// webhookClient reaches public addresses over https, and the hosts that the operator names wherever they are.
func webhookClient(own []string) *http.Client {
	client := upstream.NewHTTPClient(&upstream.Guard{})
	if len(own) > 0 {
		client.Transport = ownHosts{names: own, inside: upstream.NewHTTPClient(nil).Transport, outside: client.Transport}
	}
	return client
}

// ownHosts sends requests to hosts of the operator's own another way than others.
type ownHosts struct {
	names           []string
	inside, outside http.RoundTripper
}

// RoundTrip sends a request.
func (t ownHosts) RoundTrip(r *http.Request) (*http.Response, error) {
	if slices.ContainsFunc(t.names, func(name string) bool { return strings.EqualFold(name, r.URL.Hostname()) }) {
		return t.inside.RoundTrip(r) //nolint:wrapcheck // it stands in the place of either
	}
	return t.outside.RoundTrip(r) //nolint:wrapcheck // as above
}
