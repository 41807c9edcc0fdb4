package admin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// issuerOfTest is an identity provider.
type issuerOfTest struct {
	url  string
	key  *ecdsa.PrivateKey
	down atomic.Bool
	hits atomic.Int64
}

func newIssuer(t *testing.T) *issuerOfTest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuerOfTest{key: key}
	s := &oidctest.Server{
		PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k", Algorithm: oidc.ES256}}, Algorithms: []string{oidc.ES256},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.hits.Add(1)
		if i.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.SetIssuer(server.URL)
	i.url = server.URL
	return i
}

func (i *issuerOfTest) token(claims string) string {
	if !strings.Contains(claims, `"exp"`) {
		claims += fmt.Sprintf(`,"exp":%d`, time.Now().Add(time.Hour).Unix())
	}
	if !strings.Contains(claims, `"iss"`) {
		claims += `,"iss":"` + i.url + `"`
	}
	if !strings.Contains(claims, `"aud"`) {
		claims += `,"aud":"weir-admin"`
	}
	return oidctest.SignIDToken(i.key, "k", oidc.ES256, "{"+claims+"}")
}

func TestOIDC(t *testing.T) {
	i, other := newIssuer(t), newIssuer(t)
	h := newHarness(t, func(o *Options) {
		o.OIDC = &OIDCOptions{
			Issuer: i.url, Audience: "weir-admin", RoleClaim: "realm.roles", Roles: map[string]string{"ops": "admin", "dev": "editor", "sec": "auditor"},
		}
	})
	for _, tt := range []struct {
		name, token string
		status      int // of reading the audit log
		code        string
	}{
		{"a role that may", i.token(`"sub":"u1","realm":{"roles":["x","sec"]}`), 200, ""},
		{"the widest role", i.token(`"sub":"u1","realm":{"roles":["sec","ops"]}`), 200, ""},
		{"one text", i.token(`"sub":"u1","realm":{"roles":"ops"}`), 200, ""},
		{"a role that may not", i.token(`"sub":"u1","realm":{"roles":["dev"]}`), 403, "forbidden"},
		{"a value that is no role", i.token(`"sub":"u1","realm":{"roles":["admin"]}`), 403, "unknown_role"},
		{"no claim", i.token(`"sub":"u1"`), 403, "unknown_role"},
		{"claim of another form", i.token(`"sub":"u1","realm":["ops"]`), 403, "unknown_role"},
		{"another audience", i.token(`"sub":"u1","aud":"other","realm":{"roles":["ops"]}`), 401, "unauthorized"},
		{"another issuer", i.token(`"sub":"u1","iss":"https://evil.example","realm":{"roles":["ops"]}`), 401, "unauthorized"},
		{"another key", other.token(`"sub":"u1","iss":"` + i.url + `","realm":{"roles":["ops"]}`), 401, "unauthorized"},
		{"expired", i.token(`"sub":"u1","exp":1700000000,"realm":{"roles":["ops"]}`), 401, "unauthorized"},
		{"not yet", i.token(`"sub":"u1","nbf":4000000000,"realm":{"roles":["ops"]}`), 401, "unauthorized"},
		{"nobody", i.token(`"realm":{"roles":["ops"]}`), 401, "unauthorized"},
		{"no signature", "eyJhbGciOiJub25lIn0." + strings.Split(i.token(`"sub":"u1","realm":{"roles":["ops"]}`), ".")[1] + ".", 401, "unauthorized"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := h.in(t).want(call{method: "GET", path: "/audit", token: tt.token}, tt.status)
			if tt.code != "" && a.body["errorCode"] != tt.code {
				t.Errorf("got code %v, want %s", a.body["errorCode"], tt.code)
			}
		})
	}
	h.want(call{method: "POST", path: "/teams", body: `{"name":"t"}`, token: i.token(`"sub":"u 1\n","realm":{"roles":"dev"}`)}, 201)
	if got := h.store.audit[0].Actor; !strings.HasPrefix(got, "oidc:u 1 ~") {
		t.Errorf("actor: got %q", got)
	}
	if role, _ := h.role(i.token(`"sub":"u2","realm":{"roles":"ops"}`)); role != "admin" {
		t.Errorf("role: got %q", role)
	}
}

// TestSubjectsStayApart: two people never act under one name, however their identity provider calls them.
func TestSubjectsStayApart(t *testing.T) {
	long := strings.Repeat("team/", 40)
	seen := map[string]string{}
	for _, s := range []string{
		"u", "u 1", "u\n1", "u\t1", "u\u202e1", "spiffe://example.org/" + long + "ada", "spiffe://example.org/" + long + "bob",
		strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("x", maxSubject), strings.Repeat("x", maxSubject+1),
	} {
		got := subject(s)
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %q both act as %q", s, other, got)
		}
		seen[got] = s
		if utf8.RuneCountInString(got) > maxSubject || strings.ContainsAny(got, "\n\t\u202e") {
			t.Errorf("got %q for %q", got, s)
		}
	}
}

func TestIssuerThatIsDown(t *testing.T) {
	i := newIssuer(t)
	now := time.Now()
	h := newHarness(t, func(o *Options) {
		o.OIDC = &OIDCOptions{Issuer: i.url, Audience: "weir-admin"}
		o.Now = func() time.Time { return now }
	})
	if i.hits.Load() != 0 {
		t.Error("the issuer was asked before anybody came with a token of it")
	}
	i.down.Store(true)
	c := call{method: "GET", path: "/teams", token: i.token(`"sub":"u","roles":["viewer"]`)}
	h.refused(c, 503, "identity_provider_unavailable", "")
	asked := i.hits.Load()
	h.refused(c, 503, "identity_provider_unavailable", "")
	if i.hits.Load() != asked {
		t.Error("an issuer that does not answer is asked for every request")
	}
	h.want(call{method: "GET", path: "/teams"}, 200) // others are not in its hands
	i.down.Store(false)
	now = now.Add(identityRest)
	h.want(c, 200)
}

func TestOIDCOptions(t *testing.T) {
	for name, o := range map[string]OIDCOptions{
		"no audience": {Issuer: "https://id.example"}, "no host": {Issuer: "id", Audience: "a"}, "not https": {Issuer: "http://id.example", Audience: "a"},
		"odd role": {Issuer: "https://id.example", Audience: "a", Roles: map[string]string{"x": "root"}},
	} {
		if _, err := newIdentityProvider(&o, time.Now); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
