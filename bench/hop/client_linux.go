package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"weir/bench"
)

// client is one connection of the closed loop: it asks, looks for the end of the answer and asks again.
type client struct {
	loop    *loop
	fd      int // -1 = not connected
	number  int
	to      netip.AddrPort
	request []byte

	head    []byte // of the answer, until it is whole
	inBody  bool
	left    int // of the body; -1 = chunked
	tail    [len(lastChunk)]byte
	status  int
	ends    int   // of events seen in this answer
	lastEnd bool  // the last byte seen was a line feed
	feed    *call // the provider's side of this stream
	idle    bool
}

// lastChunk ends a chunked answer. The JSON inside holds no bare line break, so that nothing else looks like it.
const lastChunk = "\r\n0\r\n\r\n"

func requestBytes(number int, host, token string, stream bool, more []string) []byte {
	var extra strings.Builder
	for _, field := range more {
		extra.WriteString(field + "\r\n")
	}
	body := bench.ChatBody(number, stream)
	accept := "application/json"
	if stream {
		accept = "text/event-stream"
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: OpenAI/Python 2.8.1\r\nAccept: %s\r\n"+
		"Content-Type: application/json\r\nAuthorization: Bearer %s\r\n%sContent-Length: %d\r\n\r\n%s",
		bench.Path, host, accept, token, extra.String(), len(body), body)
}

// connect opens the connections of a run.
func (l *loop) connect(to netip.AddrPort, o *options, load string) error {
	l.clients, l.stopping = make([]*client, o.connections), false
	for i := range l.clients {
		c := &client{loop: l, fd: -1, number: i, to: to, request: requestBytes(i, to.String(), o.token, load == loadStream, o.headers)}
		l.clients[i] = c
		if err := c.open(); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) open() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("making a socket: %w", err)
	}
	if err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(c.to.Port()), Addr: c.to.Addr().As4()}); err != nil {
		_ = unix.Close(fd) // it was never used
		return fmt.Errorf("connecting to the target: %w", err)
	}
	if err = noDelay(fd); err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		return fmt.Errorf("preparing a socket: %w", err)
	}
	c.fd = fd
	if err := c.loop.add(fd, c); err != nil {
		return err
	}
	return c.ask()
}

func (c *client) ask() error {
	c.head, c.inBody, c.left, c.ends, c.lastEnd = c.head[:0], false, 0, 0, false
	c.tail = [len(lastChunk)]byte{}
	c.idle = c.loop.stopping
	if c.idle {
		return nil
	}
	return write(c.fd, c.request)
}

// closed counts a connection that ended by itself and opens another.
func (c *client) closed() {
	c.fd = -1
	c.loop.counts.Errors++
	if !c.loop.stopping {
		_ = c.open() // a target that takes no connection shows up as missing answers
	}
}

func (c *client) readable() error {
	b, err := c.loop.read(c.fd)
	if err != nil || len(b) == 0 {
		return err
	}
	if !c.inBody {
		if b, err = c.readHead(b); err != nil || !c.inBody {
			return err
		}
	}
	if !c.readBody(b) {
		c.loop.provider.seen(c)
		return nil
	}
	c.loop.counts.Answers++
	if c.status != 200 {
		c.loop.counts.Bad++
	}
	return c.ask()
}

var (
	headEnd      = []byte("\r\n\r\n")
	lengthName   = []byte("content-length:")
	encodingName = []byte("transfer-encoding:")
	eventEnd     = []byte("\n\n")
)

// readHead reads the head, and returns what follows it.
func (c *client) readHead(b []byte) ([]byte, error) {
	if len(c.head) > 0 {
		c.head = append(c.head, b...)
		b = c.head
	}
	end := bytes.Index(b, headEnd)
	if end < 0 {
		if len(c.head) == 0 {
			c.head = append(c.head, b...)
		}
		return nil, nil
	}
	end += len(headEnd)
	c.inBody, c.status = true, number(b[len("HTTP/1.1 "):])
	c.left = -1
	if v := field(b[:end], lengthName); v != nil {
		c.left = number(v)
	} else if field(b[:end], encodingName) == nil {
		return nil, errClosed // an answer that ends with its connection
	}
	return b[end:], nil
}

// readBody reports whether the answer is whole.
func (c *client) readBody(b []byte) bool {
	if c.left >= 0 {
		c.left -= len(b)
		return c.left <= 0
	}
	if len(b) == 0 {
		return false
	}
	if c.lastEnd && b[0] == '\n' {
		c.ends++
	}
	c.ends += bytes.Count(b, eventEnd)
	c.lastEnd = b[len(b)-1] == '\n'
	if len(b) >= len(c.tail) {
		copy(c.tail[:], b[len(b)-len(c.tail):])
	} else {
		copy(c.tail[:], c.tail[len(b):])
		copy(c.tail[len(c.tail)-len(b):], b)
	}
	return string(c.tail[:]) == lastChunk
}

// field finds a header field by its name in lower case with the colon.
func field(head, name []byte) []byte {
	for line := range bytes.Lines(head) {
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], name) {
			return bytes.TrimSpace(line[len(name):])
		}
	}
	return nil
}

// number reads digits up to the first byte that is none.
func number(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// finish waits until every client has its answer, then closes the connections.
func (l *loop) finish() error {
	const patience = 2 * time.Second // an answer takes milliseconds; longer means that it will not come
	l.stopping = true
	for end := time.Now().Add(patience); time.Now().Before(end) && !l.allIdle(); {
		if err := l.turn(10 * time.Millisecond); err != nil {
			return err
		}
	}
	for _, c := range l.clients {
		if c.fd < 0 {
			continue
		}
		if !c.idle {
			l.counts.Errors++
		}
		l.sockets[c.fd] = nil
		_ = unix.Close(c.fd) // the run is over
	}
	l.clients = nil
	return nil
}

func (l *loop) allIdle() bool {
	for _, c := range l.clients {
		if c.fd >= 0 && !c.idle {
			return false
		}
	}
	return true
}
