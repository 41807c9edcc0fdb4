package policies

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"weir/engine/upstream"
)

// corpusUpstream is every provider of the corpus, each with a listener of its own.
type corpusUpstream struct {
	client *upstream.Client

	mu      sync.Mutex
	servers map[string]*httptest.Server
	fail    map[string]int
	calls   []corpusCall
}

// corpusCall is one call to a provider.
type corpusCall struct {
	provider, model, uri string
	header               http.Header
	body                 map[string]json.RawMessage
}

func newCorpusUpstream(t *testing.T) *corpusUpstream {
	t.Helper()
	u := &corpusUpstream{client: upstream.New(upstream.Options{}), servers: map[string]*httptest.Server{}}
	t.Cleanup(func() {
		u.client.Close()
		for _, srv := range u.servers {
			srv.Close()
		}
	})
	return u
}

// locate is the listener of a provider, with the path and query of its base URL.
func (u *corpusUpstream) locate(provider, base string) string {
	at, err := url.Parse(base)
	if err != nil || at.Host == "" {
		return base
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.servers[provider] == nil {
		u.servers[provider] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { u.answer(provider, w, r) }))
	}
	moved := u.servers[provider].URL + at.EscapedPath()
	if at.RawQuery != "" {
		moved += "?" + at.RawQuery
	}
	return moved
}

func (u *corpusUpstream) begin(fail map[string]int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls, u.fail = nil, fail
}

// made tells the calls since begin, and of the last one what else is asked for.
func (u *corpusUpstream) made(shown []string) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.calls) == 0 {
		return nil
	}
	targets := make([]string, len(u.calls))
	for i, c := range u.calls {
		targets[i] = c.provider + ":" + c.model
	}
	if slices.Contains(shown, "sorted") {
		slices.Sort(targets)
	}
	out := []string{strings.Join(targets, ",")}
	if slices.Contains(shown, "hidden") {
		out = []string{fmt.Sprintf("%d calls", len(targets))}
	}
	last := u.calls[len(u.calls)-1]
	for _, what := range shown {
		switch kind, name, _ := strings.Cut(what, ":"); kind {
		case "sent":
			out = append(out, "sent."+name+"="+strings.Join(last.header.Values(name), ", "))
		case "asked":
			out = append(out, "asked."+name+"="+string(last.body[name]))
		case "uri":
			out = append(out, "uri="+last.uri)
		}
	}
	return out
}

const corpusReply = `{"id":"c1","object":"chat.completion","created":1,"model":%q,"choices":[{"index":0,"message":{"role":"assistant","content":"hi there"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`

const corpusMessage = `{"id":"m1","type":"message","role":"assistant","model":%q,"content":[{"type":"text","text":"hi there"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}`

const corpusEvents = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":%q,"choices":[{"index":0,"delta":{"role":"assistant","content":"hi there"},"finish_reason":null}]}

data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":%[1]q,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

`

func (u *corpusUpstream) answer(provider string, w http.ResponseWriter, r *http.Request) {
	c := corpusCall{provider: provider, header: r.Header.Clone(), uri: r.RequestURI}
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &c.body)
	}
	if err == nil {
		err = json.Unmarshal(c.body["model"], &c.model)
	}
	u.mu.Lock()
	u.calls = append(u.calls, c)
	status := u.fail[provider]
	u.mu.Unlock()
	form, kind := corpusReply, "application/json"
	switch {
	case err != nil:
		status, form = http.StatusBadRequest, `{"error":{"message":"not what a provider expects: %s"}}`
	case status != 0:
		form = `{"error":{"message":"%s is told to fail"}}`
	case strings.HasSuffix(r.URL.Path, "messages"):
		status, form = http.StatusOK, corpusMessage
	case string(c.body["stream"]) == "true":
		status, form, kind = http.StatusOK, corpusEvents, "text/event-stream"
	default:
		status = http.StatusOK
	}
	w.Header().Set("content-type", kind)
	w.Header().Set("x-request-id", "up-1")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, form, c.model) // a gateway that went away reads nothing
}
