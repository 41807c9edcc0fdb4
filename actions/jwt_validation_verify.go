package actions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"weir/engine"
	"weir/engine/expr"
)

// errNoKeys says that the keys cannot be had, so nothing is known about the token.
var errNoKeys = errors.New("the keys that verify tokens cannot be had")

// tokenKeys is what signatures are verified with.
type tokenKeys struct {
	store   *keyStore
	fetch   *keyFetcher
	now     func() time.Time
	inline  []jose.JSONWebKey
	secrets []*expr.Template
	sources []tokenSource
	// discover asks the issuer of a token for its keys: nothing else was given.
	discover bool
	issuers  map[string]*keySource // those that the policy names
}

// tokenSource is the address of a document of keys.
type tokenSource struct {
	address *expr.Template
	named   *keySource // nil where an expression makes the address
}

// prepare finds the sources that the policy names, so that requests need not look for them.
func (k *tokenKeys) prepare(s engine.Services, issuers ...string) {
	k.store, k.fetch, k.now = keyStoreOf(s), newKeyFetcher(s), s.Clock()
	for i := range k.sources {
		if address, fixed := k.sources[i].address.Literal(); fixed {
			k.sources[i].named = k.keysAt(address, true)
		}
	}
	if !k.discover {
		return
	}
	k.issuers = make(map[string]*keySource, len(issuers))
	for _, name := range issuers {
		k.issuers[name] = k.keysOf(issuerName{text: name, named: true})
	}
}

// keysAt is the document at an address.
func (k *tokenKeys) keysAt(address string, named bool) *keySource {
	fetch := k.fetch
	return k.store.source(sourceName("keys", address, named), func(ctx context.Context) ([]jose.JSONWebKey, error) {
		return fetch.keysOf(ctx, address, named)
	})
}

// keysOf is the document that an issuer's description names.
func (k *tokenKeys) keysOf(by issuerName) *keySource {
	if s := k.issuers[by.text]; s != nil && by.named {
		return s
	}
	fetch := k.fetch
	by.text = strings.Clone(by.text)
	return k.store.source(sourceName("issuer", by.text, by.named), func(ctx context.Context) ([]jose.JSONWebKey, error) {
		return fetch.issuerKeys(ctx, by.text, by.named)
	})
}

// issuerName is an issuer of the list; named is false where an expression gave it.
type issuerName struct {
	text  string
	named bool
}

// verify checks the signature with a key of the right kind: an HS token never meets a public key, and others never a secret.
func (k *tokenKeys) verify(ctx context.Context, x *engine.Exchange, signed *jose.JSONWebSignature, t *token, by issuerName) error {
	if strings.HasPrefix(t.algorithm, "HS") {
		return k.verifySecret(x, signed, t)
	}
	if known, ok := tryKeys(k.inline, signed, t); ok {
		return nil
	} else if known && t.keyID != "" {
		return errSignature()
	}
	sources, err := k.sourcesOf(x, by)
	if err != nil {
		return err
	}
	known, ok, failure := anyKey(sources, signed, t, func(s *keySource) ([]jose.JSONWebKey, error) { return s.get(ctx, k.now()) })
	if !ok && (!known || t.keyID == "") && failure == nil {
		known, ok, failure = anyKey(sources, signed, t, func(s *keySource) ([]jose.JSONWebKey, error) { return s.refresh(ctx, k.now()) })
	}
	switch {
	case ok:
		return nil
	case failure != nil:
		return fmt.Errorf("%w: %w", errNoKeys, failure)
	case known:
		return errSignature()
	default:
		return badToken("the token is signed with an unknown key")
	}
}

func errSignature() error { return badToken("the signature of the token is wrong") }

// anyKey tries the keys of every source in order. A source that cannot be read counts only where no other has the key.
func anyKey(sources []*keySource, signed *jose.JSONWebSignature, t *token, read func(*keySource) ([]jose.JSONWebKey, error)) (known, ok bool, failure error) {
	for _, s := range sources {
		keys, err := read(s)
		if err != nil && failure == nil {
			failure = err
		}
		has, verified := tryKeys(keys, signed, t)
		if verified {
			return true, true, nil
		}
		known = known || has
	}
	if known && t.keyID != "" {
		failure = nil
	}
	return known, false, failure
}

// tryKeys verifies with each key that may be meant; known reports whether there was one.
func tryKeys(keys []jose.JSONWebKey, signed *jose.JSONWebSignature, t *token) (known, ok bool) {
	for i := range keys {
		key := &keys[i]
		if (t.keyID != "" && key.KeyID != t.keyID) || !keyFits(key, t.algorithm) {
			continue
		}
		known = true
		if _, err := signed.Verify(key.Key); err == nil {
			return true, true
		}
	}
	return known, false
}

// verifySecret verifies with each secret, so that one can take over from another.
func (k *tokenKeys) verifySecret(x *engine.Exchange, signed *jose.JSONWebSignature, t *token) error {
	for i, template := range k.secrets {
		secret, err := template.String(x)
		if err != nil {
			return fmt.Errorf("secret %d: %w", i+1, err)
		}
		if len(secret) < secretLength(t.algorithm) {
			return fmt.Errorf("secret %d is too short for %s, which needs %d bytes", i+1, t.algorithm, secretLength(t.algorithm))
		}
		if _, err := signed.Verify([]byte(secret)); err == nil {
			return nil
		}
	}
	return errSignature()
}

// secretLength is the least that RFC 7518 asks of the secret of an algorithm: as long as its hash.
func secretLength(algorithm string) int {
	switch algorithm {
	case "HS256":
		return 32
	case "HS384":
		return 48
	default:
		return 64
	}
}

// sourcesOf lists the documents that may hold the key of a token of that issuer.
func (k *tokenKeys) sourcesOf(x *engine.Exchange, by issuerName) ([]*keySource, error) {
	if k.discover {
		return []*keySource{k.keysOf(by)}, nil
	}
	out := make([]*keySource, 0, len(k.sources))
	for i := range k.sources {
		if s := &k.sources[i]; s.named != nil {
			out = append(out, s.named)
			continue
		}
		address, err := k.sources[i].address.String(x)
		if err != nil {
			return nil, fmt.Errorf("additional_jkus: %w", err)
		}
		out = append(out, k.keysAt(strings.Clone(address), false))
	}
	return out, nil
}

// sourceName keeps what a policy names apart from what an expression made, which may reach less.
func sourceName(kind, address string, named bool) string {
	if !named {
		kind += "/made"
	}
	return kind + " " + address
}
