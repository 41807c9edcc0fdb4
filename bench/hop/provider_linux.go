package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"weir/bench"
)

// provider is the upstream behind the target: a whole answer of 1 KB, or a stream that it writes piece by piece, the next
// one when the client has the one before. So every piece crosses the target by itself, however busy the target is, and
// the CPU of a piece is not that of half a piece because two were read at once.
type provider struct {
	loop   *loop
	fd     int
	addr   netip.AddrPort
	answer []byte
	pieces [][]byte // chunks with the framing of HTTP
	ends   []int    // events in the pieces up to each
	all    []byte   // the whole stream, for requests from nobody in the loop
}

// call is one connection from the target.
type call struct {
	p      *provider
	fd     int
	in     []byte // a request that came in more than one read
	client *client
	sent   int // pieces of the stream
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"

func (l *loop) serve(port, pieces int) (*provider, error) {
	p := &provider{loop: l}
	answer := bench.Answer()
	p.answer = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_0123456789abcdef\r\n"+
		"openai-processing-ms: 412\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
	ends := 0
	for i, text := range bench.Stream(pieces) {
		chunk := fmt.Appendf(nil, "%x\r\n%s\r\n", len(text), text)
		if i == 0 {
			chunk = append([]byte(streamHead), chunk...)
		}
		if i == pieces-1 {
			chunk = append(chunk, "0\r\n\r\n"...)
		}
		ends += bytes.Count(text, eventEnd)
		p.pieces, p.ends, p.all = append(p.pieces, chunk), append(p.ends, ends), append(p.all, chunk...)
	}
	if err := p.listen(port); err != nil {
		return nil, err
	}
	l.provider = p
	return p, nil
}

func (p *provider) listen(port int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("making a socket: %w", err)
	}
	p.fd = fd
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.Listen(fd, 1024)
	}
	if err != nil {
		return fmt.Errorf("listening as the provider: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return fmt.Errorf("listening as the provider: %w", err)
	}
	if in4, ok := name.(*unix.SockaddrInet4); ok {
		p.addr = netip.AddrPortFrom(netip.AddrFrom4(in4.Addr), uint16(in4.Port))
	}
	return p.loop.add(fd, p)
}

func (p *provider) readable() error {
	fd, _, err := unix.Accept4(p.fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	if err != nil {
		return nil //nolint:nilerr // somebody else has it, or it is gone: the listener stays
	}
	if err := noDelay(fd); err != nil {
		_ = unix.Close(fd) // it is gone already
		return nil
	}
	return p.loop.add(fd, &call{p: p, fd: fd})
}

func (p *provider) closed() {}

func (c *call) closed() { c.release() }

func (c *call) release() {
	if c.client != nil && c.client.feed == c {
		c.client.feed = nil
	}
	c.client = nil
}

func (c *call) readable() error {
	b, err := c.p.loop.read(c.fd)
	if err != nil || len(b) == 0 {
		return err
	}
	if len(c.in) > 0 {
		c.in = append(c.in, b...)
		b = c.in
	}
	size := requestSize(b)
	if size == 0 || len(b) < size {
		if len(c.in) == 0 {
			c.in = append(c.in, b...)
		}
		return nil
	}
	err = c.reply(b[:size])
	c.in = c.in[:0]
	return err
}

// requestSize is the size of the first request in b, 0 where that is not known yet.
func requestSize(b []byte) int {
	end := bytes.Index(b, headEnd)
	if end < 0 {
		return 0
	}
	end += len(headEnd)
	if v := field(b[:end], lengthName); v != nil {
		return end + number(v)
	}
	if field(b[:end], encodingName) == nil {
		return end
	}
	last := bytes.Index(b[end:], []byte(lastChunk))
	if last < 0 {
		return 0
	}
	return end + last + len(lastChunk)
}

func (c *call) reply(request []byte) error {
	if !bytes.Contains(request, []byte(`"stream":true`)) {
		return write(c.fd, c.p.answer)
	}
	n, ok := bench.ClientOf(unsafe.String(&request[0], len(request)))
	if !ok || n >= len(c.p.loop.clients) {
		return write(c.fd, c.p.all)
	}
	c.release()
	c.client, c.sent = c.p.loop.clients[n], 0
	c.client.feed = c
	return c.next()
}

func (c *call) next() error {
	piece := c.p.pieces[c.sent]
	c.sent++
	c.p.loop.counts.Pieces++
	return write(c.fd, piece)
}

// seen sends the next piece of a client's stream once the client has all that were sent.
func (p *provider) seen(c *client) {
	f := c.feed
	if f == nil || f.sent == len(p.pieces) || c.ends < p.ends[f.sent-1] {
		return
	}
	if err := f.next(); err != nil {
		p.loop.close(f.fd)
	}
}
