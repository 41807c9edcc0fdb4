package actions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"weir/engine"
)

// maxUserInfo is many times what any provider says about a person.
const maxUserInfo = 64 << 10

// loginProvider is an identity provider as a login sees it.
type loginProvider interface {
	// endpoint is where people log in and where tokens are had.
	endpoint(ctx context.Context, now time.Time) (oauth2.Endpoint, error)
	// client is the one to call an address of the provider with.
	client(address string) *http.Client
	usesNonce() bool
	// checkAnswer looks at what came back from the provider beside code and state.
	checkAnswer(query url.Values) error
	// identify says who logged in; a tokenProblem where that does not hold.
	identify(ctx context.Context, now time.Time, clientID string, token *oauth2.Token, nonce string) (*identity, error)
	// again says who the session's person is now, nil where there is nothing new; errNotAllowed where it is nobody any more.
	again(ctx context.Context, now time.Time, s *session) (*identity, error)
	// identityID is an id of the person that no other provider gives to somebody else.
	identityID(subject string) string
}

// issuer is an identity provider that speaks OpenID Connect.
type issuer struct {
	url         string
	at          *url.URL
	fetch       *keyFetcher
	description *cached[*discovery]
	keys        tokenKeys
}

func newIssuer(s engine.Services, address string) *issuer {
	i := &issuer{url: address, fetch: newKeyFetcher(s)}
	i.at, _ = url.Parse(address) // it was checked
	fetch := i.fetch
	i.description = engine.State(s, "openid_connect/"+address, func() *cached[*discovery] {
		return &cached[*discovery]{fetch: func(ctx context.Context) (*discovery, error) {
			d, err := fetch.discover(ctx, address, true)
			if err == nil {
				err = d.check()
			}
			return d, err
		}}
	})
	i.keys.discover = true
	i.keys.prepare(s, address)
	return i
}

// check looks at the addresses before anybody is sent there.
func (d *discovery) check() error {
	for _, e := range []struct{ name, address string }{
		{"authorization_endpoint", d.Authorization}, {"token_endpoint", d.Token}, {"userinfo_endpoint", d.UserInfo},
	} {
		if e.name == "userinfo_endpoint" && e.address == "" {
			continue
		}
		if _, err := checkServiceURL(e.address); err != nil {
			return fmt.Errorf("%s of the issuer %w", e.name, err)
		}
	}
	return nil
}

func (i *issuer) endpoint(ctx context.Context, now time.Time) (oauth2.Endpoint, error) {
	d, err := i.description.get(ctx, now)
	if err != nil {
		return oauth2.Endpoint{}, errService("where people log in", err)
	}
	style := oauth2.AuthStyleInHeader
	if len(d.AuthMethods) > 0 && !slices.Contains(d.AuthMethods, "client_secret_basic") {
		style = oauth2.AuthStyleInParams
	}
	return oauth2.Endpoint{AuthURL: d.Authorization, TokenURL: d.Token, AuthStyle: style}, nil
}

func (i *issuer) client(address string) *http.Client {
	u, err := url.Parse(address)
	if err != nil {
		return i.fetch.public
	}
	return i.fetch.client(u, i.at, true)
}

func (i *issuer) usesNonce() bool { return true }

// checkAnswer refuses the answer of another issuer, where the answer says whose it is (RFC 9207).
func (i *issuer) checkAnswer(query url.Values) error {
	if from := query.Get("iss"); from != "" && from != i.url {
		return badToken("the answer is of another identity provider")
	}
	return nil
}

// VerifySignature lets the verifier of ID tokens use the keys of the issuer.
func (i *issuer) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	t, err := parseToken(raw)
	if err != nil {
		return nil, err
	}
	signed, err := jose.ParseSignedCompact(raw, publicAlgorithms())
	if err != nil {
		return nil, badToken("the token is signed in a way that is not allowed")
	}
	if err := i.keys.verify(ctx, nil, signed, t, issuerName{text: i.url, named: true}); err != nil {
		return nil, err
	}
	return signed.UnsafePayloadWithoutVerification(), nil // it was verified
}

// publicAlgorithms are those that need no secret.
func publicAlgorithms() []jose.SignatureAlgorithm {
	var out []jose.SignatureAlgorithm
	for _, name := range tokenAlgorithms {
		if !strings.HasPrefix(name, "HS") {
			out = append(out, jose.SignatureAlgorithm(name))
		}
	}
	return out
}

// algorithms are those that the issuer says it signs with and that are taken; RS256 where it does not say.
func (d *discovery) algorithms() []string {
	var out []string
	for _, a := range publicAlgorithms() {
		if slices.Contains(d.Algorithms, string(a)) {
			out = append(out, string(a))
		}
	}
	if out == nil {
		out = []string{"RS256"}
	}
	return out
}

func (i *issuer) identify(ctx context.Context, now time.Time, clientID string, token *oauth2.Token, nonce string) (*identity, error) {
	d, err := i.description.get(ctx, now)
	if err != nil {
		return nil, errService("about itself", err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, badToken("there is no ID token")
	}
	t, err := parseToken(raw)
	if err != nil {
		return nil, err
	}
	verifier := oidc.NewVerifier(i.url, i, &oidc.Config{
		ClientID: clientID, SupportedSigningAlgs: d.algorithms(), Now: func() time.Time { return now },
	})
	id, err := verifier.Verify(ctx, raw)
	switch {
	case errors.Is(err, errNoKeys):
		return nil, errService("for its keys", err)
	case err != nil:
		return nil, badToken("the ID token does not hold")
	}
	if err := checkIDToken(id, t, clientID, token.AccessToken, nonce); err != nil {
		return nil, err
	}
	claims := t.payload
	if claimText(claims, "email") == "" && d.UserInfo != "" {
		if claims, err = i.userInfo(ctx, d, token.AccessToken, claims); err != nil {
			return nil, errService("who logged in", err)
		}
	}
	return describe(claims, raw)
}

// checkIDToken checks what the verifier leaves to its caller.
func checkIDToken(id *oidc.IDToken, t *token, clientID, access, nonce string) error {
	switch {
	case nonce == "" || id.Nonce != nonce:
		return badToken("the ID token is not of this login")
	case id.Subject == "":
		return badToken("the ID token names nobody")
	case id.AccessTokenHash != "" && id.VerifyAccessToken(access) != nil:
		return badToken("the access token is not of this login")
	}
	if err := t.isOf("id_token"); err != nil {
		return err
	}
	azp, ok := optionalText(t.payload, "azp")
	if !ok || (len(id.Audience) > 1 && azp == "") || (azp != "" && azp != clientID) {
		return badToken("the ID token was made for another client")
	}
	return nil
}

// userInfo adds what the provider says about the access token's person to the claims, which must be about the same.
func (i *issuer) userInfo(ctx context.Context, d *discovery, access string, claims map[string]any) (map[string]any, error) {
	body, err := bearerGet(ctx, i.client(d.UserInfo), d.UserInfo, access)
	if err != nil {
		return nil, err
	}
	var more map[string]any
	if err := json.Unmarshal(body, &more); err != nil {
		return nil, fmt.Errorf("reading what is known about a person: %w", err)
	}
	if more["sub"] != claims["sub"] || more["sub"] == nil {
		return nil, errors.New("the answer is about somebody else")
	}
	out := make(map[string]any, len(claims)+len(more))
	for _, m := range []map[string]any{claims, more} {
		maps.Copy(out, m)
	}
	return out, nil
}

// bearerGet reads a document with an access token.
func bearerGet(ctx context.Context, client *http.Client, address, access string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+access)
	return readDocument(client, req, maxUserInfo)
}

// describe makes an identity of claims. What only holds one token together is left out; an address of mail that the provider says
// it did not check is nobody's.
func describe(claims map[string]any, raw string) (*identity, error) {
	kept := make(map[string]any, len(claims))
	for k, v := range claims {
		switch k {
		case "nonce", "at_hash", "c_hash", "s_hash", "jti", "exp", "iat", "nbf":
		default:
			kept[k] = v
		}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return nil, fmt.Errorf("keeping claims: %w", err)
	}
	who := &identity{subject: claimText(claims, "sub"), name: claimText(claims, "name"), claims: text, token: raw}
	if verified, said := claims["email_verified"]; !said || verified == true || verified == "true" {
		who.email = claimText(claims, "email")
	}
	return who, nil
}

func (i *issuer) again(ctx context.Context, now time.Time, s *session) (*identity, error) {
	d, err := i.description.get(ctx, now)
	if err != nil {
		return nil, errService("about itself", err)
	}
	if d.UserInfo == "" {
		return nil, nil //nolint:nilnil // a provider without that service has nothing new to say
	}
	var claims map[string]any
	if err := json.Unmarshal(s.Claims, &claims); err != nil {
		return nil, fmt.Errorf("reading the session's claims: %w", err)
	}
	claims["sub"] = s.Subject
	if claims, err = i.userInfo(ctx, d, s.Access, claims); err != nil {
		return nil, errService("who is logged in", err)
	}
	return describe(claims, s.Identity)
}

func (i *issuer) identityID(subject string) string { return identityID(i.url, subject) }

func identityID(provider, subject string) string {
	const kept = 12 // bytes: no two of some billion people share them
	sum := sha256.Sum256([]byte(provider + "\x00" + subject))
	return "idn_" + hex.EncodeToString(sum[:kept])
}
