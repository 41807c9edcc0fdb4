package engine

import (
	"net/url"
	"strings"
)

// credential is the key the client sent, taken out of the request.
type credential struct {
	value string
	taken bool
}

// credentialFields are the header fields that carry a caller's key.
var credentialFields = [...]string{"authorization", "x-api-key", "x-goog-api-key", "api-key"}

// takeCredential removes the caller's credentials from the request once its rules have seen them: nothing after
// on_request reads them, and only a route with keys: client uses the value.
func (x *Exchange) takeCredential() {
	if x.clientKey.taken {
		return
	}
	x.clientKey.taken = true
	h := x.Request.Headers
	kept := h[:0]
	for _, f := range h {
		if !isCredentialField(f.Name) {
			kept = append(kept, f)
			continue
		}
		if x.clientKey.value == "" {
			x.clientKey.value = bearerValue(f.Value)
		}
	}
	x.Request.Headers = kept
	if q := x.Request.Query; q != "" {
		for pair := range strings.SplitSeq(q, "&") {
			name, value, _ := strings.Cut(pair, "=")
			name, err := url.QueryUnescape(name)
			if err == nil && strings.EqualFold(name, "key") && x.clientKey.value == "" {
				if v, err := url.QueryUnescape(value); err == nil {
					x.clientKey.value = v
				}
			}
		}
		x.Request.Query = forwardedQuery(q)
	}
}

func isCredentialField(name string) bool {
	switch len(name) {
	case 7, 9, 13, 14:
		for _, f := range credentialFields {
			if len(f) == len(name) && strings.EqualFold(f, name) {
				return true
			}
		}
	}
	return false
}

// bearerValue is the key in the value of a field. A user and password are none: they were meant for the gateway.
func bearerValue(v string) string {
	if len(v) >= 5 && strings.EqualFold(v[:5], "basic") && (len(v) == 5 || v[5] == ' ' || v[5] == '\t') {
		return ""
	}
	if len(v) > 7 && strings.EqualFold(v[:7], "bearer ") {
		return strings.TrimSpace(v[7:])
	}
	return strings.TrimSpace(v)
}

// isAccessToken reports whether a key is one of the gateway's own, whoever holds it: no provider is to see it.
func isAccessToken(value string) bool {
	return strings.HasPrefix(value, "wr-") && strings.Contains(value, "-g1-")
}
