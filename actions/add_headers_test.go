package actions

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
)

func TestAddHeaders(t *testing.T) {
	cfg := compile(t, `
on_request:
  - {type: add-headers, config: {headers: {X-Tier: "${req.method}", x-n: 5, x-dollar: "$${x}"}}}
  - {expressions: ["actions.add_headers.headers_added['x-n'] == '5'"], actions: [{type: log, config: {metadata: {}}}]}
on_response:
  - {type: add-headers, config: {headers: {x-id: "${req.id}"}}}
`)
	x := exchange()
	if _, err := run(t, x, cfg.OnRequest); err != nil {
		t.Fatal(err)
	}
	want := engine.Headers{
		{Name: "X-Tier", Value: "gold"},
		{Name: "X-Evil", Value: "a\r\nb"},
		{Name: "x-tier", Value: "POST"},
		{Name: "x-n", Value: "5"},
		{Name: "x-dollar", Value: "${x}"},
	}
	if diff := cmp.Diff(want, x.Request.Headers); diff != "" {
		t.Errorf("request headers differ (-want +got):\n%s", diff)
	}
	if ok, err := cfg.OnRequest[1].When.Match(x); !ok || err != nil {
		t.Errorf("got %v and %v for the result, want what was added", ok, err)
	}
	if _, err := run(t, x, cfg.OnResponse); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(engine.Headers{{Name: "x-id", Value: "req-1"}}, x.Reply.Headers); diff != "" {
		t.Errorf("reply headers differ (-want +got):\n%s", diff)
	}
}

func TestAddHeadersRefusesControlCharacters(t *testing.T) {
	cfg := compile(t, `on_request: [{type: add-headers, config: {headers: {x-a: ok, x-b: "${req.headers['x-evil'][0]}"}}}]`)
	x := exchange()
	_, err := run(t, x, cfg.OnRequest)
	if err == nil || !strings.Contains(err.Error(), "x-b") || x.Request.Headers.Has("x-a") {
		t.Errorf("got %v and %v, want an error about x-b and nothing added", err, x.Request.Headers)
	}
}

func TestAddHeadersProblems(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"nothing", "", "missing_field"},
		{"null", "headers: ", "missing_field"},
		{"none", "headers: {}", "out_of_range"},
		{"list", "headers: [a]", "wrong_type"},
		{"host", "headers: {Host: a}", "bad_header"},
		{"connection", "headers: {Connection: a}", "bad_header"},
		{"bad name", `headers: {"a b": c}`, "bad_header"},
		{"line break", `headers: {a: "b\nc"}`, "bad_header"},
		{"unknown function", `headers: {a: "${nope()}"}`, "unknown_function"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, "on_request: [{type: add-headers, config: {"+tt.config+"}}]"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
