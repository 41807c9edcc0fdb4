package server

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/engine"
)

// pieces is a stream that gives what is sent to it.
type pieces struct {
	ch     chan string
	end    error
	x      *engine.Exchange
	closed atomic.Bool
	left   string
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.left == "" {
		select {
		case s, ok := <-p.ch:
			if !ok {
				return 0, p.end
			}
			p.left = s
		case <-p.x.Context().Done():
			return 0, p.x.Context().Err()
		}
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}

func (p *pieces) Close() error {
	p.closed.Store(true)
	return nil
}

func streaming(p *pieces) func(x *engine.Exchange) error {
	return func(x *engine.Exchange) error {
		if err := x.LoadBody(); err != nil {
			return err
		}
		p.x = x
		x.Reply.Status = 200
		x.Reply.Headers.Set("content-type", "text/event-stream")
		x.Reply.Stream = p
		return nil
	}
}

func TestStreamPiecesLeaveAtOnce(t *testing.T) {
	t.Parallel()
	p := &pieces{ch: make(chan string), end: io.EOF}
	g := start(t, testConfig(), streaming(p))
	c := dial(t, g.addr)
	_, _ = io.WriteString(c, post(chat))
	p.ch <- "data: 1\n\n"
	if got := readUntil(t, c, "data: 1\n\n\r\n"); !strings.Contains(got, "Transfer-Encoding: chunked") {
		t.Errorf("got %q, want chunks", got)
	}
	p.ch <- "data: 2\n\n"
	readUntil(t, c, "9\r\ndata: 2\n\n\r\n")
	close(p.ch)
	readUntil(t, c, "0\r\n\r\n")
	waitFor(t, "stream closed", p.closed.Load)

	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
	readUntil(t, c, "gateway")
}

func TestCutStreamIsVisible(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, version string }{{"chunked", "HTTP/1.1"}, {"until close", "HTTP/1.0"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := &pieces{ch: make(chan string), end: errors.New("cut")}
			g := start(t, testConfig(), streaming(p))
			c := dial(t, g.addr)
			_, _ = io.WriteString(c, strings.Replace(post(chat), "HTTP/1.1", tt.version, 1))
			p.ch <- "data: 1\n\n"
			readUntil(t, c, "data: 1")
			close(p.ch)
			rest, err := io.ReadAll(c)
			if strings.Contains(string(rest), "0\r\n\r\n") {
				t.Errorf("got %q, want no clean end", rest)
			}
			if tt.version == "HTTP/1.0" && err == nil {
				t.Error("got a clean end of the connection, want a reset")
			}
		})
	}
}

func TestStreamToOldClient(t *testing.T) {
	t.Parallel()
	for _, fields := range []string{"", "expect: 100-continue\r\n"} {
		p := &pieces{ch: make(chan string, 2), end: io.EOF}
		p.ch <- "data: 1\n\n"
		p.ch <- "data: 2\n\n"
		close(p.ch)
		g := start(t, testConfig(), streaming(p))
		got := talk(t, g.addr, "POST /v1/chat/completions HTTP/1.0\r\ncontent-length: 27\r\nconnection: keep-alive\r\n"+fields+"\r\n"+chat)
		if !strings.HasSuffix(got, "\r\n\r\ndata: 1\n\ndata: 2\n\n") || strings.Contains(strings.ToLower(got), "chunked") {
			t.Errorf("got %q, want the bare stream up to the close", got)
		}
	}
}

func TestHTTP10(t *testing.T) {
	t.Parallel()
	g := start(t, testConfig(), echo)
	c := dial(t, g.addr)
	send := "POST /v1/chat/completions HTTP/1.0\r\nConnection: keep-alive\r\ncontent-length: 27\r\n\r\n" + chat
	for range 2 {
		_, _ = io.WriteString(c, send)
		if got := readUntil(t, c, chat); !strings.Contains(got, "Connection: keep-alive") {
			t.Errorf("got %q, want the connection kept", got)
		}
	}
	_, _ = io.WriteString(c, strings.Replace(send, "Connection: keep-alive\r\n", "", 1))
	if got := readAll(t, c); !strings.HasSuffix(got, chat) {
		t.Errorf("got %q, want the answer and the end", got)
	}
}

func TestPipelining(t *testing.T) {
	t.Parallel()
	g := start(t, testConfig(), echo)
	var send strings.Builder
	for i := range 5 {
		send.WriteString(post(`{"model":"` + itoa(i) + `"}`))
	}
	send.WriteString(post(`{"model":"end"}`, "connection: close"))
	got := talk(t, g.addr, send.String())
	at := 0
	for _, want := range []string{`"0"`, `"1"`, `"2"`, `"3"`, `"4"`, `"end"`} {
		i := strings.Index(got[at:], want)
		if i < 0 {
			t.Fatalf("got %q, want %s in its turn", got, want)
		}
		at += i
	}
}

func TestSlowReaderIsClosed(t *testing.T) {
	t.Parallel()
	conf := testConfig()
	conf.Limits.WriteTimeout = 200 * time.Millisecond
	p := &pieces{ch: make(chan string, 1), end: io.EOF}
	g := start(t, conf, streaming(p))
	c := dial(t, g.addr)
	_, _ = io.WriteString(c, post(chat))
	block := strings.Repeat("data: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\n", 20<<10)
	go func() {
		for !p.closed.Load() {
			select {
			case p.ch <- block:
			case <-time.After(time.Second):
			}
		}
	}()
	waitFor(t, "the slow reader closed", func() bool { return g.stats.slowReaders.Load() == 1 && p.closed.Load() })
	waitFor(t, "the line logged", func() bool { return strings.Contains(g.access.String(), `"slow_client":true`) })
}

func TestErrorsTakeTheShapeOfTheAPI(t *testing.T) {
	t.Parallel()
	fail := &engine.Error{Code: engine.CodeRateLimited, Message: "slow down", RetryAfter: 1500 * time.Millisecond}
	g := start(t, testConfig(), func(*engine.Exchange) error { return fail })
	tests := []struct {
		name, line, fields string
		want               []string
	}{
		{"OpenAI", "POST /v1/chat/completions", "", []string{
			"HTTP/1.1 429 ", `{"error":{"message":"slow down"`, "retry-after: 2\r\n", "x-should-retry: false\r\n", "x-request-id: ",
		}},
		{"Anthropic", "POST /v1/messages", "", []string{"HTTP/1.1 429 ", `{"type":"error","error":{"type":"rate_limit_error"`, "\r\nrequest-id: "}},
		{"Gemini", "POST /v1beta/models/g:generateContent", "", []string{"HTTP/1.1 429 ", `"status":"RESOURCE_EXHAUSTED"`}},
		{"models of Anthropic", "GET /v1/models", "anthropic-version: 2023-06-01\r\n", []string{`{"type":"error"`}},
		{"models of Gemini", "GET /v1/models", "x-goog-api-key: k\r\n", []string{`"RESOURCE_EXHAUSTED"`}},
		{"unknown path of Anthropic", "GET /v1/complete", "x-api-key: k\r\n", []string{"HTTP/1.1 404 ", `{"type":"error"`, "/v1/messages"}},
		{"unknown path of Gemini", "GET /v1beta/files", "x-goog-api-client: g\r\n", []string{"HTTP/1.1 404 ", `"status":"NOT_FOUND"`}},
		{"unknown path", "GET /v2", "", []string{"HTTP/1.1 404 ", `{"error":{"message":"there is no /v2; there is `}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := talk(t, g.addr, tt.line+" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"+tt.fields+"\r\n")
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("got %q, want %q in it", got, want)
				}
			}
		})
	}
}

func TestPanicIsOneExchange(t *testing.T) {
	t.Parallel()
	g := start(t, testConfig(), func(x *engine.Exchange) error {
		if x.Request.Headers.Has("x-panic") {
			panic("secret detail")
		}
		return echo(x)
	})
	got := talk(t, g.addr, post(chat, "x-panic: 1", "connection: close"))
	if !strings.HasPrefix(got, "HTTP/1.1 500 ") || strings.Contains(got, "secret detail") {
		t.Errorf("got %q, want 500 without the cause", got)
	}
	if got := talk(t, g.addr, post(chat, "connection: close")); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want 200", got)
	}
}

func TestReplyFieldsCannotBreakTheHead(t *testing.T) {
	t.Parallel()
	g := start(t, testConfig(), func(x *engine.Exchange) error {
		x.Reply.Status = 200
		x.Reply.Headers = append(x.Reply.Headers,
			engine.Header{Name: "x-a", Value: "b\r\nx-evil: 1"}, engine.Header{Name: "content-length", Value: "1"},
			engine.Header{Name: "transfer-encoding", Value: "chunked"}, engine.Header{Name: "connection", Value: "upgrade"})
		x.Reply.Body = []byte("hello")
		return nil
	})
	got := talk(t, g.addr, post(chat, "connection: close"))
	if strings.Contains(got, "\r\nx-evil") || strings.Contains(got, "chunked") || !strings.Contains(got, "Content-Length: 5\r\n") {
		t.Errorf("got %q, want the server's framing and one line per field", got)
	}
}
