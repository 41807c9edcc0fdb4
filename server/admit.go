package server

import (
	"weir/engine"
)

// gatekeeper is a plan that looks at connections before their first request.
type gatekeeper interface {
	HasConnectRules() bool
	Admits(x *engine.Exchange) bool
}

// admits reports whether a new connection may stay. Only where one endpoint is behind the listener is it known whose
// rules hold; elsewhere they run with the first request, which names its endpoint.
func (l *listener) admits(c *conn) bool {
	if len(l.entries) != 1 || l.gateway == nil {
		return true
	}
	e := &l.entries[0]
	if e.policy == nil {
		return true
	}
	keeper, ok := e.policy.Load().(gatekeeper)
	if !ok || !keeper.HasConnectRules() {
		return true
	}
	x := l.gateway.pool.Exchange()
	defer l.gateway.pool.Release(x)
	x.Endpoint, x.Loader = &e.Endpoint, arrival{l.gateway, c}
	x.Conn = engine.Conn{Client: c.client, Server: c.server, ClientIP: c.client.Addr(), ClientText: c.clientText, Start: c.start}
	if keeper.Admits(x) {
		return true
	}
	l.stats.refused.Add(1)
	l.log.Info().Str("client_ip", c.clientText).Str("endpoint", e.ID).Msg("a connection was closed by on_tcp_connect")
	return false
}

// turnAway closes a connection that no rule admits, so that the client sees a reset and no answer.
func (l *listener) turnAway(c *conn) {
	c.reset()
	_ = c.Close() // nothing was read from it
}
