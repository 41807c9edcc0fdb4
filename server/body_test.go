package server

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/molecule-man/go-brrr"

	"weir/engine"
)

func pack(t *testing.T, encoding, text string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	case "br":
		w, err = brrr.NewWriter(&b, 5)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBodies(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Limits.Body = 2 << 20
	g := start(t, c, echo)
	big := `{"model":"m","input":"` + strings.Repeat("abcdefgh", 20<<10) + `"}`
	bomb := `{"model":"m","input":"` + strings.Repeat("a", 3<<19) + `"}`
	over := `{"model":"m","input":"` + strings.Repeat("abcdefgh", 300<<10) + `"}`
	form := "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n--b--\r\n"
	voice := func(ct string) string {
		return strings.Replace(post(form, "content-type: "+ct, "connection: close"), "/v1/chat/completions", "/v1/audio/transcriptions", 1)
	}
	tests := []struct{ name, send, status, body string }{
		{"small", post(chat, "connection: close"), "200", chat},
		{"large", post(big, "connection: close"), "200", big},
		{"json", post(chat, "connection: close", "content-type: application/json; charset=UTF-8"), "200", chat},
		{"latin", post(chat, "connection: close", "content-type: application/json; charset=latin1"), "415", "UTF-8"},
		{"text", post(chat, "connection: close", "content-type: text/plain"), "415", "application/json"},
		{"form for json", post(chat, "connection: close", "content-type: multipart/form-data; boundary=b"), "415", "application/json"},
		{"empty", post("", "connection: close"), "400", "bad_request"},
		{"not json", post("{", "connection: close"), "400", "bad_request"},
		{"model twice", post(`{"model":"a","model":"b"}`, "connection: close"), "400", `"param":"model"`},
		{"over the limit", post(over, "connection: close"), "413", "body_too_large"},
		{"over the limit in chunks", "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n300000\r\n" + strings.Repeat("a", 3<<20) + "\r\n0\r\n\r\n", "413", "body_too_large"},
		{"broken chunk", "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "400", "framed wrongly"},
		{"gzip", post(pack(t, "gzip", big), "content-encoding: gzip", "connection: close"), "200", big},
		{"deflate", post(pack(t, "deflate", big), "content-encoding: deflate", "connection: close"), "200", big},
		{"zstd", post(pack(t, "zstd", big), "content-encoding: zstd", "connection: close"), "200", big},
		{"br", post(pack(t, "br", big), "content-encoding: br", "connection: close"), "200", big},
		{"two encodings", post(chat, "content-encoding: gzip, br", "connection: close"), "415", "content-encoding"},
		{"unknown encoding", post(chat, "content-encoding: lzma", "connection: close"), "415", "content-encoding"},
		{"not gzip", post(chat, "content-encoding: gzip", "connection: close"), "400", "content-encoding"},
		{"cut gzip", post(pack(t, "gzip", big)[:200], "content-encoding: gzip", "connection: close"), "400", "content-encoding"},
		{"trailing bytes", post(pack(t, "gzip", chat)+"x", "content-encoding: gzip", "connection: close"), "400", "content-encoding"},
		{"bomb by ratio", post(pack(t, "gzip", bomb), "content-encoding: gzip", "connection: close"), "413", "expands"},
		{"bomb by size", post(pack(t, "zstd", over), "content-encoding: zstd", "connection: close"), "413", "body_too_large"},
		{"form", voice("multipart/form-data; boundary=b"), "200", form},
		{"json for form", voice("application/json"), "415", "multipart/form-data"},
		{"two models in a form", strings.Replace(voice("multipart/form-data; boundary=b"), "name=\"file\"; filename=\"a.wav\"", "name=\"model\";  xxxxxxxxxxxxxxx", 1), "400", "bad_request"},
		{"expects", post(chat, "expect: 100-continue"), "100", chat},
		{"expects, chunked", "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nExpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n1b\r\n" + chat + "\r\n0\r\n\r\n", "100", chat},
		{"expects, with trailers", "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nExpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n1b\r\n" + chat + "\r\n0\r\nx-a: b\r\n\r\n", "100", "bad_request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := talk(t, g.addr, tt.send)
			if !strings.HasPrefix(got, "HTTP/1.1 "+tt.status+" ") || !strings.Contains(got, tt.body) {
				t.Errorf("got %.300q, want status %s and %.100q", got, tt.status, tt.body)
			}
		})
	}
	waitFor(t, "all memory given back", func() bool { return g.budget.used.Load() == 0 && g.active.Load() == 0 })
}

func TestExpectedBodyIsReadAfterTheRules(t *testing.T) {
	t.Parallel()
	g := start(t, testConfig(), func(x *engine.Exchange) error {
		if x.Request.Headers.First("authorization") != "Bearer good" {
			return engine.Errorf(engine.CodeUnauthorized, "who are you")
		}
		return echo(x)
	})
	head := "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 27\r\n"

	refused := dial(t, g.addr)
	_, _ = io.WriteString(refused, head+"\r\n")
	if got := readAll(t, refused); !strings.HasPrefix(got, "HTTP/1.1 401 ") {
		t.Errorf("got %q, want 401 without 100", got)
	}

	welcome := dial(t, g.addr)
	_, _ = io.WriteString(welcome, head+"authorization: Bearer good\r\n\r\n")
	if got := readUntil(t, welcome, "\r\n\r\n"); got != continueLine {
		t.Fatalf("got %q, want 100", got)
	}
	_, _ = io.WriteString(welcome, chat)
	if got := readAll(t, welcome); !strings.HasSuffix(got, chat) {
		t.Errorf("got %q, want the body", got)
	}

	// After two pipelined requests, so that an answer still waits in the buffer when the body is asked for.
	piped := dial(t, g.addr)
	_, _ = io.WriteString(piped, "HEAD / HTTP/1.1\r\nhost: localhost\r\n\r\n"+head+"authorization: Bearer good\r\n\r\n")
	if got := readUntil(t, piped, "100 Continue"); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want the first answer first", got)
	}
}

func TestRulesRunBeforeTheBody(t *testing.T) {
	t.Parallel()
	g := start(t, testConfig(), func(*engine.Exchange) error { return engine.Errorf(engine.CodeUnauthorized, "no") })
	c := dial(t, g.addr)
	_, _ = io.WriteString(c, "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n{")
	if got := readUntil(t, c, "\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 401 ") || !strings.Contains(got, "Connection: close") {
		t.Errorf("got %q, want 401 and close", got)
	}

	small := dial(t, g.addr) // a body that is there is read over, and the connection goes on
	for range 3 {
		_, _ = io.WriteString(small, post(chat))
		got := readUntil(t, small, `"unauthorized"`)
		if !strings.HasPrefix(got, "HTTP/1.1 401 ") || strings.Contains(got, "Connection: close") {
			t.Errorf("got %q, want 401 on a connection that is kept", got)
		}
	}
}

func TestUnreadBodyIsNoRequest(t *testing.T) {
	t.Parallel()
	g := start(t, testConfig(), func(x *engine.Exchange) error {
		x.Reply.Status = 200
		return nil
	})
	inner := "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"
	c := dial(t, g.addr)
	_, _ = io.WriteString(c, post(inner)+"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
	if got := readAll(t, c); strings.Count(got, "x-request-id") != 2 {
		t.Errorf("got %q, want two answers", got)
	}
}

func TestSlowSenders(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Limits.HeaderTimeout, c.Limits.BodyTimeout, c.Limits.IdleTimeout = 200*time.Millisecond, 200*time.Millisecond, 300*time.Millisecond
	g := start(t, c, echo)
	for name, send := range map[string]string{
		"head": "POST /v1/chat/completions HTTP/1.1\r\nhost: loc",
		"body": "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{",
	} {
		if got := talk(t, g.addr, send); !strings.HasPrefix(got, "HTTP/1.1 408 ") {
			t.Errorf("%s: got %q, want 408", name, got)
		}
	}
	trickle := dial(t, g.addr)
	for range 20 {
		if _, err := io.WriteString(trickle, "x"); err != nil {
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	if got := readAll(t, trickle); !strings.HasPrefix(got, "HTTP/1.1 408 ") {
		t.Errorf("got %q, want 408 for a head byte by byte", got)
	}
	idle := dial(t, g.addr)
	_, _ = io.WriteString(idle, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
	if got := readAll(t, idle); strings.Count(got, "HTTP/1.1 ") != 1 {
		t.Errorf("got %q, want one answer and the end of the idle connection", got)
	}
}

func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Limits.Memory = 100 << 10
	hold := make(chan struct{})
	g := start(t, c, func(x *engine.Exchange) error {
		if err := x.LoadBody(); err != nil {
			return err
		}
		<-hold
		x.Reply.Status = 200
		return nil
	})
	body := `{"model":"m","input":"` + strings.Repeat("a", 60<<10) + `"}`
	first := dial(t, g.addr)
	_, _ = io.WriteString(first, post(body, "connection: close"))
	waitFor(t, "the first body held", func() bool { return g.budget.used.Load() > 60<<10 })
	got := talk(t, g.addr, post(body, "connection: close"))
	if !strings.HasPrefix(got, "HTTP/1.1 503 ") || !strings.Contains(got, "retry-after: 1") {
		t.Errorf("got %q, want 503 with retry-after", got)
	}
	close(hold)
	if got := readAll(t, first); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want 200", got)
	}
}
