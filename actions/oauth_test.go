package actions

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"weir/engine"
)

// fakeVendor answers for every host that is called, and keeps what was asked.
type fakeVendor struct {
	answers map[string]any // by host and path; an int is a status
	asked   []*http.Request
	forms   []url.Values
}

// RoundTrip answers in place of the internet.
func (f *fakeVendor) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Body != nil {
		_ = r.ParseForm()
	}
	f.asked, f.forms = append(f.asked, r), append(f.forms, r.PostForm)
	switch answer := f.answers[r.URL.Host+r.URL.Path].(type) {
	case nil:
		w.WriteHeader(http.StatusNotFound)
	case int:
		w.WriteHeader(answer)
	default:
		writeJSON(w, answer)
	}
	return w.Result(), nil
}

// vendorBrowser is a browser in front of a login at a vendor whose servers the test plays.
func vendorBrowser(t *testing.T, config string, f *fakeVendor) (*gateway, *browser) {
	t.Helper()
	g := newGateway()
	cfg := g.compile(t, `on_request: [{actions: [{type: oauth, config: {client_id: `+fakeClient+`, client_secret: `+fakeSecret+`, `+config+
		`}}]}, {actions: [{type: set-vars, config: {vars: [{who: "${actions.ngrok.oauth}"}]}}]}]`)
	login, _ := cfg.OnRequest[0].Actions[0].Action.(*webLogin)
	v, _ := login.provider.(*vendor)
	v.http = &http.Client{Transport: f}
	plan, diags := g.NewPlan(cfg)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return g, newBrowser(t, plan)
}

// through logs in: the answer of the vendor comes with the state that it was sent.
func (b *browser) through(code string) (status int, location string) {
	b.t.Helper()
	_, location = b.open("/page")
	u, err := url.Parse(location)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.open("/weir/callback?code=" + code + "&state=" + url.QueryEscape(u.Query().Get("state")))
}

var vendorToken = members{"access_token": "access-1", "token_type": "bearer", "expires_in": 3600, "refresh_token": "refresh-1"}

func TestOAuthVendors(t *testing.T) {
	standard := members{"sub": "7", "name": "Alice", "email": "alice@example.com", "email_verified": true}
	tests := []struct {
		name, config, authorize, token, scope string
		answers                               map[string]any
		id, caller, mail                      string
	}{
		{
			"amazon", "provider: amazon", "www.amazon.com/ap/oa", "api.amazon.com/auth/o2/token", "profile",
			map[string]any{"api.amazon.com/user/profile": members{"user_id": "amzn1.7", "name": "Alice", "email": "alice@example.com"}},
			"amzn1.7", "amazon:amzn1.7", "alice@example.com",
		},
		{
			"facebook", "provider: facebook", "www.facebook.com/v22.0/dialog/oauth", "graph.facebook.com/v22.0/oauth/access_token", "public_profile email",
			map[string]any{"graph.facebook.com/me": members{"id": "7", "name": "Alice"}},
			"7", "facebook:7", "",
		},
		{
			"github", "provider: github", "github.com/login/oauth/authorize", "github.com/login/oauth/access_token", "read:user user:email",
			map[string]any{
				"api.github.com/user":        members{"id": 583231, "login": "octocat", "name": "Alice", "email": nil},
				"api.github.com/user/emails": []members{{"email": "a@b.c", "primary": false, "verified": true}, {"email": "alice@example.com", "primary": true, "verified": true}},
			},
			"583231", "github:583231", "alice@example.com",
		},
		{
			"github, address not checked", "provider: github", "github.com/login/oauth/authorize", "github.com/login/oauth/access_token", "read:user user:email",
			map[string]any{
				"api.github.com/user":        members{"id": 583231, "login": "octocat", "name": "Alice", "email": nil},
				"api.github.com/user/emails": []members{{"email": "alice@example.com", "primary": true, "verified": false}},
			},
			"583231", "github:583231", "",
		},
		{
			"github of one's own", "provider: github, base_url: 'https://git.example.com/'", "git.example.com/login/oauth/authorize", "git.example.com/login/oauth/access_token", "read:user user:email",
			map[string]any{"git.example.com/api/v3/user": members{"id": 7, "name": "Alice", "email": "alice@example.com"}},
			"7", "github:7", "alice@example.com",
		},
		{
			"gitlab", "provider: gitlab", "gitlab.com/oauth/authorize", "gitlab.com/oauth/token", "openid profile email",
			map[string]any{"gitlab.com/oauth/userinfo": standard},
			"7", "gitlab:7", "alice@example.com",
		},
		{
			"gitlab of one's own", "provider: gitlab, base_url: 'https://git.example.com'", "git.example.com/oauth/authorize", "git.example.com/oauth/token", "openid profile email",
			map[string]any{"git.example.com/oauth/userinfo": standard},
			"7", "gitlab:7", "alice@example.com",
		},
		{
			"google", "provider: google", "accounts.google.com/o/oauth2/auth", "oauth2.googleapis.com/token", "openid profile email",
			map[string]any{"openidconnect.googleapis.com/v1/userinfo": standard},
			"7", "google:7", "alice@example.com",
		},
		{
			"google, address not checked", "provider: google", "accounts.google.com/o/oauth2/auth", "oauth2.googleapis.com/token", "openid profile email",
			map[string]any{"openidconnect.googleapis.com/v1/userinfo": with(standard, members{"email_verified": false})},
			"7", "google:7", "",
		},
		{
			"linkedin", "provider: linkedin, scopes: [openid]", "www.linkedin.com/oauth/v2/authorization", "www.linkedin.com/oauth/v2/accessToken", "openid",
			map[string]any{"api.linkedin.com/v2/userinfo": standard},
			"7", "linkedin:7", "alice@example.com",
		},
		{
			"microsoft", "provider: microsoft", "login.microsoftonline.com/common/oauth2/v2.0/authorize", "login.microsoftonline.com/common/oauth2/v2.0/token", "openid profile email",
			map[string]any{"graph.microsoft.com/oidc/userinfo": members{"sub": "7", "name": "Alice", "email": "alice@example.com"}},
			"7", "microsoft:7", "",
		},
		{
			"microsoft of one directory", "provider: microsoft, tenant: example.com", "login.microsoftonline.com/example.com/oauth2/v2.0/authorize", "login.microsoftonline.com/example.com/oauth2/v2.0/token", "openid profile email",
			map[string]any{"graph.microsoft.com/oidc/userinfo": members{"sub": "7", "name": "Alice", "email": "alice@example.com"}},
			"7", "microsoft:7", "alice@example.com",
		},
		{
			"twitch", "provider: twitch", "id.twitch.tv/oauth2/authorize", "id.twitch.tv/oauth2/token", "user:read:email",
			map[string]any{"api.twitch.tv/helix/users": members{"data": []members{{"id": "7", "display_name": "Alice", "email": "alice@example.com"}}}},
			"7", "twitch:7", "alice@example.com",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakeVendor{answers: with(tt.answers, members{tt.token: vendorToken})}
			_, b := vendorBrowser(t, tt.config, f)
			_, location := b.open("/page")
			u, err := url.Parse(location)
			if err != nil || u.Host+u.Path != tt.authorize || u.Query().Get("scope") != tt.scope || u.Query().Get("code_challenge") == "" || u.Query().Has("nonce") {
				t.Errorf("got %q, want to log in at %s for %s", location, tt.authorize, tt.scope)
			}
			if status, location := b.through("the-code"); status != http.StatusFound || location != "/page" {
				t.Fatalf("got %d and %q, want to be back", status, location)
			}
			form := f.forms[0]
			if f.asked[0].URL.Host+f.asked[0].URL.Path != tt.token || form.Get("code") != "the-code" || form.Get("code_verifier") == "" || form.Get("client_secret") != fakeSecret {
				t.Errorf("got %s with %v, want the code exchanged", f.asked[0].URL, form)
			}
			if f.asked[1].Header.Get("Authorization") != "Bearer access-1" || (strings.HasPrefix(tt.name, "twitch") && f.asked[1].Header.Get("Client-Id") != fakeClient) {
				t.Errorf("got %v, want the access token", f.asked[1].Header)
			}
			if status, _ := b.open("/page"); status != http.StatusNotFound {
				t.Fatalf("got %d, want to be let in", status)
			}
			result := resultOf(t, b.last, "oauth")
			id, _ := result["identity"].(map[string]any)
			if id["provider_user_id"] != tt.id || id["email"] != tt.mail || id["name"] != "Alice" || result["access_token"] != "access-1" || result["expires_at"] != "2026-01-05T10:00:00Z" {
				t.Errorf("got %v, want the person", result)
			}
			if b.last.Caller.ID != tt.caller || b.last.Caller.Name != "Alice" || b.last.Caller.Kind != "jwt" || b.last.Caller.Metadata["provider"] == nil {
				t.Errorf("got %+v, want caller %s", b.last.Caller, tt.caller)
			}
		})
	}
}

func TestOAuthFailures(t *testing.T) {
	const token, user = "github.com/login/oauth/access_token", "api.github.com/user"
	person := members{"id": 7, "name": "Alice", "email": "alice@example.com"}
	tests := []struct {
		name        string
		token, user any
		want        int
	}{
		{"good", vendorToken, person, 302},
		{"code refused", 400, person, 401},
		{"code refused in an answer of 200", members{"error": "bad_verification_code"}, person, 401},
		{"server fails", 503, person, 500},
		{"no access token", members{"token_type": "bearer"}, person, 500},
		{"user unknown", vendorToken, 401, 500},
		{"user without id", vendorToken, members{"name": "Alice"}, 500},
		{"user with a broken id", vendorToken, members{"id": 1.5}, 500},
		{"no user", vendorToken, "x", 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, b := vendorBrowser(t, "provider: github", &fakeVendor{answers: map[string]any{token: tt.token, user: tt.user}})
			if status, _ := b.through("code"); status != tt.want {
				t.Errorf("got %d, want %d", status, tt.want)
			}
			if status, _ := b.open("/page"); (status == http.StatusNotFound) != (tt.want == 302) {
				t.Errorf("got %d afterwards, want a session only after a login", status)
			}
		})
	}
}

func TestOAuthRefresh(t *testing.T) {
	f := &fakeVendor{answers: map[string]any{
		"github.com/login/oauth/access_token": vendorToken, "api.github.com/user": members{"id": 7, "name": "Alice", "email": "alice@example.com"},
	}}
	g, b := vendorBrowser(t, "provider: github, userinfo_refresh_interval: 5m", f)
	b.through("code")
	g.now = g.now.Add(5 * time.Minute)
	f.answers["api.github.com/user"] = members{"id": 7, "name": "Alice B.", "email": "alice@example.com"}
	if status, _ := b.open("/page"); status != http.StatusNotFound || b.last.Caller.Name != "Alice B." || resultOf(t, b.last, "oauth")["userinfo_refreshed"] != true {
		t.Errorf("got %d and %+v, want the new name", status, b.last.Caller)
	}
	g.now = g.now.Add(5 * time.Minute)
	f.answers["api.github.com/user"] = members{"id": 8, "name": "Bob"}
	if status, _ := b.open("/page"); status != http.StatusFound {
		t.Errorf("got %d for somebody else's answer, want the session to end", status)
	}
}

// TestOAuthKeepsFromAPIs checks that a request for a model without a session goes nowhere.
func TestOAuthKeepsFromAPIs(t *testing.T) {
	_, b := vendorBrowser(t, "provider: github", &fakeVendor{})
	x := b.page("/v1/models", engine.Header{Name: "authorization", Value: "Bearer x"})
	x.Request.Headers.Set("accept", "application/json")
	if status, _ := b.send(x); status != http.StatusUnauthorized || x.Caller.Kind != "" {
		t.Errorf("got %d and %+v, want a 401", status, x.Caller)
	}
}

func TestOAuthProblems(t *testing.T) {
	policy := func(config string) string { return "on_request: [{type: oauth, config: {" + config + "}}]" }
	const app = "client_id: a, client_secret: a-secret-of-some-length"
	tests := []struct{ name, config, want string }{
		{"no provider", app, "missing_field"},
		{"unknown provider", app + ", provider: myspace", "bad_value"},
		{"managed application", "provider: google", "missing_field missing_field"},
		{"managed application, empty", "provider: google, client_id: '', client_secret: ''", "missing_field missing_field"},
		{"base of a fixed provider", app + ", provider: google, base_url: 'https://a.example'", "bad_value"},
		{"base over http", app + ", provider: gitlab, base_url: 'http://a.example'", "bad_url"},
		{"base with a query", app + ", provider: gitlab, base_url: 'https://a.example?b'", "bad_url"},
		{"tenant elsewhere", app + ", provider: google, tenant: a", "bad_value"},
		{"tenant with a path", app + ", provider: microsoft, tenant: ../x", "bad_value"},
		{"two idle times", app + ", provider: google, idle_session_timeout: 1h, idle_session_duration: 1h", "duplicate_key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, policy(tt.config)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
