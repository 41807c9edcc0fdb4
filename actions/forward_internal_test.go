package actions_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// target answers with what it was sent.
func target(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/legacy/cut":
			panic(http.ErrAbortHandler)
		case "/legacy/events":
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush() //nolint:errcheck,forcetypeassert // httptest's writer flushes
			}
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("X-Target", r.Host)
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, "%s %s key=%q cookie=%q own=%q for=%q proto=%q %s\n", r.Method, r.RequestURI, r.Header.Get("X-Api-Key"),
			r.Header.Get("Cookie"), r.Header.Get("X-Own"), r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"), body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestForwardScript forwards through a whole gateway.
func TestForwardScript(t *testing.T) {
	t.Parallel()
	runScript(t, `
provider openai
policy policy.yaml

# Any path, method and content goes through; credentials stay behind.
send upload.http
status 202
header x-target '^127.0.0.1:'
header x-seen '^202$'
cmp body upload.want
calls openai 0

# Streams come as they are.
send events.http
status 200
cmp body events.want

# What the target breaks off before its answer is an error, or the next action's turn.
send cut.http
status 502
json error.code upstream_failed
send goes-on.http
status 200
json choices.0.message.content 'sim: hello'
header x-code '^upstream_refused$'

# Later actions of a policy that forwarded do not run, and an AI request is forwarded like any other.
send chat.http
status 202
grep 'POST /legacy/v1/chat/completions' body
calls openai 0

-- policy.yaml --
on_request:
  - expressions: ["req.headers['x-ask'][0] == 'next'"]
    actions: [{type: forward, config: {url: 'http://127.0.0.1:1/', on_error: continue}}]
  - expressions: ["req.headers['x-ask'][0] != 'next'"]
    actions:
      - {type: forward, config: {url: TARGET/legacy, headers: {x-own: "${req.method}"}}}
  - expressions: ["req.headers['x-ask'][0] == ''"]
    actions: [{type: deny}]
on_response:
  - expressions: ["req.headers['x-ask'][0] == 'next'"]
    actions: [{type: add-headers, config: {headers: {x-code: "${actions.ngrok.forward.error.code}"}}}]
  - actions: [{type: add-headers, config: {headers: {x-seen: "${res.status_code}"}}}]
-- upload.http --
PUT /files/a%20b?page=1&key=app-key
Content-Type: application/x-tar
X-Api-Key: app-key
Cookie: session=1
X-Own: forged
X-Forwarded-For: 10.0.0.1

bytes
-- upload.want --
PUT /legacy/files/a%20b?page=1 key="" cookie="" own="PUT" for="127.0.0.1" proto="http" bytes
-- events.http --
GET /events
-- events.want --
data: 0

data: 1

data: 2

-- cut.http --
GET /cut
-- goes-on.http --
POST /v1/chat/completions
X-Ask: next

{"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]}
-- chat.http --
POST /v1/chat/completions

{"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]}
`, map[string]string{"TARGET": target(t)})
}

// TestHTTPRequestScript lets a policy decide by what another service says.
func TestHTTPRequestScript(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("tenant") == "bad" {
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprintf(w, `{"plan":"plan of %s"}`, r.URL.Query().Get("tenant"))
	}))
	t.Cleanup(s.Close)
	const script = `
provider openai
policy policy.yaml
send good.http
status 200
header x-plan '^plan of good$'
send bad.http
status 403
calls openai 0

# The same policy with a service that is down refuses.
edit policy.yaml down.yaml
send good.http
status 500
json error.code policy_failed
calls openai 0
log policy.http_request.error connection_failed

# A rule that goes on without an answer says so.
edit policy.yaml lenient.yaml
send good.http
status 200
-- policy.yaml --
on_request:
  - actions:
      - {type: http-request, config: {url: SERVICE/check, query_params: [{key: tenant, value: "${req.headers['x-tenant'][0]}"}]}}
  - expressions: ["actions.ngrok.http_request.res.status_code == 403"]
    actions: [{type: deny}]
on_response:
  - actions: [{type: add-headers, config: {headers: {x-plan: "${json.decode(actions.ngrok.http_request.res.body).plan}"}}}]
-- down.yaml --
on_request:
  - actions:
      - {type: http-request, config: {url: 'http://127.0.0.1:1/check'}}
  - expressions: ["actions.ngrok.http_request.res.status_code == 403"]
    actions: [{type: deny}]
-- lenient.yaml --
on_request:
  - actions:
      - {type: http-request, config: {url: 'http://127.0.0.1:1/check'}}
  - expressions: ["actions.ngrok.http_request.error == null", "actions.ngrok.http_request.res.status_code == 403"]
    actions: [{type: deny}]
-- good.http --
POST /v1/chat/completions
X-Tenant: good

{"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]}
-- bad.http --
POST /v1/chat/completions
X-Tenant: bad

{"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]}
`
	runScript(t, script, map[string]string{"SERVICE": s.URL})
}
