package actions

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"weir/engine"
)

// fakeProvider is a whole identity provider: people log in at once, as whoever the test says.
type fakeProvider struct {
	*httptest.Server

	g *gateway

	mu        sync.Mutex
	claims    members // more claims of ID tokens; nil takes one away
	header    members // of ID tokens
	key       any     // that signs them
	user      members // what the user info says
	down      bool    // every answer is a 500
	gone      bool    // tokens are no longer taken
	expires   int     // seconds of access tokens
	codes     map[string]url.Values
	tokens    int // issued
	userInfos int // asked
	basic     bool
}

const (
	fakeClient = "weir-client"
	fakeSecret = "a client secret of some length"
)

func newFakeProvider(t *testing.T, g *gateway) *fakeProvider {
	t.Helper()
	p := &fakeProvider{g: g, key: identityKeysOnce().rsa, codes: map[string]url.Values{}, expires: 3600}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", p.describe)
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{publicKey(identityKeysOnce().rsa.Public(), "rsa-1", "")}})
	})
	mux.HandleFunc("/authorize", p.authorize)
	mux.HandleFunc("/token", p.token)
	mux.HandleFunc("/userinfo", p.userInfo)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.down {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *fakeProvider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (p *fakeProvider) describe(w http.ResponseWriter, _ *http.Request) {
	d := members{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"userinfo_endpoint": p.URL + "/userinfo", "jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"},
	}
	if p.basic {
		d["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
	}
	writeJSON(w, d)
}

// authorize logs the person in and sends the browser back.
func (p *fakeProvider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != fakeClient || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	code := "code-" + q.Get("state")[:4] + q.Get("nonce")
	p.codes[code] = q
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *fakeProvider) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	secret, _ = url.QueryUnescape(secret)
	if !basic {
		secret = r.PostForm.Get("client_secret")
	}
	if id != fakeClient || secret != fakeSecret || basic == p.basic {
		w.WriteHeader(http.StatusUnauthorized)
		writeJSON(w, members{"error": "invalid_client"})
		return
	}
	p.tokens++
	answer := members{"access_token": "access-1", "token_type": "Bearer", "expires_in": p.expires, "refresh_token": "refresh-1"}
	if r.PostForm.Get("grant_type") == "refresh_token" {
		if p.gone || r.PostForm.Get("refresh_token") != "refresh-1" {
			w.WriteHeader(http.StatusBadRequest)
			writeJSON(w, members{"error": "invalid_grant"})
			return
		}
		writeJSON(w, answer)
		return
	}
	asked, ok := p.codes[r.PostForm.Get("code")]
	delete(p.codes, r.PostForm.Get("code"))
	challenge := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(challenge[:]) || asked.Get("redirect_uri") != r.PostForm.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		writeJSON(w, members{"error": "invalid_grant"})
		return
	}
	now := p.g.now.Unix()
	claims := with(members{
		"iss": p.URL, "aud": fakeClient, "sub": "alice", "email": "alice@example.com", "name": "Alice", "groups": []string{"team"},
		"nonce": asked.Get("nonce"), "exp": now + 300, "iat": now,
	}, p.claims)
	answer["id_token"] = mint(&testing.T{}, p.key, with(members{"alg": "RS256", "kid": "rsa-1"}, p.header), claims)
	if _, has := p.claims["no id token"]; has {
		delete(answer, "id_token")
	}
	writeJSON(w, answer)
}

func (p *fakeProvider) userInfo(w http.ResponseWriter, r *http.Request) {
	p.userInfos++
	if p.gone || r.Header.Get("Authorization") != "Bearer access-1" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	writeJSON(w, with(members{"sub": "alice", "email": "alice@example.com", "name": "Alice"}, p.user))
}

// browser keeps cookies and follows redirects, as one at https://app.example.com does.
type browser struct {
	t       *testing.T
	plan    *engine.Plan
	scheme  string
	host    string
	cookies map[string]string
	last    *engine.Exchange // the last exchange with the gateway
	set     []string         // the cookies it set, as they came
}

func newBrowser(t *testing.T, plan *engine.Plan) *browser {
	t.Helper()
	return &browser{t: t, plan: plan, scheme: "https", host: "app.example.com", cookies: map[string]string{}}
}

// page is a request for a page, as browsers send it.
func (b *browser) page(target string, headers ...engine.Header) *engine.Exchange {
	x := engine.NewExchange()
	x.Request.Method, x.Request.Scheme, x.Request.Host = http.MethodGet, b.scheme, b.host
	x.Request.Path, x.Request.Query, _ = strings.Cut(target, "?")
	x.Request.RawPath = x.Request.Path
	x.Request.Headers = append(engine.Headers{{Name: "accept", Value: "text/html,*/*"}}, headers...)
	x.Missing = engine.Errorf(engine.CodeNotFound, "nothing here")
	return x
}

// send sends a request with the browser's cookies; the status is that of the answer.
func (b *browser) send(x *engine.Exchange) (status int, location string) {
	b.t.Helper()
	for name, value := range b.cookies {
		x.Request.Headers.Add("cookie", name+"="+value)
	}
	err := b.plan.Run(x)
	b.last, b.set = x, x.Reply.Headers.Values("set-cookie")
	for _, line := range b.set {
		c, parseErr := http.ParseSetCookie(line)
		if parseErr != nil {
			b.t.Fatalf("got the cookie %q: %v", line, parseErr)
		}
		if c.MaxAge <= 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c.Value
	}
	if err != nil {
		return engine.AsError(err).HTTPStatus(), ""
	}
	return x.Reply.Status, x.Reply.Headers.First("location")
}

func (b *browser) open(target string, headers ...engine.Header) (status int, location string) {
	b.t.Helper()
	return b.send(b.page(target, headers...))
}

// visit follows a redirect to the identity provider and returns where that sends the browser.
func (b *browser) visit(location string) string {
	b.t.Helper()
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       5 * time.Second,
	}
	resp, err := client.Get(location)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		b.t.Fatalf("got status %d of the identity provider, want a redirect", resp.StatusCode)
	}
	return resp.Header.Get("Location")
}

// back turns the address that a provider sends to into the gateway's target.
func (b *browser) back(location string) string {
	b.t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		b.t.Fatal(err)
	}
	return u.RequestURI()
}

// login opens a page and logs in on the way; it returns the status of the callback and where that leads.
func (b *browser) login(target string) (status int, location string) {
	b.t.Helper()
	status, location = b.open(target)
	if status != http.StatusFound {
		b.t.Fatalf("got status %d for %s, want a redirect to log in", status, target)
	}
	return b.open(b.back(b.visit(location)))
}
