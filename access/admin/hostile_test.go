package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStrictJSON(t *testing.T) {
	h := newHarness(t)
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for _, tt := range []struct{ name, body, field string }{
		{"unknown", `{"name":"t","colour":"red"}`, "colour"},
		{"other case", `{"Name":"t"}`, "Name"},
		{"twice", `{"name":"t","name":"u"}`, "name"},
		{"twice with an escape", `{"name":"t","n\u0061me":"u"}`, "name"},
		{"type", `{"name":7}`, "name"},
		{"type of a list", `{"name":"t","provider_key_ids":"x"}`, "provider_key_ids"},
		{"type in a list", `{"name":"t","provider_key_ids":[1]}`, "provider_key_ids[0]"},
		{"null in a list", `{"name":"t","provider_key_ids":[null]}`, "provider_key_ids[0]"},
		{"text for a boolean", `{"name":"t","disabled":"true"}`, "disabled"},
		{"missing", `{}`, "name"},
		{"null", `{"name":null}`, "name"},
		{"short", `{"name":""}`, "name"},
		{"long", `{"name":"` + strings.Repeat("x", 256) + `"}`, "name"},
		{"NUL", `{"name":"a\u0000b"}`, "name"},
		{"escape sequence", `{"name":"\u001b[2J"}`, "name"},
		{"half a pair", `{"name":"\ud800"}`, "body"},
		{"trailing", `{"name":"t"} {}`, "body"},
		{"array", `[]`, "body"},
		{"cut", `{"name":"t"`, "body"},
		{"comment", `{"name":"t"/**/}`, "body"},
		{"byte order mark", "\uFEFF" + `{"name":"t"}`, "body"},
		{"not UTF-8", "{\"name\":\"\xff\"}", "body"},
		{"NaN", `{"name":NaN}`, "body"},
		{"deep", deep, "body"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.in(t).refused(call{method: "POST", path: "/teams", body: tt.body}, 400, "bad_request", tt.field)
		})
	}
	a := h.refused(call{method: "POST", path: "/teams", body: `{"nme":1,"disabled":2}`}, 400, "bad_request", "")
	if n := len(a.object(t, "details")); n != 3 {
		t.Errorf("got %d details in %s, want all 3 faults", n, a.raw)
	}
	many := strings.Builder{}
	for i := range 1000 {
		fmt.Fprintf(&many, `"k%d":1,`, i)
	}
	if a := h.want(call{method: "POST", path: "/teams", body: "{" + many.String() + `"name":"t"}`}, 400); len(a.object(t, "details")) > maxProblems {
		t.Errorf("got %d details, want at most %d", len(a.object(t, "details")), maxProblems)
	}
	if n := len(h.directory.Load().Teams); n != 0 {
		t.Errorf("got %d teams of refused requests", n)
	}
	h.refused(call{method: "POST", path: "/budgets", body: `{"name":"b","unit":"eur","limit":"1","window":"day"}`}, 400, "bad_request", "unit")
	h.refused(call{method: "POST", path: "/budgets", body: `{"name":"b","unit":"usd","limit":"1","window":"day","warn_at":[101]}`}, 400, "bad_request", "warn_at[0]")
	h.refused(call{method: "POST", path: "/access-keys", body: `{"expiresAt":"tomorrow"}`}, 400, "bad_request", "expiresAt")
	h.refused(call{method: "PATCH", path: "/provider-keys/x", body: `{}`}, 404, "not_found", "")
}

func TestCreateOnly(t *testing.T) {
	h := newHarness(t)
	a := h.want(call{method: "POST", path: "/provider-keys", body: `{"providerId":"openai","name":"k","value":"sk-val-x-canary-0123456789abcdef0123"}`}, 201)
	for field, body := range map[string]string{"providerId": `{"providerId":"anthropic"}`, "value": `{"value":"sk-oth-x-canary-0123456789abcdef0123"}`, "name": `{"name":null}`} {
		h.refused(call{method: "PATCH", path: "/provider-keys/" + a.text(t, "id"), body: body}, 400, "bad_request", field)
	}
}

func TestBodies(t *testing.T) {
	h := newHarness(t)
	c := call{method: "POST", path: "/teams", body: `{"name":"t"}`}
	for _, kind := range []string{"", "text/plain", "application/json; charset=latin1", "application/x-www-form-urlencoded", "application/jsonp"} {
		c.header = map[string]string{"Content-Type": kind}
		h.refused(c, 415, "unsupported_media_type", "")
	}
	c.header = map[string]string{"Content-Encoding": "gzip"}
	h.refused(c, 415, "unsupported_media_type", "")
	c.header = map[string]string{"Content-Type": "application/json; charset=UTF-8"}
	h.want(c, 201)
	h.refused(call{method: "POST", path: "/teams", body: `{"name":"` + strings.Repeat("x", maxBody-10) + `"}`}, 413, "body_too_large", "")
	h.refused(call{method: "GET", path: "/teams", body: `{}`}, 400, "bad_request", "body")
}

func TestMethods(t *testing.T) {
	h := newHarness(t)
	for _, p := range h.api.routes.paths {
		target := strings.ReplaceAll(p.pattern, "{id}", "nobody")
		for _, method := range []string{"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "TRACE", "PROPFIND"} {
			if p.route(method) != nil {
				continue
			}
			a := h.do(call{method: method, path: target})
			if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != p.allow() || p.allow() == "" {
				t.Errorf("%s %s: got %d and allow %q, want 405 and %q", method, target, a.status, a.header.Get("Allow"), p.allow())
			}
		}
	}
	a := h.do(call{method: "PUT", path: "/teams", token: "-"})
	if a.status != 401 || a.header.Get("Allow") != "" {
		t.Errorf("without a token: got %d and allow %q", a.status, a.header.Get("Allow"))
	}
}

func TestHead(t *testing.T) {
	h := newHarness(t)
	team := h.want(call{method: "POST", path: "/teams", body: `{"name":"t"}`}, 201)
	for _, path := range []string{"/teams", "/teams/" + team.text(t, "id"), "/openapi.json", "/gateway-config", "/usage?startTime=2026-01-01T00:00:00Z", "/teams/nobody"} {
		get := h.do(call{method: "GET", path: path})
		head := h.do(call{method: "HEAD", path: path})
		if head.raw != "" || head.status != get.status || head.header.Get("ETag") != get.header.Get("ETag") ||
			head.header.Get("Content-Length") != get.header.Get("Content-Length") {
			t.Errorf("%s: got %d %v, want the headers of GET: %d %v", path, head.status, head.header, get.status, get.header)
		}
	}
}

func TestInjection(t *testing.T) {
	h := newHarness(t)
	strange := []string{
		`'; DROP TABLE objects; --`, `" OR ""="`, `%27%20OR%201=1`, `{"$ne":null}`, `<script>alert(1)</script>`, `${jndi:ldap://x}`, `{{7*7}}`, `..%2f..%2fetc`,
		"a\nSet-Cookie: x=1", `\u0000`, "´`ä🙂\u202e",
	}
	for _, s := range strange {
		name, text := s, string(must(json.Marshal(s)))
		if strings.ContainsAny(s, "\n\u202e") { // what stands in headers and logs holds none of these
			h.refused(call{method: "POST", path: "/teams", body: `{"name":` + text + `}`}, 400, "bad_request", "name")
			name = "plain"
		}
		a := h.want(call{method: "POST", path: "/teams", body: `{"name":` + string(must(json.Marshal(name))) + `,"description":` + text + `,"metadata":` + text + `}`}, 201)
		a = h.want(call{method: "GET", path: "/teams/" + a.text(t, "id")}, 200)
		h.has(s, a, map[string]any{"name": name, "description": s, "metadata": s})
		if a.header.Get("Set-Cookie") != "" {
			t.Errorf("%q: got a header of its own: %v", s, a.header)
		}
	}
	if n := len(h.directory.Load().Teams); n != len(strange) {
		t.Errorf("got %d teams, want %d", n, len(strange))
	}
	for _, path := range []string{
		"/teams/%27%20OR%201=1", "/teams/..%2faudit", "/teams/a%00b", "/teams/a/b", "//teams", "/teams/", "/Teams", "/teams/../audit", "/teams;x=1", "/access-keys/x/rotate/y",
	} {
		if status, _, _ := h.send(call{method: "GET", path: path}); status != http.StatusTeapot {
			t.Errorf("%s: got %d, want it left to the server", path, status)
		}
	}
	h.want(call{method: "GET", path: "/teams?beforeId=" + "%27%20OR%20%271%27=%271"}, 200)
	h.want(call{method: "GET", path: "/access-keys?teamId=%27;DROP"}, 200)
	h.refused(call{method: "PATCH", path: "/teams/x", body: `{}`, header: map[string]string{"If-Match": `"' OR 1=1"`}}, 404, "not_found", "")
	h.want(call{method: "POST", path: "/teams", body: `{"name":"t"}`, header: map[string]string{"Idempotency-Key": `';DROP`}}, 201)
}

// TestHostHeader sends hosts that a client library would not.
func TestHostHeader(t *testing.T) {
	h := newHarness(t)
	for _, tt := range []struct{ host, uri string }{
		{"weir.test:9080", `"uri":"http://weir.test:9080/teams"`},
		{"[::1]:9080", `"uri":"http://[::1]:9080/teams"`},
		{`evil"<b>`, `"uri":"/teams"`},
		{"", `"uri":"/teams"`},
	} {
		c, err := h.dial()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET /teams HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", tt.host, adminToken)
		raw, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		if refused := strings.HasPrefix(string(raw), "HTTP/1.1 400"); !refused && !strings.Contains(string(raw), tt.uri) {
			t.Errorf("%q: got %s, want %s in it", tt.host, raw, tt.uri)
		}
		_ = c.Close()
	}
	c, err := h.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /teams HTTP/1.1\r\nHost: weir.test\r\nAuthorization: Bearer wrong\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", adminToken)
	if raw, _ := io.ReadAll(c); !strings.HasPrefix(string(raw), "HTTP/1.1 401") {
		t.Errorf("two tokens: got %s, want 401", raw)
	}
}

func TestPanic(t *testing.T) {
	h := newHarness(t, func(o *Options) {
		o.Providers = func() []ProviderInfo { panic("canary-panic") }
	})
	a := h.refused(call{method: "GET", path: "/usage?startTime=2026-01-01T00:00:00Z"}, 500, "internal", "")
	if strings.Contains(a.raw, "panic") {
		t.Errorf("got %s", a.raw)
	}
	if !strings.Contains(h.logged.String(), "canary-panic") {
		t.Error("nobody is told of the panic")
	}
	h.want(call{method: "GET", path: "/teams"}, 200)
}

// TestSecretsStayIn makes every kind of secret and reads all there is to read.
func TestSecretsStayIn(t *testing.T) {
	h := newHarness(t)
	const value = "sk-val-x-canary-0123456789abcdef0123"
	p := h.want(call{method: "POST", path: "/provider-keys", body: `{"providerId":"openai","name":"k","value":"` + value + `"}`}, 201)
	k := h.want(call{method: "POST", path: "/access-keys", body: `{"name":"k"}`, secret: true}, 201)
	imported := h.want(call{method: "POST", path: "/access-keys", body: `{"token":"ng-abcdefgh-canary-g1-0123456789abcdefghij"}`, secret: true}, 201)
	_, token := h.keyFor("admin")
	h.secrets = append(h.secrets, k.text(t, "token"), imported.text(t, "token"), value)
	ids := map[string]string{"/provider-keys/{id}": p.text(t, "id"), "/access-keys/{id}": k.text(t, "id")}
	for _, r := range h.api.routes.all {
		if r.method != methodGet {
			continue
		}
		target := strings.ReplaceAll(r.pattern, "{id}", ids[r.pattern])
		if strings.HasSuffix(target, "/") {
			continue
		}
		if slices.ContainsFunc(r.params, func(p param) bool { return p.name == "startTime" }) {
			target += "?startTime=2026-01-01T00:00:00Z"
		}
		h.want(call{method: "GET", path: target, token: token}, 200)
	}
	// Not in refusals either.
	h.refused(call{method: "POST", path: "/provider-keys", body: `{"providerId":"openai","name":"k","value":"` + value + `","x":1}`}, 400, "bad_request", "x")
	h.refused(call{method: "POST", path: "/provider-keys", body: `{"providerId":"openai","name":"k","value":"` + value + ` "}`}, 400, "bad_request", "value")
	h.refused(call{method: "POST", path: "/access-keys", body: `{"token":"ng-abcdefgh-canary-g1-0123456789abcdefghij "}`}, 400, "bad_request", "token")
	for _, e := range h.store.audit {
		if strings.Contains(string(e.Detail), canary) || strings.Contains(string(e.Detail), k.text(t, "token")) {
			t.Errorf("got a secret in the audit log: %s", e.Detail)
		}
	}
	if strings.Contains(h.logged.String(), canary) {
		t.Errorf("got a secret in the log: %s", h.logged)
	}
	for name, o := range h.store.objects {
		for _, s := range append(slices.Clone(h.secrets), canary) {
			if strings.Contains(string(o.Body), s) {
				t.Errorf("%s is stored with a secret in the open", name)
			}
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
