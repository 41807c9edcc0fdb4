package upstream

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	// ownIdleConns is enough for the few services that policies ask; each is asked again soon or not at all.
	ownIdleConns = 16
	// ownIdleTime is how long such a connection waits: longer than requests are apart on a busy gateway.
	ownIdleTime = 30 * time.Second
)

// NewHTTPClient returns a client for requests that Weir makes of its own: JWKS, webhooks, discovery documents. Origins
// are checked before a request and addresses at every dial. It follows no redirect, keeps no cookie and uses no proxy,
// which would resolve names out of sight. A nil guard allows what the operator may name: any host and port
// but the metadata services of clouds.
func NewHTTPClient(g *Guard) *http.Client {
	dialer := &net.Dialer{Timeout: defaultDialTimeout, ControlContext: (&Endpoint{guard: g}).checkAddress}
	transport := &http.Transport{
		DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: ownIdleConns, IdleConnTimeout: ownIdleTime,
		TLSHandshakeTimeout: defaultDialTimeout, ResponseHeaderTimeout: time.Minute,
	}
	return &http.Client{
		Transport:     guarded{guard: g, next: transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// guarded checks the origin of each request.
type guarded struct {
	guard *Guard
	next  http.RoundTripper
}

// RoundTrip sends a request whose origin the guard allows.
func (t guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.guard != nil {
		port, err := portOf(r)
		if err == nil {
			err = t.guard.checkOrigin(r.URL.Scheme, r.URL.Hostname(), port)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.URL.Host, err)
		}
	}
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err //nolint:wrapcheck // http.Client wraps it with method and address
	}
	return resp, nil
}

// CloseIdleConnections closes what waits in the pool.
func (t guarded) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func portOf(r *http.Request) (int, error) {
	switch port := r.URL.Port(); {
	case port != "":
		n, err := strconv.Atoi(port)
		if err != nil {
			return 0, fmt.Errorf("reading the port: %w", err)
		}
		return n, nil
	case r.URL.Scheme == "http":
		return 80, nil
	default:
		return 443, nil
	}
}

// IsRefusedAddress reports whether a request failed because the guard does not allow where it would have gone.
func IsRefusedAddress(err error) bool { return errors.Is(err, ErrAddress) }
