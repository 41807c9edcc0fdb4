package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"weir/engine"
	"weir/engine/upstream"
)

// maxDiscovery is many times what any provider's description of itself takes.
const maxDiscovery = 256 << 10

// keyFetcher asks identity providers for their descriptions and keys.
type keyFetcher struct {
	named  *http.Client // to hosts that the policy names
	public *http.Client // to hosts that a document or an expression names
}

func newKeyFetcher(s engine.Services) *keyFetcher {
	return &keyFetcher{named: s.HTTP(nil), public: s.HTTP(&upstream.Guard{})}
}

// discovery is what of an identity provider's description is used.
type discovery struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	Keys          string   `json:"jwks_uri"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
}

// client is the one for a host: the one without a guard only where the policy names that host.
func (f *keyFetcher) client(u, issuer *url.URL, named bool) *http.Client {
	if named && u.Host == issuer.Host {
		return f.named
	}
	return f.public
}

// discover reads the description of an issuer, which must be about that issuer.
func (f *keyFetcher) discover(ctx context.Context, issuer string, named bool) (*discovery, error) {
	u, err := checkServiceURL(issuer)
	if err != nil {
		return nil, fmt.Errorf("the issuer %w", err)
	}
	path := strings.TrimSuffix(u.Path, "/")
	openID, server := *u, *u
	openID.Path, openID.RawPath = path+"/.well-known/openid-configuration", ""
	server.Path, server.RawPath = "/.well-known/oauth-authorization-server"+path, ""
	client := f.client(u, u, named)
	body, err := getDocument(ctx, client, openID.String(), maxDiscovery)
	if errors.Is(err, errNotThere) {
		body, err = getDocument(ctx, client, server.String(), maxDiscovery)
	}
	if err != nil {
		return nil, fmt.Errorf("asking the issuer for its description: %w", err)
	}
	var d discovery
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("reading the issuer's description: %w", err)
	}
	if d.Issuer != issuer {
		return nil, errors.New("the issuer's description is of another issuer")
	}
	return &d, nil
}

// issuerKeys reads the keys that an issuer's description points at.
func (f *keyFetcher) issuerKeys(ctx context.Context, issuer string, named bool) ([]jose.JSONWebKey, error) {
	d, err := f.discover(ctx, issuer, named)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("the issuer is not a URL: %w", err)
	}
	u, err := checkServiceURL(d.Keys)
	if err != nil {
		return nil, fmt.Errorf("jwks_uri of the issuer %w", err)
	}
	return keysAt(ctx, f.client(u, at, named), d.Keys)
}

// keysOf reads the keys at an address that the policy gives; named is false where an expression made it.
func (f *keyFetcher) keysOf(ctx context.Context, address string, named bool) ([]jose.JSONWebKey, error) {
	u, err := checkServiceURL(address)
	if err != nil {
		return nil, fmt.Errorf("the address of the keys %w", err)
	}
	return keysAt(ctx, f.client(u, u, named), address)
}

func keysAt(ctx context.Context, client *http.Client, address string) ([]jose.JSONWebKey, error) {
	body, err := getDocument(ctx, client, address, maxKeysBody)
	if err != nil {
		return nil, fmt.Errorf("asking for keys: %w", err)
	}
	return parseKeys(body)
}

// errNotThere says that a server has no document at that address.
var errNotThere = errors.New("there is no such document")

// getDocument reads a JSON document of at most that many bytes.
func getDocument(ctx context.Context, client *http.Client, address string, most int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	return readDocument(client, req, most)
}

// readDocument sends a request and reads the document that comes back.
func readDocument(client *http.Client, req *http.Request, most int64) ([]byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", req.URL.Host, err)
	}
	defer func() { _ = resp.Body.Close() }() // the answer was read
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer of %s: %w", req.URL.Host, err)
	case resp.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%s: %w", req.URL.Host, errNotThere)
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("%s: %w", req.URL.Host, errNotAllowed)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answered with status %d", req.URL.Host, resp.StatusCode)
	case int64(len(body)) > most:
		return nil, fmt.Errorf("%s answered with more than %d bytes", req.URL.Host, most)
	default:
		return body, nil
	}
}

// errNotAllowed says that a server did not take the token that came with a request.
var errNotAllowed = errors.New("the request was not allowed")
