package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"weir/engine"
	"weir/engine/ipinfo"
)

// ipEvery is how often the files on addresses are looked at: vendors publish new ones once a day at most.
const ipEvery = time.Minute

// openIPs reads the files on addresses, nil where there are none.
func openIPs(c *Config) (*ipinfo.Source, error) {
	if len(c.IP.Databases)+len(c.IP.Lists) == 0 {
		return nil, nil //nolint:nilnil // no source is a good answer here
	}
	o := ipinfo.Options{Databases: c.IP.Databases}
	for _, text := range c.IP.Lists {
		category, path, _ := strings.Cut(text, "=")
		o.Lists = append(o.Lists, ipinfo.List{Category: category, Path: path})
	}
	s, err := ipinfo.Open(o)
	if err != nil {
		return nil, fmt.Errorf("opening what is known of addresses: %w", err)
	}
	return s, nil
}

var errIPList = errors.New("it is written category=path, such as blocklist=/etc/weir/blocked.txt")

func isIPList(text string) error {
	category, path, ok := strings.Cut(text, "=")
	if !ok || category == "" || path == "" {
		return errIPList
	}
	return nil
}

// reportIPs writes into the log that a file on addresses changed.
func (g *Gateway) reportIPs(err error) {
	if err != nil {
		g.log.Error().Err(err).Msg("what is known of addresses was not reloaded, the earlier files stay")
		return
	}
	g.log.Info().Msg("what is known of addresses was reloaded")
}

// Facts tells expressions what the server knows of the exchange.
func (v *visit) Facts() engine.Facts {
	f := v.g.facts(v.conn)
	if f.BodyReceived = v.received; f.BodyReceived.IsZero() && v.consumed {
		f.BodyReceived = v.x.Request.Received
	}
	return f
}

func (g *Gateway) facts(c *conn) engine.Facts {
	f := engine.Facts{BytesIn: c.in, BytesOut: c.out, Region: g.config.Region}
	if g.ips != nil {
		f.IPs = g.ips
	}
	if c.secure == nil {
		return f
	}
	if hello, ok := c.secure.NetConn().(*greeted); ok {
		f.JA4 = hello.ja4
	}
	if cert := c.listener.cert; cert != nil {
		f.Certificate = cert.current.Load().Leaf
	}
	return f
}

// greeted is the socket under TLS, with the fingerprint of what its client sent first.
type greeted struct {
	net.Conn

	ja4 string
}

// fingerprint keeps the fingerprint of a client that greets.
func fingerprint(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if c, ok := hello.Conn.(*greeted); ok {
		c.ja4 = engine.JA4(hello)
	}
	return nil, nil //nolint:nilnil // the listener's own configuration serves
}

// arrival is a connection of which nothing was read yet, as the rules on connections see it.
type arrival struct {
	g *Gateway
	c *conn
}

// Facts tells what is known of the connection.
func (a arrival) Facts() engine.Facts { return a.g.facts(a.c) }

// LoadBody has nothing to load.
func (a arrival) LoadBody(*engine.Exchange) error { return nil }

// Scan has nothing to read.
func (a arrival) Scan(*engine.Exchange) error { return nil }

// Locate refuses: there is no request.
func (a arrival) Locate(*engine.Exchange, string) error {
	return engine.Errorf(engine.CodeInternal, "a connection has no target")
}
