package engine

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"weir/engine/upstream"
	"weir/engine/wire"
)

// surface is one dialect of a provider, ready to be called.
type surface struct {
	dialect  wire.Dialect
	endpoint *upstream.Endpoint
	auth     Auth
	prefix   string // path before the API's own; "" where the client's version is kept
	query    string // of the base URL
	apis     uint32 // bit set of wire.API
	origin   string // scheme and host, for traces
	// params is an allow list of top-level body keys per API; nil = all.
	params map[wire.API][]string
}

func (s *surface) speaks(api wire.API) bool { return s.apis&(1<<api) != 0 }

func (s *surface) allow(api wire.API) { s.apis |= 1 << api }

// apisOf lists the APIs of a dialect.
func apisOf(d wire.Dialect) []wire.API {
	switch d {
	case wire.DialectAnthropic:
		return []wire.API{wire.AnthropicMessages, wire.AnthropicCountTokens}
	case wire.DialectGemini:
		return []wire.API{wire.GeminiGenerate, wire.GeminiEmbed, wire.GeminiBatchEmbed, wire.GeminiCountTokens}
	default:
		return []wire.API{
			wire.OpenAIChat, wire.OpenAICompletions, wire.OpenAIEmbeddings, wire.OpenAIResponses, wire.OpenAIImages,
			wire.OpenAISpeech, wire.OpenAITranscriptions, wire.OpenAIModerations, wire.OpenAIRerank,
		}
	}
}

// newSurface prepares one dialect at a base URL. A base with a path replaces the client's version prefix, a bare host
// keeps it, and a query on it is kept.
func (rt *Runtime) newSurface(s Surface, base string, cfg *ProviderConfig) (*surface, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("base URL %q must be http:// or https:// with a host", base)
	}
	if u.User != nil {
		return nil, fmt.Errorf("base URL of host %q must not hold a user or password", u.Host)
	}
	ec := upstream.EndpointConfig{Scheme: u.Scheme, Host: u.Host}
	if cfg != nil {
		tls, err := cfg.TLS.upstream()
		if err != nil {
			return nil, err
		}
		ec.TLS, ec.Proxy, ec.MaxConns = tls, cfg.Proxy, cfg.MaxConns
	}
	ep, err := rt.client.Endpoint(ec)
	if err != nil {
		return nil, fmt.Errorf("provider endpoint: %w", err)
	}
	out := &surface{
		dialect: s.Dialect, endpoint: ep, auth: s.Auth, query: u.RawQuery,
		prefix: strings.TrimRight(u.EscapedPath(), "/"), origin: u.Scheme + "://" + u.Host,
	}
	apis := s.APIs
	if apis == nil {
		apis = apisOf(s.Dialect)
	}
	for _, api := range apis {
		out.allow(api)
		if s.SupportedParams != nil {
			out.permit(api, s.SupportedParams)
		}
	}
	return out, nil
}

func (s *surface) permit(api wire.API, params []string) {
	if s.params == nil {
		s.params = map[wire.API][]string{}
	}
	s.params[api] = append(s.params[api], params...)
}

// appendTarget writes the path and query of a request to this surface.
func (s *surface) appendTarget(dst []byte, r *Request, model, extra string) []byte {
	prefix := s.prefix
	if prefix == "" {
		prefix = clientVersion(r.Path, s.dialect)
	}
	dst = append(dst, prefix...)
	if s.dialect == wire.DialectGemini {
		dst = append(dst, "/models/"...)
		dst = append(dst, url.PathEscape(model)...)
		dst = append(dst, geminiVerb(r)...)
	} else {
		dst = append(dst, r.API.Path()...)
		dst = appendStoredPath(dst, r)
	}
	sep := byte('?')
	for _, q := range [3]string{s.query, forwardedQuery(r.Query), extra} {
		if q == "" {
			continue
		}
		dst = append(dst, sep)
		dst = append(dst, q...)
		sep = '&'
	}
	return dst
}

func appendStoredPath(dst []byte, r *Request) []byte {
	if r.StoredID == "" {
		return dst
	}
	dst = append(dst, '/')
	dst = append(dst, url.PathEscape(r.StoredID)...)
	if r.Operation == OpCancel {
		dst = append(dst, "/cancel"...)
	}
	return dst
}

func geminiVerb(r *Request) string {
	switch r.API {
	case wire.GeminiEmbed:
		return ":embedContent"
	case wire.GeminiBatchEmbed:
		return ":batchEmbedContents"
	case wire.GeminiCountTokens:
		return ":countTokens"
	default:
		if r.PathStream {
			return ":streamGenerateContent"
		}
		return ":generateContent"
	}
}

// clientVersion is the version prefix of the client's own path.
func clientVersion(path string, d wire.Dialect) string {
	if strings.HasPrefix(path, "/v1beta/") {
		return "/v1beta"
	}
	if d == wire.DialectGemini && !strings.HasPrefix(path, "/v1/") {
		return "/v1beta"
	}
	return "/v1"
}

// forwardedQuery is the client's query without what is not for the provider: the credentials that Gemini clients may put there,
// and names that choose a model, which the rules have not seen.
func forwardedQuery(query string) string {
	withheld := false
	for pair := range strings.SplitSeq(query, "&") {
		withheld = withheld || withholdsPair(pair)
	}
	if !withheld {
		return query
	}
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		if !withholdsPair(pair) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// withholdsPair reads the name of a pair as the provider would; a name that nobody can read is withheld too.
func withholdsPair(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(name)
	return err != nil || slices.ContainsFunc(withheldParams[:], func(p string) bool { return strings.EqualFold(p, name) })
}

var withheldParams = [...]string{"key", "access_token", "oauth_token", "model", "models"}
