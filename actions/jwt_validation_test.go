package actions

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"weir/engine"
)

// jwtPolicy is a policy with one token in the authorization header.
func jwtPolicy(issuer, audience, algorithms, keys, more string) string {
	text := `on_request: [{actions: [{type: jwt-validation, config: {issuer: {allow_list: [{value: "` + issuer + `"}]},
  http: {tokens: [{type: jwt, method: header, name: authorization, prefix: "Bearer "}]},
  jws: {allowed_algorithms: ` + algorithms
	if keys != "" {
		text += ", keys: " + keys
	}
	text += "}"
	if audience != "" {
		text += `, audience: {allow_list: [{value: "` + audience + `"}]}`
	}
	if more != "" {
		text += ", " + more
	}
	return text + "}}]}]"
}

func jku(s *identityServer) string { return `{sources: {additional_jkus: ["` + s.URL + `/keys"]}}` }

const hmacSecret = "0123456789abcdef0123456789abcdef"

// TestJWTAttacks tries what has worked against others. Each token differs from a good one in one thing.
func TestJWTAttacks(t *testing.T) {
	k, g, s := identityKeysOnce(), newGateway(), newIdentityServer(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatalf("making a small key: %v", err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		publicKey(k.rsa.Public(), "rsa-1", ""), publicKey(k.ec.Public(), "ec-1", "ES256"), publicKey(k.ed.Public(), "ed-1", ""),
		publicKey(small.Public(), "small", ""), publicKey(p384.Public(), "p384", ""),
		{Key: []byte(hmacSecret), KeyID: "oct", Algorithm: "HS256"},
		{Key: k.another.Public(), KeyID: "enc", Use: "enc"},
	}}
	cfg := g.compile(t, jwtPolicy(s.URL, "models", "[RS256, PS256, ES256, EdDSA, HS256]",
		`{sources: {additional_jkus: ["`+s.URL+`/keys"], secrets: ["`+strings.Repeat("a secret", 5)+`"]}}`, ""))

	der, err := x509.MarshalPKIXPublicKey(k.rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	good := claimsAt(g, s.URL)
	rs := members{"alg": "RS256", "kid": "rsa-1", "typ": "JWT"}
	now := g.now.Unix()
	sign := func(header, claims any) string { return mint(t, k.rsa, header, claims) }
	valid := sign(rs, good)
	head, rest, _ := strings.Cut(valid, ".")
	body, signature, _ := strings.Cut(rest, ".")
	embedded, err := jose.JSONWebKey{Key: k.another.Public(), KeyID: "mine"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	jwk := members{}
	if err := json.Unmarshal(embedded, &jwk); err != nil {
		t.Fatal(err)
	}

	tests := []struct{ name, token, want string }{
		{"good", valid, ""},
		{"good, RSA with PSS", sign(members{"alg": "PS256", "kid": "rsa-1"}, good), ""},
		{"good, elliptic curve", mint(t, k.ec, members{"alg": "ES256", "kid": "ec-1"}, good), ""},
		{"good, Ed25519", mint(t, k.ed, members{"alg": "EdDSA", "kid": "ed-1"}, good), ""},
		{"good, secret", mint(t, []byte(strings.Repeat("a secret", 5)), members{"alg": "HS256"}, good), ""},
		{"good, no key id", sign(with(rs, members{"kid": nil}), good), ""},
		{"good, audiences", sign(rs, with(good, members{"aud": []string{"others", "models"}})), ""},
		{"good, dates with parts of a second", sign(rs, with(good, members{"exp": float64(now) + 0.5})), ""},

		{"no signature algorithm", sign(with(rs, members{"alg": "none"}), good), "unauthorized"},
		{"none in another case", sign(with(rs, members{"alg": "NoNe"}), good), "unauthorized"},
		{"none and no signature", encodePart(members{"alg": "none"}) + "." + encodePart(good) + ".", "unauthorized"},
		{"no signature", head + "." + body + ".", "unauthorized"},
		{"two parts", head + "." + body, "unauthorized"},
		{"algorithm in another case", sign(with(rs, members{"alg": "rs256"}), good), "unauthorized"},
		{"algorithm not allowed", sign(with(rs, members{"alg": "RS384"}), good), "unauthorized"},
		{"no algorithm", sign(with(rs, members{"alg": nil}), good), "unauthorized"},
		{"algorithm of another type", sign(with(rs, members{"alg": []string{"RS256"}}), good), "unauthorized"},
		{"algorithm twice", mint(t, k.another, `{"alg":"RS256","alg":"none","kid":"rsa-1"}`, good), "unauthorized"},

		{"public key as secret, PEM", mint(t, publicPEM, members{"alg": "HS256", "kid": "rsa-1"}, good), "unauthorized"},
		{"public key as secret, DER", mint(t, der, members{"alg": "HS256", "kid": "rsa-1"}, good), "unauthorized"},
		{"public key as secret, modulus", mint(t, k.rsa.N.Bytes(), members{"alg": "HS256", "kid": "rsa-1"}, good), "unauthorized"},
		{"secret in the document of keys", mint(t, []byte(hmacSecret), members{"alg": "HS256", "kid": "oct"}, good), "unauthorized"},
		{"empty secret", mint(t, []byte{}, members{"alg": "HS256"}, good), "unauthorized"},
		{"key of another family", sign(with(rs, members{"kid": "ec-1"}), good), "unauthorized"},
		{"key of another algorithm", mint(t, k.ec, members{"alg": "ES256", "kid": "p384"}, good), "unauthorized"},
		{"key for encryption", mint(t, k.another, members{"alg": "RS256", "kid": "enc"}, good), "unauthorized"},
		{"small key", mint(t, small, members{"alg": "RS256", "kid": "small"}, good), "unauthorized"},
		{"another's key", mint(t, k.another, rs, good), "unauthorized"},
		{"another's key without id", mint(t, k.another, with(rs, members{"kid": nil}), good), "unauthorized"},

		{"key in the header", mint(t, k.another, members{"alg": "RS256", "kid": "mine", "jwk": jwk}, good), "unauthorized"},
		{"key in the header under a known id", mint(t, k.another, with(rs, members{"jwk": jwk}), good), "unauthorized"},
		{"address of keys in the header", mint(t, k.another, with(rs, members{"jku": "https://evil.example/keys", "kid": "mine"}), good), "unauthorized"},
		{"address of a certificate in the header", mint(t, k.another, with(rs, members{"x5u": "https://evil.example/cert"}), good), "unauthorized"},
		{"key id as a path", mint(t, k.another, with(rs, members{"kid": "../../../../dev/null"}), good), "unauthorized"},
		{"key id as a query", mint(t, k.another, with(rs, members{"kid": "x' UNION SELECT 'secret"}), good), "unauthorized"},
		{"key id as an address", mint(t, k.another, with(rs, members{"kid": "https://evil.example/keys"}), good), "unauthorized"},
		{"empty key and key id of null", mint(t, []byte{}, members{"alg": "HS256", "kid": "/dev/null"}, good), "unauthorized"},
		{"key id that is no text", sign(with(rs, members{"kid": 1}), good), "unauthorized"},
		{"long key id", sign(with(rs, members{"kid": strings.Repeat("k", 257)}), good), "unauthorized"},

		{"critical extension", sign(with(rs, members{"crit": []string{"exp"}}), good), "unauthorized"},
		{"empty critical list", sign(with(rs, members{"crit": []string{}}), good), "unauthorized"},
		{"payload as it is", sign(with(rs, members{"b64": false, "crit": []string{"b64"}}), good), "unauthorized"},
		{"payload as it is, not critical", sign(with(rs, members{"b64": false}), good), "unauthorized"},
		{"compressed", sign(with(rs, members{"zip": "DEF"}), good), "unauthorized"},
		{"nested", sign(with(rs, members{"cty": "JWT"}), good), "unauthorized"},
		{"encrypted", head + "." + body + "." + body + "." + body + "." + signature, "unauthorized"},
		{"another type", sign(with(rs, members{"typ": "at+jwt"}), good), "unauthorized"},
		{"logout token", sign(with(rs, members{"typ": "logout+jwt"}), good), "unauthorized"},

		{"expired", sign(rs, with(good, members{"exp": now - 61})), "unauthorized"},
		{"expired within the skew", sign(rs, with(good, members{"exp": now - 59})), ""},
		{"no expiry", sign(rs, with(good, members{"exp": nil})), "unauthorized"},
		{"expiry as text", sign(rs, with(good, members{"exp": "9999999999"})), "unauthorized"},
		{"expiry beyond time", sign(rs, with(good, members{"exp": 1e300})), "unauthorized"},
		{"expiry before time", sign(rs, with(good, members{"exp": -1})), "unauthorized"},
		{"not yet valid", sign(rs, with(good, members{"nbf": now + 61})), "unauthorized"},
		{"not yet valid within the skew", sign(rs, with(good, members{"nbf": now + 59})), ""},
		{"issued in the future", sign(rs, with(good, members{"iat": now + 61})), "unauthorized"},
		{"issued at a text", sign(rs, with(good, members{"iat": "now"})), "unauthorized"},

		{"another audience", sign(rs, with(good, members{"aud": "others"})), "unauthorized"},
		{"audience that begins so", sign(rs, with(good, members{"aud": "models2"})), "unauthorized"},
		{"no audience", sign(rs, with(good, members{"aud": nil})), "unauthorized"},
		{"empty audiences", sign(rs, with(good, members{"aud": []string{}})), "unauthorized"},
		{"audiences of several types", sign(rs, with(good, members{"aud": []any{"models", 1}})), "unauthorized"},
		{"another issuer", sign(rs, with(good, members{"iss": "https://evil.example"})), "unauthorized"},
		{"issuer with a slash more", sign(rs, with(good, members{"iss": s.URL + "/"})), "unauthorized"},
		{"issuer in another case", sign(rs, with(good, members{"iss": strings.ToUpper(s.URL)})), "unauthorized"},
		{"no issuer", sign(rs, with(good, members{"iss": nil})), "unauthorized"},
		{"issuers", sign(rs, with(good, members{"iss": []string{s.URL}})), "unauthorized"},

		{"claim twice", sign(rs, fmt.Sprintf(`{"iss":%q,"sub":"alice","sub":"root","aud":"models","exp":%d}`, s.URL, now+60)), "unauthorized"},
		{"claims that are a list", sign(rs, `["a"]`), "unauthorized"},
		{"claims that are no JSON", sign(rs, `{"iss":`), "unauthorized"},
		{"something behind the claims", sign(rs, `{} {}`), "unauthorized"},
		{"oversized", sign(rs, with(good, members{"fill": strings.Repeat("x", maxToken)})), "unauthorized"},
		{"other claims under the signature", head + "." + encodePart(with(good, members{"sub": "root"})) + "." + signature, "unauthorized"},
		{"padded", head + "." + body + "." + signature + "==", "unauthorized"},
		{"other alphabet", head + "." + body + "." + signature[:10] + "+/" + signature[12:], "unauthorized"},
		{"serialised as JSON", `{"payload":"` + body + `","protected":"` + head + `","signature":"` + signature + `"}`, "unauthorized"},
		{"two tokens in one", valid + " " + valid, "unauthorized"},
		{"nothing", "", "unauthorized"},
		{"dots", "..", "unauthorized"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := bearer(tt.token)
			if got := asCode(t, x, &cfg); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if admitted := x.Caller.Kind == "jwt"; admitted != (tt.want == "") {
				t.Errorf("got caller %+v, want one only where the token counts", x.Caller)
			}
		})
	}
}

// TestJWTSignatureBits flips each byte of a good signature's text in turn: none of the neighbours counts.
func TestJWTSignatureBits(t *testing.T) {
	k, g, s := identityKeysOnce(), newGateway(), newIdentityServer(t)
	cfg := g.compile(t, jwtPolicy(s.URL, "", "[EdDSA]", jku(s), ""))
	token := mint(t, k.ed, members{"alg": "EdDSA", "kid": "ed-1"}, claimsAt(g, s.URL))
	for i := strings.LastIndexByte(token, '.') + 1; i < len(token); i++ {
		other := byte('A')
		if token[i] == 'A' {
			other = 'B'
		}
		if got := asCode(t, bearer(token[:i]+string(other)+token[i+1:]), &cfg); got != "unauthorized" {
			t.Fatalf("got %q with byte %d changed, want it refused", got, i)
		}
	}
}

func TestJWTCaller(t *testing.T) {
	k, g, s := identityKeysOnce(), newGateway(), newIdentityServer(t)
	tests := []struct {
		name, more string
		claims     members
		want       engine.Caller
	}{
		{
			"as they are", "",
			members{"name": "Alice", "groups": []string{"a", "b"}, "plan": "pro", "n": 3},
			engine.Caller{ID: "alice", Name: "Alice", Kind: "jwt", Groups: []string{"a", "b"}},
		},
		{
			"other claims", "claims: {id: email, name: https://example.com/nick, groups: realm.roles}",
			members{"email": "a@example.com", "https://example.com/nick": "al", "realm": members{"roles": []string{"x"}}},
			engine.Caller{ID: "a@example.com", Name: "al", Kind: "jwt", Groups: []string{"x"}},
		},
		{"words", "claims: {groups: scope}", members{"scope": "read  write"}, engine.Caller{ID: "alice", Kind: "jwt", Groups: []string{"read", "write"}}},
		{"of other types", "", members{"sub": 42, "name": []string{"x"}, "groups": members{}}, engine.Caller{ID: "42", Kind: "jwt"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := g.compile(t, jwtPolicy(s.URL, "", "[RS256]", jku(s), tt.more))
			claims := with(claimsAt(g, s.URL), tt.claims)
			x := bearer(mint(t, k.rsa, members{"alg": "RS256", "kid": "rsa-1"}, claims))
			if got := asCode(t, x, &cfg); got != "" {
				t.Fatalf("got %q, want the token to count", got)
			}
			if x.Caller.Metadata["iss"] != s.URL || x.Caller.Metadata["iat"] != g.now.Unix() {
				t.Errorf("got metadata %v, want the claims", x.Caller.Metadata)
			}
			x.Caller.Metadata = nil
			if diff := cmp.Diff(tt.want, x.Caller); diff != "" {
				t.Errorf("caller differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJWTResults(t *testing.T) {
	k, g, s := identityKeysOnce(), newGateway(), newIdentityServer(t)
	text := jwtPolicy(s.URL, "models", "[RS256]", jku(s), "enforce: false") + `
on_response: [{actions: [{type: log, config: {metadata: {all: "${actions.ngrok.jwt_validation}"}}}]}]`
	plan := g.plan(t, text)
	good := claimsAt(g, s.URL)
	tests := []struct {
		name     string
		token    string
		verified bool
		payload  bool
		message  string
	}{
		{"good", mint(t, k.rsa, members{"alg": "RS256", "kid": "rsa-1"}, good), true, true, ""},
		{"expired", mint(t, k.rsa, members{"alg": "RS256", "kid": "rsa-1"}, with(good, members{"exp": 1})), false, false, "the token has expired"},
		{"wrong signature", mint(t, k.another, members{"alg": "RS256", "kid": "rsa-1"}, good), false, false, "the signature of the token is wrong"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := bearer(tt.token)
			x.Missing = engine.Errorf(engine.CodeNotFound, "nothing here")
			_ = plan.Run(x) // shadowed: the request goes on and finds no path
			result := resultOf(t, x, "jwt_validation")
			tokens, _ := result["tokens"].([]any)
			if len(tokens) != 1 {
				t.Fatalf("got %v, want one token", result)
			}
			one, _ := tokens[0].(map[string]any)
			header, _ := one["header"].(map[string]any)
			payload, _ := one["payload"].(map[string]any)
			if one["verified"] != tt.verified || header["kid"] != "rsa-1" || (payload["sub"] == "alice") != tt.payload ||
				one["location"] != "header" || one["location_property"] != "authorization" || one["signature"] != tt.token[strings.LastIndexByte(tt.token, '.')+1:] {
				t.Errorf("got %v, want verified %v and claims %v", one, tt.verified, tt.payload)
			}
			failure, _ := result["error"].(map[string]any)
			if tt.message == "" && failure != nil || tt.message != "" && (failure["code"] != "unauthorized" || failure["message"] != tt.message) {
				t.Errorf("got error %v, want %q", failure, tt.message)
			}
			if (x.Caller.Kind == "jwt") != tt.verified {
				t.Errorf("got caller %+v, want one only where verified", x.Caller)
			}
		})
	}
}

func TestJWTPlaces(t *testing.T) {
	k, g, s := identityKeysOnce(), newGateway(), newIdentityServer(t)
	cfg := g.compile(t, `on_request: [{actions: [{type: jwt-validation, config: {
  issuer: {allow_list: [{value: "`+s.URL+`"}]}, jws: {allowed_algorithms: [RS256], keys: `+jku(s)+`},
  http: {tokens: [{type: it+jwt, method: body, name: _id_token}, {type: access_token, method: header, name: X-Token}]}}}]}]`)
	access := mint(t, k.rsa, members{"alg": "RS256", "kid": "rsa-1", "typ": "at+jwt"}, claimsAt(g, s.URL))
	id := mint(t, k.rsa, members{"alg": "RS256", "kid": "rsa-1", "typ": "application/it+JWT"}, with(claimsAt(g, s.URL), members{"sub": "bob"}))
	one := engine.Headers{{Name: "x-token", Value: access}}
	tests := []struct {
		name, method, media, body string
		headers                   engine.Headers
		want, left                string
	}{
		{"JSON", "POST", "application/json; charset=utf-8", `{"a": 1, "_ID_token": "` + id + `", "b": 2}`, one, "", `{"a": 1, "b": 2}`},
		{"form", "PUT", "application/x-www-form-urlencoded", "a=1&_id_token=" + id + "&b=%20", one, "", "a=1&b=%20"},
		{"no header", "POST", "application/json", `{"_id_token": "` + id + `"}`, nil, "unauthorized", ""},
		{"header twice", "POST", "application/json", `{"_id_token": "` + id + `"}`, engine.Headers{{Name: "x-token", Value: access}, {Name: "X-TOKEN", Value: access}}, "unauthorized", ""},
		{"no field", "POST", "application/json", `{"token": "` + id + `"}`, one, "unauthorized", ""},
		{"field twice", "POST", "application/json", `{"_id_token": "` + id + `", "_ID_TOKEN": "` + id + `"}`, one, "unauthorized", ""},
		{"form field twice", "POST", "application/x-www-form-urlencoded", "_id_token=" + id + "&_id_token=" + id, one, "unauthorized", ""},
		{"field of another type", "POST", "application/json", `{"_id_token": ["` + id + `"]}`, one, "unauthorized", ""},
		{"malformed JSON", "POST", "application/json", `{"_id_token": "` + id + `"`, one, "unauthorized", ""},
		{"malformed form", "POST", "application/x-www-form-urlencoded", "_id_token=" + id + "&%zz", one, "unauthorized", ""},
		{"GET", "GET", "application/json", `{"_id_token": "` + id + `"}`, one, "unauthorized", ""},
		{"another media type", "POST", "text/plain", `{"_id_token": "` + id + `"}`, one, "unauthorized", ""},
		{"no media type", "POST", "", `{"_id_token": "` + id + `"}`, one, "unauthorized", ""},
		{"types exchanged", "POST", "application/json", `{"_id_token": "` + access + `"}`, engine.Headers{{Name: "x-token", Value: id}}, "unauthorized", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := exchange()
			x.Request.Method, x.Loader = tt.method, bodyOf(tt.body)
			x.Request.Headers = append(engine.Headers{}, tt.headers...)
			if tt.media != "" {
				x.Request.Headers.Add("content-type", tt.media)
			}
			if got := asCode(t, x, &cfg); got != tt.want {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			if tt.want != "" {
				return
			}
			if x.Request.Headers.Has("x-token") || string(x.Request.Body) != tt.left {
				t.Errorf("got headers %v and body %s, want no token in them and %s", x.Request.Headers, x.Request.Body, tt.left)
			}
			if x.Caller.ID != "bob" {
				t.Errorf("got caller %q, want that of the first token", x.Caller.ID)
			}
		})
	}
}

// TestJWTHeadersBeforeBody checks that a bad token in a header costs no body.
func TestJWTHeadersBeforeBody(t *testing.T) {
	g, s := newGateway(), newIdentityServer(t)
	cfg := g.compile(t, `on_request: [{actions: [{type: jwt-validation, config: {
  issuer: {allow_list: [{value: "`+s.URL+`"}]}, jws: {allowed_algorithms: [RS256], keys: `+jku(s)+`},
  http: {tokens: [{type: jwt, method: body, name: t}, {type: jwt, method: header, name: X-Token}]}}}]}]`)
	x := exchange()
	loader := bodyOf("{}")
	x.Loader = loader
	if got := asCode(t, x, &cfg); got != "unauthorized" || loader.loads != 0 {
		t.Errorf("got %q with %d reads of the body, want it refused on headers", got, loader.loads)
	}
}

func TestJWTChallenge(t *testing.T) {
	k, g, s := identityKeysOnce(), newGateway(), newIdentityServer(t)
	plan := g.plan(t, jwtPolicy(s.URL, "", "[RS256]", jku(s), ""))
	expired := mint(t, k.rsa, members{"alg": "RS256", "kid": "rsa-1"}, with(claimsAt(g, s.URL), members{"exp": 1}))
	tests := []struct {
		name    string
		headers engine.Headers
		want    string
	}{
		{"missing", nil, "Bearer"},
		{"another scheme", engine.Headers{{Name: "authorization", Value: "Basic YTpi"}}, "Bearer"},
		{"expired", engine.Headers{{Name: "authorization", Value: "bearer " + expired}}, `Bearer error="invalid_token", error_description="the token has expired"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := exchange()
			x.Request.Headers = tt.headers
			err := plan.Run(x)
			if e := engine.AsError(err); e.HTTPStatus() != http.StatusUnauthorized || x.Reply.Headers.First("www-authenticate") != tt.want {
				t.Errorf("got %v and %v, want a 401 with %q", err, x.Reply.Headers, tt.want)
			}
		})
	}
}
