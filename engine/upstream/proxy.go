package upstream

import (
	"encoding/base64"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// proxy is an HTTP proxy on the way to an origin.
type proxy struct {
	address     string // host:port
	tls         *tlsSource
	credentials string // a whole header line, or ""
}

// chooseProxy finds the proxy of an origin; nil for a direct connection. Loopback is never proxied.
func (c *Client) chooseProxy(cfg *EndpointConfig, scheme, host, address string) (*proxy, error) {
	explicit := cfg.Proxy != "" && cfg.Proxy != ProxyNone
	switch {
	case cfg.Guard != nil && explicit:
		return nil, refuse(ErrConfig, "a guarded endpoint cannot use a proxy")
	case cfg.Guard != nil, cfg.Proxy == ProxyNone, isLoopback(host):
		return nil, nil //nolint:nilnil // no proxy is an answer
	case explicit:
		u, err := url.Parse(cfg.Proxy)
		if err != nil {
			return nil, refuse(ErrConfig, "proxy is not a URL") // the cause would show its password
		}
		return newProxy(u)
	}
	u, err := c.proxyFor(&url.URL{Scheme: scheme, Host: address})
	if err != nil {
		return nil, refuse(ErrConfig, "the proxy of the environment is not a URL")
	}
	if u == nil {
		return nil, nil //nolint:nilnil // no proxy is an answer
	}
	return newProxy(u)
}

func newProxy(u *url.URL) (*proxy, error) {
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, refuse(ErrConfig, "proxy must be an http or https URL")
	}
	host, port, err := splitHost(u.Scheme, u.Host)
	if err != nil {
		return nil, refuse(ErrConfig, "proxy has no usable host")
	}
	p := &proxy{address: net.JoinHostPort(host, strconv.Itoa(port))}
	if u.Scheme == "https" {
		if p.tls, err = newTLSSource(TLSConfig{}, host); err != nil {
			return nil, err
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		basic := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password))
		p.credentials = "Proxy-Authorization: Basic " + basic + "\r\n"
	}
	return p, nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (err == nil && addr.Unmap().IsLoopback())
}

// tunnel asks the proxy for a connection to the origin.
func (p *proxy) tunnel(c *conn, origin string) error {
	request := "CONNECT " + origin + " HTTP/1.1\r\nHost: " + origin + "\r\n" + p.credentials + "\r\n"
	if _, err := c.rw.Write([]byte(request)); err != nil {
		return err
	}
	var h head
	if err := c.readHead(&h); err != nil {
		return err
	}
	if h.status < 200 || h.status > 299 {
		return refuse(ErrConnect, "proxy answered "+strconv.Itoa(h.status))
	}
	if c.r != c.w {
		return violated(stageProxy, "proxy sent bytes ahead of the tunnel")
	}
	return nil
}
