package actions

import (
	"crypto/rsa"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"weir/engine"
	"weir/policies"
)

func TestJWTKeysRotate(t *testing.T) {
	k, g, s := identityKeysOnce(), newGateway(), newIdentityServer(t)
	cfg := g.compile(t, jwtPolicy(s.URL, "", "[RS256]", jku(s), ""))
	token := func(key *rsa.PrivateKey, id string) string {
		return mint(t, key, members{"alg": "RS256", "kid": id}, claimsAt(g, s.URL))
	}
	check := func(what, token, want string, asked int) {
		t.Helper()
		if got := asCode(t, bearer(token), &cfg); got != want || s.count() != asked {
			t.Fatalf("%s: got %q after %d reads of the keys, want %q after %d", what, got, s.count(), want, asked)
		}
	}
	check("first", token(k.rsa, "rsa-1"), "", 1)
	check("again", token(k.rsa, "rsa-1"), "", 1)
	s.set(func() {
		s.keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{publicKey(k.rsa.Public(), "rsa-1", ""), publicKey(k.another.Public(), "rsa-2", "")}}
	})
	check("new key, looked for a moment ago", token(k.another, "rsa-2"), "unauthorized", 1)
	g.now = g.now.Add(cacheUnknown)
	check("new key", token(k.another, "rsa-2"), "", 2)
	for range 5 {
		check("invented keys", token(k.another, "invented"), "unauthorized", 2)
	}
	g.now = g.now.Add(cacheUnknown)
	check("invented key once more", token(k.another, "invented"), "unauthorized", 3)

	s.set(func() {
		s.keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{publicKey(k.another.Public(), "rsa-2", "")}}
	})
	g.now = g.now.Add(cacheFresh)
	if got := asCode(t, bearer(token(k.rsa, "rsa-1")), &cfg); got != "" {
		t.Fatalf("got %q, want the old keys while new ones are read", got)
	}
	eventually(t, "the old key is gone", func() bool { return asCode(t, bearer(token(k.rsa, "rsa-1")), &cfg) == "unauthorized" })
}

func TestJWTIssuerDown(t *testing.T) {
	k, g, s := identityKeysOnce(), newGateway(), newIdentityServer(t)
	cfg := g.compile(t, jwtPolicy(s.URL, "", "[RS256]", jku(s), ""))
	token := func() string { return mint(t, k.rsa, members{"alg": "RS256", "kid": "rsa-1"}, claimsAt(g, s.URL)) }
	s.set(func() { s.status = http.StatusServiceUnavailable })
	for range 3 {
		if got := asCode(t, bearer(token()), &cfg); got != "policy_failed" || s.count() != 1 {
			t.Fatalf("got %q after %d reads, want it closed after one", got, s.count())
		}
	}
	s.set(func() { s.status = 0 })
	g.now = g.now.Add(cacheRetry)
	if got := asCode(t, bearer(token()), &cfg); got != "" {
		t.Fatalf("got %q, want it to come back", got)
	}
	s.set(func() { s.status = http.StatusInternalServerError })
	g.now = g.now.Add(cacheStale - time.Second)
	if got := asCode(t, bearer(token()), &cfg); got != "" {
		t.Fatalf("got %q, want the last keys to count while the issuer is down", got)
	}
	eventually(t, "the failed read ends", func() bool { return s.count() == 3 })
	g.now = g.now.Add(cacheRetry)
	if got := asCode(t, bearer(token()), &cfg); got != "policy_failed" {
		t.Fatalf("got %q, want it closed after %s", got, cacheStale)
	}
	shadow := g.compile(t, jwtPolicy(s.URL, "", "[RS256]", jku(s), "enforce: false"))
	x := bearer(token())
	if got := asCode(t, x, &shadow); got != "" || x.Caller.Kind != "" {
		t.Errorf("got %q and %+v, want a shadow to refuse nobody and to know nobody", got, x.Caller)
	}
}

func TestJWTKeysShared(t *testing.T) {
	k, g, s := identityKeysOnce(), newGateway(), newIdentityServer(t)
	text := jwtPolicy(s.URL, "", "[RS256]", jku(s), "")
	first, second := g.compile(t, text), g.compile(t, text)
	x := bearer(mint(t, k.rsa, members{"alg": "RS256", "kid": "rsa-1"}, claimsAt(g, s.URL)))
	for _, cfg := range []*engine.PlanConfig{&first, &second} {
		if got := asCode(t, x, cfg); got != "" || s.count() != 1 {
			t.Errorf("got %q after %d reads, want the keys to outlive a reload", got, s.count())
		}
	}
}

func TestJWTDiscovery(t *testing.T) {
	k := identityKeysOnce()
	other := newIdentityServer(t)
	other.keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{publicKey(k.another.Public(), "theirs", "")}}
	tests := []struct {
		name   string
		change func(s *identityServer)
		want   string
	}{
		{"as it should be", func(*identityServer) {}, ""},
		{"of another issuer", func(s *identityServer) { s.issuer = "https://evil.example" }, "policy_failed"},
		{"with a slash more", func(s *identityServer) { s.issuer = s.URL + "/" }, "policy_failed"},
		{"keys over plain http elsewhere", func(s *identityServer) { s.jwks = "http://keys.example/keys" }, "policy_failed"},
		{"keys at a private address", func(s *identityServer) { s.jwks = "https://10.0.0.1/keys" }, "policy_failed"},
		{"keys at another port of this machine", func(s *identityServer) { s.jwks = other.URL + "/keys" }, "policy_failed"},
		{"no keys", func(s *identityServer) { s.jwks = "none" }, "policy_failed"},
		{"a document without keys", func(s *identityServer) { s.keys = members{"keys": []any{}} }, "policy_failed"},
		{"a document that is none", func(s *identityServer) { s.keys = "keys" }, "policy_failed"},
		{"too long a document", func(s *identityServer) { s.keys = members{"keys": []any{}, "fill": strings.Repeat("x", maxKeysBody)} }, "policy_failed"},
		{"a redirect", func(s *identityServer) { s.status = http.StatusFound }, "policy_failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, s := newGateway(), newIdentityServer(t)
			s.set(func() { tt.change(s) })
			cfg := g.compile(t, jwtPolicy(s.URL, "", "[RS256]", "", ""))
			if got := asCode(t, bearer(mint(t, k.rsa, members{"alg": "RS256", "kid": "rsa-1"}, claimsAt(g, s.URL))), &cfg); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestJWTIssuersApart checks that the keys of one issuer do not speak for another.
func TestJWTIssuersApart(t *testing.T) {
	k, g := identityKeysOnce(), newGateway()
	a, b := newIdentityServer(t), newIdentityServer(t)
	b.keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{publicKey(k.another.Public(), "theirs", "")}}
	cfg := g.compile(t, `on_request: [{actions: [{type: jwt-validation, config: {
  issuer: {allow_list: [{value: "`+a.URL+`"}, {value: "`+b.URL+`"}]}, jws: {allowed_algorithms: [RS256]},
  http: {tokens: [{type: jwt, method: header, name: authorization, prefix: "Bearer "}]}}}]}]`)
	if got := asCode(t, bearer(mint(t, k.another, members{"alg": "RS256", "kid": "theirs"}, claimsAt(g, b.URL))), &cfg); got != "" {
		t.Fatalf("got %q, want the second issuer's own token to count", got)
	}
	if got := asCode(t, bearer(mint(t, k.another, members{"alg": "RS256", "kid": "theirs"}, claimsAt(g, a.URL))), &cfg); got != "unauthorized" {
		t.Errorf("got %q, want the second issuer's key not to speak for the first", got)
	}
}

// TestJWTMadeAddress checks that an address with something of the request in it reaches public hosts only.
func TestJWTMadeAddress(t *testing.T) {
	k, g, s := identityKeysOnce(), newGateway(), newIdentityServer(t)
	cfg := g.compile(t, jwtPolicy(s.URL, "", "[RS256]", `{sources: {additional_jkus: ["`+s.URL+`/${req.headers['x-doc'][0]}"]}}`, ""))
	x := bearer(mint(t, k.rsa, members{"alg": "RS256", "kid": "rsa-1"}, claimsAt(g, s.URL)))
	x.Request.Headers.Add("x-doc", "keys")
	if got := asCode(t, x, &cfg); got != "policy_failed" || s.count() != 0 {
		t.Errorf("got %q after %d reads, want an address that a request makes not to reach this machine", got, s.count())
	}
}

func TestJWTInlineKeysAndSecrets(t *testing.T) {
	k, g := identityKeysOnce(), newGateway()
	key, err := publicKey(k.ec.Public(), "ec-1", "").MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	cfg := g.compile(t, jwtPolicy("urn:issuer", "", "[ES256, HS256]", `[{sources: [{jwks: {keys: [`+string(key)+`]}}, {secrets: ["`+
		strings.Repeat("old-", 8)+`", "${req.host == 'api.example.com' ? '`+strings.Repeat("new-", 8)+`' : 'short'}"]}], identification: {token_claims: [kid]}}]`, ""))
	good := claimsAt(g, "urn:issuer")
	for name, token := range map[string]string{
		"key":        mint(t, k.ec, members{"alg": "ES256", "kid": "ec-1"}, good),
		"old secret": mint(t, []byte(strings.Repeat("old-", 8)), members{"alg": "HS256"}, good),
		"new secret": mint(t, []byte(strings.Repeat("new-", 8)), members{"alg": "HS256"}, good),
	} {
		if got := asCode(t, bearer(token), &cfg); got != "" {
			t.Errorf("%s: got %q, want it to count", name, got)
		}
	}
	x := bearer(mint(t, []byte("short"), members{"alg": "HS256"}, good))
	x.Request.Host = "elsewhere"
	if got := asCode(t, x, &cfg); got != "policy_failed" {
		t.Errorf("got %q, want a secret that is too short to be a failure", got)
	}
}

func TestJWTProblems(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"nothing", "", "missing_field missing_field missing_field"},
		{"none", jwtPolicy("https://a.example", "", "[none]", "", ""), "bad_value"},
		{"none in another case", jwtPolicy("https://a.example", "", "[NONE]", "", ""), "bad_value"},
		{"unknown algorithm", jwtPolicy("https://a.example", "", "[RS257]", "", ""), "bad_value"},
		{"no algorithm", jwtPolicy("https://a.example", "", "[]", "", ""), "out_of_range"},
		{"issuer over http", jwtPolicy("http://a.example", "", "[RS256]", "", ""), "bad_url"},
		{"keys over http", jwtPolicy("a", "", "[RS256]", "{sources: {additional_jkus: ['http://a.example/keys']}}", ""), "bad_url"},
		{"keys with a user", jwtPolicy("a", "", "[RS256]", "{sources: {additional_jkus: ['https://u:p@a.example/keys']}}", ""), "bad_url"},
		{"HS without secret", jwtPolicy("a", "", "[HS256]", "{sources: {additional_jkus: ['https://a.example/keys']}}", ""), "missing_field"},
		{"short secret", jwtPolicy("a", "", "[HS512]", "{sources: {secrets: ['"+hmacSecret+"']}}", ""), "bad_value"},
		{"RS without key", jwtPolicy("a", "", "[RS256]", "{sources: {secrets: ['"+hmacSecret+"']}}", ""), "missing_field"},
		{"unknown source", jwtPolicy("a", "", "[RS256]", "{sources: {jkus: ['https://a.example/keys']}}", ""), "unknown_key"},
		{"unknown identification", jwtPolicy("https://a.example", "", "[RS256]", "{identification: {token_claims: [x5t]}}", ""), "bad_value"},
		{"bad document", jwtPolicy("a", "", "[RS256]", "{sources: {jwks: {keys: []}}}", ""), "bad_value"},
		{"keys of another type", jwtPolicy("https://a.example", "", "[RS256]", "5", ""), "wrong_type"},
		{"skew", jwtPolicy("https://a.example", "", "[RS256]", "", "clock_skew: 6m"), "out_of_range"},
		{"empty issuer", jwtPolicy("", "", "[RS256]", "{sources: {additional_jkus: ['https://a.example/keys']}}", ""), "bad_value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := tt.config
			if text == "" {
				text = "on_request: [{type: jwt-validation}]"
			}
			if got := problems(t, text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzJWT gives every text as a token: none may count, and none may cost more than a refusal.
func FuzzJWT(f *testing.F) {
	k, g, s := identityKeysOnce(), newGateway(), newIdentityServer(f)
	text := jwtPolicy(s.URL, "", "[RS256, ES256, EdDSA, HS256]", `{sources: {additional_jkus: ["`+s.URL+`/keys"], secrets: ["`+hmacSecret+`"]}}`, "")
	valid := mint(f, k.rsa, members{"alg": "RS256", "kid": "rsa-1"}, claimsAt(g, s.URL))
	f.Add(valid)
	f.Add("a.b.c")
	f.Add(encodePart(`{"alg":"none"}`) + "." + encodePart(`{}`) + ".")
	f.Add(encodePart(`{"alg":"HS256","kid":null}`) + "." + encodePart(`{"exp":1e309}`) + ".AAAA")
	cfg, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte(text)}, policies.Options{Actions: Registry(), Services: g.Services})
	if diags.HasErrors() {
		f.Fatal(diags)
	}
	f.Fuzz(func(t *testing.T, token string) {
		got := asCode(t, bearer(token), &cfg)
		if strings.TrimSpace(token) == valid {
			return
		}
		if got != "unauthorized" {
			t.Fatalf("got %q for %q, want it refused", got, token)
		}
	})
}
