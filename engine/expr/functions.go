package expr

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // policies compare with checksums that others made
	"crypto/sha1" //nolint:gosec // policies compare with checksums that others made
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/netip"
	"net/url"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Names of functions that exist only in rewritten expressions: users cannot write an @.
const (
	fnFirst       = "@first"
	fnFirstCookie = "@first_cookie"
	fnValues      = "@values"
	fnGet         = "@get"
	fnHas         = "@has"
	fnPresent     = "@present"
	fnAt          = "@at"
	fnText        = "@text"
)

func textFn(name string, f func(string) ref.Val, result *cel.Type) cel.FunctionOpt {
	return cel.MemberOverload(name+"_string", []*cel.Type{cel.StringType}, result,
		cel.UnaryBinding(func(v ref.Val) ref.Val { return f(textOf(v)) }))
}

func globalTextFn(name string, f func(string) ref.Val, result *cel.Type) cel.FunctionOpt {
	return cel.Overload(name+"_string", []*cel.Type{cel.StringType}, result,
		cel.UnaryBinding(func(v ref.Val) ref.Val { return f(textOf(v)) }))
}

func functionOptions(e *Env) []cel.EnvOption {
	opts := append(netOptions(), randOptions(e)...)
	opts = append(opts, jsonOptions()...)
	opts = append(opts, hashOptions()...)
	return append(opts, textOptions()...)
}

func netOptions() []cel.EnvOption {
	str := cel.StringType
	return []cel.EnvOption{
		cel.Function("inCidrRange", cel.Overload("in_cidr_range", []*cel.Type{str, str}, cel.BoolType,
			cel.BinaryBinding(func(ip, cidr ref.Val) ref.Val {
				return types.Bool(inRange(textOf(ip), textOf(cidr)))
			}))),
		cel.Function("inCidrRanges", cel.Overload("in_cidr_ranges", []*cel.Type{str, cel.ListType(str)}, cel.BoolType,
			cel.BinaryBinding(func(ip, cidrs ref.Val) ref.Val {
				for _, cidr := range stringsOf(cidrs) {
					if inRange(textOf(ip), cidr) {
						return types.True
					}
				}
				return types.False
			}))),
		cel.Function("isPrivateIp", textFn("is_private_ip", func(s string) ref.Val {
			return types.Bool(isPrivate(s))
		}, cel.BoolType)),
	}
}

// prefixOf reads a range; a bare address is a range of one.
func prefixOf(cidr string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(cidr); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(cidr)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func inRange(ip, cidr string) bool {
	p, ok := prefixOf(cidr)
	return ok && contains(p, ip)
}

func contains(p netip.Prefix, ip string) bool {
	a, err := netip.ParseAddr(ip)
	return err == nil && p.Contains(a.Unmap())
}

// isPrivate says whether ip is in one of the ranges of RFC 1918.
func isPrivate(ip string) bool {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	a = a.Unmap()
	return a.Is4() && a.IsPrivate()
}

func randOptions(e *Env) []cel.EnvOption {
	return []cel.EnvOption{
		cel.Function("rand.double", cel.Overload("rand_double", nil, cel.DoubleType,
			cel.FunctionBinding(func(...ref.Val) ref.Val {
				const steps = 1 << 53 // as many as a double between 0 and 1 can tell apart
				return types.Double(float64(e.int64n(steps)) / steps)
			}))),
		cel.Function("rand.int",
			cel.Overload("rand_int", nil, cel.IntType, cel.FunctionBinding(func(...ref.Val) ref.Val {
				return types.Int(e.int64n(1<<63 - 1))
			})),
			cel.Overload("rand_int_range", []*cel.Type{cel.IntType, cel.IntType}, cel.IntType,
				cel.BinaryBinding(func(low, high ref.Val) ref.Val {
					from, ok1 := low.(types.Int)
					to, ok2 := high.(types.Int)
					if !ok1 || !ok2 || from < 0 || to < from || to-from == 1<<63-1 {
						return types.NewErr("rand.int needs 0 <= min <= max")
					}
					return from + types.Int(e.int64n(int64(to-from)+1))
				}))),
	}
}

func jsonOptions() []cel.EnvOption {
	dyn := cel.DynType
	encode := cel.UnaryBinding(encodeJSON)
	return []cel.EnvOption{
		cel.Function("json.decode", globalTextFn("json_decode", decodeJSON, dyn)),
		cel.Function("decodeJson", textFn("decode_json", decodeJSON, dyn)),
		cel.Function("json.encode", cel.Overload("json_encode", []*cel.Type{dyn}, cel.StringType, encode)),
		cel.Function("encodeJson", cel.MemberOverload("encode_json", []*cel.Type{dyn}, cel.StringType, encode)),
		cel.Function("isJson", textFn("is_json", func(s string) ref.Val {
			return types.Bool(json.Valid([]byte(s)))
		}, cel.BoolType)),
		cel.Function("encodeBase64", textFn("encode_base64", func(s string) ref.Val {
			return types.String(base64.StdEncoding.EncodeToString([]byte(s)))
		}, cel.StringType)),
		cel.Function("decodeBase64", textFn("decode_base64", func(s string) ref.Val {
			out, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				return types.NewErr("decodeBase64: not base64")
			}
			return types.String(out)
		}, cel.StringType)),
		cel.Function("basic_auth.encode", cel.Overload("basic_auth_encode", []*cel.Type{cel.StringType, cel.StringType},
			cel.StringType, cel.BinaryBinding(func(user, pass ref.Val) ref.Val {
				return types.String("Basic " + base64.StdEncoding.EncodeToString([]byte(textOf(user)+":"+textOf(pass))))
			}))),
	}
}

func decodeJSON(s string) ref.Val {
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return types.NewErr("json.decode: not JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return types.NewErr("json.decode: text after the JSON value")
	}
	return adapter{}.NativeToValue(v)
}

func encodeJSON(v ref.Val) ref.Val {
	native, err := toNative(v, 0)
	if err != nil {
		return types.WrapErr(err)
	}
	out, err := marshal(native)
	if err != nil {
		return types.WrapErr(err)
	}
	return types.String(out)
}

// marshal writes JSON without the escapes that HTML would need.
func marshal(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("writing a value as JSON: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func hashOptions() []cel.EnvOption {
	sums := map[string]func([]byte) []byte{
		"md5":    func(b []byte) []byte { s := md5.Sum(b); return s[:] },  //nolint:gosec // see the import
		"sha1":   func(b []byte) []byte { s := sha1.Sum(b); return s[:] }, //nolint:gosec // see the import
		"sha256": func(b []byte) []byte { s := sha256.Sum256(b); return s[:] },
		"sha512": func(b []byte) []byte { s := sha512.Sum512(b); return s[:] },
		"crc32": func(b []byte) []byte {
			h := crc32.NewIEEE()
			_, _ = h.Write(b) // a hash never fails
			return h.Sum(nil)
		},
		"crc64": func(b []byte) []byte {
			h := crc64.New(crc64.MakeTable(crc64.ISO))
			_, _ = h.Write(b) // a hash never fails
			return h.Sum(nil)
		},
	}
	str := cel.StringType
	out := make([]cel.EnvOption, 0, 2*len(sums))
	for name, sum := range sums {
		plain := cel.UnaryBinding(func(v ref.Val) ref.Val { return encodeSum(sum([]byte(textOf(v))), "hex") })
		formatted := cel.BinaryBinding(func(v, format ref.Val) ref.Val {
			return encodeSum(sum([]byte(textOf(v))), textOf(format))
		})
		out = append(
			out,
			cel.Function("hash."+name,
				cel.Overload("hash_"+name, []*cel.Type{str}, str, plain),
				cel.Overload("hash_"+name+"_format", []*cel.Type{str, str}, str, formatted)),
			cel.Function(name,
				cel.MemberOverload("string_"+name, []*cel.Type{str}, str, plain),
				cel.MemberOverload("string_"+name+"_format", []*cel.Type{str, str}, str, formatted)),
		)
	}
	return out
}

func encodeSum(sum []byte, format string) ref.Val {
	switch format {
	case "hex":
		return types.String(hex.EncodeToString(sum))
	case "base64":
		return types.String(base64.StdEncoding.EncodeToString(sum))
	default:
		return types.NewErr("the format of a hash is 'hex' or 'base64'")
	}
}

func textOptions() []cel.EnvOption {
	str := cel.StringType
	return []cel.EnvOption{
		cel.Function("lower", textFn("lower", func(s string) ref.Val { return types.String(strings.ToLower(s)) }, str)),
		cel.Function("upper", textFn("upper", func(s string) ref.Val { return types.String(strings.ToUpper(s)) }, str)),
		cel.Function("url.escape", globalTextFn("url_escape", func(s string) ref.Val {
			return types.String(url.QueryEscape(s))
		}, str)),
		cel.Function("escapeUrl", textFn("escape_url", func(s string) ref.Val {
			return types.String(url.QueryEscape(s))
		}, str)),
		cel.Function("url.unescape", globalTextFn("url_unescape", unescape, str)),
		cel.Function("unescapeUrl", textFn("unescape_url", unescape, str)),
	}
}

func unescape(s string) ref.Val {
	out, err := url.QueryUnescape(s)
	if err != nil {
		return types.NewErr("unescapeUrl: not an escaped text")
	}
	return types.String(out)
}
