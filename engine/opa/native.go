package opa

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// native turns a value of Rego into one of Go: nil, bool, int64, float64, string, []any or map[string]any. Sets become
// lists, in order; keys that are not strings become what they are in Rego.
func native(v ast.Value) any {
	switch v := v.(type) {
	case ast.Boolean:
		return bool(v)
	case ast.Number:
		if i, ok := v.Int64(); ok {
			return i
		}
		f, _ := v.Float64() // one that is too large is infinite
		return f
	case ast.String:
		return string(v)
	case *ast.Array:
		out := make([]any, 0, v.Len())
		v.Foreach(func(t *ast.Term) { out = append(out, native(t.Value)) })
		return out
	case ast.Set:
		out := make([]any, 0, v.Len())
		for _, t := range v.Slice() {
			out = append(out, native(t.Value))
		}
		return out
	case ast.Object:
		out := make(map[string]any, v.Len())
		v.Foreach(func(k, t *ast.Term) {
			if name, ok := k.Value.(ast.String); ok {
				out[string(name)] = native(t.Value)
				return
			}
			out[k.Value.String()] = native(t.Value)
		})
		return out
	default:
		return nil
	}
}
