package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// contentRules remove a text in requests, whole answers and streams. What takes its place would break JSON if it were not
// written as a string.
const contentRules = `on_request:
  - actions: [{type: request-body-find-replace, config: {replacements: [{from: 'my pass\w+', to: '"\mine"'}]}}]
on_response:
  - actions:
      - type: response-body-find-replace
        config:
          on_stream: %s
          replacements: [{from: 'alpha bravo (char)lie', to: '"[\$1]"'}, {from: '\bsk-[\w-]{20,200}'}, {from: 'secrét-key', to: '"x"'}]
      - {type: add-headers, config: {headers: {x-rules: "yes"}}}
`

// secret is what alpha and beta say, the first of them one word an event, and kept what a client gets of it.
const (
	secret = "say=the code is alpha bravo charlie, keep it"
	kept   = `the code is "[\char]", keep it`
)

func contentWorld(t *testing.T, onStream, alpha, beta string) *world {
	t.Helper()
	return newWorld(t, setup{
		policy: fmt.Sprintf(faultPolicy, 8000, "name: all") + fmt.Sprintf(contentRules, onStream),
		sims:   map[string]string{"alpha": "-> " + alpha, "beta": "-> " + beta},
	})
}

// datas are the JSON values that an answer consists of: one of a whole answer, of a stream each event's.
func (m manner) datas(t *testing.T, body []byte) []map[string]any {
	t.Helper()
	var out []map[string]any
	if !m.stream || m.array {
		text := body
		if !m.array {
			text = append(append([]byte("["), body...), ']')
		}
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%s: %v: %s", m, err, body)
		}
		return out
	}
	for line := range strings.Lines(strings.ReplaceAll(string(body), "\r\n", "\n")) {
		data, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var v map[string]any
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			t.Fatalf("%s: an event is no JSON: %v: %s", m, err, data)
		}
		out = append(out, v)
	}
	return out
}

// dig finds a value by its path.
func dig(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			o, _ := v.(map[string]any)
			v = o[p]
		case int:
			a, _ := v.([]any)
			if p >= len(a) {
				return nil
			}
			v = a[p]
		}
	}
	return v
}

// paths are where the text of an answer stands, as SDKs read it: the pieces of a stream, or the whole.
func (m manner) paths() [][]any {
	switch {
	case m.family() == "chat" && m.stream:
		return [][]any{{"choices", 0, "delta", "content"}}
	case m.family() == "chat":
		return [][]any{{"choices", 0, "message", "content"}}
	case m.family() == "responses" && m.stream:
		return [][]any{{"delta"}}
	case m.family() == "responses":
		return [][]any{{"output", 0, "content", 0, "text"}}
	case m.family() == "messages" && m.stream:
		return [][]any{{"delta", "text"}}
	case m.family() == "messages":
		return [][]any{{"content", 0, "text"}}
	default:
		return [][]any{{"candidates", 0, "content", "parts", 0, "text"}}
	}
}

// said is the text of an answer put together.
func (m manner) said(t *testing.T, body []byte) string {
	t.Helper()
	var b strings.Builder
	for _, d := range m.datas(t, body) {
		for _, p := range m.paths() {
			s, _ := dig(d, p...).(string)
			b.WriteString(s)
		}
	}
	return b.String()
}

// wantKept checks what a client got of the secret, and that the gateway did the rest of its work.
func (m manner) wantKept(t *testing.T, w *world, a *answer, provider, attempts string) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("got %s", a)
	}
	m.wantWhole(t, a)
	if got := m.said(t, a.body); got != kept {
		t.Errorf("got %q, want %q of %s", got, kept, a)
	}
	if bytes.Contains(a.body, []byte("bravo")) || bytes.Contains(a.body, []byte("charlie")) {
		t.Errorf("the secret is there: %s", a)
	}
	for name, want := range map[string]string{"X-Weir-Provider": provider, "X-Weir-Attempts": attempts, "X-Weir-Model": "m", "X-Rules": "yes"} {
		if got := a.header.Get(name); got != want {
			t.Errorf("got %s %q, want %q", name, got, want)
		}
	}
	waitFor(t, "the line in the log", func() bool { return strings.Contains(w.log.String(), `"status":200`) })
	var line struct {
		Output int64 `json:"output_tokens"`
		Policy map[string]struct {
			Matches int `json:"matches"`
		} `json:"policy"`
	}
	last := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	if err := json.Unmarshal([]byte(last[len(last)-1]), &line); err != nil {
		t.Fatal(err)
	}
	if line.Output == 0 || line.Policy["response_body_find_replace"].Matches != 1 {
		t.Errorf("got %d output tokens and %v, want usage and one match: %s", line.Output, line.Policy, last)
	}
	if strings.Contains(w.log.String(), "bravo") {
		t.Errorf("the secret is in the log: %s", w.log)
	}
}

func TestSecretsAreRemovedFromAnswers(t *testing.T) {
	t.Parallel()
	for _, order := range []string{secret, secret + ";gzip", secret + ";trickle=1ms;trickle-bytes=23", secret + ";pace=5ms"} {
		for _, onStream := range []string{"window", "buffer"} {
			t.Run(order+"/"+onStream, func(t *testing.T) {
				t.Parallel()
				for _, m := range manners() {
					t.Run(m.String(), func(t *testing.T) {
						w := contentWorld(t, onStream, order, well)
						m.wantKept(t, w, w.send(t, m.request("m", "hello")), "alpha", "1")
					})
				}
			})
		}
	}
}

// TestFailoverUnderContentRules: what fails before its first content is tried elsewhere, and the rules work on the answer
// that comes.
func TestFailoverUnderContentRules(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"status=503", secret + ";cut-after=0", secret + ";error-event-at=0", secret + ";malformed-at=0"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			for _, m := range manners() {
				t.Run(m.String(), func(t *testing.T) {
					w := contentWorld(t, "window", order, secret)
					a := w.send(t, m.request("m", "hello"))
					m.wantKept(t, w, a, "beta", strconv.Itoa(len(w.ended(t))))
				})
			}
		})
	}
}

// TestSecretsAreRemovedFromRequests: nothing of it reaches a provider, however the client packed or wrote it.
func TestSecretsAreRemovedFromRequests(t *testing.T) {
	t.Parallel()
	for _, m := range manners() {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			w := contentWorld(t, "window", well, well)
			body := m.body("m", "my password here", m.stream)
			escaped := strings.Replace(body, "my pass", `my p\u0061ss`, 1)
			packed := squeeze(t, "gzip", body)
			for name, request := range map[string]string{
				"plain": post(m.path("m", m.stream), body), "escaped": post(m.path("m", m.stream), escaped),
				"gzip": post(m.path("m", m.stream), packed, "Content-Encoding: gzip"),
			} {
				a := w.send(t, request)
				if a.status != http.StatusOK || !strings.Contains(m.said(t, a.body), `"\mine" here`) {
					t.Errorf("%s: got %s, want an answer to the edited prompt", name, a)
				}
			}
			for _, c := range w.ended(t) {
				if !json.Valid(c.Body) || bytes.Contains(c.Body, []byte("my p")) || !bytes.Contains(c.Body, []byte(`\"\\mine\" here`)) {
					t.Errorf("a provider got %s", c.Body)
				}
			}
		})
	}
}

// TestBlockedStreams: a rule that cannot decide ends a stream with the API's error event, or answers in its place where
// nothing has been sent.
func TestBlockedStreams(t *testing.T) {
	t.Parallel()
	const rule = "on_event_stream_message:\n  - actions: [{type: sse-find-replace, config: {replacements: [{from: '(?s)umbra .*', max_length: 9, undecided: block}]}}]\n"
	for _, m := range streamManners() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{
				policy: fmt.Sprintf(faultPolicy, 8000, "name: all") + rule,
				sims:   map[string]string{"alpha": "-> say=take this umbra canaryone canarytwo;pace=30ms", "beta": "-> " + well},
			})
			a := w.send(t, m.request("m", "hello"))
			m.wantBroken(t, a)
			if !bytes.Contains(a.body, []byte("take")) || !bytes.Contains(a.body, []byte("rule on content")) {
				t.Errorf("got %s, want the begin and why it ended", a)
			}
			if bytes.Contains(a.body, []byte("canary")) || bytes.Contains(a.body, []byte("umbra")) {
				t.Errorf("blocked text is there: %s", a)
			}
			w.sims["alpha"].SetScript(script(t, "-> say=umbracanaryone"))
			w.write(w.path, fmt.Sprintf(faultPolicy, 8000, "name: all")+strings.Replace(rule, "umbra .*", "umbra.*", 1))
			if err := w.store.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			a = w.send(t, m.request("m", "hello"))
			if a.status != http.StatusForbidden || bytes.Contains(a.body, []byte("canary")) {
				t.Errorf("got %s, want a refusal", a)
			}
			if message := m.wantProblem(t, a); !strings.Contains(message, "rule on content") {
				t.Errorf("got %q", message)
			}
			if got := len(w.calls()); got != 2 {
				t.Errorf("got %d calls, want that no other target is asked because of a rule", got)
			}
		})
	}
}

// TestStoredAnswersUnderContentRules: what an answer was when it was made does not come out by its id.
func TestStoredAnswersUnderContentRules(t *testing.T) {
	t.Parallel()
	w := contentWorld(t, "window", secret, well)
	m := manner{responsesDialect(), false}
	a := w.send(t, m.request("m", "hello"))
	id, _ := dig(m.datas(t, a.body)[0], "id").(string)
	got := w.send(t, get("/v1/responses/"+id))
	if got.status != http.StatusOK || bytes.Contains(got.body, []byte("bravo")) || m.said(t, got.body) != kept {
		t.Errorf("got %s", got)
	}
}

// exactly is a provider's stream, byte for byte.
type exactly struct {
	name, media string
	manner      manner
	stream      string
	// want are the texts that a client puts together, by the path of their pieces.
	want map[string]string
}
