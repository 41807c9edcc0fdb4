package upstream

import (
	"io"
	"slices"
	"time"
)

// growBy is how much ReadAll asks for when it does not know how much will come.
const growBy = 4 << 10

// Response is the answer to a call. Its head stays until the call's next Do or Reset, its body until Close.
type Response struct {
	Status    int
	Redialled bool // the pooled connection was dead and was replaced, in the same attempt

	client *Client
	call   *Call
	conn   *conn // nil once closed
	head   head
	dec    *decoder
	err    error // what ended the body, other than its end
}

func (r *Response) open(c *Client, call *Call, cn *conn) {
	r.client, r.call, r.conn = c, call, cn
	r.Status = r.head.status
}

// reset forgets the head.
func (r *Response) reset() {
	r.Status, r.Redialled, r.err = 0, false, nil
	if cap(r.head.raw) > keepBuffer/2 {
		r.head = head{}
	}
	r.head.reset()
}

// Header returns the first value of a header, "" where there is none.
func (r *Response) Header(name string) string {
	for i := range r.head.fields {
		if f := &r.head.fields[i]; equalFold(f.name, name) {
			return alias(f.value)
		}
	}
	return ""
}

// VisitHeaders calls visit for each header that says something about the answer, in order: framing and hop-by-hop
// headers are left out, and so is the encoding, since Read undoes it.
func (r *Response) VisitHeaders(visit func(name, value []byte)) {
	for i := range r.head.fields {
		if f := &r.head.fields[i]; !r.hopByHop(f.name) {
			visit(f.name, f.value)
		}
	}
}

func (r *Response) hopByHop(name []byte) bool {
	for _, hop := range [...]string{
		"content-length", "content-encoding", "connection", "keep-alive", "transfer-encoding", "trailer", "te", "upgrade",
		"proxy-connection", "proxy-authenticate",
	} {
		if equalFold(name, hop) {
			return true
		}
	}
	return r.head.connHeaders > 0 && r.namedByConnection(name)
}

func (r *Response) namedByConnection(name []byte) bool {
	return slices.ContainsFunc(r.head.fields, func(f field) bool {
		return equalFold(f.name, "connection") && hasToken(f.value, alias(name))
	})
}

// ContentType is the content-type header as it came.
func (r *Response) ContentType() string { return alias(r.head.contentType) }

// ContentLength is the length of the body that Read gives, -1 where it is not known beforehand.
func (r *Response) ContentLength() int64 {
	if r.encoded() || r.head.chunked {
		return -1
	}
	return r.head.length
}

// SetReadDeadline bounds the reads to come, until set anew; zero means no bound. It costs nothing until a read waits.
func (r *Response) SetReadDeadline(t time.Time) {
	if r.conn != nil {
		r.conn.sock.wanted = t
	}
}

// Read returns decoded body bytes as they come: what one read of the connection gave, without waiting to fill p.
func (r *Response) Read(p []byte) (int, error) {
	switch {
	case r.err != nil:
		return 0, r.err
	case r.conn == nil:
		return 0, refuse(ErrClosed, "answer is closed")
	case len(p) == 0:
		return 0, nil
	}
	n, err := r.read(p)
	if err == nil || err == io.EOF { //nolint:errorlint // only the bare value is the end
		return n, err
	}
	r.err = r.call.explain(stageBody, err)
	return n, r.err
}

func (r *Response) read(p []byte) (int, error) {
	if !r.encoded() {
		return r.conn.readBody(p)
	}
	if r.dec == nil {
		dec, err := r.client.decoders.get(&r.head, r.conn)
		if err != nil {
			return 0, err
		}
		r.dec = dec
	}
	return r.dec.read(p, r.client.opts)
}

// encoded reports whether the body comes compressed, or in a way nobody can read.
func (r *Response) encoded() bool {
	return r.head.encodings > 0 && !equalFold(r.head.encoding, "identity") && len(r.head.encoding) > 0
}

// Room is asked before memory for a body is taken.
type Room interface {
	// Reach says that size bytes are about to be held; an error ends the reading.
	Reach(size int) error
}

// ReadAll appends the rest of the body to dst. More than limit bytes of it are ErrBodyTooLarge, with what came before.
func (r *Response) ReadAll(dst []byte, limit int) ([]byte, error) {
	return r.ReadAllWithin(dst, limit, nil)
}

// ReadAllWithin is ReadAll that asks for room first; what room says against it is returned as it is.
func (r *Response) ReadAllWithin(dst []byte, limit int, room Room) ([]byte, error) {
	start := len(dst)
	more := growBy
	if n := r.ContentLength(); n >= 0 {
		if n > int64(limit) {
			return dst, fail(stageBody, ErrBodyTooLarge, nil)
		}
		more = int(n) + 1
	}
	if room != nil {
		if err := room.Reach(more); err != nil {
			return dst, err //nolint:wrapcheck // the caller knows its own error
		}
	}
	for {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, more)
			more = growBy
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if room != nil && err == nil {
			if refused := room.Reach(len(dst) - start); refused != nil {
				return dst, refused //nolint:wrapcheck // as above
			}
		}
		switch {
		case len(dst)-start > limit:
			return dst[:start+limit], fail(stageBody, ErrBodyTooLarge, nil)
		case err == io.EOF: //nolint:errorlint // Read gives the bare value
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

// Close ends the reading. A connection whose body is through goes back to the pool; one with a little left is drained
// off the caller's path; any other is closed.
func (r *Response) Close() {
	c, canceled := r.detach()
	switch {
	case c == nil:
	case canceled, r.err != nil, !c.keepAlive:
		c.close()
	case c.reusable():
		c.ep.pool.put(c, time.Now())
	case !r.client.drain.add(c):
		c.close()
	}
}

// Discard ends the reading and the connection at once, as befits a failed attempt.
func (r *Response) Discard() {
	if c, _ := r.detach(); c != nil {
		c.close()
	}
}

func (r *Response) detach() (c *conn, canceled bool) {
	if r.conn == nil {
		return nil, false
	}
	c, r.conn = r.conn, nil
	if r.dec != nil {
		r.client.decoders.put(r.dec)
		r.dec = nil
	}
	return c, r.call.detach()
}
