package sim

import (
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// pollEvery is how soon a waiting call notices that its client went away: well within the second that Weir promises,
// and rare enough to cost nothing.
const pollEvery = 5 * time.Millisecond

// listener hands out connections that the server can close, reset and look at.
type listener struct {
	net.Listener
	s *Server
}

// Accept wraps the next connection.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // fasthttp tells a closed listener by this very error
	}
	w := &conn{Conn: c, s: l.s}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if l.s.closed {
		_ = c.Close() // the server is going away: the client sees a closed connection
		return nil, net.ErrClosed
	}
	l.s.conns[w] = struct{}{}
	return w, nil
}

type conn struct {
	net.Conn
	s      *Server
	closed atomic.Bool
}

// Close closes the connection once.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.s.mu.Lock()
	delete(c.s.conns, c)
	c.s.mu.Unlock()
	if err := c.Conn.Close(); err != nil {
		return fmt.Errorf("closing connection: %w", err)
	}
	return nil
}

// reset closes the connection so that the client sees a TCP reset.
func (c *conn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the client sees an ordinary end, which a test would notice
	}
	_ = c.Close() // nothing is left to say to this client
}

// gone tells whether the client closed its side. Bytes that wait to be read (a pipelined request) hide it.
func (c *conn) gone() bool {
	if c.closed.Load() {
		return true
	}
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	var gone bool
	if err := raw.Control(func(fd uintptr) { gone = peerClosed(fd) }); err != nil {
		return true
	}
	return gone
}

// wait lets d pass (forever where it is negative); false where the client or the server went away first.
func (c *conn) wait(d time.Duration) bool {
	if d == 0 {
		return true
	}
	var end <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		end = t.C
	}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case <-end:
			return true
		case <-c.s.done:
			return false
		case <-poll.C:
			if c.gone() {
				return false
			}
		}
	}
}
