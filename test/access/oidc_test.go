package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// issuer is an identity provider on this machine.
type issuer struct {
	key *ecdsa.PrivateKey
	url string
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k", Algorithm: oidc.ES256}}, Algorithms: []string{oidc.ES256}}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.SetIssuer(web.URL)
	return &issuer{key: key, url: web.URL}
}

// token signs claims, to which it adds what they do not have.
func (i *issuer) token(claims string) string {
	for name, value := range map[string]string{"iss": fmt.Sprintf("%q", i.url), "aud": `"weir-admin"`, "sub": `"ada"`, "exp": strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)} {
		if !strings.Contains(claims, `"`+name+`"`) {
			claims += fmt.Sprintf(`,%q:%s`, name, value)
		}
	}
	return oidctest.SignIDToken(i.key, "k", oidc.ES256, "{"+claims+"}")
}

// TestPeopleOfAnIdentityProvider uses the Admin API with tokens of an issuer, whose claims say which role they have.
func TestPeopleOfAnIdentityProvider(t *testing.T) {
	t.Parallel()
	i, other := newIssuer(t), newIssuer(t)
	f := newFleet(t, "folder: FOLDER\noidc: {issuer: '"+i.url+"', audience: weir-admin, role_claim: realm.roles, roles: [platform=admin, devs=editor, everyone=viewer]}")
	g := f.start("")
	const admin, viewer = `"realm":{"roles":["x","platform"]}`, `"realm":{"roles":["everyone"]}`
	tests := []struct {
		name, token      string
		read, write, own int
	}{
		{"admin", i.token(admin), 200, 201, 200},
		{"editor", i.token(`"realm":{"roles":"devs"}`), 200, 201, 403},
		{"viewer", i.token(viewer), 200, 403, 403},
		{"the word of a role is none", i.token(`"realm":{"roles":["admin"]}`), 403, 403, 403},
		{"no claim", i.token(`"roles":["platform"]`), 403, 403, 403},
		{"another audience", i.token(admin + `,"aud":"other"`), 401, 401, 401},
		{"expired", i.token(admin + `,"exp":1700000000`), 401, 401, 401},
		{"not yet", i.token(admin + `,"nbf":4000000000`), 401, 401, 401},
		{"signed by another", other.token(admin + fmt.Sprintf(`,"iss":%q`, i.url)), 401, 401, 401},
		{"of another issuer", other.token(admin), 401, 401, 401},
		{"unsigned", "eyJhbGciOiJub25lIn0." + strings.Split(i.token(admin), ".")[1] + ".", 401, 401, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []struct {
				asking
				want int
			}{
				{asking{path: "/teams"}, tt.read},
				{asking{method: http.MethodPost, path: "/teams", body: `{"name": "by ` + tt.name + `"}`}, tt.write},
				{asking{path: "/api-keys"}, tt.own},
			} {
				step.token = tt.token
				if r := g.asks(step.asking); r.status != step.want {
					t.Errorf("%s %s: got %d: %s; want %d", step.method, step.path, r.status, r.body, step.want)
				}
				if tt.read == http.StatusUnauthorized {
					return // an address that sends many wrong tokens waits
				}
			}
		})
	}
	if text := g.must(http.MethodGet, "/audit", "", http.StatusOK); !strings.Contains(text, "oidc:ada") || strings.Contains(text, "by viewer") {
		t.Errorf("got audit log %s", text)
	}
	if out := g.out.String(); strings.Contains(out, tests[0].token) || strings.Contains(out, tests[6].token) {
		t.Error("the log has a token")
	}
	g.send(call{header: bearer(i.token(admin))}).want(t, http.StatusUnauthorized)
}
