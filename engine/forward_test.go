package engine

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"weir/engine/upstream"
	"weir/engine/vars"
	"weir/engine/wire"
)

// does is a rule with one action that always runs.
func does(f func(x *Exchange) (Verdict, error)) Rule {
	return Rule{Name: "r", OnError: OnErrorHalt, Actions: []RuleAction{{Name: "do", Action: doFunc(f)}}}
}

// forwardTo is a policy that forwards everything to a server.
func forwardTo(t *testing.T, target string, change func(*Forwarding)) PlanConfig {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return PlanConfig{Name: "test", OnRequest: []Rule{does(func(x *Exchange) (Verdict, error) {
		f := Forwarding{Scheme: u.Scheme, Host: u.Host, Path: u.EscapedPath(), Query: u.RawQuery, Timeout: 5 * time.Second, Idle: 5 * time.Second}
		if change != nil {
			change(&f)
		}
		if err := x.Forward(&f); err != nil {
			return VerdictDeny, err
		}
		return VerdictRespond, nil
	})}}
}

// anyBody loads a body that no API reads.
type anyBody struct{ bodyOf }

// LoadBody gives the exchange its body, for whatever it is.
func (b anyBody) LoadBody(x *Exchange) error {
	x.Request.Body = []byte(b.bodyOf)
	return nil
}

// plainRequest asks for a path that is no API's.
func plainRequest(body string, headers ...Header) *Exchange {
	x := NewExchange()
	x.Request.Method, x.Request.Scheme, x.Request.Host = http.MethodPut, "https", "gateway.example.com"
	x.Request.Path, x.Request.RawPath, x.Request.Query = "/team-a/files/a b", "/team-a/files/a%20b", "page=2&key=secret"
	x.Request.Headers = headers
	x.Conn.ClientText = "192.0.2.7"
	x.Endpoint = &Endpoint{ID: "a", URL: "https://gateway.example.com:443/team-a"}
	x.Missing = Errorf(CodeNotFound, "nothing here")
	x.Loader = anyBody{bodyOf(body)}
	return x
}

func TestForwardSendsTheRequestOn(t *testing.T) {
	target := newFakeProvider(t, answer(http.StatusTeapot, "done", "Content-Type", "text/plain", "Set-Cookie", "a=b",
		"X-Own", "yes", "X-Weir-Model", "forged", "Location", "/elsewhere", "X-Request-Id", "theirs"))
	p := newFixture(t, nil, nil).plan(t, forwardTo(t, target.URL+"/base/?v=1", func(f *Forwarding) { f.Headers = Headers{{"X-Tier", "gold"}} }))
	x := plainRequest("raw bytes", Header{"Authorization", "Bearer client"}, Header{"Cookie", "session=1"}, Header{"X-Tier", "forged"},
		Header{"X-Forwarded-For", "10.0.0.1"}, Header{"Forwarded", "for=10.0.0.1"}, Header{"X-Weir-Caller", "root"},
		Header{"Connection", "x-hop"}, Header{"X-Hop", "1"}, Header{"Content-Encoding", "gzip"}, Header{"Accept-Encoding", "zstd"}, Header{"X-Kept", "kept"})
	body, err := run(t, p, x)
	if err != nil || body != "done" || x.Reply.Status != http.StatusTeapot {
		t.Fatalf("got %d %q, %v, want the target's answer", x.Reply.Status, body, err)
	}
	got := target.made()[0]
	if got.Method != http.MethodPut || got.URI != "/base/files/a%20b?v=1&page=2" || got.Body != "raw bytes" || got.Auth != "" {
		t.Errorf("got %s %s %q with credentials %q, want the request without prefix and key", got.Method, got.URI, got.Body, got.Auth)
	}
	want := map[string]string{
		"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Host": "gateway.example.com", "X-Forwarded-Proto": "https", "X-Weir-Hops": "1",
		"X-Tier": "gold", "X-Kept": "kept", "Cookie": "", "X-Hop": "", "X-Weir-Caller": "", "Forwarded": "", "Content-Encoding": "", "Accept-Encoding": "",
	}
	for name, value := range want {
		if got := strings.Join(got.Header.Values(name), ","); got != value {
			t.Errorf("got %s %q, want %q", name, got, value)
		}
	}
	back := map[string]string{
		"x-own": "yes", "location": "/elsewhere", "set-cookie": "", "x-weir-model": "", "x-request-id": "", "x-weir-upstream-request-id": "theirs",
	}
	for name, value := range back {
		if got := x.Reply.Headers.First(name); got != value {
			t.Errorf("got %s %q in the answer, want %q", name, got, value)
		}
	}
}

func TestForwardPassesCredentialsWhereToldTo(t *testing.T) {
	target := newFakeProvider(t, answer(200, "ok", "Set-Cookie", "a=b"))
	p := newFixture(t, nil, nil).plan(t, forwardTo(t, target.URL, func(f *Forwarding) { f.Credentials = CredentialsPassed }))
	x := plainRequest("", Header{"Authorization", "Bearer client"}, Header{"Cookie", "session=1"})
	if _, err := run(t, p, x); err != nil {
		t.Fatal(err)
	}
	got := target.made()[0]
	if got.Auth != "Bearer client" || got.Header.Get("Cookie") != "session=1" || !strings.HasSuffix(got.URI, "key=secret") {
		t.Errorf("got %q, cookie %q, %s, want what the client sent", got.Auth, got.Header.Get("Cookie"), got.URI)
	}
	if x.Reply.Headers.First("set-cookie") != "a=b" {
		t.Error("got no cookie back, want the target's")
	}
}

func TestForwardFails(t *testing.T) {
	slow := newFakeProvider(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	cut := newFakeProvider(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	tests := []struct {
		name   string
		target string
		change func(*Forwarding)
		header Header
		want   Code
	}{
		{name: "nobody listens", target: "http://127.0.0.1:1", want: CodeUpstreamRefused},
		{name: "too slow", target: slow.URL, change: func(f *Forwarding) { f.Timeout = 50 * time.Millisecond }, want: CodeUpstreamTimeout},
		{name: "broken off", target: cut.URL, want: CodeUpstreamFailed},
		{name: "address not allowed", target: cut.URL, change: func(f *Forwarding) { f.Guard = &upstream.Guard{Schemes: []string{"http"}} }, want: CodeUpstreamRefused},
		{name: "metadata", target: "http://169.254.169.254", want: CodeUpstreamRefused},
		{name: "no host", target: "http://host", change: func(f *Forwarding) { f.Host = "host name" }, want: CodePolicyFailed},
		{name: "header that breaks out", target: cut.URL, change: func(f *Forwarding) { f.Headers = Headers{{"x", "a\r\nb: c"}} }, want: CodePolicyFailed},
		{name: "loop", target: cut.URL, header: Header{HopsHeader, "5"}, want: CodeLoopDetected},
		{name: "hops that are no number", target: cut.URL, header: Header{HopsHeader, "-1"}, want: CodeLoopDetected},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := forwardTo(t, tt.target, tt.change)
			x := plainRequest("")
			if tt.header.Name != "" {
				x.Request.Headers.Add(tt.header.Name, tt.header.Value)
			}
			_, err := run(t, newFixture(t, nil, nil).plan(t, cfg), x)
			wantCode(t, err, tt.want)
		})
	}
}

func TestForwardStreams(t *testing.T) {
	target := newFakeProvider(t, events("data: 1\n\n", "data: 2\n\n", "WAIT"))
	p := newFixture(t, nil, nil).plan(t, forwardTo(t, target.URL, nil))
	x := plainRequest("")
	if err := p.Run(x); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	var got string
	for !strings.HasSuffix(got, "data: 2\n\n") {
		n, err := x.Reply.Stream.Read(buf)
		if err != nil {
			t.Fatalf("got %v after %q, want the events as they come", err, got)
		}
		got += string(buf[:n])
	}
	x.Cancel(ClientGone()) // the target is waiting for just this
	if _, err := x.Reply.Stream.Read(buf); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v, want a cut", err)
	}
	x.Finish()
}

func TestForwardedStreamThatIsCut(t *testing.T) {
	target := newFakeProvider(t, events("data: 1\n\n", "CUT"))
	p := newFixture(t, nil, nil).plan(t, forwardTo(t, target.URL, nil))
	body, err := run(t, p, plainRequest(""))
	if err == nil || body != "data: 1\n\n" {
		t.Errorf("got %q, %v, want the first event and a cut", body, err)
	}
}

func TestForwardedEventsOfAnAPIAreCounted(t *testing.T) {
	target := newFakeProvider(t, events(
		`data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}`+"\n\n",
		`data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n",
		`data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`+"\n\n", "data: [DONE]\n\n"))
	cfg := forwardTo(t, target.URL, nil)
	cfg.OnEvent = []Rule{does(func(x *Exchange) (Verdict, error) { return VerdictContinue, x.FilterStream(shout{}) })}
	x := chat(`{"model":"big","stream":true,"messages":[]}`)
	body, err := run(t, newFixture(t, nil, nil).plan(t, cfg), x)
	if err != nil || !strings.Contains(body, `"CONTENT":"HI"`) || x.usage.Output != 2 {
		t.Errorf("got %q, %v, usage %+v, want the filtered stream and its usage", body, err, x.usage)
	}
}

// shout is a filter that writes everything in capitals.
type shout struct{}

// Event writes one event in capitals.
func (shout) Event(dst []byte, ev *wire.Event) ([]byte, error) {
	return append(dst, strings.ToUpper(string(ev.Raw))...), nil
}

// End has nothing to add.
func (shout) End(dst []byte) ([]byte, error) { return dst, nil }

func TestForwardedAnswersAreWholeForRulesThatReadThem(t *testing.T) {
	f := newFixture(t, nil, nil)
	var seen string
	reads := does(func(x *Exchange) (Verdict, error) {
		seen = string(x.Reply.Body)
		return VerdictContinue, nil
	})
	reads.Actions[0].ContentRule = true
	asks := does(func(x *Exchange) (Verdict, error) {
		seen = string(x.Reply.Body)
		return VerdictContinue, nil
	})
	asks.When = f.predicate(t, vars.PhaseResponse, "res.body == null || true")
	long := strings.Repeat("x", 100_000)
	for name, rule := range map[string]Rule{"content rule": reads, "expression": asks} {
		seen = ""
		cfg := forwardTo(t, newFakeProvider(t, answer(200, long)).URL, nil)
		cfg.OnResponse = []Rule{rule}
		x := plainRequest("")
		body, err := run(t, f.plan(t, cfg), x)
		if err != nil || body != long || (name == "content rule" && seen != long) {
			t.Errorf("%s: got %d and %d bytes, %v, want all of the answer", name, len(body), len(seen), err)
		}
	}
	cfg := forwardTo(t, newFakeProvider(t, events("data: 1\n\n", "CUT")).URL, nil)
	cfg.OnResponse = []Rule{reads}
	_, err := run(t, f.plan(t, cfg), plainRequest(""))
	wantCode(t, err, CodeStreamCut)
}

func TestEventsOfNoAPIDoNotPassRulesOnEvents(t *testing.T) {
	target := newFakeProvider(t, events("data: 1\n\n"))
	cfg := forwardTo(t, target.URL, nil)
	cfg.OnEvent = []Rule{does(func(*Exchange) (Verdict, error) { return VerdictContinue, nil })}
	x := plainRequest("")
	_, err := run(t, newFixture(t, nil, nil).plan(t, cfg), x)
	wantCode(t, err, CodePolicyFailed)
	if x.ctx.reason() != nil {
		t.Errorf("got %v, want an exchange that is not cancelled", x.ctx.reason())
	}
}

func TestForwardOfAnswersWithoutBody(t *testing.T) {
	target := newFakeProvider(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, answer(200, "body"))
	p := newFixture(t, nil, nil).plan(t, forwardTo(t, target.URL, nil))
	for _, method := range []string{"DELETE", "HEAD"} {
		x := plainRequest("")
		x.Request.Method = method
		if body, err := run(t, p, x); err != nil || body != "" || x.Reply.Stream != nil {
			t.Errorf("%s: got %q, %v, want no body", method, body, err)
		}
	}
}
