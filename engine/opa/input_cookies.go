package opa

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"weir/engine/vars"
)

// setCookies is res.cookies: the cookies that the answer sets by name, those with the longest path first. A field that is
// no cookie is left out, as browsers do.
func (in *input) setCookies(m *member) *ast.Term {
	headers, ok := in.e.Source.Var(vars.ResHeaders).Obj.(vars.MultiMap)
	if !ok {
		return nil
	}
	var all []*http.Cookie
	for _, line := range headers.Values("set-cookie") {
		if c, err := http.ParseSetCookie(line); err == nil {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b *http.Cookie) int { return cmp.Compare(len(b.Path), len(a.Path)) })
	byName := map[string]any{}
	for _, c := range all {
		list, _ := byName[c.Name].([]any) // none yet
		byName[c.Name] = append(list, setCookie(c))
	}
	return in.native(byName, m)
}

// setCookie is one cookie with the fields that expressions see. Its age is in seconds.
func setCookie(c *http.Cookie) map[string]any {
	sameSite := ""
	switch c.SameSite {
	case http.SameSiteLaxMode:
		sameSite = "Lax"
	case http.SameSiteStrictMode:
		sameSite = "Strict"
	case http.SameSiteNoneMode:
		sameSite = "None"
	case http.SameSiteDefaultMode:
	}
	expires := c.Expires
	if expires.IsZero() {
		expires = time.Unix(0, 0)
	}
	unparsed := make(map[string]any, len(c.Unparsed))
	for _, attribute := range c.Unparsed {
		name, value, _ := strings.Cut(attribute, "=")
		unparsed[name] = value
	}
	return map[string]any{
		"name": c.Name, "value": c.Value, "domain": c.Domain, "path": c.Path, "same_site": sameSite, "http_only": c.HttpOnly,
		"secure": c.Secure, "expires": expires, "max_age": int64(c.MaxAge), "unparsed_attributes": unparsed,
	}
}

// setCookieSchema is the type of one cookie that an answer sets.
func setCookieSchema() *schema {
	text, flag := &schema{Type: "string"}, &schema{Type: "boolean"}
	return &schema{Type: "object", Additional: false, Properties: map[string]*schema{
		"name": text, "value": text, "domain": text, "path": text, "same_site": text, "expires": text, "http_only": flag,
		"secure": flag, "max_age": {Type: "integer"}, "unparsed_attributes": {Type: "object", Additional: text},
	}}
}
