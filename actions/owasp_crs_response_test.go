package actions

import (
	"strings"
	"testing"

	"weir/engine"
)

const leak = "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version"

func TestOWASPCRSResponse(t *testing.T) {
	stream := func(x *engine.Exchange) { x.Reply.Body, x.Reply.Stream = nil, emptyStream{} }
	tests := []struct {
		name, config, body string
		change             func(x *engine.Exchange)
		verdict            engine.Verdict
		fails              bool
	}{
		{"a good answer", "process_body: true", "good morning", nil, engine.VerdictContinue, false},
		{"a leak", "process_body: true", leak, nil, engine.VerdictDeny, false},
		{"the body is left alone", "", leak, nil, engine.VerdictContinue, false},
		{"whatever the type", "process_body: true", leak, func(x *engine.Exchange) { x.Reply.Headers.Set("content-type", "application/x-anything") }, engine.VerdictDeny, false},
		{"a type with parameters", "process_body: true", leak, func(x *engine.Exchange) { x.Reply.Headers.Set("content-type", "text/html; charset=utf-8") }, engine.VerdictDeny, false},
		{"said to be encoded", "process_body: true", leak, func(x *engine.Exchange) { x.Reply.Headers.Set("content-encoding", "gzip") }, engine.VerdictDeny, false},
		{"a request with many values", "process_body: true", "good morning", func(x *engine.Exchange) { x.Request.Query = strings.Repeat("a=1&", 400) }, engine.VerdictContinue, false},
		{"an attack that was answered", "process_body: true", "good morning", func(x *engine.Exchange) { x.Request.Query = "q=<script>alert(1)</script>" }, engine.VerdictContinue, false},
		{"behind the limit", "process_body: true, body_limit: 100", strings.Repeat(" ", 100) + leak, nil, engine.VerdictContinue, false},
		{"at the limit", "process_body: true, body_limit: 100", leak[:100], nil, engine.VerdictDeny, false},
		{"tried out", "process_body: true, on_error: continue", leak, nil, engine.VerdictContinue, false},
		{"left out", "process_body: true, exclude_rule_ids: [951230]", leak, nil, engine.VerdictContinue, false},
		{"a stream", "process_body: true", "", stream, engine.VerdictDeny, true},
		{"a stream that may pass", "process_body: true, on_stream: skip", "", stream, engine.VerdictContinue, false},
		{"a stream, tried out", "process_body: true, on_error: continue", "", stream, engine.VerdictContinue, false},
		{"the head of a stream", "", "", stream, engine.VerdictContinue, false},
		{"no body", "process_body: true", "", nil, engine.VerdictContinue, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := compile(t, "on_response: [{type: owasp-crs-response, config: {"+tt.config+"}}]")
			x := webRequest("{}")
			x.Reply.Status, x.Reply.Body = 200, []byte(tt.body)
			x.Reply.Headers = engine.Headers{{Name: "content-type", Value: "application/json"}}
			if tt.change != nil {
				tt.change(x)
			}
			verdict, err := run(t, x, cfg.OnResponse)
			if verdict != tt.verdict || (err != nil) != tt.fails {
				t.Errorf("got %v and %v, want %v and failure %v", verdict, err, tt.verdict, tt.fails)
			}
		})
	}
}

// emptyStream is a stream that has ended.
type emptyStream struct{ strings.Reader }

func (emptyStream) Read([]byte) (int, error) { return 0, nil }
func (emptyStream) Close() error             { return nil }
