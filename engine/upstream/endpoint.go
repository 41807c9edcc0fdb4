package upstream

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const (
	// defaultMaxConns leaves room below the 28,000 ports that Linux has for connections to one address.
	defaultMaxConns = 16384
	// defaultMaxIdle is below the 60 s after which common load balancers close silently.
	defaultMaxIdle = 30 * time.Second
	// defaultMaxAge makes changes of DNS and of certificates reach every connection within minutes.
	defaultMaxAge = 5 * time.Minute
	// defaultDialTimeout allows for two lost packets of a TCP handshake (1 + 2 s) and a slow TLS handshake.
	defaultDialTimeout = 10 * time.Second
)

// ProxyNone as EndpointConfig.Proxy turns off the proxies of the environment.
const ProxyNone = "none"

// EndpointConfig is what is known about an origin.
type EndpointConfig struct {
	Scheme      string // http or https
	Host        string // host or host:port
	TLS         TLSConfig
	Proxy       string        // http or https URL; "" for the environment's, ProxyNone for none
	MaxConns    int           // 16384 where 0
	MaxIdle     time.Duration // a connection waits this long in the pool; 30 s where 0
	MaxAge      time.Duration // and lives this long; 5 min where 0
	DialTimeout time.Duration // for DNS, TCP, proxy and TLS together; 10 s where 0
	Guard       *Guard        // nil for hosts that the operator configured
}

// key is one text for equal settings.
func (cfg *EndpointConfig) key() string {
	t := &cfg.TLS
	return fmt.Sprintf("%q %q %q %q %q %q %d %q %d %d %d %d %s", strings.ToLower(cfg.Scheme), strings.ToLower(cfg.Host),
		t.CAFile, t.CertFile, t.KeyFile, t.ServerName, t.MinVersion,
		cfg.Proxy, cfg.MaxConns, cfg.MaxIdle, cfg.MaxAge, cfg.DialTimeout, cfg.Guard.key())
}

// Endpoint is one origin with its TLS, its limits and its connections, shared by all calls to it.
type Endpoint struct {
	client *Client
	pool   pool
	dialer net.Dialer
	guard  *Guard
	tls    *tlsSource // nil without TLS
	proxy  *proxy     // nil for a direct connection

	address string // host:port of the origin
	// Ready pieces of every request head.
	targetPrefix string // the origin, for plain HTTP through a proxy
	headEnd      string // from the version to the host header, with the proxy's credentials

	maxConns    int
	maxIdle     time.Duration
	maxAge      time.Duration
	dialTimeout time.Duration
}

func newEndpoint(client *Client, cfg *EndpointConfig) (*Endpoint, error) {
	scheme := strings.ToLower(cfg.Scheme)
	if scheme != "http" && scheme != "https" {
		return nil, refuse(ErrConfig, "scheme must be http or https")
	}
	host, port, err := splitHost(scheme, cfg.Host)
	if err != nil {
		return nil, err
	}
	if err := cfg.Guard.checkOrigin(scheme, host, port); err != nil {
		return nil, err
	}
	ep := &Endpoint{
		client:      client,
		guard:       cfg.Guard,
		address:     net.JoinHostPort(host, strconv.Itoa(port)),
		maxConns:    orDefault(cfg.MaxConns, defaultMaxConns),
		maxIdle:     orDefault(cfg.MaxIdle, defaultMaxIdle),
		maxAge:      orDefault(cfg.MaxAge, defaultMaxAge),
		dialTimeout: orDefault(cfg.DialTimeout, defaultDialTimeout),
	}
	ep.pool.ep = ep
	ep.dialer.ControlContext = ep.checkAddress
	if scheme == "https" {
		if ep.tls, err = newTLSSource(cfg.TLS, host); err != nil {
			return nil, err
		}
	}
	if ep.proxy, err = client.chooseProxy(cfg, scheme, host, ep.address); err != nil {
		return nil, err
	}
	name := authority(scheme, host, port)
	ep.headEnd = " HTTP/1.1\r\nHost: " + name + "\r\n"
	if ep.proxy != nil && scheme == "http" {
		ep.targetPrefix = "http://" + name
		ep.headEnd += ep.proxy.credentials
	}
	return ep, nil
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// splitHost takes a host apart and refuses whatever is more than a host and a port.
func splitHost(scheme, s string) (host string, port int, err error) {
	port = 80
	if scheme == "https" {
		port = 443
	}
	host = strings.ToLower(s)
	bracketed := strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
	if !bracketed && strings.Contains(host, ":") {
		var text string
		if host, text, err = net.SplitHostPort(host); err != nil {
			return "", 0, refuse(ErrConfig, "host is not host or host:port")
		}
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return "", 0, refuse(ErrConfig, "port is not a number from 1 to 65535")
		}
		port = int(n)
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.Contains(host, ":") {
		addr, err := netip.ParseAddr(host)
		if err != nil {
			return "", 0, refuse(ErrConfig, "host is not an IPv6 address")
		}
		return addr.String(), port, nil
	}
	if !validHost(host) {
		return "", 0, refuse(ErrConfig, "host is empty or holds characters that no host has (write it in ASCII, xn--)")
	}
	return host, port, nil
}

// validHost allows what names and IPv4 addresses are made of; underscores are common inside clusters.
func validHost(s string) bool {
	// 253 is the longest name that DNS can carry.
	if s == "" || len(s) > 253 {
		return false
	}
	for _, ch := range []byte(s) {
		if (ch < 'a' || ch > 'z') && (ch < '0' || ch > '9') && ch != '.' && ch != '-' && ch != '_' {
			return false
		}
	}
	return true
}

// authority is what the host header says: no port where it is the scheme's own.
func authority(scheme, host string, port int) string {
	if (scheme == "http" && port == 80) || (scheme == "https" && port == 443) {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
