package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// lingerTime bounds how long a refused sender is listened to so that it reads the refusal rather than a reset; a
	// client that answers at all does so within a round trip.
	lingerTime = 500 * time.Millisecond
	// lingerBytes bounds the same in bytes: what is in flight on a fast link within that time and no more.
	lingerBytes = 1 << 20
)

// The states of a connection's watch. The sweeper moves busy to held while it cancels, so that an exchange is never
// recycled under it.
const (
	watchIdle uint32 = iota
	watchBusy
	watchHeld
)

// canceller is what a connection's current exchange offers to the sweeper and to the drain.
type canceller interface{ Cancel(cause error) }

// conn is a client's connection. Reads and writes belong to the goroutine that serves it; the watch is shared with the
// sweeper.
type conn struct {
	net.Conn // the socket, or TLS over it

	listener *listener
	secure   *tls.Conn
	fd       int // of the socket under TLS, -1 where there is none
	client   netip.AddrPort
	// clientText is the client's address as text, made once for all exchanges of the connection.
	clientText string
	server     netip.AddrPort
	start      time.Time
	state      *tls.ConnectionState

	readAt     time.Time // the read deadline that holds
	readArmed  time.Time // the one that the kernel's poller was given: earlier, or the same
	writeUntil time.Time
	linger     bool
	slow       bool // a write ran into its deadline
	closed     atomic.Bool
	in, out    int64 // bytes read and written so far

	watch   atomic.Uint32
	since   atomic.Int64 // start of the current exchange on the gateway's clock
	current canceller    // owned by the serving goroutine while idle, by the sweeper while held
	slot    int          // in the listener's registry
}

// SetReadDeadline notes the deadline for the next Read: most requests are already buffered whole, and need none.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.readAt = t
	return nil
}

// Read reads within the deadline noted last. Deadlines mostly move forward, so one that is set and too early is left
// alone, and put right in the rare case that it fires: most requests set no timer.
func (c *conn) Read(p []byte) (int, error) {
	if c.readArmed.IsZero() != c.readAt.IsZero() || c.readAt.Before(c.readArmed) {
		if err := c.armRead(); err != nil {
			return 0, err
		}
	}
	for {
		n, err := c.Conn.Read(p)
		c.in += int64(n)
		if n > 0 || err == nil || !c.readAt.After(c.readArmed) || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err //nolint:wrapcheck // a net.Conn hands on its socket's errors as they are
		}
		if err := c.armRead(); err != nil {
			return 0, err
		}
	}
}

func (c *conn) armRead() error {
	c.readArmed = c.readAt
	return c.Conn.SetReadDeadline(c.readAt) //nolint:wrapcheck // as in Read
}

// Write writes within the write timeout. The deadline is set anew only when a quarter of it has gone, as a timer per
// write costs more than the exactness is worth.
func (c *conn) Write(p []byte) (int, error) {
	timeout := c.listener.limits.WriteTimeout
	now := time.Now()
	if c.writeUntil.Sub(now) < timeout-timeout/4 {
		c.writeUntil = now.Add(timeout)
		if err := c.SetWriteDeadline(c.writeUntil); err != nil {
			return 0, err //nolint:wrapcheck // as in Read
		}
	}
	n, err := c.Conn.Write(p)
	c.out += int64(n)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) && !c.slow {
		c.slow = true
		c.listener.stats.slowReaders.Add(1)
	}
	return n, err //nolint:wrapcheck // as in Read
}

// Close closes the connection once. Where the client was refused in the middle of its body it is first told that
// nothing more will come, and read for a moment, so that it sees the refusal.
func (c *conn) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	if c.linger {
		c.drainInput()
	}
	c.listener.remove(c)
	return c.Conn.Close() //nolint:wrapcheck // as in Read
}

// socket is the connection under TLS.
func (c *conn) socket() net.Conn {
	if c.secure == nil {
		return c.Conn
	}
	if hello, ok := c.secure.NetConn().(*greeted); ok {
		return hello.Conn
	}
	return c.secure.NetConn()
}

// reset makes the close a reset, where the end of the connection would look like the end of the answer.
func (c *conn) reset() {
	if sock, ok := c.socket().(interface{ SetLinger(sec int) error }); ok {
		_ = sock.SetLinger(0) // a plain close is then all there is
	}
}

// abort closes the socket under whoever uses it, from any goroutine.
func (c *conn) abort() { _ = c.socket().Close() } // the serving goroutine sees it

func (c *conn) drainInput() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if c.Conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes) // whatever ends it, the connection is closed next
	}
}

// tlsState is the state of the TLS session once the handshake is done, nil without TLS.
func (c *conn) tlsState() *tls.ConnectionState {
	if c.secure == nil {
		return nil
	}
	if c.state == nil {
		state := c.secure.ConnectionState()
		c.state = &state
	}
	return c.state
}

// begin puts the exchange that runs on the connection under watch.
func (c *conn) begin(x canceller, now int64) {
	c.current = x
	c.since.Store(now)
	c.watch.Store(watchBusy)
}

// end takes the exchange from under watch. When it returns nobody will cancel that exchange any more.
func (c *conn) end() {
	for !c.watch.CompareAndSwap(watchBusy, watchIdle) {
		if c.watch.Load() == watchIdle {
			return
		}
		runtime.Gosched() // the sweeper is cancelling: it holds no lock and takes microseconds
	}
	c.current = nil
}

// cancel cancels the exchange that runs on the connection, if one does.
func (c *conn) cancel(cause error) bool {
	if !c.watch.CompareAndSwap(watchBusy, watchHeld) {
		return false
	}
	c.current.Cancel(cause)
	c.watch.Store(watchBusy)
	return true
}
