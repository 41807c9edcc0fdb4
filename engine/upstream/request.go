package upstream

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	// writeWhole is up to which size head and body are copied together: a copy of 16 KiB costs less than a second system
	// call, and it is what one TLS record holds.
	writeWhole = 16 << 10
	// keepBuffer is the most that a call keeps of its buffers between requests.
	keepBuffer = 64 << 10
)

// Header is one header of a request.
type Header struct{ Name, Value string }

// Request is what a call sends. Host, framing and connection headers are written by the client and refused in Headers.
type Request struct {
	Endpoint *Endpoint
	Method   string
	Target   string // path and query, escaped
	Headers  []Header
	Body     []byte
	Segments [][]byte // the body goes on with these, so that a spliced body need not be copied together
	// HeaderDeadline ends the call unless the head of the answer is there; none where zero. It holds for waiting, dialing,
	// writing and reading the head, and ends there: Response.SetReadDeadline sets what holds for the body.
	HeaderDeadline time.Time
	// Now spares a reading of the clock where the caller has just made one; zero = read.
	Now time.Time
}

func (r *Request) bodySize() int {
	n := len(r.Body)
	for _, s := range r.Segments {
		n += len(s)
	}
	return n
}

// appendHead writes the head after checking every part that goes into it.
func (r *Request) appendHead(b []byte) ([]byte, error) {
	if !validToken(r.Method) || r.Method == http.MethodConnect {
		return b, refuse(ErrRequest, "method is not allowed")
	}
	if !validTarget(r.Target) {
		return b, refuse(ErrRequest, "target is not an escaped path")
	}
	b = append(b, r.Method...)
	b = append(b, ' ')
	b = append(b, r.Endpoint.targetPrefix...)
	b = append(b, r.Target...)
	b = append(b, r.Endpoint.headEnd...)
	for i := range r.Headers {
		h := &r.Headers[i]
		if !validToken(h.Name) || isOurs(h.Name) {
			return b, refuse(ErrRequest, "header name is not allowed")
		}
		if !validValue(h.Value) {
			return b, refuse(ErrRequest, "control character in a header")
		}
		b = append(b, h.Name...)
		b = append(b, ": "...)
		b = append(b, h.Value...)
		b = append(b, "\r\n"...)
	}
	if n := r.bodySize(); n > 0 || needsLength(r.Method) {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(n), 10)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...), nil
}

// needsLength reports whether an empty body must be announced as such.
func needsLength(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// isOurs knows the headers that say where a request ends, who it is for and what becomes of its connection.
func isOurs(name string) bool {
	switch len(name) {
	case 2:
		return equalFold(name, "te")
	case 4:
		return equalFold(name, "host")
	case 6:
		return equalFold(name, "expect")
	case 7:
		return equalFold(name, "trailer") || equalFold(name, "upgrade")
	case 10:
		return equalFold(name, "connection") || equalFold(name, "keep-alive")
	case 14:
		return equalFold(name, "content-length")
	case 16:
		return equalFold(name, "proxy-connection")
	case 17:
		return equalFold(name, "transfer-encoding")
	case 19:
		return equalFold(name, "proxy-authorization")
	default:
		return false
	}
}

// send writes the request: in one system call where it is small or the connection plain.
func (call *Call) send(c *conn, r *Request) error {
	out := call.out
	if len(out)+r.bodySize() <= writeWhole {
		out = append(out, r.Body...)
		for _, s := range r.Segments {
			out = append(out, s...)
		}
		call.out = out[:len(call.out)]
		var err error
		if c.tls {
			_, err = c.rw.Write(out)
		} else {
			_, err = c.sock.writeAsking(out)
		}
		return err
	}
	if c.tls {
		return call.sendRecords(c, r)
	}
	call.parts = append(append(call.parts[:0], out, r.Body), r.Segments...)
	call.bufs = net.Buffers(call.parts)
	err := c.sock.writev(&call.bufs)
	clear(call.parts)
	return err
}

// sendRecords fills TLS records: each write becomes at least one, and one system call.
func (call *Call) sendRecords(c *conn, r *Request) error {
	out := call.out
	for i := -1; i < len(r.Segments); i++ {
		part := r.Body
		if i >= 0 {
			part = r.Segments[i]
		}
		for len(part) > 0 {
			if len(out) == 0 && len(part) >= writeWhole {
				if _, err := c.rw.Write(part); err != nil {
					return err
				}
				break
			}
			// A head of its own can be larger than a record.
			n := min(len(part), max(writeWhole-len(out), 0))
			out, part = append(out, part[:n]...), part[n:]
			if len(out) < writeWhole {
				break
			}
			if _, err := c.rw.Write(out); err != nil {
				return err
			}
			out = out[:0]
		}
	}
	if len(out) == 0 {
		return nil
	}
	_, err := c.rw.Write(out)
	return err
}
