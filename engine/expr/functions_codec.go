package expr

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

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

func base64Options() []cel.EnvOption {
	str := cel.StringType
	return []cel.EnvOption{
		cel.Function("encodeBase64", textFn("encode_base64", func(s string) ref.Val {
			return types.String(base64.StdEncoding.EncodeToString([]byte(s)))
		}, str)),
		cel.Function("decodeBase64", textFn("decode_base64", decodeBase64, str)),
		cel.Function("basic_auth.encode", cel.Overload("basic_auth_encode", []*cel.Type{str, str}, str,
			cel.BinaryBinding(func(user, pass ref.Val) ref.Val {
				return types.String("Basic " + base64.StdEncoding.EncodeToString([]byte(textOf(user)+":"+textOf(pass))))
			}))),
	}
}

// decodeBase64 reads what base64.decode reads: padding may be missing. A CEL string is Unicode, so that other bytes fail.
func decodeBase64(s string) ref.Val {
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		out, err = base64.RawStdEncoding.DecodeString(s)
	}
	switch {
	case err != nil:
		return types.NewErr("decodeBase64: not base64")
	case !utf8.Valid(out):
		return types.NewErr("decodeBase64: the bytes are not text, base64.decode gives them as they are")
	default:
		return types.String(out)
	}
}
