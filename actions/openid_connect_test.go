package actions

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
	"weir/engine/wire"
)

// oidcPolicy logs in at a provider; behind it the results are read, so that sessions keep tokens.
func oidcPolicy(issuer, more string) string {
	return `on_request: [{actions: [{type: openid-connect, config: {issuer_url: "` + issuer + `", client_id: ` + fakeClient +
		`, client_secret: ` + fakeSecret + more + `}}]}, {actions: [{type: set-vars, config: {vars: [{who: "${actions.ngrok.oidc}"}]}}]}]`
}

func oidcBrowser(t *testing.T, more string) (*gateway, *fakeProvider, *browser) {
	t.Helper()
	g := newGateway()
	p := newFakeProvider(t, g)
	return g, p, newBrowser(t, g.plan(t, oidcPolicy(p.URL, more)))
}

func TestOIDCLogin(t *testing.T) {
	g, p, b := oidcBrowser(t, "")
	status, location := b.open("/reports?month=1")
	u, err := url.Parse(location)
	if err != nil || status != http.StatusFound || !strings.HasPrefix(location, p.URL+"/authorize?") {
		t.Fatalf("got %d and %q, want a redirect to the provider", status, location)
	}
	q := u.Query()
	if q.Get("redirect_uri") != "https://app.example.com/weir/callback" || q.Get("scope") != "openid profile email" || q.Get("nonce") == "" ||
		q.Get("state") == "" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 {
		t.Errorf("got %v, want state, nonce and PKCE", q)
	}
	if b.last.Reply.Headers.First("cache-control") != "no-store" {
		t.Error("got a redirect that may be cached")
	}
	status, location = b.open(b.back(b.visit(location)))
	if status != http.StatusFound || location != "/reports?month=1" {
		t.Fatalf("got %d and %q, want to be back at the page", status, location)
	}
	for _, line := range b.set {
		for _, want := range []string{"__Host-weir_", "; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Secure"} {
			if !strings.Contains(line, want) {
				t.Errorf("got cookie %q, want %q in it", line, want)
			}
		}
		if strings.Contains(line, "Domain") || strings.Contains(line, "alice") || strings.Contains(line, "access-1") {
			t.Errorf("got cookie %q, want it sealed and for this host", line)
		}
	}
	if len(b.cookies) != 1 {
		t.Errorf("got cookies %v, want the session alone", b.cookies)
	}
	if status, _ = b.open("/reports?month=1"); status != http.StatusNotFound || len(b.set) != 0 {
		t.Errorf("got %d and %v, want to be let through without new cookies", status, b.set)
	}
	caller := b.last.Caller
	if caller.Metadata["email"] != "alice@example.com" || caller.Metadata["nonce"] != nil {
		t.Errorf("got claims %v, want those of the ID token less its own", caller.Metadata)
	}
	caller.Metadata = nil
	if diff := cmp.Diff(engine.Caller{ID: "alice", Name: "Alice", Kind: "jwt", Groups: []string{"team"}}, caller); diff != "" {
		t.Errorf("caller differs (-want +got):\n%s", diff)
	}
	result := resultOf(t, b.last, "oidc")
	id, _ := result["identity"].(map[string]any)
	if id["email"] != "alice@example.com" || id["name"] != "Alice" || id["provider_user_id"] != "alice" || !strings.HasPrefix(claimText(id, "id"), "idn_") ||
		id["current_session_id"] == "" || result["access_token"] != "access-1" || result["refresh_token"] != "refresh-1" || result["identity_token"] == "" ||
		result["session_timed_out"] != false || result["userinfo_refreshed"] != false {
		t.Errorf("got results %v", result)
	}
	_ = g
}

func TestOIDCWhoIsSentToLogIn(t *testing.T) {
	_, _, b := oidcBrowser(t, "")
	tests := []struct {
		name   string
		change func(x *engine.Exchange)
		want   int
	}{
		{"a page", func(*engine.Exchange) {}, 302},
		{"no accept", func(x *engine.Exchange) { x.Request.Headers.Del("accept") }, 302},
		{"head", func(x *engine.Exchange) { x.Request.Method = http.MethodHead }, 302},
		{"navigation", func(x *engine.Exchange) { x.Request.Headers.Add("sec-fetch-mode", "navigate") }, 302},
		{"JSON", func(x *engine.Exchange) { x.Request.Headers.Set("accept", "application/json") }, 401},
		{"form", func(x *engine.Exchange) { x.Request.Method = http.MethodPost }, 401},
		{"script", func(x *engine.Exchange) { x.Request.Headers.Add("sec-fetch-mode", "cors") }, 401},
		{"older script", func(x *engine.Exchange) { x.Request.Headers.Add("x-requested-with", "XMLHttpRequest") }, 401},
		{"API", func(x *engine.Exchange) { x.Request.API = wire.Models }, 401},
		{"preflight", func(x *engine.Exchange) {
			x.Request.Method = http.MethodOptions
			x.Request.Headers.Add("origin", "https://a.example")
			x.Request.Headers.Add("access-control-request-method", "POST")
		}, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := b.page("/")
			tt.change(x)
			status, _ := b.send(x)
			if status != tt.want {
				t.Errorf("got %d, want %d", status, tt.want)
			}
			if tt.want == 401 && (b.last.Reply.Headers.First("www-authenticate") == "" || len(b.set) > 0) {
				t.Errorf("got %v, want a challenge and no cookie", b.last.Reply.Headers)
			}
		})
	}
}

func TestOIDCPreflight(t *testing.T) {
	_, _, b := oidcBrowser(t, ", allow_cors_preflight: true")
	preflight := []engine.Header{{Name: "origin", Value: "https://a.example"}, {Name: "access-control-request-method", Value: "POST"}}
	tests := []struct {
		name, method string
		headers      []engine.Header
		want         int
	}{
		{"preflight", http.MethodOptions, preflight, 404},
		{"options alone", http.MethodOptions, nil, 401},
		{"another method", http.MethodPost, preflight, 401},
	}
	for _, tt := range tests {
		x := b.page("/", tt.headers...)
		x.Request.Method = tt.method
		if got, _ := b.send(x); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestOIDCRedirects checks that nobody is sent to another site after a login.
func TestOIDCRedirects(t *testing.T) {
	for _, path := range []string{"/weir/login", "/ngrok/login"} {
		for to, want := range map[string]string{
			"": "/", "/a?b=c": "/a?b=c", "//evil.example": "/", "///evil.example": "/", "/\\evil.example": "/", "\\\\evil.example": "/",
			"https://evil.example": "/", "javascript:alert(1)": "/", "/\t/evil.example": "/", "/%0a/x": "/%0a/x", "/a#b": "/", "evil": "/",
			"/weir/login": "/", "/weir/logout": "/", "/ngrok/logout?x": "/", "/weir/callback?state=x": "/", "/é": "/",
			"/" + strings.Repeat("x", maxReturn): "/", "/a//b": "/a//b", "/%2f%2fevil.example": "/",
		} {
			_, _, b := oidcBrowser(t, "")
			if status, location := b.login(path + "?redirect_path=" + url.QueryEscape(to)); status != http.StatusFound || location != want {
				t.Errorf("got %d and %q for %q, want %q", status, location, to, want)
			}
		}
	}
}

func TestOIDCCallbackAttacks(t *testing.T) {
	tests := []struct {
		name string
		do   func(b, other *browser) (status int)
		want int
	}{
		{"another browser's answer", func(b, other *browser) int {
			_, location := b.open("/")
			back := b.back(b.visit(location))
			status, _ := other.open(back)
			return status
		}, 400},
		{"another browser's answer under a login of one's own", func(b, other *browser) int {
			_, location := b.open("/")
			back := b.back(b.visit(location))
			other.open("/")
			status, _ := other.open(back)
			return status
		}, 400},
		{"invented state", func(b, _ *browser) int {
			_, location := b.open("/")
			back, _ := url.Parse(b.visit(location))
			q := back.Query()
			q.Set("state", q.Get("state")+"x")
			status, _ := b.open("/weir/callback?" + q.Encode())
			return status
		}, 400},
		{"answer twice", func(b, _ *browser) int {
			_, location := b.open("/")
			back := b.back(b.visit(location))
			b.open(back)
			status, _ := b.open(back)
			return status
		}, 400},
		{"another login's cookie", func(b, other *browser) int {
			_, location := b.open("/")
			other.open("/")
			for mine := range b.cookies {
				for _, theirs := range other.cookies {
					b.cookies[mine] = theirs
				}
			}
			status, _ := b.open(b.back(b.visit(location)))
			return status
		}, 400},
		{"a session as a login", func(b, other *browser) int {
			other.login("/")
			_, location := b.open("/")
			for mine := range b.cookies {
				for _, theirs := range other.cookies {
					_, b.cookies[mine], _ = strings.Cut(theirs, ".")
				}
			}
			status, _ := b.open(b.back(b.visit(location)))
			return status
		}, 400},
		{"invented code", func(b, _ *browser) int {
			_, location := b.open("/")
			back, _ := url.Parse(b.visit(location))
			q := back.Query()
			q.Set("code", "invented")
			status, _ := b.open("/weir/callback?" + q.Encode())
			return status
		}, 401},
		{"refused", func(b, _ *browser) int {
			_, location := b.open("/")
			back, _ := url.Parse(b.visit(location))
			status, _ := b.open("/weir/callback?error=access_denied&state=" + back.Query().Get("state"))
			return status
		}, 401},
		{"answer of another provider", func(b, _ *browser) int {
			_, location := b.open("/")
			status, _ := b.open(b.back(b.visit(location)) + "&iss=" + url.QueryEscape("https://evil.example"))
			return status
		}, 401},
		{"nothing that is ours", func(b, _ *browser) int {
			status, location := b.open("/weir/callback?code=x&state=theirs")
			if u, _ := url.Parse(location); u.Path != "/authorize" {
				return 0
			}
			return status
		}, 302},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, b := oidcBrowser(t, "")
			if got := tt.do(b, newBrowser(t, b.plan)); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
			for name := range b.cookies {
				if strings.Contains(name, "session") && tt.want != 302 && tt.name != "answer twice" {
					t.Errorf("got the cookie %s, want no session", name)
				}
			}
		})
	}
}

func TestOIDCLoginTakesTooLong(t *testing.T) {
	g, _, b := oidcBrowser(t, "")
	_, location := b.open("/")
	back := b.back(b.visit(location))
	g.now = g.now.Add(loginLife)
	if status, _ := b.open(back); status != http.StatusBadRequest {
		t.Errorf("got %d, want a login that took %s refused", status, loginLife)
	}
}

// TestOIDCNewSession checks that a login makes a session of its own, whatever cookie was there.
func TestOIDCNewSession(t *testing.T) {
	_, _, b := oidcBrowser(t, "")
	b.login("/")
	first := maps.Clone(b.cookies)
	b.open("/")
	id := func() string { return claimText(resultOf(t, b.last, "oidc"), "identity.current_session_id") }
	before := id()
	b.login("/weir/login")
	b.open("/")
	if cmp.Equal(first, b.cookies) || id() == before {
		t.Error("got the same session after a login, want another")
	}
}

func TestOIDCTokens(t *testing.T) {
	k := identityKeysOnce()
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return base64.RawURLEncoding.EncodeToString(sum[:16])
	}
	tests := []struct {
		name   string
		change func(p *fakeProvider)
		want   int
	}{
		{"good", func(*fakeProvider) {}, 302},
		{"with the hash of the access token", func(p *fakeProvider) { p.claims = members{"at_hash": hash("access-1")} }, 302},
		{"several audiences and the party", func(p *fakeProvider) { p.claims = members{"aud": []string{"x", fakeClient}, "azp": fakeClient} }, 302},
		{"none", func(p *fakeProvider) { p.claims = members{"no id token": true} }, 401},
		{"another nonce", func(p *fakeProvider) { p.claims = members{"nonce": "another"} }, 401},
		{"no nonce", func(p *fakeProvider) { p.claims = members{"nonce": nil} }, 401},
		{"another audience", func(p *fakeProvider) { p.claims = members{"aud": "another"} }, 401},
		{"several audiences", func(p *fakeProvider) { p.claims = members{"aud": []string{"x", fakeClient}} }, 401},
		{"another party", func(p *fakeProvider) { p.claims = members{"azp": "another"} }, 401},
		{"another issuer", func(p *fakeProvider) { p.claims = members{"iss": "https://evil.example"} }, 401},
		{"expired", func(p *fakeProvider) { p.claims = members{"exp": p.g.now.Unix() - 1} }, 401},
		{"nobody", func(p *fakeProvider) { p.claims = members{"sub": nil} }, 401},
		{"another access token's hash", func(p *fakeProvider) { p.claims = members{"at_hash": hash("access-2")} }, 401},
		{"another key", func(p *fakeProvider) { p.key = k.another }, 401},
		{"not signed", func(p *fakeProvider) { p.header = members{"alg": "none"} }, 401},
		{"signed with the client's secret", func(p *fakeProvider) { p.key, p.header = []byte(fakeSecret), members{"alg": "HS256"} }, 401},
		{"another type", func(p *fakeProvider) { p.header = members{"typ": "logout+jwt"} }, 401},
		{"another person in the user info", func(p *fakeProvider) { p.claims, p.user = members{"email": nil}, members{"sub": "bob"} }, 500},
		{"user info without a person", func(p *fakeProvider) { p.claims, p.user = members{"email": nil}, members{"sub": nil} }, 500},
		{"secret in the body", func(p *fakeProvider) { p.basic = true }, 302},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, p, b := oidcBrowser(t, "")
			p.set(func() { tt.change(p) })
			if got, _ := b.login("/"); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
			if tt.want != 302 {
				if status, _ := b.open("/"); status != http.StatusFound {
					t.Errorf("got %d afterwards, want nobody logged in", status)
				}
			}
		})
	}
}

func TestOIDCMail(t *testing.T) {
	tests := []struct {
		name         string
		claims, user members
		want         string
	}{
		{"in the token", nil, nil, "alice@example.com"},
		{"from the user info", members{"email": nil}, members{"email": "info@example.com"}, "info@example.com"},
		{"checked", members{"email_verified": true}, nil, "alice@example.com"},
		{"not checked", members{"email_verified": false}, nil, ""},
		{"not checked, as text", members{"email_verified": "false"}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, p, b := oidcBrowser(t, "")
			p.set(func() { p.claims, p.user = tt.claims, tt.user })
			b.login("/")
			b.open("/")
			id, _ := resultOf(t, b.last, "oidc")["identity"].(map[string]any)
			if id["email"] != tt.want {
				t.Errorf("got %v, want %q", id["email"], tt.want)
			}
		})
	}
}
