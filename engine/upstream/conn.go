package upstream

import (
	"crypto/tls"
	"io"
	"net"
	"time"
)

// readBuffer holds most heads and small answers in one read; a body is read past it, straight to its reader.
const readBuffer = 4 << 10

// conn is one connection to an endpoint with its read buffer and the framing of the answer it carries.
type conn struct {
	ep   *Endpoint
	sock *sock
	rw   io.ReadWriter // the socket, or TLS on it
	tls  bool

	born, idleSince time.Time
	reused          bool

	buf  []byte
	r, w int // buf[r:w] is read from the network and not yet used
	got  bool

	framing
}

func newConn(ep *Endpoint, s *sock, rw io.ReadWriter) *conn {
	_, plain := rw.(*sock)
	return &conn{ep: ep, sock: s, rw: rw, tls: !plain, born: time.Now(), buf: make([]byte, readBuffer)}
}

// rest makes the connection ready to wait in a pool.
func (c *conn) rest(now time.Time) {
	c.idleSince = now
	c.r, c.w = 0, 0
	if len(c.buf) > readBuffer {
		c.buf = make([]byte, readBuffer)
	}
}

func (c *conn) alive() bool { return c.sock.alive() }

// close ends the connection at once, without TLS's farewell, which could block.
func (c *conn) close() {
	_ = c.sock.Close() // nothing can be done about it, and the connection is of no more use
	c.ep.pool.release()
}

// fill reads once more from the network into the buffer.
func (c *conn) fill() error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	} else if c.w == len(c.buf) {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	n, err := c.rw.Read(c.buf[c.w:])
	if n > 0 {
		c.w += n
		c.got = true
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// readBody reads body bytes as they are on the wire, less the framing: what is buffered or one read gives, io.EOF after
// the last. It does not wait to fill p.
func (c *conn) readBody(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		b, err := c.data()
		switch {
		case err == nil:
			k := copy(p[n:], b)
			c.take(k)
			n += k
		case n > 0:
			return n, nil // the error is found again by the next read
		case err != errNeedMore: //nolint:errorlint // never wrapped, and this is the hot path
			return 0, err
		case c.w == c.r && len(p) >= len(c.buf) && c.left != 0:
			return c.readDirect(p)
		default:
			if err := c.fill(); err != nil {
				return 0, c.ended(err)
			}
		}
	}
	return n, nil
}

// readDirect reads into p, past the buffer.
func (c *conn) readDirect(p []byte) (int, error) {
	if c.left > 0 {
		p = p[:min(int64(len(p)), c.left)]
	}
	n, err := c.rw.Read(p)
	if n == 0 {
		if err == nil {
			err = io.ErrNoProgress
		}
		return 0, c.ended(err)
	}
	if c.left > 0 {
		c.left -= int64(n)
	}
	return n, nil
}

// ended says what the end of the connection means to the body.
func (c *conn) ended(err error) error {
	if err == io.EOF { //nolint:errorlint // only the bare value is a clean end
		if c.kind == frameClose {
			c.kind = frameNone
			return io.EOF
		}
		return errShort
	}
	return err
}

// discardBuffered drops what is buffered of the body and returns how much that was; io.EOF when the body is through.
func (c *conn) discardBuffered() (int, error) {
	n := 0
	for {
		b, err := c.data()
		if err != nil {
			return n, err
		}
		n += len(b)
		c.take(len(b))
	}
}

// reusable reports whether the answer is through and the connection fit for another request.
func (c *conn) reusable() bool {
	_, err := c.discardBuffered()
	return c.keepAlive && err == io.EOF && c.r == c.w //nolint:errorlint // data returns the bare value
}

// transport is what the next layer of TLS runs on.
func (c *conn) transport() net.Conn {
	if secured, ok := c.rw.(*tls.Conn); ok {
		return secured
	}
	return c.sock
}
