package upstream

import (
	"context"
	"crypto/tls"
	"time"
)

// dial makes a connection for a call; the pool has counted it already. The context ends with the deadline or the call.
func (ep *Endpoint) dial(call *Call, deadline time.Time) (*conn, error) {
	until := time.Now().Add(ep.dialTimeout)
	if !deadline.IsZero() && deadline.Before(until) {
		until = deadline
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	if !call.dialing(cancel) {
		ep.pool.release()
		return nil, call.canceledError(stageDial)
	}
	defer call.dialed()
	c, doing, err := ep.connect(ctx, until)
	if err == nil {
		return c, nil
	}
	ep.pool.release()
	if call.isCanceled() {
		return nil, call.canceledError(doing)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return nil, classify(doing, err)
}

// connect does TCP, then the proxy's tunnel, then TLS, and says which of them failed.
func (ep *Endpoint) connect(ctx context.Context, until time.Time) (*conn, stage, error) {
	address := ep.address
	if ep.proxy != nil {
		address = ep.proxy.address
	}
	tcp, err := ep.dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, stageDial, err
	}
	s := newSock(tcp)
	s.wanted = until
	unwatch := context.AfterFunc(ctx, func() { _ = s.Close() })
	c, doing, err := ep.handshakes(ctx, s)
	if !unwatch() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = s.Close() // it never became a connection of the pool
		return nil, doing, err
	}
	s.wanted = time.Time{}
	return c, "", nil
}

func (ep *Endpoint) handshakes(ctx context.Context, s *sock) (*conn, stage, error) {
	c := newConn(ep, s, s)
	if ep.proxy != nil && ep.proxy.tls != nil {
		secured := tls.Client(s, ep.proxy.tls.config())
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, stageTLS, err
		}
		c = newConn(ep, s, secured)
	}
	if ep.tls == nil {
		return c, stageDial, nil
	}
	if ep.proxy != nil {
		if err := ep.proxy.tunnel(c, ep.address); err != nil {
			return nil, stageProxy, err
		}
	}
	secured := tls.Client(c.transport(), ep.tls.config())
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, stageTLS, err
	}
	return newConn(ep, s, secured), stageTLS, nil
}
