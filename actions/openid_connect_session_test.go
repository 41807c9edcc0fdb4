package actions

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/engine"
)

func TestOIDCSessionEnds(t *testing.T) {
	g, _, b := oidcBrowser(t, ", max_session_duration: 2h, idle_session_timeout: 30m")
	b.login("/")
	open := func(want int) {
		t.Helper()
		if got, _ := b.open("/"); got != want {
			t.Fatalf("got %d at %s, want %d", got, g.now.Format(time.TimeOnly), want)
		}
	}
	open(404)
	if len(b.set) != 0 {
		t.Errorf("got %v, want no cookie while the session is fresh", b.set)
	}
	for range 3 { // 25 minutes each: every one keeps the session alive
		g.now = g.now.Add(25 * time.Minute)
		open(404)
		if len(b.set) == 0 {
			t.Error("got no cookie, want the use of the session noted")
		}
	}
	stolen := maps.Clone(b.cookies)
	g.now = g.now.Add(30 * time.Minute)
	open(302)
	if result := resultOf(t, b.last, "oidc"); result["session_timed_out"] != true || result["session_max_duration_reached"] != false {
		t.Errorf("got %v, want the session timed out", result)
	}
	g.now = g.now.Add(15 * time.Minute) // two hours after the login
	b.cookies = stolen
	open(302)
	if result := resultOf(t, b.last, "oidc"); result["session_max_duration_reached"] != true {
		t.Errorf("got %v, want the session at its end", result)
	}
}

func TestOIDCLogout(t *testing.T) {
	for _, path := range []string{"/weir/logout", "/ngrok/logout"} {
		_, _, b := oidcBrowser(t, "")
		b.login("/")
		if status, _ := b.open(path); status != http.StatusOK || len(b.cookies) != 0 {
			t.Errorf("got %d and %v, want no cookie left", status, b.cookies)
		}
		if status, _ := b.open("/"); status != http.StatusFound {
			t.Errorf("got %d after %s, want to log in again", status, path)
		}
	}
}

func TestOIDCSealing(t *testing.T) {
	_, p, b := oidcBrowser(t, ", session_secret: the-first-secret-of-sessions")
	g := p.g
	b.login("/")
	name, value := "", ""
	for name, value = range b.cookies {
	}
	tests := []struct{ name, config, cookie string }{
		{"one bit", "", value[:len(value)-2] + flip(value[len(value)-2]) + value[len(value)-1:]},
		{"first byte", "", value[:2] + flip(value[2]) + value[3:]},
		{"cut", "", value[:len(value)/2]},
		{"empty", "", "1."},
		{"many parts", "", "9" + value[1:]},
		{"another secret", ", session_secret: another-secret-of-sessions", value},
		{"another login", ", session_secret: the-first-secret-of-sessions, auth_id: other", value},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := b.plan
			if tt.config != "" {
				plan = g.plan(t, oidcPolicy(p.URL, tt.config))
			}
			other := newBrowser(t, plan)
			other.cookies[name] = tt.cookie
			if strings.Contains(tt.config, "auth_id") { // under the name that it looks for
				other.open("/")
				for n := range other.cookies {
					tag := strings.TrimPrefix(n, "__Host-weir_login_")
					other.cookies["__Host-weir_session_"+tag[:8]] = tt.cookie
				}
			}
			if status, _ := other.open("/"); status != http.StatusFound {
				t.Errorf("got %d, want no session", status)
			}
		})
	}
	rotated := newBrowser(t, g.plan(t, oidcPolicy(p.URL, ", session_secret: another-secret-of-sessions, previous_session_secret: the-first-secret-of-sessions")))
	rotated.cookies[name] = value
	if status, _ := rotated.open("/"); status != http.StatusNotFound {
		t.Errorf("got %d, want sessions of the previous secret to go on", status)
	}
	twice := newBrowser(t, b.plan)
	x := twice.page("/", engine.Header{Name: "cookie", Value: name + "=" + value + "; " + name + "=" + value})
	if status, _ := twice.send(x); status != http.StatusFound {
		t.Errorf("got %d for a cookie that stands twice, want no session", status)
	}
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestOIDCLongSession(t *testing.T) {
	_, p, b := oidcBrowser(t, "")
	p.set(func() { p.claims = members{"roles": strings.Repeat("r", 4000)} })
	b.login("/")
	if status, _ := b.open("/"); status != http.StatusNotFound || len(b.cookies) < 2 {
		t.Fatalf("got %d with %d cookies, want a session over several", status, len(b.cookies))
	}
	result := resultOf(t, b.last, "oidc")
	if result["identity_token"] != "" || result["access_token"] != "access-1" {
		t.Errorf("got %v, want the ID token left out where it does not fit", result)
	}
	b.open("/weir/logout")
	if len(b.cookies) != 0 {
		t.Errorf("got %v, want every part gone", slices.Collect(maps.Keys(b.cookies)))
	}
	p.set(func() { p.claims = members{"roles": strings.Repeat("r", 9000)} })
	if status, _ := b.login("/"); status != http.StatusInternalServerError {
		t.Errorf("got %d, want a session that fits nowhere to be a failure", status)
	}
}

func TestOIDCRefresh(t *testing.T) {
	g, p, b := oidcBrowser(t, ", userinfo_refresh_interval: 10m")
	b.login("/")
	g.now = g.now.Add(9 * time.Minute)
	b.open("/")
	if p.userInfos != 0 {
		t.Fatalf("got %d questions, want none before the interval", p.userInfos)
	}
	p.set(func() { p.user = members{"email": "new@example.com"} })
	g.now = g.now.Add(time.Minute)
	if status, _ := b.open("/"); status != http.StatusNotFound || p.userInfos != 1 {
		t.Fatalf("got %d and %d questions, want one", status, p.userInfos)
	}
	result := resultOf(t, b.last, "oidc")
	id, _ := result["identity"].(map[string]any)
	if result["userinfo_refreshed"] != true || result["user_info_refreshed"] != true || id["email"] != "new@example.com" || b.last.Caller.Metadata["email"] != "new@example.com" {
		t.Errorf("got %v, want the new address", result)
	}
	b.open("/")
	if p.userInfos != 1 || resultOf(t, b.last, "oidc")["userinfo_refreshed"] != false {
		t.Errorf("got %d questions, want the answer kept", p.userInfos)
	}
	g.now = g.now.Add(time.Hour) // the access token has expired
	if status, _ := b.open("/"); status != http.StatusNotFound || p.tokens != 2 {
		t.Errorf("got %d and %d tokens, want a new one", status, p.tokens)
	}
	p.set(func() { p.down = true })
	g.now = g.now.Add(10 * time.Minute)
	if status, _ := b.open("/"); status != http.StatusInternalServerError {
		t.Errorf("got %d while the provider is down, want it closed", status)
	}
	p.set(func() { p.down, p.gone = false, true })
	if status, _ := b.open("/"); status != http.StatusFound {
		t.Errorf("got %d for somebody who is gone, want to log in", status)
	}
	for name := range b.cookies {
		if strings.Contains(name, "session") {
			t.Errorf("got the cookie %s, want the session gone", name)
		}
	}
}

func TestOIDCProviderDown(t *testing.T) {
	g, p, b := oidcBrowser(t, "")
	p.set(func() { p.down = true })
	if status, _ := b.open("/"); status != http.StatusInternalServerError {
		t.Errorf("got %d, want it closed while the provider is down", status)
	}
	p.set(func() { p.down = false })
	g.now = g.now.Add(cacheRetry)
	_, location := b.open("/")
	back := b.back(b.visit(location))
	p.set(func() { p.down = true })
	if status, _ := b.open(back); status != http.StatusInternalServerError {
		t.Errorf("got %d, want no session without tokens", status)
	}
}

func TestOIDCHosts(t *testing.T) {
	_, p, b := oidcBrowser(t, ", auth_cookie_domain: .Example.com, redirect_url: 'https://login.example.com/done', scopes: [openid], authz_url_params: {prompt: login}")
	status, location := b.open("/")
	u, err := url.Parse(location)
	if err != nil || status != http.StatusFound || u.Query().Get("redirect_uri") != "https://login.example.com/done" || u.Query().Get("prompt") != "login" || u.Query().Get("scope") != "openid" {
		t.Fatalf("got %d and %q", status, location)
	}
	b.host = "login.example.com"
	if status, _ := b.open(b.back(b.visit(location))); status != http.StatusFound {
		t.Fatalf("got %d at the other host, want a session", status)
	}
	for _, line := range b.set {
		if !strings.HasPrefix(line, "__Secure-weir_") || !strings.Contains(line, "; Domain=example.com") {
			t.Errorf("got cookie %q, want it for the domain", line)
		}
	}
	b.host = "app.example.com"
	if status, _ := b.open("/"); status != http.StatusNotFound {
		t.Errorf("got %d, want the session at every host of the domain", status)
	}
	b.host = "evil-example.com"
	if status, _ := b.open("/"); status != http.StatusInternalServerError {
		t.Errorf("got %d, want a failure where the domain does not hold", status)
	}

	plain := newBrowser(t, p.g.plan(t, oidcPolicy(p.URL, "")))
	plain.scheme = "http"
	if status, _ := plain.open("/"); status != http.StatusBadRequest || len(plain.cookies) != 0 {
		t.Errorf("got %d, want no login over http", status)
	}
	plain.host = "127.0.0.1:8080"
	if status, _ := plain.login("/"); status != http.StatusFound {
		t.Errorf("got %d, want a login over http on this machine", status)
	}
	if status, _ := plain.open("/"); status != http.StatusNotFound {
		t.Errorf("got %d, want the session to hold", status)
	}
}

// TestOIDCSeveralLogins checks that two logins of one policy do not take each other's paths, answers and sessions.
func TestOIDCSeveralLogins(t *testing.T) {
	g := newGateway()
	p := newFakeProvider(t, g)
	one := func(path, id string) string {
		return `{expressions: ["req.url.path.startsWith('` + path + `') || req.url.path.startsWith('/weir/')"], actions: [{type: openid-connect, config: {issuer_url: "` +
			p.URL + `", client_id: ` + fakeClient + `, client_secret: ` + fakeSecret + `, auth_id: ` + id + `, session_secret: ` + strings.Repeat(id, 20) + `}}]}`
	}
	b := newBrowser(t, g.plan(t, "on_request: ["+one("/a", "a")+", "+one("/b", "b")+"]"))
	if status, location := b.login("/a/x"); status != http.StatusFound || location != "/a/x" {
		t.Fatalf("got %d and %q", status, location)
	}
	if status, _ := b.open("/a/x"); status != http.StatusNotFound {
		t.Errorf("got %d, want to be logged in at a", status)
	}
	if status, location := b.login("/b/x"); status != http.StatusFound || location != "/b/x" {
		t.Fatalf("got %d and %q, want a login of its own at b", status, location)
	}
	if status, location := b.open("/weir/login?auth_id=b&redirect_path=/b"); status != http.StatusFound || !strings.Contains(location, "/authorize") {
		t.Errorf("got %d and %q, want to log in at b", status, location)
	}
	b.open("/weir/logout?auth_id=a")
	if status, _ := b.open("/b/x"); status != http.StatusNotFound {
		t.Errorf("got %d, want the session of b to outlive the logout of a", status)
	}
	if status, _ := b.open("/a/x"); status != http.StatusFound {
		t.Errorf("got %d, want to be logged out at a", status)
	}
}

func TestOIDCTabs(t *testing.T) {
	_, _, b := oidcBrowser(t, "")
	locations := make([]string, 0, 5)
	for range 5 {
		_, location := b.open("/")
		locations = append(locations, location)
	}
	if len(b.cookies) > maxLogins {
		t.Errorf("got %d cookies, want at most %d", len(b.cookies), maxLogins)
	}
	if status, _ := b.open(b.back(b.visit(locations[4]))); status != http.StatusFound {
		t.Errorf("got %d, want the last tab to arrive", status)
	}
}

func TestOIDCWithoutTokens(t *testing.T) {
	g := newGateway()
	p := newFakeProvider(t, g)
	b := newBrowser(t, g.plan(t, `on_request: [{type: openid-connect, config: {issuer_url: "`+p.URL+`", client_id: `+fakeClient+`, client_secret: `+fakeSecret+`}}]`))
	b.login("/")
	withTokens := newBrowser(t, g.plan(t, oidcPolicy(p.URL, "")))
	withTokens.cookies = b.cookies
	if status, _ := withTokens.open("/"); status != http.StatusNotFound {
		t.Fatalf("got %d, want the session to hold", status)
	}
	if result := resultOf(t, withTokens.last, "oidc"); result["access_token"] != "" || result["refresh_token"] != "" || result["identity_token"] != "" {
		t.Errorf("got %v, want no tokens in cookies where nothing read them", result)
	}
}

func TestOIDCProblems(t *testing.T) {
	policy := func(config string) string { return "on_request: [{type: openid-connect, config: {" + config + "}}]" }
	const good = "issuer_url: 'https://a.example', client_id: a, client_secret: a-secret-of-some-length"
	tests := []struct{ name, config, want string }{
		{"nothing", "", "missing_field missing_field missing_field"},
		{"issuer over http", "issuer_url: 'http://a.example', client_id: a, client_secret: a-secret-of-some-length", "bad_url"},
		{"short secret", "issuer_url: 'https://a.example', client_id: a, client_secret: short", "missing_field"},
		{"short session secret", good + ", session_secret: short", "missing_field"},
		{"short previous secret", good + ", previous_session_secret: short", "bad_value"},
		{"two idle times", good + ", idle_session_timeout: 1h, idle_session_duration: 1h", "duplicate_key"},
		{"short idle time", good + ", idle_session_timeout: 1s", "out_of_range"},
		{"long session", good + ", max_session_duration: 10000h", "out_of_range"},
		{"eager refresh", good + ", userinfo_refresh_interval: 1s", "out_of_range"},
		{"scopes without openid", good + ", scopes: [email]", "bad_value"},
		{"own parameters", good + ", authz_url_params: {state: x}", "bad_value"},
		{"auth_id", good + ", auth_id: 'a b'", "bad_name"},
		{"cookie domain", good + ", auth_cookie_domain: com", "bad_value"},
		{"cookie domain with more in it", good + ", auth_cookie_domain: 'a.example; Secure'", "bad_value"},
		{"redirect url", good + ", redirect_url: '/done'", "bad_url"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, policy(tt.config)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
