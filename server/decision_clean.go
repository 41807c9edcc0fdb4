package server

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir/engine/wire"
)

// maxDecisionText bounds one text of a decision: it is as far as credentials are looked for.
const maxDecisionText = 16 << 10

// secretMark stands in the place of a credential.
const secretMark = "***"

// cleaner copies values of a decision without the credentials in them, and notes what it took out.
type cleaner struct {
	erased, masked []string // JSON pointers
	cut            bool
}

// value copies a value that stands at a path under a name.
func (c *cleaner) value(path, name string, v any) any {
	switch v := v.(type) {
	case string:
		return c.textAt(path, name, v)
	case json.Number:
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			at := path + "/" + url.PathEscape(name)
			if credentialName(path, name, e) {
				c.erased = append(c.erased, at)
				continue
			}
			out[c.text(name)] = c.value(at, name, e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = c.value(path+"/"+strconv.Itoa(i), name, e)
		}
		return out
	default:
		return v // nothing that holds text: Decision says which types there are
	}
}

func (c *cleaner) textAt(path, name, s string) string {
	out := s
	if inURL(path, name) {
		out = withoutKeyParams(out)
	}
	out = c.text(out)
	if out != s {
		c.masked = append(c.masked, path)
	}
	return out
}

// text is a text without what looks like a credential.
func (c *cleaner) text(s string) string {
	if s == "" {
		return ""
	}
	if len(s) <= maxDecisionText {
		return string(wire.ScrubSecrets(nil, []byte(s)))
	}
	c.cut = true
	return string(loggedBody([]byte(s[:maxDecisionText]), maxDecisionText-logBeyond-utf8.UTFMax))
}

// inURL reports whether a text is the query of a URL or has one.
func inURL(path, name string) bool {
	return strings.Contains(path, "/url/") || name == "url" || name == "uri" || name == "location"
}

// withoutKeyParams masks the values of parameters that carry credentials. The text is a query, or has one behind a
// question mark.
func withoutKeyParams(text string) string {
	front, query, found := strings.Cut(text, "?")
	if !found {
		if !strings.Contains(text, "=") {
			return text
		}
		front, query = "", text
	} else {
		front += "?"
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, ok := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if ok && (err != nil || keyParam(plain)) {
			pairs[i] = name + "=" + secretMark
		}
	}
	return front + strings.Join(pairs, "&")
}

// keyParam tells the query parameters that vendors and browsers take credentials in.
func keyParam(name string) bool { return strings.EqualFold(name, "key") || secretName(name) }

// credentialName reports whether what stands under a name is a credential, whatever it looks like: fields of requests and
// answers, cookies, query parameters, and members that say so.
func credentialName(path, name string, v any) bool {
	switch {
	case path == "/input/req" && name == "cookies", path == "/input/res" && name == "cookies":
		return true
	case strings.HasSuffix(path, "/query_params"):
		return keyParam(name)
	case strings.HasSuffix(path, "/headers") && headerSecret(name):
		return true
	}
	switch v.(type) {
	case string, []any:
		return secretName(name)
	default:
		return false // counts of tokens and the like
	}
}

// headerSecret tells the fields of a head that carry credentials and do not say so in their names.
func headerSecret(name string) bool {
	switch strings.ToLower(name) {
	case "authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie", "set-cookie":
		return true
	default:
		return false
	}
}

// secretName reports whether a name says that its value is a secret.
func secretName(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	switch name {
	case "authorization", "apikey", "passwd", "credentials":
		return true
	}
	for _, end := range [...]string{"token", "secret", "password", "api_key", "access_key", "private_key", "secret_key", "auth_key", "authorization"} {
		if name == end || strings.HasSuffix(name, "_"+end) {
			return true
		}
	}
	return false
}
