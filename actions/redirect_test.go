package actions

import (
	"strings"
	"testing"

	"weir/engine"
)

func TestRedirect(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{name: "part of the path", config: "{from: /chat/, to: /talk/}", want: "http://api.example.com/v1/talk/completions?a=1"},
		{name: "the host", config: "{from: 'api\\.', to: new.}", want: "http://new.example.com/v1/chat/completions?a=1"},
		{name: "the scheme", config: "{from: '^http:', to: 'https:'}", want: "https://api.example.com/v1/chat/completions?a=1"},
		{name: "the query", config: "{from: '\\?.*', to: ''}", want: "http://api.example.com/v1/chat/completions"},
		{name: "groups", config: "{from: '/(v1)/(chat)/', to: /$2-$1/}", want: "http://api.example.com/chat-v1/completions?a=1"},
		{name: "a group and a letter", config: "{from: '/(v1)/', to: /$1beta/}", want: "http://api.example.com/v1beta/chat/completions?a=1"},
		{name: "a named group", config: "{from: '/(?P<version>v1)/', to: '/x-$${version}/'}", want: "http://api.example.com/x-v1/chat/completions?a=1"},
		{name: "no such group", config: "{from: '/(v1)/', to: /$9x/}", want: "http://api.example.com/x/chat/completions?a=1"},
		{name: "a dollar sign", config: "{from: '/v1/', to: /$a-$$b/}", want: "http://api.example.com/$a-$b/chat/completions?a=1"},
		{name: "a dollar sign of a client", config: "{from: '/(v1)/', to: '/${req.headers[\"x-dollar\"][0]}/'}", want: "http://api.example.com/$1/chat/completions?a=1"},
		{name: "a pattern of a client", config: "{from: '${req.headers[\"x-regex\"][0]}', to: x}", want: ""},
		{name: "a path", config: "{to: /elsewhere}", want: "/elsewhere"},
		{name: "a query kept", config: "{to: 'https://new.example.com${req.url.path}?${req.url.query}'}", want: "https://new.example.com/v1/chat/completions?a=1"},
		{name: "encoded already", config: "{to: '/${req.headers[\"x-encoded\"][0]}'}", want: "/a%20b%25%C3%A4"},
		{name: "a port behind the host", config: "{to: 'https://new.example.com${req.headers[\"x-port\"][0]}/x'}", want: "https://new.example.com:8443/x"},
		{name: "the same", config: "{from: /chat/, to: /chat/}", want: ""},
		{name: "no match", config: "{from: /nothing/, to: /x/}", want: ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := exchange()
			x.Request.Scheme, x.Request.RawPath, x.Request.Query = "http", "/v1/chat/completions", "a=1"
			for name, value := range map[string]string{"x-dollar": "$1", "x-regex": ".*", "x-encoded": "a%20b%ä", "x-port": ":8443"} {
				x.Request.Headers.Add(name, value)
			}
			verdict, err := run(t, x, compile(t, "on_request: [{type: redirect, config: "+tt.config+"}]").OnRequest)
			if err != nil {
				t.Fatal(err)
			}
			want := engine.VerdictRespond
			if tt.want == "" {
				want = engine.VerdictContinue
			}
			if got := x.Reply.Headers.First("location"); got != tt.want || verdict != want {
				t.Errorf("got %q, %v, want %q, %v", got, verdict, tt.want, want)
			}
		})
	}
}

func TestRedirectFails(t *testing.T) {
	for name, config := range map[string]string{
		"nothing is left":        "{from: '.*', to: ''}",
		"another host":           "{to: 'https://example.com${req.headers[\"x-host\"][0]}'}",
		"a user before it":       "{to: 'https://example.com${req.headers[\"x-user\"][0]}'}",
		"an expression fails":    "{to: '/${string(1 / size(req.headers[\"x-none\"]))}'}",
		"a header fails":         "{to: /x, headers: {x-bad: '${req.headers[\"x-evil\"][0]}'}}",
		"a pattern matches much": "{from: '', to: x}",
		"the URL grew too long":  "{to: '/${req.headers[\"x-long\"][0]}'}",
	} {
		t.Run(name, func(t *testing.T) {
			x := exchange()
			x.Request.Scheme, x.Request.RawPath = "http", "/"+strings.Repeat("a", 200)
			x.Request.Headers.Add("x-host", ".evil.example")
			x.Request.Headers.Add("x-user", "@evil.example")
			x.Request.Headers.Add("x-long", strings.Repeat("a", maxURL))
			verdict, err := run(t, x, compile(t, "on_request: [{type: redirect, config: "+config+"}]").OnRequest)
			if err == nil || verdict != engine.VerdictDeny || x.Reply.Status != 0 {
				t.Errorf("got %v, %v, status %d, want a failure that halts", verdict, err, x.Reply.Status)
			}
		})
	}
}

func TestPatternOfTheLastRequestIsKept(t *testing.T) {
	a, ok := compile(t, "on_request: [{type: redirect, config: {from: '/${req.headers[\"x-tier\"][0]}', to: /x}}]").OnRequest[0].Actions[0].Action.(*redirect)
	if !ok {
		t.Fatal("got another action, want redirect")
	}
	x := exchange()
	first, err := a.edit.compiled(x)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := a.edit.compiled(x); err != nil || again != first {
		t.Errorf("got another pattern, %v, want the one that was compiled", err)
	}
	x.Request.Headers[0].Value = "silver"
	if other, err := a.edit.compiled(x); err != nil || other.String() != "/silver" {
		t.Errorf("got %v, %v, want the pattern of this request", other, err)
	}
}
