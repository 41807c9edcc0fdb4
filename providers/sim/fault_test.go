package sim

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// talk is one conversation in one API, streamed and whole.
type talk struct {
	name, wholePath, streamPath, whole, stream string
}

func talks() []talk {
	const text = "a b c d e f g"
	chat := `"model":"m","messages":[{"role":"user","content":"` + text + `"}]`
	msg := chat + `,"max_tokens":999`
	gem := `{"contents":[{"parts":[{"text":"` + text + `"}]}]}`
	return []talk{
		{"chat", chatPath, chatPath, "{" + chat + "}", "{" + chat + `,"stream":true}`},
		{"responses", "/v1/responses", "/v1/responses", `{"model":"m","input":"` + text + `"}`, `{"model":"m","input":"` + text + `","stream":true}`},
		{"messages", "/v1/messages", "/v1/messages", "{" + msg + "}", "{" + msg + `,"stream":true}`},
		{"gemini", "/v1/models/m:generateContent", "/v1/models/m:streamGenerateContent?alt=sse", gem, gem},
		{"gemini array", "/v1/models/m:generateContent", "/v1/models/m:streamGenerateContent", gem, gem},
	}
}

// contentEvents counts the events of a stream that carry text.
func contentEvents(body []byte) int {
	return bytes.Count(body, []byte(`"content":" `)) + bytes.Count(body, []byte(`"content":"sim:`)) +
		bytes.Count(body, []byte(`"type":"response.output_text.delta"`)) + bytes.Count(body, []byte(`"text_delta"`)) +
		bytes.Count(body, []byte(`"parts":[{"text":`))
}

func TestStreamFaults(t *testing.T) {
	r := newRig(t, Options{HeaderFaults: ObeyHeader})
	tests := []struct {
		fault   string
		broken  bool // the body ends in an error
		content int  // events with content that came, of 8
		end     End
	}{
		{"ok", false, 8, Completed},
		{"cut-after=start", true, 0, Cut},
		{"cut-after=0", true, 0, Cut},
		{"cut-after=3", true, 3, Cut},
		{"cut-after=999", true, 8, Cut},
		{"reset-after=start", true, 0, Reset},
		{"reset-after=0", true, 0, Reset},
		{"reset-after=3", true, 3, Reset},
		{"error-event-at=start", false, 0, Completed},
		{"error-event-at=0", false, 0, Completed},
		{"error-event-at=2", false, 2, Completed},
		{"stall-after=2;stall=10ms", false, 8, Completed},
		{"empty-stream", false, 0, Completed},
		{"trickle=1ms;trickle-bytes=512", false, 8, Completed},
		{"chunks=4", false, 4, Completed},
		{"pace=1ms", false, 8, Completed},
	}
	for _, talk := range talks() {
		for _, tt := range tests {
			t.Run(talk.name+" "+tt.fault, func(t *testing.T) {
				g := r.ask(t, "POST", talk.streamPath, talk.stream, "x-sim-fault: "+tt.fault)
				if g.status != 200 || (g.err != nil) != tt.broken {
					t.Errorf("got status %d, error %v, want broken %v", g.status, g.err, tt.broken)
				}
				if n := contentEvents(g.body); n != tt.content {
					t.Errorf("events with content: got %d, want %d in %s", n, tt.content, g.body)
				}
				if reset := errors.Is(g.err, syscall.ECONNRESET); reset != (tt.end == Reset) {
					t.Errorf("got %v at the end, want a reset %v", g.err, tt.end == Reset)
				}
				if strings.HasPrefix(tt.fault, "error-event") && !bytes.Contains(g.body, []byte(`"error"`)) {
					t.Errorf("got %s, want an error event", g.body)
				}
				if c := r.lastCall(t); c.End != tt.end {
					t.Errorf("end: got %s, want %s", c.End, tt.end)
				}
			})
		}
	}
}

func TestMalformed(t *testing.T) {
	r := newRig(t, Options{HeaderFaults: ObeyHeader})
	for _, talk := range talks()[:4] {
		_, data := r.ask(t, "POST", talk.streamPath, talk.stream, "x-sim-fault: malformed-at=1").events(t)
		bad := 0
		for _, d := range data {
			if !json.Valid(d) && string(d) != "[DONE]" {
				bad++
			}
		}
		if bad != 1 {
			t.Errorf("%s: got %d malformed events, want 1", talk.name, bad)
		}
		g := r.ask(t, "POST", talk.wholePath, talk.whole, "x-sim-fault: malformed-at=start")
		if json.Valid(g.body) || g.err != nil || g.header.Get("Content-Length") != strconv.Itoa(len(g.body)) {
			t.Errorf("%s whole: got length %s, %v and %s, want broken JSON of that length", talk.name, g.header.Get("Content-Length"), g.err, g.body)
		}
	}
}

func TestNotSSE(t *testing.T) {
	r := newRig(t, Options{HeaderFaults: ObeyHeader})
	for _, talk := range talks() {
		g := r.ok(t, "POST", talk.streamPath, talk.stream, "x-sim-fault: not-sse")
		if !json.Valid(g.body) || g.header.Get("Content-Type") != jsonType {
			t.Errorf("%s: got %s %s, want a whole answer", talk.name, g.header.Get("Content-Type"), g.body)
		}
	}
}

func TestStatusFaults(t *testing.T) {
	r := newRig(t, Options{HeaderFaults: ObeyHeader})
	tests := []struct {
		fault  string
		status int
		openAI string // type and code
		claude string
		gemini string
	}{
		{"status=400", 400, "invalid_request_error <nil>", "invalid_request_error", "INVALID_ARGUMENT"},
		{"status=401", 401, "invalid_request_error invalid_api_key", "authentication_error", "UNAUTHENTICATED"},
		{"status=403", 403, "invalid_request_error <nil>", "permission_error", "PERMISSION_DENIED"},
		{"status=429;retry-after=3", 429, "requests rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED"},
		{"status=500", 500, "server_error <nil>", "api_error", "INTERNAL"},
		{"status=503", 503, "server_error <nil>", "api_error", "UNAVAILABLE"},
		{"status=529", 529, "server_error <nil>", "overloaded_error", "INTERNAL"},
		{"no-model", 404, "invalid_request_error model_not_found", "not_found_error", "NOT_FOUND"},
		{"context-length", 400, "invalid_request_error context_length_exceeded", "invalid_request_error", "INVALID_ARGUMENT"},
	}
	for _, tt := range tests {
		for _, talk := range talks() {
			t.Run(tt.fault+" "+talk.name, func(t *testing.T) {
				for _, body := range []string{talk.whole, talk.stream} {
					path := talk.wholePath
					if body == talk.stream {
						path = talk.streamPath
					}
					g := r.ask(t, "POST", path, body, "x-sim-fault: "+tt.fault)
					if g.status != tt.status {
						t.Fatalf("status: got %d, want %d", g.status, tt.status)
					}
					switch talk.name {
					case "chat", "responses":
						if got := fmt.Sprint(g.at(t, "error.type"), " ", g.at(t, "error.code")); got != tt.openAI {
							t.Errorf("got %s, want %s", got, tt.openAI)
						}
					case "messages":
						g.want(t, "error.type", tt.claude)
					default:
						g.want(t, "error.status", tt.gemini)
					}
					if strings.Contains(tt.fault, "retry-after") && g.header.Get("Retry-After") != "3" {
						t.Errorf("retry-after: got %q, want 3", g.header.Get("Retry-After"))
					}
				}
			})
		}
	}
}

func TestWholeFaults(t *testing.T) {
	r := newRig(t, Options{HeaderFaults: ObeyHeader})
	talk := talks()[0]
	t.Run("wrong length", func(t *testing.T) {
		for _, body := range []string{talk.whole, talk.stream} {
			if g := r.ask(t, "POST", chatPath, body, "x-sim-fault: wrong-length"); !errors.Is(g.err, io.ErrUnexpectedEOF) || len(g.body) == 0 {
				t.Errorf("got %v after %d bytes, want an unexpected end", g.err, len(g.body))
			}
		}
	})
	t.Run("cut in the middle", func(t *testing.T) {
		if g := r.ask(t, "POST", chatPath, talk.whole, "x-sim-fault: cut-after=1"); g.status != 200 || !errors.Is(g.err, io.ErrUnexpectedEOF) {
			t.Errorf("got %d %v, want an unexpected end", g.status, g.err)
		}
	})
	t.Run("reset in the middle", func(t *testing.T) {
		g := r.ask(t, "POST", chatPath, talk.whole, "x-sim-fault: reset-after=1")
		if g.status != 200 || len(g.body) == 0 || !errors.Is(g.err, syscall.ECONNRESET) {
			t.Errorf("got %d, %d bytes and %v, want a begin and a connection reset", g.status, len(g.body), g.err)
		}
		if c := r.lastCall(t); c.End != Reset {
			t.Errorf("end: got %q, want %q", c.End, Reset)
		}
	})
	t.Run("trickle", func(t *testing.T) {
		if g := r.ok(t, "POST", chatPath, talk.whole, "x-sim-fault: trickle=1ms;trickle-bytes=64"); !json.Valid(g.body) {
			t.Errorf("got %s", g.body)
		}
	})
	t.Run("error in a 200", func(t *testing.T) {
		if g := r.ok(t, "POST", chatPath, talk.whole, "x-sim-fault: error-event-at=start"); g.at(t, "error.type") != "server_error" {
			t.Errorf("got %s", g.body)
		}
	})
	t.Run("gzip", func(t *testing.T) {
		for _, body := range []string{talk.whole, talk.stream} {
			g := r.ok(t, "POST", chatPath, body, "x-sim-fault: gzip")
			z, err := gzip.NewReader(bytes.NewReader(g.body))
			if err != nil || g.header.Get("Content-Encoding") != "gzip" {
				t.Fatalf("got %v, encoding %q", err, g.header.Get("Content-Encoding"))
			}
			if plain, err := io.ReadAll(z); err != nil || !bytes.Contains(plain, []byte("sim:")) {
				t.Errorf("got %s, error %v", plain, err)
			}
		}
	})
	t.Run("body, headers and status", func(t *testing.T) {
		g := r.ask(t, "POST", chatPath, talk.whole, "x-sim-fault: status=502;body=<h1>bad%3B gateway</h1>;header=Content-Type: text/html")
		if g.status != 502 || string(g.body) != "<h1>bad; gateway</h1>" || g.header.Get("Content-Type") != "text/html" {
			t.Errorf("got %d %s %s", g.status, g.header.Get("Content-Type"), g.body)
		}
	})
	t.Run("reset", func(t *testing.T) {
		g := r.ask(t, "POST", chatPath, talk.whole, "x-sim-fault: reset")
		if !errors.Is(g.err, syscall.ECONNRESET) {
			t.Errorf("got %v, want a connection reset", g.err)
		}
		if c := r.lastCall(t); c.End != Reset {
			t.Errorf("end: got %q, want %q", c.End, Reset)
		}
	})
	t.Run("delay", func(t *testing.T) {
		began := time.Now()
		r.ok(t, "POST", chatPath, talk.whole, "x-sim-fault: delay=30ms")
		if d := time.Since(began); d < 30*time.Millisecond {
			t.Errorf("took %v, want at least 30ms", d)
		}
	})
	t.Run("unknown", func(t *testing.T) {
		if g := r.ask(t, "POST", chatPath, talk.whole, "x-sim-fault: what=1"); g.status != 400 {
			t.Errorf("got %d, want 400", g.status)
		}
	})
}

func TestClientGoesAway(t *testing.T) {
	for _, fault := range []string{"stall-after=1", "delay=1m", "pace=1m"} {
		for _, talk := range talks() {
			for _, streamed := range []bool{true, false} {
				if fault == "pace=1m" && !streamed {
					continue // a whole answer has no pace
				}
				t.Run(fmt.Sprint(fault, " ", talk.name, " ", streamed), func(t *testing.T) {
					f, err := ParseFault(fault)
					if err != nil {
						t.Fatal(err)
					}
					r := newRig(t, Options{Fault: f})
					path, body := talk.wholePath, talk.whole
					if streamed {
						path, body = talk.streamPath, talk.stream
					}
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					defer cancel()
					req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+path, strings.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					if resp, err := r.client.Do(req); err == nil {
						_, _ = io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					}
					if c := r.lastCall(t); c.End != ClientClosed {
						t.Errorf("end: got %q, want %q", c.End, ClientClosed)
					}
				})
			}
		}
	}
}

func TestCanary(t *testing.T) {
	r := newRig(t, Options{HeaderFaults: ObeyHeader})
	for _, talk := range talks() {
		for _, fault := range []string{"", ";status=503", ";cut-after=3", ";error-event-at=start", ";no-model", ";body=CANARY1"} {
			g := r.ask(t, "POST", talk.streamPath, talk.stream, "x-sim-fault: canary=CANARY1"+fault)
			if !bytes.Contains(g.body, []byte("CANARY1")) || g.header.Get("X-Sim-Canary") != "CANARY1" {
				t.Errorf("%s %s: got header %q and %s, want the canary in both", talk.name, fault, g.header.Get("X-Sim-Canary"), g.body)
			}
		}
	}
}

func TestHeaderFaultsNeedLeave(t *testing.T) {
	r := newRig(t, Options{})
	r.ok(t, "POST", chatPath, talks()[0].whole, "x-sim-fault: status=500")
}

func TestParseFaultErrors(t *testing.T) {
	for _, text := range []string{"what", "status", "status=99", "status=x", "reset=1", "delay=soon", "delay=-1s", "cut-after=-1", "header=x", "body=%zz", "chunks=0"} {
		if _, err := ParseFault(text); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}
