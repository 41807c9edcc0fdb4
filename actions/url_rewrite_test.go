package actions

import (
	"errors"
	"testing"

	"weir/engine"
	"weir/engine/wire"
)

// moving is a loader that finds the chat API at one path and nothing elsewhere, and counts how often it reads the body.
type moving struct {
	body  string
	scans int
}

// LoadBody gives the exchange its body.
func (m *moving) LoadBody(x *engine.Exchange) error {
	x.Request.Body = []byte(m.body)
	return nil
}

// Scan takes a body that is JSON.
func (m *moving) Scan(x *engine.Exchange) error {
	m.scans++
	if x.Request.API == wire.OpenAIChat && x.Request.Body[0] != '{' {
		return engine.Errorf(engine.CodeBadRequest, "not JSON")
	}
	return nil
}

// Locate knows one path.
func (m *moving) Locate(x *engine.Exchange, target string) error {
	switch target {
	case "/v1/chat/completions":
		x.Request.API = wire.OpenAIChat
	case "/get":
		return engine.Errorf(engine.CodeMethodNotAllowed, "GET only")
	case "/bad":
		return engine.Errorf(engine.CodeBadRequest, "a bad path")
	default:
		x.Request.API = wire.APIUnknown
	}
	x.Request.RawPath = target
	return nil
}

func TestURLRewriteFails(t *testing.T) {
	tests := []struct {
		name, config string
		want         engine.Code
	}{
		{name: "another host", config: "{to: https://evil.example/v1/chat/completions}", want: engine.CodePolicyFailed},
		{name: "another scheme", config: "{to: ftp://api.example.com/v1}", want: engine.CodePolicyFailed},
		{name: "a user", config: "{to: 'http://u@api.example.com/v1'}", want: engine.CodePolicyFailed},
		{name: "no path", config: "{to: 'http://api.example.com'}", want: engine.CodePolicyFailed},
		{name: "no URL", config: "{to: 'http://api.example.com/%zz'}", want: engine.CodePolicyFailed},
		{name: "two slashes", config: "{to: //evil.example/v1}", want: engine.CodePolicyFailed},
		{name: "a path that nobody may ask for", config: "{to: /bad}", want: engine.CodePolicyFailed},
		{name: "a path with another method", config: "{to: /get}", want: engine.CodeMethodNotAllowed},
		{name: "an expression that fails", config: "{to: '/${string(1 / size(req.headers[\"x-none\"]))}'}", want: engine.CodePolicyFailed},
		{name: "a pattern that fails", config: "{from: '${string(1 / size(req.headers[\"x-none\"]))}', to: /v1}", want: engine.CodePolicyFailed},
		{name: "a pattern that grew too long", config: "{from: '${req.headers[\"x-long\"][0]}', to: /v1}", want: engine.CodePolicyFailed},
		{name: "a URL that grew too long", config: "{from: /v0, to: '${req.headers[\"x-long\"][0]}'}", want: engine.CodePolicyFailed},
		{name: "too many matches", config: "{from: '', to: x}", want: engine.CodePolicyFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := exchange()
			x.Loader = &moving{}
			x.Request.Scheme, x.Request.RawPath = "http", "/v0/"+string(make([]byte, 200))
			x.Request.Headers.Add("x-long", string(make([]byte, 9000)))
			verdict, err := run(t, x, compile(t, "on_request: [{type: url-rewrite, config: "+tt.config+"}]").OnRequest)
			got := engine.CodePolicyFailed // what an error without a code becomes in a rule that halts
			if e, ok := errors.AsType[*engine.Error](err); ok {
				got = e.Code
			}
			if err == nil || got != tt.want || verdict != engine.VerdictDeny {
				t.Errorf("got %v, %v, want %s", verdict, err, tt.want)
			}
		})
	}
}

func TestURLRewriteReadsTheBodyAnew(t *testing.T) {
	cfg := compile(t, "on_request: [{type: url-rewrite, config: {from: /old/, to: /v1/}}]")
	for body, want := range map[string]engine.Code{`{"model":"m"}`: "", "text": engine.CodeBadRequest} {
		x, l := exchange(), &moving{body: body}
		x.Loader = l
		x.Request.Scheme, x.Request.RawPath = "http", "/old/chat/completions"
		if _, err := x.Body(); err != nil { // a rule before it looked at the body while it was nobody's
			t.Fatal(err)
		}
		_, err := run(t, x, cfg.OnRequest)
		if l.scans == 0 || (want == "") != (err == nil) || err != nil && engine.AsError(err).Code != want {
			t.Errorf("got %v after %d scans of %s, want %q", err, l.scans, body, want)
		}
	}
	x, l := exchange(), &moving{body: "text"}
	x.Loader = l
	x.Request.Scheme, x.Request.RawPath = "http", "/old/chat/completions"
	if _, err := run(t, x, cfg.OnRequest); err != nil || x.Request.Body != nil {
		t.Errorf("got %v, body %q, want a body that is not read yet", err, x.Request.Body)
	}
}

func TestURLEditsAreCheckedAtLoad(t *testing.T) {
	tests := []struct{ name, action, want string }{
		{"no to", "{type: url-rewrite, config: {from: x}}", "missing_field"},
		{"a pattern that is none", "{type: url-rewrite, config: {from: '(', to: x}}", "bad_regex"},
		{"a lookahead", "{type: redirect, config: {from: 'a(?!b)', to: x}}", "bad_regex"},
		{"a long pattern", "{type: redirect, config: {from: '" + string(longText(maxPattern+1)) + "', to: x}}", "bad_regex"},
		{"a status that is no redirect", "{type: redirect, config: {to: /x, status_code: 304}}", "bad_value"},
		{"a status out of range", "{type: redirect, config: {to: /x, status_code: 200}}", "bad_value out_of_range"},
		{"a location of one's own", "{type: redirect, config: {to: /x, headers: {Location: /y}}}", "bad_header"},
		{"nothing", "{type: redirect, config: {to: ''}}", "bad_value"},
		{"a foreign field", "{type: redirect, config: {to: /x, url: /y}}", "unknown_key"},
	}
	for _, tt := range tests {
		if got := problems(t, "on_request: ["+tt.action+"]"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := problems(t, "on_response: [{type: redirect, config: {to: /x}}]"); got != "wrong_phase" {
		t.Errorf("got %q in on_response, want wrong_phase", got)
	}
}

func longText(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = 'a'
	}
	return out
}
