package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	big := strings.Repeat("0123456789", 3000)
	tests := []struct {
		name, answer, want string
		reuse              bool
	}{
		{name: "content-length", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", want: "hello", reuse: true},
		{name: "no reason", answer: "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", want: "hello", reuse: true},
		{name: "bare line feeds", answer: "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", want: "hello", reuse: true},
		{name: "larger than the buffer", answer: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(big), big), want: big, reuse: true},
		{name: "same content-length twice", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\nhello", want: "hello", reuse: true},
		{name: "chunked", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", want: "hello world", reuse: true},
		{name: "trailer", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", want: "hello", reuse: true},
		{name: "large chunk", answer: fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%X\r\n%s\r\n0\r\n\r\n", len(big), big), want: big, reuse: true},
		{name: "empty", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", reuse: true},
		{name: "204", answer: "HTTP/1.1 204 No Content\r\n\r\n", reuse: true},
		{name: "204 with a length", answer: "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nabcd"},
		{name: "304 with a length", answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", reuse: true},
		{name: "interim answers", answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", want: "ok", reuse: true},
		{name: "connection close", answer: "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 2\r\n\r\nok", want: "ok"},
		{name: "bytes after the answer", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", want: "ok"},
		{name: "http 1.0", answer: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", want: "ok"},
		{name: "http 1.0 kept", answer: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", want: "ok", reuse: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, always(tt.answer))
			c := newClient(t, Options{})
			for range 3 {
				wantBody(t, c, post(endpoint(t, c, s.addr())), tt.want)
			}
			want := 3
			if tt.reuse {
				want = 1
			}
			if got := s.connections(); got != want {
				t.Errorf("got %d connections, want %d", got, want)
			}
		})
	}
}

// Every way to cut the answer into packets must read the same.
func TestAnswerInPieces(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
	s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for n := 1; ; n++ {
			if _, _, err := readRequest(r); err != nil {
				return
			}
			for rest := answer; rest != ""; {
				k := min(n, len(rest))
				if _, err := io.WriteString(c, rest[:k]); err != nil {
					return
				}
				rest = rest[k:]
			}
		}
	})
	c := newClient(t, Options{})
	for range 40 {
		wantBody(t, c, post(endpoint(t, c, s.addr())), "hello world")
	}
	if got := s.connections(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

func TestUntilClose(t *testing.T) {
	s := serve(t, once("HTTP/1.1 200 OK\r\n\r\nall there is"))
	c := newClient(t, Options{})
	wantBody(t, c, post(endpoint(t, c, s.addr())), "all there is")
}

// refusedAnswer is an answer and the error it must give.
type refusedAnswer struct {
	name, answer string
	want         error
}

// refusedAnswers are answers that no reader may act on.
func refusedAnswers() []refusedAnswer {
	const ok = "HTTP/1.1 200 OK\r\n"
	return []refusedAnswer{
		{"nothing", "", ErrReset},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-Le", ErrReset},
		{"garbage", "canary garbage\r\n\r\n", ErrProtocol},
		{"http 2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ErrProtocol},
		{"unknown version", "HTTP/1.2 200 OK\r\n\r\n", ErrProtocol},
		{"bad status", "HTTP/1.1 2x0 OK\r\n\r\n", ErrProtocol},
		{"status out of range", "HTTP/1.1 099 OK\r\n\r\n", ErrProtocol},
		{"long status", "HTTP/1.1 2000 OK\r\n\r\n", ErrProtocol},
		{"switching protocols", "HTTP/1.1 101 Switching Protocols\r\n\r\n", ErrProtocol},
		{"interim answers only", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 9), ErrProtocol},
		{"huge head", ok + "X: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", ErrProtocol},
		{"length and chunked", ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ErrProtocol},
		{"chunked and length", ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ErrProtocol},
		{"two lengths", ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", ErrProtocol},
		{"length with sign", ok + "Content-Length: +5\r\n\r\nhello", ErrProtocol},
		{"length list", ok + "Content-Length: 5, 5\r\n\r\nhello", ErrProtocol},
		{"other coding", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", ErrProtocol},
		{"chunked twice", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", ErrProtocol},
		{"chunked in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ErrProtocol},
		{"folded header", ok + "X-A: b\r\n c: d\r\n\r\n", ErrProtocol},
		{"space before colon", ok + "Content-Length : 5\r\n\r\nhello", ErrProtocol},
		{"nul in a value", ok + "X-A: b\x00\r\n\r\n", ErrProtocol},
		{"cr in a value", ok + "X-A: b\rContent-Length: 5\r\n\r\n", ErrProtocol},
		{"header without a name", ok + ": b\r\n\r\n", ErrProtocol},
		{"truncated length", ok + "Content-Length: 10\r\n\r\nhello", ErrTruncated},
		{"truncated chunk", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", ErrTruncated},
		{"truncated between chunks", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", ErrTruncated},
		{"bad chunk size", ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", ErrProtocol},
		{"negative chunk size", ok + "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", ErrProtocol},
		{"overflowing chunk size", ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", ErrProtocol},
		{"chunk size on a bare line feed", ok + "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", ErrProtocol},
		{"chunk longer than its size", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", ErrProtocol},
		{"endless chunk size", ok + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 5000), ErrProtocol},
		{"endless trailer", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X-A: b\r\n", 1000) + "\r\n", ErrProtocol},
		{"endless trailer line", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + strings.Repeat("x", 9000), ErrProtocol},
		{"unknown encoding", ok + "Content-Encoding: exi\r\nContent-Length: 5\r\n\r\nhello", ErrProtocol},
		{"two encodings", ok + "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", ErrProtocol},
	}
}

func TestRefusedAnswers(t *testing.T) {
	for _, tt := range refusedAnswers() {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, func(n int, c net.Conn, r *bufio.Reader) {
				once(tt.answer)(n, c, r)
				if tcp, ok := c.(*net.TCPConn); ok {
					_ = tcp.CloseWrite() // a close with unread bytes would be a reset instead
				}
				_, _ = io.Copy(io.Discard, r)
			})
			c := newClient(t, Options{})
			ep := endpoint(t, c, s.addr())
			body, err := get(t, c, post(ep))
			if err == nil {
				t.Fatalf("got body %q, want %v", body, tt.want)
			}
			wantError(t, err, tt.want)
			if open, idle := ep.pool.counts(); open != 0 || idle != 0 {
				t.Errorf("got %d connections open, %d idle, want none", open, idle)
			}
			if got := s.connections(); got != 1 {
				t.Errorf("got %d connections, want 1: an answer was asked for twice", got)
			}
		})
	}
}

func TestErrorStaysAfterTruncation(t *testing.T) {
	s := serve(t, once("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"))
	c := newClient(t, Options{})
	var call Call
	defer call.Reset()
	resp, err := c.Do(&call, post(endpoint(t, c, s.addr())))
	if err != nil {
		t.Fatal(err)
	}
	got, err := resp.ReadAll(nil, 100)
	if string(got) != "hello" {
		t.Errorf("got %q, want the bytes before the cut", got)
	}
	wantError(t, err, ErrTruncated)
	_, err = resp.Read(make([]byte, 10))
	wantError(t, err, ErrTruncated)
	resp.Close()
	_, err = resp.Read(make([]byte, 10))
	wantError(t, err, ErrTruncated)
}

func TestHeaders(t *testing.T) {
	s := serve(t, always("HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Type:  text/plain \r\nX-Hop: 1\r\n"+
		"Connection: x-hop\r\nSet-Cookie: a\r\nset-cookie: b\r\nLocation: /elsewhere\r\nContent-Length: 3\r\n\r\nno\n"))
	c := newClient(t, Options{})
	var call Call
	defer call.Reset()
	resp, err := c.Do(&call, post(endpoint(t, c, s.addr())))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Close()
	var seen []string
	resp.VisitHeaders(func(name, value []byte) { seen = append(seen, fmt.Sprintf("%s=%s", name, value)) })
	want := "Retry-After=7 Content-Type=text/plain Set-Cookie=a set-cookie=b Location=/elsewhere"
	if got := strings.Join(seen, " "); got != want {
		t.Errorf("got headers %q, want %q", got, want)
	}
	if resp.Status != 429 || resp.Header("Retry-after") != "7" || resp.Header("none") != "" || resp.ContentType() != "text/plain" ||
		resp.ContentLength() != 3 {
		t.Errorf("got %d %q %q %q %d", resp.Status, resp.Header("retry-after"), resp.Header("none"), resp.ContentType(), resp.ContentLength())
	}
}

func TestRedirectIsAnAnswer(t *testing.T) {
	s := serve(t, always("HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"))
	c := newClient(t, Options{})
	var call Call
	defer call.Reset()
	resp, err := c.Do(&call, post(endpoint(t, c, s.addr())))
	if err != nil || resp.Status != 307 {
		t.Fatalf("got %v, error %v, want the 307", resp, err)
	}
}

func TestHeadHasNoBody(t *testing.T) {
	for _, encoding := range encodings {
		s := serve(t, always("HTTP/1.1 200 OK\r\nContent-Encoding: "+encoding+"\r\nContent-Length: 500\r\n\r\n"))
		c := newClient(t, Options{})
		req := &Request{Endpoint: endpoint(t, c, s.addr()), Method: "HEAD", Target: "/"}
		if encoding != "bare deflate" {
			wantBody(t, c, req, "")
			wantBody(t, c, req, "")
			if got := s.connections(); got != 1 {
				t.Errorf("%s: got %d connections, want 1", encoding, got)
			}
		}
	}
}

func TestReadAllLimit(t *testing.T) {
	tests := []struct {
		name, answer string
		limit        int
		want         error
	}{
		{"length above", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 4, ErrBodyTooLarge},
		{"length equal", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 5, nil},
		{"chunked above", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 4, ErrBodyTooLarge},
		{"chunked equal", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 5, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, always(tt.answer))
			c := newClient(t, Options{})
			var call Call
			defer call.Reset()
			resp, err := c.Do(&call, post(endpoint(t, c, s.addr())))
			if err != nil {
				t.Fatal(err)
			}
			got, err := resp.ReadAll([]byte("before "), tt.limit)
			if !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
			if tt.want == nil && string(got) != "before hello" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// A stream's events must come out one by one, not when a buffer is full.
func TestReadDoesNotWait(t *testing.T) {
	next := make(chan struct{})
	s := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		_, _, _ = readRequest(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for i := range 3 {
			fmt.Fprintf(c, "7\r\nevent %d\r\n", i)
			<-next
		}
		_, _ = io.WriteString(c, "0\r\n\r\n")
	})
	c := newClient(t, Options{})
	var call Call
	defer call.Reset()
	resp, err := c.Do(&call, post(endpoint(t, c, s.addr())))
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 8<<10)
	for i := range 3 {
		resp.SetReadDeadline(time.Now().Add(2 * time.Second))
		n, err := resp.Read(p)
		if want := fmt.Sprintf("event %d", i); err != nil || string(p[:n]) != want {
			t.Fatalf("got %q, error %v, want %q", p[:n], err, want)
		}
		next <- struct{}{}
	}
	if n, err := resp.Read(p); n != 0 || err != io.EOF { //nolint:errorlint // the contract is the bare value
		t.Errorf("got %d bytes, error %v, want the end", n, err)
	}
}
