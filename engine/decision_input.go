package engine

import (
	"strings"
	"sync"
	"time"

	"weir/engine/vars"
)

// decisionInput is what expressions read, as the nested object that Rego sees. Strings are copies. A body is not read
// for it, and what is wrong with one is left for those who need it.
func (x *Exchange) decisionInput(reads vars.Set) (input map[string]any, cut bool) {
	if reads.Len() == 0 {
		return nil, false
	}
	loaded, problem, misread := x.loaded, x.bodyErr, x.misread
	c := clipper{left: maxDecisionValue, clone: true}
	out := map[string]any{}
	for id := range vars.ID(vars.Count) {
		if !reads.Has(id) || (!loaded && needsBody(id)) {
			continue
		}
		if v, ok := c.variable(x.Var(id)); ok {
			place(out, inputPaths()[id], v)
		}
	}
	if x.bodyErr != nil && problem == nil {
		x.forgive()
		x.bodyErr, x.misread = problem, misread
	}
	return out, c.cut
}

// needsBody reports whether a variable is read from the client's body.
func needsBody(id vars.ID) bool {
	return id == vars.ReqBody || strings.HasPrefix(id.Path(), "ai.request.")
}

// inputPaths is where each variable stands in the input: at its path, or at .value below it where other variables stand
// there too.
//
//nolint:gochecknoglobals // made once of a constant table
var inputPaths = sync.OnceValue(func() [][]string {
	owners := map[string]bool{}
	for _, v := range vars.All() {
		for path := v.Path; ; {
			i := strings.LastIndexByte(path, '.')
			if i < 0 {
				break
			}
			path = path[:i]
			owners[path] = true
		}
	}
	out := make([][]string, vars.Count)
	for _, v := range vars.All() {
		parts := strings.Split(v.Path, ".")
		if owners[v.Path] {
			parts = append(parts, "value")
		}
		out[v.ID] = parts
	}
	return out
})

// place puts a value into nested objects.
func place(into map[string]any, path []string, v any) {
	last := len(path) - 1
	for _, name := range path[:last] {
		next, ok := into[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			into[name] = next
		}
		into = next
	}
	into[path[last]] = v
}

// variable copies a variable's value. Null and the collections of models, which are the gateway's own, are left out.
func (c *clipper) variable(v vars.Value) (any, bool) {
	switch v.Kind {
	case vars.KindBool:
		return v.Int != 0, true
	case vars.KindInt:
		return v.Int, true
	case vars.KindDouble:
		return v.Num, true
	case vars.KindString:
		return c.text(v.Str), true
	case vars.KindDuration:
		return time.Duration(v.Int).String(), true
	case vars.KindMulti:
		m, ok := v.Obj.(vars.MultiMap)
		if !ok {
			return nil, false
		}
		out := map[string]any{}
		for _, name := range m.Names() {
			out[c.text(name)] = c.value(m.Values(name))
		}
		return out, true
	case vars.KindTime, vars.KindStrings, vars.KindDyn:
		out := c.value(v.Obj)
		return out, out != nil
	default:
		return nil, false
	}
}
