package actions

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
)

func TestRemoveHeaders(t *testing.T) {
	cfg := compile(t, `
on_request:
  - {type: remove-headers, config: {headers: [x-TIER, x-none]}}
  - {expressions: ["actions.ngrok.remove_headers.headers_removed == ['x-tier']"], actions: [{type: log, config: {metadata: {}}}]}
on_response:
  - {type: remove-headers, config: {headers: [server]}}
`)
	x := exchange()
	x.Request.Headers.Add("x-tier", "again")
	if _, err := run(t, x, cfg.OnRequest); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(engine.Headers{{Name: "X-Evil", Value: "a\r\nb"}}, x.Request.Headers); diff != "" {
		t.Errorf("request headers differ (-want +got):\n%s", diff)
	}
	if ok, err := cfg.OnRequest[1].When.Match(x); !ok || err != nil {
		t.Errorf("got %v and %v for the result, want what was removed", ok, err)
	}
	x.Reply.Headers = engine.Headers{{Name: "Server", Value: "a"}, {Name: "x", Value: "b"}}
	if _, err := run(t, x, cfg.OnResponse); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(engine.Headers{{Name: "x", Value: "b"}}, x.Reply.Headers); diff != "" {
		t.Errorf("reply headers differ (-want +got):\n%s", diff)
	}
}

func TestRemoveHeadersProblems(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"nothing", "", "missing_field"},
		{"none", "headers: []", "out_of_range"},
		{"host", "headers: [HOST]", "bad_header"},
		{"template", `headers: ["${req.host}"]`, "not_a_template"},
		{"mapping", "headers: {a: b}", "wrong_type"},
		{"many", "headers: [a, b, c, d, e, f, g, h, i, j, k]", "out_of_range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, "on_request: [{type: remove-headers, config: {"+tt.config+"}}]"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
