package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"weir/server"
)

const logPolicy = `providers:
  - id: alpha
    base_url: "{{alpha}}"
    api_keys: [{value: ` + keyOne + `}]
    supported_api_surfaces: [{format: openai}, {format: anthropic}, {format: gemini}]
    models: [{id: m}]
`

// logLine is what these tests read of a line of the access log.
type logLine struct {
	Path         string  `json:"path"`
	Status       int     `json:"status"`
	RequestBody  *string `json:"request_body"`
	ResponseBody *string `json:"response_body"`
}

func loggingWorld(t *testing.T, bodies int, fault string) *world {
	t.Helper()
	return newWorld(t, setup{
		policy: logPolicy, sims: map[string]string{"alpha": fault},
		config: func(c *server.Config) { c.Log.Bodies = bodies },
	})
}

// lines waits for that many lines of the access log.
func (w *world) lines(t *testing.T, n int) []logLine {
	t.Helper()
	waitFor(t, "the lines of the log", func() bool { return strings.Count(w.log.String(), "\n") >= n })
	var out []logLine
	for text := range strings.Lines(w.log.String()) {
		var l logLine
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("got line %q: %v", text, err)
		}
		out = append(out, l)
	}
	return out
}

// TestBodiesAreNotLogged: without the option no word of a request or an answer is in the log, failed ones included.
func TestBodiesAreNotLogged(t *testing.T) {
	t.Parallel()
	w := loggingWorld(t, 0, "model=m calls=1-9 -> say=answerword\n-> say=answerword;cut-after=0")
	asked := manners()
	for _, m := range asked {
		w.send(t, m.request("m", "promptword", "Authorization: Bearer headerword"))
	}
	for _, m := range asked {
		w.send(t, m.request("m", "promptword"))
	}
	w.lines(t, 2*len(asked))
	for _, word := range []string{"promptword", "answerword", "headerword", "_body"} {
		if strings.Contains(w.log.String(), word) {
			t.Errorf("got %s in the log: %s", word, w.log)
		}
	}
}

// TestBodiesAreLogged: with the option a line has both bodies as the client sent and got them, but for credentials.
func TestBodiesAreLogged(t *testing.T) {
	t.Parallel()
	const (
		turned = "\u202eturned"
		most   = 16 << 10
		reply  = "-> say=an answer with \u2066marks\x7f and \"quotes\"\\;chunks=3"
	)
	for _, m := range manners() {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			w := loggingWorld(t, most, reply)
			body := strings.Replace(m.body("m", "say something", m.stream), "say something", "say "+turned+strings.Repeat(" x", 1000), 1)
			a := w.send(t, post(m.path("m", m.stream), body, "Authorization: Bearer headerword"))
			if a.status != 200 {
				t.Fatalf("got %s", a)
			}
			l := w.lines(t, 1)[0]
			if l.RequestBody == nil || *l.RequestBody != body {
				t.Errorf("got request %v, want %q", show(l.RequestBody), body)
			}
			if l.ResponseBody == nil || *l.ResponseBody != string(a.body) {
				t.Errorf("got answer %v, want %q", show(l.ResponseBody), a.body)
			}
			for _, odd := range []string{"\u202e", "\u2066", "\x7f", "headerword", keyOne} {
				if strings.Contains(w.log.String(), odd) {
					t.Errorf("got %q in the log as it is: %s", odd, w.log)
				}
			}
		})
	}
}

func show(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}

// TestLoggedBodiesHoldNoCredentials: what looks like one is masked on both sides, and errors are bodies too.
func TestLoggedBodiesHoldNoCredentials(t *testing.T) {
	t.Parallel()
	const secret = "sk-proj-0123456789abcdefghijklmnop"
	for _, m := range manners() {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			w := loggingWorld(t, 4<<10, "-> chunks=1;say=it was "+secret)
			if a := w.send(t, m.request("m", "keep "+secret)); !strings.Contains(string(a.body), secret) {
				t.Fatalf("got %s, want the words of the provider", a)
			}
			refused := w.send(t, m.request("no-such-model", "keep "+secret))
			for _, l := range w.lines(t, 2) {
				if l.RequestBody == nil || !strings.Contains(*l.RequestBody, "keep sk-***") || l.ResponseBody == nil {
					t.Errorf("got request %s and answer %s, want both and no key", show(l.RequestBody), show(l.ResponseBody))
				} else if l.Status != 200 && *l.ResponseBody != string(refused.body) {
					t.Errorf("got answer %s, want %s", *l.ResponseBody, refused.body)
				}
			}
			if strings.Contains(w.log.String(), secret[:12]) {
				t.Errorf("got the key in the log: %s", w.log)
			}
		})
	}
}

// TestLoggedBodiesAreCut: each at the size of the option, wherever the pieces of a stream end.
func TestLoggedBodiesAreCut(t *testing.T) {
	t.Parallel()
	const most = 50
	for _, m := range manners() {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			w := loggingWorld(t, most, "-> chunks=9;trickle=1ms")
			request := m.request("m", strings.Repeat("word ", 40))
			a := w.send(t, request)
			l := w.lines(t, 1)[0]
			if want := request[strings.Index(request, "\r\n\r\n")+4:][:most] + "..."; show(l.RequestBody) != want {
				t.Errorf("got request %q, want %q", show(l.RequestBody), want)
			}
			if want := string(a.body[:most]) + "..."; show(l.ResponseBody) != want {
				t.Errorf("got answer %q, want %q", show(l.ResponseBody), want)
			}
		})
	}
}
