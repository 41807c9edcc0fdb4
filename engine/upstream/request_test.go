package upstream

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"testing"
)

func TestBodiesArrive(t *testing.T) {
	bodies := make(chan string, 1)
	s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			_, body, err := readRequest(r)
			if err != nil {
				return
			}
			bodies <- body
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	c := newClient(t, Options{})
	for _, size := range []int{0, 1, writeWhole, 10 * writeWhole, 5 << 20} {
		req := post(endpoint(t, c, s.addr()))
		req.Body = bytes.Repeat([]byte("b"), size)
		req.Segments = [][]byte{[]byte("|segment|"), nil, bytes.Repeat([]byte("c"), size)}
		want := string(req.Body) + "|segment|" + string(req.Segments[2])
		done := make(chan error, 1)
		go func() {
			_, err := get(t, c, req)
			done <- err
		}()
		if got := <-bodies; got != want {
			t.Errorf("got a body of %d bytes, want %d", len(got), len(want))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	c := newClient(t, Options{})
	ep := endpoint(t, c, "127.0.0.1:1")
	tests := []struct {
		name   string
		change func(*Request)
	}{
		{"method", func(r *Request) { r.Method = "GET /x HTTP/1.1\r\n" }},
		{"no method", func(r *Request) { r.Method = "" }},
		{"connect", func(r *Request) { r.Method = "CONNECT" }},
		{"no target", func(r *Request) { r.Target = "" }},
		{"absolute target", func(r *Request) { r.Target = "http://other/" }},
		{"space in target", func(r *Request) { r.Target = "/a b" }},
		{"newline in target", func(r *Request) { r.Target = "/a\r\nX: y" }},
		{"nul in target", func(r *Request) { r.Target = "/a\x00" }},
		{"fragment", func(r *Request) { r.Target = "/a#b" }},
		{"backslash", func(r *Request) { r.Target = `/a\b` }},
		{"beyond ascii", func(r *Request) { r.Target = "/ä" }},
		{"newline in value", func(r *Request) { r.Headers = []Header{{"X", "canary\r\nY: z"}} }},
		{"nul in value", func(r *Request) { r.Headers = []Header{{"X", "a\x00"}} }},
		{"space in name", func(r *Request) { r.Headers = []Header{{"X Y", "a"}} }},
		{"colon in name", func(r *Request) { r.Headers = []Header{{"X:", "a"}} }},
		{"no name", func(r *Request) { r.Headers = []Header{{"", "a"}} }},
		{"host", func(r *Request) { r.Headers = []Header{{"HOST", "other"}} }},
		{"content-length", func(r *Request) { r.Headers = []Header{{"Content-length", "1"}} }},
		{"transfer-encoding", func(r *Request) { r.Headers = []Header{{"transfer-encoding", "chunked"}} }},
		{"connection", func(r *Request) { r.Headers = []Header{{"Connection", "close"}} }},
		{"upgrade", func(r *Request) { r.Headers = []Header{{"Upgrade", "websocket"}} }},
		{"expect", func(r *Request) { r.Headers = []Header{{"Expect", "100-continue"}} }},
		{"proxy-authorization", func(r *Request) { r.Headers = []Header{{"Proxy-Authorization", "x"}} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := post(ep)
			tt.change(req)
			_, err := get(t, c, req)
			wantError(t, err, ErrRequest)
		})
	}
}

func TestRequestOnTheWire(t *testing.T) {
	heads := make(chan string, 1)
	s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		head, body, _ := readRequest(r)
		heads <- head + body
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	c := newClient(t, Options{})
	req := post(endpoint(t, c, s.addr()))
	req.Target = "/v1/x?a=b%20c"
	wantBody(t, c, req, "")
	want := "POST /v1/x?a=b%20c HTTP/1.1\r\nHost: " + s.addr() + "\r\nContent-Type: application/json\r\n" +
		"Authorization: Bearer secret-canary\r\nContent-Length: 13\r\n\r\n" + `{"model":"m"}`
	if got := <-heads; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A peer that answers before it has read the body, and cuts: the answer counts, not the failed write.
func TestEarlyAnswer(t *testing.T) {
	s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _ = r.ReadString('\n')
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
		tcp, _ := c.(*net.TCPConn)
		_ = tcp.SetLinger(0) // a reset, with most of the body unread
	})
	c := newClient(t, Options{})
	req := post(endpoint(t, c, s.addr()))
	req.Body = make([]byte, 32<<20)
	wantBody(t, c, req, "big")
}
