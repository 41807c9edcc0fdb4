package admin

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"

	"weir/access"
)

const (
	// identityTimeout bounds one call to the identity provider, while a person waits.
	identityTimeout = 5 * time.Second
	// identityRest is how long a provider that did not answer is not asked again.
	identityRest = 10 * time.Second
	// maxSubject bounds the name under which somebody acts, as it stands in the audit log.
	maxSubject = 200
)

// OIDCOptions says whose tokens of an identity provider are taken, and for which roles.
type OIDCOptions struct {
	Issuer, Audience string
	// RoleClaim is the claim that names roles, a text or a list of texts; dots go into objects. "" = roles.
	RoleClaim string
	// Roles is from values of the claim to roles of the API; nil = the values are roles.
	Roles map[string]string
}

// identityProvider checks tokens of one issuer. What the issuer says of itself is fetched when it is needed first.
type identityProvider struct {
	OIDCOptions

	client *http.Client
	now    func() time.Time

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	rests    time.Time // until then it is not asked again
}

func newIdentityProvider(o *OIDCOptions, now func() time.Time) (*identityProvider, error) {
	u, err := url.Parse(o.Issuer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the issuer's address: %w", err)
	case u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return nil, errors.New("the issuer's address is no https address")
	case u.Scheme == "http" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1":
		return nil, errors.New("the issuer's address is not https, which only one on this machine may be without")
	case o.Audience == "":
		return nil, errors.New("an issuer needs an audience: without one, tokens made for others would be taken")
	}
	for value, role := range o.Roles {
		if !isRole(role) {
			return nil, fmt.Errorf("the role %q of %q is not one of the Admin API", role, value)
		}
	}
	p := &identityProvider{OIDCOptions: *o, now: now}
	if p.RoleClaim == "" {
		p.RoleClaim = "roles"
	}
	p.client = &http.Client{
		Timeout:       identityTimeout,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p, nil
}

func isRole(role string) bool { return slices.Contains(rightRead.roles(), role) }

// ready fetches what the issuer says of itself, once.
func (p *identityProvider) ready(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.verifier != nil {
		return p.verifier, nil
	}
	if p.now().Before(p.rests) {
		return nil, failf(codeNoIdentity, "the identity provider did not answer a moment ago")
	}
	limit, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), identityTimeout)
	defer cancel()
	issuer, err := oidc.NewProvider(limit, p.Issuer)
	if err != nil {
		p.rests = p.now().Add(identityRest)
		f := failf(codeNoIdentity, "the identity provider cannot be asked now")
		f.retry, f.cause = identityRest, err
		return nil, f
	}
	p.verifier = issuer.Verifier(&oidc.Config{ClientID: p.Audience, Now: p.now})
	return p.verifier, nil
}

func (p *identityProvider) identify(ctx context.Context, token string) (identity, error) {
	verifier, err := p.ready(ctx)
	if err != nil {
		return identity{}, err
	}
	id, err := verifier.Verify(ctx, token)
	if err != nil || id.Subject == "" {
		return identity{}, errWho
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return identity{}, errWho
	}
	role := p.role(claims)
	if role == "" {
		return identity{}, failf(codeMisconfigured, "the claim %s of the token names no role of this API", p.RoleClaim)
	}
	return identity{name: "oidc:" + subject(id.Subject), role: role}, nil
}

// subject is the name of a person in the audit log and to idempotency keys. One that cannot stand there as it is ends in a
// hash, so that two people never become one.
func subject(s string) string {
	kept := printable(s)
	if kept == s && utf8.RuneCountInString(s) <= maxSubject {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	mark := "~" + hex.EncodeToString(sum[:16])
	runes := []rune(kept)
	return string(runes[:min(len(runes), maxSubject-len(mark))]) + mark
}

// role is the widest role that the claim gives.
func (p *identityProvider) role(claims map[string]any) string {
	values := claimTexts(claims, strings.Split(p.RoleClaim, "."))
	if whole, ok := claims[p.RoleClaim]; ok { // names of claims may hold dots, as addresses do
		values = texts(whole)
	}
	given := make([]string, 0, len(values))
	for _, v := range values {
		if p.Roles != nil {
			v = p.Roles[v]
		}
		given = append(given, v)
	}
	for _, role := range []string{access.RoleAdmin, access.RoleEditor, access.RoleAuditor, access.RoleViewer} {
		if slices.Contains(given, role) {
			return role
		}
	}
	return ""
}

func claimTexts(claims map[string]any, path []string) []string {
	v, ok := claims[path[0]]
	if !ok || len(path) == 1 {
		return texts(v)
	}
	inner, _ := v.(map[string]any)
	return claimTexts(inner, path[1:])
}

func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	default:
		return nil
	}
}
