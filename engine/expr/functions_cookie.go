package expr

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"weir/engine/vars"
)

// setCookiesPath is the variable that reads as the cookies of the answer, where the table has it.
const setCookiesPath = "res.cookies"

// setCookie is one cookie that the answer sets.
type setCookie struct{ *http.Cookie }

func setCookieFields() map[string]leaf[setCookie] {
	return map[string]leaf[setCookie]{
		"name":      {str: func(c setCookie) string { return c.Name }},
		"value":     {str: func(c setCookie) string { return c.Value }},
		"domain":    {str: func(c setCookie) string { return c.Domain }},
		"path":      {str: func(c setCookie) string { return c.Path }},
		"same_site": {str: sameSite},
		"http_only": {flag: func(c setCookie) bool { return c.HttpOnly }},
		"secure":    {flag: func(c setCookie) bool { return c.Secure }},
		"expires": {typ: cel.TimestampType, other: func(c setCookie) any {
			if c.Expires.IsZero() {
				return time.Unix(0, 0).UTC()
			}
			return c.Expires
		}},
		"max_age": {typ: cel.DurationType, other: func(c setCookie) any {
			return types.Duration{Duration: time.Duration(c.MaxAge) * time.Second}
		}},
		"unparsed_attributes": {typ: cel.MapType(cel.StringType, cel.StringType), other: func(c setCookie) any {
			out := make(map[string]string, len(c.Unparsed))
			for _, attribute := range c.Unparsed {
				name, value, _ := strings.Cut(attribute, "=")
				out[name] = value
			}
			return out
		}},
	}
}

func sameSite(c setCookie) string {
	switch c.SameSite {
	case http.SameSiteLaxMode:
		return "Lax"
	case http.SameSiteStrictMode:
		return "Strict"
	case http.SameSiteNoneMode:
		return "None"
	default:
		return ""
	}
}

// setCookieMap reads the cookies of an answer by name, those with the longest path first.
type setCookieMap []setCookie

// parseSetCookies reads the Set-Cookie fields of headers. A field that is no cookie is left out, as browsers do.
func parseSetCookies(headers vars.MultiMap) setCookieMap {
	var out setCookieMap
	for _, line := range headers.Values("set-cookie") {
		if c, err := http.ParseSetCookie(line); err == nil {
			out = append(out, setCookie{c})
		}
	}
	slices.SortStableFunc(out, func(a, b setCookie) int { return cmp.Compare(len(b.Path), len(a.Path)) })
	return out
}

func (s setCookieMap) find(name string) (ref.Val, bool) {
	var out []ref.Val
	for _, c := range s {
		if c.Name == name {
			out = append(out, &object{typ: setCookieType, val: c})
		}
	}
	return types.NewRefValList(adapter{}, out), len(out) > 0
}

func (s setCookieMap) has(name string) bool {
	return slices.ContainsFunc(s, func(c setCookie) bool { return c.Name == name })
}

func (s setCookieMap) names() []string {
	var out []string
	for _, c := range s {
		if !slices.Contains(out, c.Name) {
			out = append(out, c.Name)
		}
	}
	return out
}

// setCookiesType is the type of the cookies of an answer.
func setCookiesType() *cel.Type { return cel.MapType(cel.StringType, cel.ListType(setCookieType)) }

func setCookieOptions() []cel.EnvOption {
	headers := cel.MapType(cel.StringType, cel.ListType(cel.StringType))
	return []cel.EnvOption{
		cel.Function(fnSetCookies, cel.Overload("set_cookies", []*cel.Type{headers}, setCookiesType(),
			cel.UnaryBinding(setCookiesOf))),
	}
}

func setCookiesOf(headers ref.Val) ref.Val {
	if m, ok := headers.(*mapping); ok {
		if h, ok := m.entries.(headerMap); ok {
			return &mapping{entries: parseSetCookies(h.m)}
		}
	}
	return &mapping{entries: setCookieMap(nil)}
}
