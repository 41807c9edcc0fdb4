package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestEndpointsForwardToEachOther sends requests through one endpoint into another, whose policy they then meet.
func TestEndpointsForwardToEachOther(t *testing.T) {
	t.Parallel()
	front := file(t, "front.yaml", `
on_request:
  - actions:
      - {type: set-vars, config: {vars: [{who: front}]}}
      - {type: forward-internal, config: {url: https://inner.internal}}
on_response:
  - actions: [{type: add-headers, config: {headers: {x-front: "${vars.who} ${endpoint.id} ${req.url.path}"}}}]
`)
	inner := file(t, "inner.yaml", `
providers: [{id: own, base_url: "http://127.0.0.1:1", models: [{id: tiny}]}]
on_request:
  - expressions: ["req.headers['x-refuse'][0] == 'yes'"]
    actions: [{type: deny, config: {message: the inner policy says no}}]
on_response:
  - actions: [{type: add-headers, config: {headers: {x-inner: "${size(vars) == 0} ${endpoint.id} ${req.url.path}"}}}]
`)
	config := file(t, "weir.yaml", `
endpoints:
  - {id: front, path_prefix: /front, policy: `+front+`}
  - {id: inner, path_prefix: /inner, policy: `+inner+`}
`)
	p := newProcess(nil)
	p.start(t, "Try it:", "serve", "--config", config, "--demo", "--listen", "127.0.0.1:0", "--admin", "none")
	base := find(t, p.out.String(), `(http://127\.0\.0\.1:\d+)`)
	body := `{"model":"sim:echo","messages":[{"role":"user","content":"Hello"}]}`
	req := func(method, path, body string, headers ...string) (int, string, http.Header) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var text strings.Builder
		if _, err := io.Copy(&text, resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, text.String(), resp.Header
	}
	status, text, header := req(http.MethodPost, "/front/v1/chat/completions", body, "content-type", "application/json")
	if status != http.StatusOK || !strings.Contains(text, "Hello") {
		t.Fatalf("got %d and %s, want an answer", status, text)
	}
	if got := header.Get("X-Inner"); got != "true inner /v1/chat/completions" {
		t.Errorf("got x-inner %q, want the inner policy without the other's variables", got)
	}
	if got := header.Get("X-Front"); got != "front front /front/v1/chat/completions" {
		t.Errorf("got x-front %q, want the outer policy as before", got)
	}
	status, text, _ = req(http.MethodPost, "/front/v1/chat/completions", body, "x-refuse", "yes")
	if status != http.StatusForbidden || !strings.Contains(text, "the inner policy says no") {
		t.Errorf("got %d and %s, want the inner policy's refusal", status, text)
	}
	status, outer, _ := req(http.MethodGet, "/front/v1/models", "")
	_, own, _ := req(http.MethodGet, "/inner/v1/models", "")
	if status != http.StatusOK || outer != own || !strings.Contains(own, "tiny") {
		t.Errorf("got %d and %s, want the list of the inner policy: %s", status, outer, own)
	}
	if status, text, _ := req(http.MethodGet, "/front/", ""); status != http.StatusOK || text != `{"name":"weir","object":"gateway"}` {
		t.Errorf("got %d and %s, want the greeting", status, text)
	}
	if status, text, _ := req(http.MethodGet, "/front/nothing", ""); status != http.StatusNotFound {
		t.Errorf("got %d and %s, want nothing there", status, text)
	}
}
