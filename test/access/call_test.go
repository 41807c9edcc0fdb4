package access

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// call is a request to the API.
type call struct {
	method, path, body string // POST of a chat where they are empty
	header             map[string]string
}

// send sends a call with exactly the headers it has.
func (g *gateway) send(c call) reply {
	g.t.Helper()
	if c.path == "" {
		c.path, c.body = "/v1/chat/completions", orElse(c.body, freeCall)
	}
	if c.method == "" {
		c.method = map[bool]string{true: http.MethodPost, false: http.MethodGet}[c.body != ""]
	}
	req, err := http.NewRequestWithContext(g.t.Context(), c.method, g.url+c.path, strings.NewReader(c.body))
	if err != nil {
		g.t.Fatal(err)
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(raw), err}
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// bearer are the headers of who calls with a token, and more in pairs.
func bearer(token string, more ...string) map[string]string {
	out := map[string]string{"Authorization": "Bearer " + token}
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

// want checks how a reply went.
func (r reply) want(t *testing.T, status int, parts ...string) {
	t.Helper()
	if r.err != nil || r.status != status {
		t.Errorf("got %d, %v: %s; want %d", r.status, r.err, r.body, status)
	}
	for _, part := range parts {
		if !strings.Contains(r.body, part) {
			t.Errorf("got %s, want %q in it", r.body, part)
		}
	}
}
