package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

const (
	// acceptWaitMin and acceptWaitMax bound the wait after a failed accept: long enough not to spin while descriptors are
	// short, short enough that the first one freed is used at once.
	acceptWaitMin = 5 * time.Millisecond
	acceptWaitMax = time.Second
	// refuseTime is what a refused connection is given to take the refusal, which fits any socket's buffer.
	refuseTime = 100 * time.Millisecond
)

// refusal is the whole answer to a connection over the limit: it is refused before it is read, so nothing tells its API.
func refusal() []byte {
	const body = `{"error":{"message":"The gateway has as many connections as it may; try again.",` +
		`"type":"api_error","param":null,"code":"overloaded"}}`
	return []byte("HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n" +
		"connection: close\r\ncontent-length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

// listener accepts connections, survives what can go wrong while accepting, and knows every open connection.
type listener struct {
	net.Listener

	limits   *Limits
	stats    *stats
	log      zerolog.Logger
	tls      *tls.Config // nil without TLS
	loopback bool
	entries  []entry // the endpoints as seen through this listener
	gateway  *Gateway
	cert     *certificate // nil without TLS
	done     chan struct{}
	closing  sync.Once

	mu    sync.Mutex
	conns []*conn
	open  atomic.Int64
}

// Accept returns the next connection that is within the limit.
func (l *listener) Accept() (net.Conn, error) {
	wait := acceptWaitMin
	for {
		c, err := l.Listener.Accept()
		switch {
		case err == nil && l.open.Load() < int64(l.limits.Connections):
			added := l.add(c)
			if l.admits(added) {
				return added, nil
			}
			l.turnAway(added)
		case err == nil:
			l.refuse(c)
		case !temporary(err):
			return nil, fmt.Errorf("accepting on %s: %w", l.Addr(), err)
		default:
			l.stats.acceptErrors.Add(1)
			l.log.Warn().Err(err).Msg("cannot accept connections for the moment")
			if !l.pause(wait) {
				return nil, net.ErrClosed
			}
			wait = min(wait*2, acceptWaitMax)
		}
	}
}

// temporary tells a shortage, which passes, from a listener that is gone.
func temporary(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func (l *listener) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.done:
		return false
	}
}

// Close stops accepting.
func (l *listener) Close() error {
	err := net.ErrClosed
	l.closing.Do(func() {
		close(l.done)
		err = l.Listener.Close()
	})
	return err
}

func (l *listener) refuse(c net.Conn) {
	l.stats.refused.Add(1)
	if l.tls == nil && c.SetWriteDeadline(time.Now().Add(refuseTime)) == nil {
		_, _ = c.Write(refusal()) // the connection is closed whether it heard or not
	}
	_ = c.Close() // it was never used
}

// addrText is the address without its port, "" where the socket has none.
func addrText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.Addr().Unmap().String()
}

func (l *listener) add(inner net.Conn) *conn {
	client := addrPort(inner.RemoteAddr())
	c := &conn{
		Conn: inner, listener: l, fd: descriptor(inner), start: time.Now(),
		client: client, clientText: addrText(client), server: addrPort(inner.LocalAddr()),
	}
	if l.tls != nil {
		c.secure = tls.Server(&greeted{Conn: inner}, l.tls)
		c.Conn = c.secure
	}
	l.open.Add(1)
	l.mu.Lock()
	c.slot = len(l.conns)
	l.conns = append(l.conns, c)
	l.mu.Unlock()
	return c
}

func (l *listener) remove(c *conn) {
	l.mu.Lock()
	last := len(l.conns) - 1
	l.conns[c.slot] = l.conns[last]
	l.conns[c.slot].slot = c.slot
	l.conns[last] = nil
	l.conns = l.conns[:last]
	l.mu.Unlock()
	l.open.Add(-1)
}

// each calls fn for every open connection, under the registry's lock.
func (l *listener) each(fn func(*conn)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		fn(c)
	}
}

// addrPort reads an address; Unix sockets have none and count as loopback.
func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
}

// isLoopback reports whether only this machine can reach the address.
func isLoopback(a net.Addr) bool {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.IP.IsLoopback()
	}
	return a.Network() == "unix"
}
