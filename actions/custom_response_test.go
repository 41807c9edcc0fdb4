package actions

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
)

func TestCustomResponse(t *testing.T) {
	tests := []struct {
		name, config string
		want         engine.Reply
	}{
		{"without config", "", engine.Reply{Status: 200, Headers: engine.Headers{}, Body: []byte{}}},
		{
			"json", `status_code: 503, body: '{"id": "${req.id}"}'`,
			engine.Reply{Status: 503, Headers: engine.Headers{{Name: "content-type", Value: "application/json"}}, Body: []byte(`{"id": "req-1"}`)},
		},
		{
			"text under the older name", "content: hello",
			engine.Reply{Status: 200, Headers: engine.Headers{{Name: "content-type", Value: "text/plain; charset=utf-8"}}, Body: []byte("hello")},
		},
		{
			"own type", `body: "{}", headers: {Content-Type: text/x, X-A: "${req.method}"}`,
			engine.Reply{Status: 200, Headers: engine.Headers{{Name: "content-type", Value: "text/x"}, {Name: "x-a", Value: "POST"}}, Body: []byte("{}")},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := compile(t, "on_request: [{type: custom-response, config: {"+tt.config+"}}]")
			x := exchange()
			verdict, err := run(t, x, cfg.OnRequest)
			if err != nil || verdict != engine.VerdictRespond {
				t.Fatalf("got %v and %v, want an answer", verdict, err)
			}
			tt.want.Synthetic = true
			if diff := cmp.Diff(tt.want, x.Reply); diff != "" {
				t.Errorf("reply differs (-want +got):\n%s", diff)
			}
		})
	}
}

type closing struct {
	io.Reader

	closed bool
}

// Close notes that it was called.
func (c *closing) Close() error {
	c.closed = true
	return nil
}

func TestCustomResponseReplacesStream(t *testing.T) {
	cfg := compile(t, `on_response: [{type: custom-response, config: {body: "${actions.ngrok.ai_gateway.status}"}}]`)
	x, stream := exchange(), &closing{}
	x.Reply = engine.Reply{Status: 200, Stream: stream, Headers: engine.Headers{{Name: "content-type", Value: "text/event-stream"}}}
	x.SetResult("ai_gateway", map[string]any{"status": "success"})
	verdict, err := run(t, x, cfg.OnResponse)
	if err != nil || verdict != engine.VerdictRespond || !stream.closed || x.Reply.Stream != nil || string(x.Reply.Body) != "success" {
		t.Errorf("got %v, %v, closed %v and %+v, want the stream closed and replaced", verdict, err, stream.closed, x.Reply)
	}
	if !cfg.TraceRoute {
		t.Error("got no trace, want one since the body reads it")
	}
}

func TestCustomResponseProblems(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"status", "status_code: 199", "out_of_range"},
		{"two bodies", "body: a, content: b", "deprecated_field duplicate_key"},
		{"body without room", "status_code: 304, body: a", "bad_value"},
		{"framing header", "headers: {transfer-encoding: chunked}", "bad_header"},
		{"line break", `headers: {x: "a\nb"}`, "bad_header"},
		{"many headers", "headers: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1, j: 1, k: 1}", "out_of_range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, "on_request: [{type: custom-response, config: {"+tt.config+"}}]"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
