package expr

import (
	"fmt"
	"net/url"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

func urlOptions() []cel.EnvOption {
	str, dyn := cel.StringType, cel.DynType
	texts, values := cel.MapType(str, str), cel.MapType(dyn, dyn)
	fields := cel.MapType(str, dyn)
	escape := func(s string) ref.Val { return types.String(url.QueryEscape(s)) }
	encode := cel.UnaryBinding(encodeQuery)
	return []cel.EnvOption{
		cel.Function("url.escape", globalTextFn("url_escape", escape, str)),
		cel.Function("escapeUrl", textFn("escape_url", escape, str)),
		cel.Function("url.unescape", globalTextFn("url_unescape", unescape, str)),
		cel.Function("unescapeUrl", textFn("unescape_url", unescape, str)),
		cel.Function("url.parse", globalTextFn("url_parse", parseURL, fields)),
		cel.Function("parseUrl", textFn("parse_url", parseURL, fields)),
		cel.Function("isURL", textFn("is_url", func(s string) ref.Val {
			u, err := url.Parse(s)
			return types.Bool(err == nil && u.Scheme != "" && u.Host != "")
		}, cel.BoolType)),
		cel.Function("queryString.decode", globalTextFn("query_decode", decodeQuery, texts)),
		cel.Function("decodeQueryString", textFn("decode_query", decodeQuery, texts)),
		cel.Function("queryString.encode", cel.Overload("query_encode", []*cel.Type{values}, str, encode)),
		cel.Function("encodeQueryString", cel.MemberOverload("encode_query", []*cel.Type{values}, str, encode)),
		cel.Function("isQueryString", textFn("is_query", func(s string) ref.Val {
			v, err := url.ParseQuery(s)
			return types.Bool(err == nil && len(v) > 0)
		}, cel.BoolType)),
	}
}

func unescape(s string) ref.Val {
	out, err := url.QueryUnescape(s)
	if err != nil {
		return types.NewErr("unescapeUrl: not an escaped text")
	}
	return types.String(out)
}

// parseURL has the fields of Go's url.URL in lower case, as policies written for ngrok read them, and the two parts of the
// host besides.
func parseURL(s string) ref.Val {
	u, err := url.Parse(s)
	if err != nil {
		return types.NewErr("url.parse: not a URL")
	}
	return types.NewStringInterfaceMap(adapter{}, map[string]any{
		"scheme": u.Scheme, "opaque": u.Opaque, "user": u.User.String(), "host": u.Host, "hostname": u.Hostname(),
		"port": u.Port(), "path": u.Path, "rawpath": u.EscapedPath(), "rawquery": u.RawQuery, "fragment": u.Fragment,
		"rawfragment": u.EscapedFragment(), "forcequery": u.ForceQuery, "omithost": u.OmitHost,
	})
}

// decodeQuery keeps the first value of each name, like [0] of req.url.query_params.
func decodeQuery(s string) ref.Val {
	values, err := url.ParseQuery(s)
	if err != nil {
		return types.NewErr("queryString.decode: not a query string")
	}
	out := make(map[string]string, len(values))
	for name := range values {
		out[name] = values.Get(name)
	}
	return types.NewStringStringMap(adapter{}, out)
}

// encodeQuery writes names in order, so that the same map is always the same text. A list stands for several values of a name.
func encodeQuery(v ref.Val) ref.Val {
	m, ok := v.(traits.Mapper)
	if !ok {
		return types.NewErr("queryString.encode needs a map")
	}
	out := make(url.Values)
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, err := queryText(key)
		if err != nil {
			return types.WrapErr(err)
		}
		values := []ref.Val{m.Get(key)}
		if _, isList := values[0].(traits.Lister); isList {
			values = elements(values[0])
		}
		for _, value := range values {
			text, err := queryText(value)
			if err != nil {
				return types.WrapErr(err)
			}
			out.Add(name, text)
		}
	}
	return types.String(out.Encode())
}

func queryText(v ref.Val) (string, error) {
	switch v.(type) {
	case traits.Lister, traits.Mapper, *object:
		return "", fmt.Errorf("queryString.encode cannot write a %s", clean(v.Type().TypeName()))
	default:
		return toText(v)
	}
}
