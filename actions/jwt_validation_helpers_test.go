package actions

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"weir/engine"
	"weir/engine/vars"
)

// identityKeys are the private keys of a pretended issuer.
type identityKeys struct {
	rsa     *rsa.PrivateKey
	ec      *ecdsa.PrivateKey
	ed      ed25519.PrivateKey
	another *rsa.PrivateKey // one that nobody published
}

var identityKeysOnce = sync.OnceValue(func() *identityKeys {
	k := &identityKeys{}
	var err error
	if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	if k.another, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	if k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err)
	}
	if _, k.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		panic(err)
	}
	return k
})

// members is a JSON object.
type members = map[string]any

func encodePart(v any) string {
	text, ok := v.(string)
	if !ok {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		text = string(data)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// mint signs a token by hand, with whatever is in its header, so that tests can write what no library would.
func mint(tb testing.TB, key, header, payload any) string {
	tb.Helper()
	signed := encodePart(header) + "." + encodePart(payload)
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if h, ok := header.(members); ok && h["alg"] == "PS256" {
			signature, err = rsa.SignPSS(rand.Reader, k, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			signature, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, digest[:])
		}
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, k, digest[:])
		signature, err = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), signErr
	case ed25519.PrivateKey:
		signature = ed25519.Sign(k, []byte(signed))
	case []byte:
		m := hmac.New(sha256.New, k)
		m.Write([]byte(signed))
		signature = m.Sum(nil)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func publicKey(key any, id, algorithm string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: id, Algorithm: algorithm, Use: "sig"}
}

// identityServer is a pretended issuer: its description, its keys, and how often it was asked for them.
type identityServer struct {
	*httptest.Server

	mu     sync.Mutex
	keys   any // of its document
	status int // 0 = 200
	asked  int
	issuer string // what its description says; "" = the truth
	jwks   string // the same
}

func newIdentityServer(tb testing.TB) *identityServer {
	tb.Helper()
	k := identityKeysOnce()
	s := &identityServer{keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		publicKey(k.rsa.Public(), "rsa-1", ""), publicKey(k.ec.Public(), "ec-1", "ES256"), publicKey(k.ed.Public(), "ed-1", ""),
	}}}
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		if s.status != 0 {
			w.WriteHeader(s.status)
			return
		}
		_ = json.NewEncoder(w).Encode(s.keys)
	})
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.status != 0 {
			w.WriteHeader(s.status)
			return
		}
		d := members{"issuer": s.URL, "jwks_uri": s.URL + "/keys"}
		if s.issuer != "" {
			d["issuer"] = s.issuer
		}
		if s.jwks != "" {
			d["jwks_uri"] = s.jwks
		}
		_ = json.NewEncoder(w).Encode(d)
	})
	s.Server = httptest.NewServer(mux)
	tb.Cleanup(s.Close)
	return s
}

// set changes what the issuer answers.
func (s *identityServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *identityServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// with is m with more members; nil takes one away.
func with(m, more members) members {
	out := members{}
	for _, from := range []members{m, more} {
		for k, v := range from {
			if out[k] = v; v == nil {
				delete(out, k)
			}
		}
	}
	return out
}

// claimsAt are good claims of an issuer for an hour.
func claimsAt(g *gateway, issuer string) members {
	return members{"iss": issuer, "sub": "alice", "aud": "models", "exp": g.now.Unix() + 3600, "iat": g.now.Unix()}
}

// bearer is a request with a token.
func bearer(token string) *engine.Exchange {
	x := exchange()
	x.Request.Headers = engine.Headers{{Name: "Authorization", Value: "Bearer " + token}}
	return x
}

// asCode runs the rules and says what came of it: "" for passed, else the code the client gets.
func asCode(tb testing.TB, x *engine.Exchange, cfg *engine.PlanConfig) string {
	tb.Helper()
	for i := range cfg.OnRequest {
		for j := range cfg.OnRequest[i].Actions {
			verdict, err := cfg.OnRequest[i].Actions[j].Action.Do(x.Context(), x)
			switch {
			case err != nil:
				return string(engine.CodePolicyFailed)
			case verdict == engine.VerdictDeny:
				return string(engine.CodeUnauthorized)
			}
		}
	}
	return ""
}

// bodyLoader has a body at hand.
type bodyLoader struct {
	body  string
	loads int
}

func bodyOf(text string) *bodyLoader { return &bodyLoader{body: text} }

// LoadBody hands over the body.
func (l *bodyLoader) LoadBody(x *engine.Exchange) error {
	l.loads++
	x.Request.Body = []byte(l.body)
	return nil
}

// Scan takes every body.
func (l *bodyLoader) Scan(*engine.Exchange) error { return nil }

// Locate knows no path.
func (l *bodyLoader) Locate(*engine.Exchange, string) error { return nil }

// resultOf is what expressions read as actions.<name>.
func resultOf(tb testing.TB, x *engine.Exchange, name string) members {
	tb.Helper()
	all, _ := x.Var(vars.Actions).Obj.(map[string]any)
	result, _ := all[name].(map[string]any)
	return result
}

// eventually waits for what happens behind the scenes.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 500 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: it did not happen", what)
}
