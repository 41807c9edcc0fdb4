package actions

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"weir/engine/wire"
)

const (
	// maxToken is twice what the largest identity providers issue, with all the groups of a person in it.
	maxToken = 16 << 10
	// maxKeyID is longer than every key id in use, which are hashes or names.
	maxKeyID = 256
)

// tokenProblem is why a token does not count. The text goes to the caller, so it never repeats what the token or the
// policy holds.
type tokenProblem struct {
	text    string
	missing bool // there was no token at all
}

// Error is what the caller is told.
func (p *tokenProblem) Error() string { return p.text }

func badToken(text string) error { return &tokenProblem{text: text} }

// token is a signed token that was taken apart and of which nothing is believed yet.
type token struct {
	raw       string
	header    map[string]any
	payload   map[string]any
	signature string // as it stands in the token
	algorithm string
	keyID     string
	typ       string // lower case, without "application/"
}

// parseToken takes a token apart strictly: one reading only, by whomever it is read later.
func parseToken(raw string) (*token, error) {
	if len(raw) > maxToken {
		return nil, badToken("the token is too long")
	}
	parts := strings.Split(raw, ".")
	switch {
	case len(parts) == 5:
		return nil, badToken("the token is encrypted; only signed tokens are taken")
	case len(parts) != 3:
		return nil, badToken("the token is malformed")
	case parts[2] == "":
		return nil, badToken("the token is not signed")
	}
	t := &token{raw: raw, signature: parts[2]}
	var err error
	if t.header, err = tokenPart(parts[0]); err != nil {
		return nil, err
	}
	if t.payload, err = tokenPart(parts[1]); err != nil {
		return nil, err
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(parts[2]); err != nil {
		return nil, badToken("the token is malformed")
	}
	if err := t.readHeader(); err != nil {
		return nil, err
	}
	return t, nil
}

// tokenPart decodes one part, a JSON object in which no name stands twice.
func tokenPart(part string) (map[string]any, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, badToken("the token is malformed")
	}
	object, problem := wire.DecodeJSON(data)
	if problem != nil {
		return nil, badToken("the token is malformed")
	}
	return object, nil
}

// readHeader reads the three fields that count. Where a header says where its key is to be had (jwk, jku, x5u, x5c), it is
// not asked: the caller wrote it.
func (t *token) readHeader() error {
	for _, name := range []string{"crit", "b64", "zip", "enc"} {
		if _, has := t.header[name]; has {
			return badToken("the token asks for an extension that is not taken")
		}
	}
	var ok bool
	if t.algorithm, ok = t.header["alg"].(string); !ok {
		return badToken("the token names no algorithm")
	}
	if t.keyID, ok = optionalText(t.header, "kid"); !ok || len(t.keyID) > maxKeyID {
		return badToken("the token is malformed")
	}
	cty, ok := optionalText(t.header, "cty")
	if !ok || strings.EqualFold(cty, "jwt") {
		return badToken("the token holds another token, which is not taken")
	}
	if t.typ, ok = optionalText(t.header, "typ"); !ok {
		return badToken("the token is malformed")
	}
	t.typ = strings.TrimPrefix(strings.ToLower(t.typ), "application/")
	return nil
}

// optionalText is a member that is a string or not there.
func optionalText(m map[string]any, name string) (text string, ok bool) {
	v, has := m[name]
	if !has {
		return "", true
	}
	text, ok = v.(string)
	return text, ok
}

// isOf checks the type in the header, so that a token made for one purpose does not serve another (RFC 8725, 3.11).
func (t *token) isOf(kind string) error {
	var allowed []string
	switch kind {
	case "at+jwt", "it+jwt":
		allowed = []string{kind}
	case "id_token":
		allowed = []string{"", "jwt", "it+jwt"}
	case "access_token":
		allowed = []string{"", "jwt", "at+jwt"}
	case "jwt":
		allowed = []string{"", "jwt"}
	default:
		return nil // plain
	}
	if !slices.Contains(allowed, t.typ) {
		return badToken("the token is of another type")
	}
	return nil
}

// checkTimes holds the token to its dates. One without an end is refused: nothing would ever take it back.
func (t *token) checkTimes(now time.Time, skew time.Duration) error {
	expires, has, ok := t.date("exp")
	if !ok || !has {
		return badToken("the token has no expiry")
	}
	if !now.Add(-skew).Before(expires) {
		return badToken("the token has expired")
	}
	for _, name := range []string{"nbf", "iat"} {
		at, has, ok := t.date(name)
		if !ok {
			return badToken("the token has a date that is none")
		}
		if has && now.Add(skew).Before(at) {
			return badToken("the token is not valid yet")
		}
	}
	return nil
}

// maxDate is the end of the year 9999, behind which times cannot be written.
const maxDate = 253402300799

// date reads a claim of seconds since 1970.
func (t *token) date(name string) (at time.Time, has, ok bool) {
	v, has := t.payload[name]
	if !has {
		return at, false, true
	}
	var seconds float64
	switch n := v.(type) {
	case int64:
		seconds = float64(n)
	case float64:
		seconds = n
	default:
		return at, true, false
	}
	if math.IsNaN(seconds) || seconds < 0 || seconds > maxDate {
		return at, true, false
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*float64(time.Second))), true, true
}

// audience lists whom the token is for; ok is false where the claim is neither a string nor a list of strings.
func (t *token) audience() (list []string, ok bool) {
	switch v := t.payload["aud"].(type) {
	case string:
		return []string{v}, true
	case []any:
		for _, item := range v {
			s, isText := item.(string)
			if !isText {
				return nil, false
			}
			list = append(list, s)
		}
		return list, true
	default:
		return nil, false
	}
}

// claim finds a claim by its name, or, where there is none, along a path with dots.
func claim(claims map[string]any, name string) any {
	if v, has := claims[name]; has {
		return v
	}
	for {
		first, rest, more := strings.Cut(name, ".")
		if !more {
			return claims[first]
		}
		next, ok := claims[first].(map[string]any)
		if !ok {
			return nil
		}
		claims, name = next, rest
	}
}

// claimText is a claim as text, "" where it is no single value.
func claimText(claims map[string]any, name string) string {
	switch v := claim(claims, name).(type) {
	case string:
		return v
	case int64, float64, bool:
		return fmt.Sprint(v)
	default:
		return ""
	}
}

// claimList is a claim as a list: of strings, or of the words of one.
func claimList(claims map[string]any, name string) []string {
	switch v := claim(claims, name).(type) {
	case string:
		return strings.Fields(v)
	case []any:
		out := make([]string, 0, len(v))
		for _, item := range v {
			if s, ok := item.(string); ok {
				out = append(out, s)
			}
		}
		return out
	default:
		return nil
	}
}
