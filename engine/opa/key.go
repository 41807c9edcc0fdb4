package opa

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"weir/engine/vars"
)

// maxKey is the largest input whose decisions are kept: what access control reads is some hundred bytes, and larger input
// hardly comes twice.
const maxKey = 4 << 10

// pure reports whether a function says the same whenever it is asked the same, and does nothing else.
func pure(name string) bool {
	switch name {
	case ast.InternalPrint.Name, ast.Print.Name, ast.HTTPSend.Name:
		return false
	case ast.JWTDecodeVerify.Name, ast.CryptoX509ParseAndVerifyCertificates.Name, ast.CryptoX509ParseAndVerifyCertificatesWithOptions.Name:
		return false // these look at the clock
	}
	b := ast.BuiltinMap[name]
	return b == nil || !b.Nondeterministic
}

// keeps reports whether decisions of a query may be kept: it calls pure functions alone and reads nothing that differs
// with every exchange or that is as large as a body.
func keeps(k *closure, p *reading) bool {
	for name := range k.builtins {
		if !pure(name) {
			return false
		}
	}
	ok := true
	p.each(func(r *reading) {
		ok = ok && r.kind == kindVariable && !fleeting(r.v.ID) && (!bulky(r.v.ID) || !r.members.whole)
	})
	return ok
}

// fleeting reports whether a variable differs with every exchange, or is made anew whenever it is asked.
func fleeting(id vars.ID) bool {
	switch id {
	case vars.ReqID, vars.ReqTSHeaderReceived, vars.ReqTSBodyReceived, vars.ConnClientPort, vars.ConnTSStart, vars.ConnBytesIn,
		vars.ConnBytesOut, vars.TimeNow, vars.AttemptElapsedMS, vars.Attempts, vars.ResTSHeaderReceived, vars.ResTSBodyReceived, vars.ResCookies:
		return true
	default:
		return false
	}
}

// bulky reports whether a variable as a whole is as large as a body.
func bulky(id vars.ID) bool {
	switch id {
	case vars.ReqBody, vars.AIRequestMessages, vars.AIRequestSystem, vars.AIRequestTools, vars.ResBody, vars.AIResponseText,
		vars.AIResponseToolCalls, vars.Actions:
		return true
	default:
		return false
	}
}

// appendKey appends the values that a query reads, so that two inputs have one key only where they are the same; false
// where they are too large.
func appendKey(dst []byte, r *reading, src Source) (out []byte, ok bool) {
	if r.kind == kindNamespace {
		for _, f := range r.fields {
			if dst, ok = appendKey(dst, f, src); !ok {
				return dst, false
			}
		}
		return dst, true
	}
	v := src.Var(r.v.ID)
	dst = append(dst, byte(v.Kind))
	switch v.Kind {
	case vars.KindBool, vars.KindInt, vars.KindDuration:
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v.Int)) //nolint:gosec // its bits
	case vars.KindDouble:
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Num))
	case vars.KindString:
		return appendText(dst, v.Str)
	case vars.KindStrings, vars.KindDyn, vars.KindTime:
		return appendNative(dst, v.Obj, r.members)
	case vars.KindMulti:
		m, ok := v.Obj.(vars.MultiMap)
		if !ok {
			return dst, false
		}
		return appendMulti(dst, m, r.members)
	case vars.KindNull, vars.KindObject:
	}
	return dst, len(dst) <= maxKey
}

func appendText(dst []byte, s string) ([]byte, bool) {
	if len(s)+len(dst) > maxKey {
		return dst, false
	}
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...), true
}

func appendTexts(dst []byte, list []string) (out []byte, ok bool) {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		if dst, ok = appendText(dst, list[i]); !ok {
			return dst, false
		}
	}
	return dst, len(dst) <= maxKey
}

func appendMulti(dst []byte, m vars.MultiMap, parts *member) (out []byte, ok bool) {
	if !parts.whole {
		for _, p := range parts.parts {
			if dst, ok = appendTexts(dst, m.Values(p.name)); !ok {
				return dst, false
			}
		}
		return dst, true
	}
	names := m.Names()
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, name := range names {
		if dst, ok = appendText(dst, name); !ok {
			return dst, false
		}
		if dst, ok = appendTexts(dst, m.Values(name)); !ok {
			return dst, false
		}
	}
	return dst, true
}

// The kinds of values in a key.
const (
	keyNull byte = iota
	keyFalse
	keyTrue
	keyInt
	keyFloat
	keyText
	keyList
	keyMap
	keyMissing
)

func appendNative(dst []byte, v any, m *member) (out []byte, ok bool) {
	switch v := v.(type) {
	case nil:
		return append(dst, keyNull), true
	case bool:
		if v {
			return append(dst, keyTrue), true
		}
		return append(dst, keyFalse), true
	case int64:
		dst = binary.LittleEndian.AppendUint64(append(dst, keyInt), uint64(v)) //nolint:gosec // its bits
	case float64:
		dst = binary.LittleEndian.AppendUint64(append(dst, keyFloat), math.Float64bits(v))
	case string:
		return appendText(append(dst, keyText), v)
	case []string:
		return appendTexts(append(dst, keyList), v)
	case []any:
		dst = binary.AppendUvarint(append(dst, keyList), uint64(len(v)))
		for i := range v {
			if dst, ok = appendNative(dst, v[i], nil); !ok {
				return dst, false
			}
		}
	case map[string]any:
		return appendMap(append(dst, keyMap), v, m)
	default:
		return dst, false // times and what else is rare
	}
	return dst, len(dst) <= maxKey
}

func appendMap(dst []byte, v map[string]any, m *member) (out []byte, ok bool) {
	if m != nil && !m.whole {
		for _, p := range m.parts {
			value, found := v[p.name]
			if !found {
				dst = append(dst, keyMissing)
				continue
			}
			if dst, ok = appendNative(dst, value, p); !ok {
				return dst, false
			}
		}
		return dst, true
	}
	if len(v) > maxKey/nodeSize {
		return dst, false
	}
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, name := range names {
		if dst, ok = appendText(dst, name); !ok {
			return dst, false
		}
		if dst, ok = appendNative(dst, v[name], nil); !ok {
			return dst, false
		}
	}
	return dst, true
}
