package upstream

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// sock is the TCP connection under a call, under TLS too. It keeps two deadlines: the wanted one and the one the kernel's
// poller was given. Deadlines mostly move forward, so an armed one that is too early is left alone, and put right in the
// rare case that it fires: most calls set no timer at all. Doing this below TLS matters, since a TLS connection does
// not survive a write that timed out.
type sock struct {
	tcp           net.Conn
	raw           syscall.RawConn
	prober        prober
	probe         func(fd uintptr) // made once, so that probing allocates nothing
	quiet         bool             // what the last probe found
	asking        asker
	ask           func(fd uintptr) bool // made once, the same
	wanted, armed time.Time
}

func newSock(tcp net.Conn) *sock {
	s := &sock{tcp: tcp}
	if sc, ok := tcp.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			s.raw = raw
		}
	}
	s.probe = func(fd uintptr) { s.quiet = s.prober.isQuiet(fd) }
	s.ask = s.asking.step
	return s
}

func (s *sock) Read(p []byte) (int, error) {
	if err := s.arm(); err != nil {
		return 0, err
	}
	for {
		n, err := s.tcp.Read(p)
		if n > 0 || err == nil || !s.rearm(err) {
			return n, err
		}
	}
}

func (s *sock) Write(p []byte) (int, error) {
	if err := s.arm(); err != nil {
		return 0, err
	}
	done := 0
	for {
		n, err := s.tcp.Write(p[done:])
		done += n
		if err == nil || !s.rearm(err) {
			return done, err
		}
	}
}

// writeAsking writes a whole request and waits for the first byte of its answer, which saves the read that would find
// nothing there. What it could not write, and what went wrong, is left to Write and Read: the wait begins before the
// request is out, so that no answer is missed, and may end early.
func (s *sock) writeAsking(p []byte) (int, error) {
	if s.raw == nil || len(p) == 0 {
		return s.Write(p)
	}
	if err := s.arm(); err != nil {
		return 0, err
	}
	s.asking = asker{out: p}
	_ = s.raw.Read(s.ask) // a deadline or a close is found again by who reads
	n := s.asking.done
	s.asking.out = nil
	if n == len(p) {
		return n, nil
	}
	more, err := s.Write(p[n:])
	return n + more, err
}

// writev writes all buffers in as few system calls as the kernel allows, and consumes them.
func (s *sock) writev(bufs *net.Buffers) error {
	if err := s.arm(); err != nil {
		return err
	}
	for {
		_, err := bufs.WriteTo(s.tcp)
		if err == nil || !s.rearm(err) {
			return err
		}
	}
}

// arm makes sure that the poller fires no later than wanted.
func (s *sock) arm() error {
	if s.wanted.IsZero() || (!s.armed.IsZero() && !s.wanted.Before(s.armed)) {
		return nil
	}
	return s.set()
}

// rearm reports whether a failure was only the poller's deadline being earlier than the wanted one, and mends that.
func (s *sock) rearm(err error) bool {
	if s.armed.IsZero() || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	if !s.wanted.IsZero() && !s.armed.Before(s.wanted) {
		return false
	}
	return s.set() == nil
}

func (s *sock) set() error {
	if err := s.tcp.SetDeadline(s.wanted); err != nil {
		return err
	}
	s.armed = s.wanted
	return nil
}

// alive reports whether an idle connection is open and silent: a peer that closed it, or that sent bytes nobody asked
// for, makes it useless.
func (s *sock) alive() bool {
	if s.raw == nil {
		return true
	}
	s.quiet = false
	// Control and not Read: the latter fails at once when an old deadline has passed.
	return s.raw.Control(s.probe) == nil && s.quiet
}

// Close may be called from any goroutine; what waits on the connection fails.
func (s *sock) Close() error { return s.tcp.Close() }

// LocalAddr and the rest make it a net.Conn for crypto/tls.
func (s *sock) LocalAddr() net.Addr { return s.tcp.LocalAddr() }

// RemoteAddr is the peer's.
func (s *sock) RemoteAddr() net.Addr { return s.tcp.RemoteAddr() }

// SetDeadline sets the wanted deadline.
func (s *sock) SetDeadline(t time.Time) error {
	s.wanted = t
	return nil
}

// SetReadDeadline sets the one deadline that reads and writes share.
func (s *sock) SetReadDeadline(t time.Time) error { return s.SetDeadline(t) }

// SetWriteDeadline sets the one deadline that reads and writes share.
func (s *sock) SetWriteDeadline(t time.Time) error { return s.SetDeadline(t) }
