package actions

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"weir/engine"
)

const (
	// maxKeysBody is ten times the largest document of keys in use.
	maxKeysBody = 256 << 10
	// maxKeys is more than any provider has in rotation; each may be tried for a token without a key id.
	maxKeys = 100
	// minRSABits is the least that RFC 7518 allows.
	minRSABits = 2048
	// maxSources bounds how many documents are kept whose address an expression gives.
	maxSources = 64
)

// keySource is one document of public keys.
type keySource = cached[[]jose.JSONWebKey]

// keyStore has the documents of one policy, over reloads.
type keyStore struct {
	mu  sync.Mutex
	all map[string]*keySource
}

func keyStoreOf(s engine.Services) *keyStore {
	return engine.State(s, "jwt_validation/keys", func() *keyStore { return &keyStore{all: map[string]*keySource{}} })
}

// source finds the source of that name, or makes it. Where there are too many the one that was not asked for longest goes.
func (st *keyStore) source(name string, fetch func(context.Context) ([]jose.JSONWebKey, error)) *keySource {
	st.mu.Lock()
	defer st.mu.Unlock()
	if s := st.all[name]; s != nil {
		return s
	}
	if len(st.all) >= maxSources {
		oldest, at := "", time.Time{}
		for name, s := range st.all {
			s.mu.Lock()
			if oldest == "" || s.tried.Before(at) {
				oldest, at = name, s.tried
			}
			s.mu.Unlock()
		}
		delete(st.all, oldest)
	}
	s := &keySource{fetch: fetch}
	st.all[name] = s
	return s
}

// parseKeys reads a document of keys. What cannot verify a signature of the algorithms that are taken is left out, as
// RFC 7517 asks; secrets are left out too, since whoever can read the document could sign with them.
func parseKeys(data []byte) ([]jose.JSONWebKey, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("reading a document of keys: %w", err)
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("a document of keys has more than %d", maxKeys)
	}
	out := make([]jose.JSONWebKey, 0, len(doc.Keys))
	for _, raw := range doc.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || !key.IsPublic() || (key.Use != "" && key.Use != "sig") {
			continue
		}
		if k, ok := key.Key.(*rsa.PublicKey); ok && k.N.BitLen() < minRSABits {
			continue
		}
		out = append(out, key)
	}
	if len(out) == 0 {
		return nil, errors.New("a document of keys has none that can verify a signature")
	}
	return out, nil
}

// keyFits reports whether a key can have made a signature of the algorithm: of its family, its curve, and of no other
// algorithm that the key is said to be for.
func keyFits(key *jose.JSONWebKey, algorithm string) bool {
	if key.Algorithm != "" && key.Algorithm != algorithm {
		return false
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return algorithm == "ES256"
		case 384:
			return algorithm == "ES384"
		default:
			return algorithm == "ES512"
		}
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	default:
		return false
	}
}

// checkServiceURL checks the address of a service that Weir asks for keys or logins: https, or http on this machine.
func checkServiceURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("is not a URL")
	}
	switch {
	case u.Host == "" || u.Opaque != "":
		return nil, errors.New("is not a URL with a host")
	case u.User != nil:
		return nil, errors.New("must not hold a user or password")
	case u.Fragment != "":
		return nil, errors.New("must not hold a fragment")
	case u.Scheme == "https", u.Scheme == "http" && isThisMachine(u.Hostname()):
		return u, nil
	default:
		return nil, errors.New("must begin with https://, or with http:// and a loopback address")
	}
}

// isThisMachine reports whether a host is written as a loopback address, or as localhost.
func isThisMachine(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
