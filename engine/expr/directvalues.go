package expr

import (
	"strings"

	"cel.dev/cel-go/common/ast"

	"weir/engine/catalog"
	"weir/engine/vars"
)

// string compiles what always gives a string.
func (d *direct) string(e ast.Expr) stringFn {
	if s, ok := constantString(e); ok {
		return func(Source, *catalog.Model) string { return s }
	}
	if id, ok := d.typed(e, vars.TypeString); ok {
		return func(src Source, _ *catalog.Model) string { return src.Var(id).Str }
	}
	if l, ok := d.modelLeaf(e); ok {
		if l.str == nil {
			return nil
		}
		return func(_ Source, m *catalog.Model) string { return l.str(m) }
	}
	if e.Kind() != ast.CallKind {
		return nil
	}
	if name, id, ok := d.firstOf(e); ok {
		return func(src Source, _ *catalog.Model) string {
			if m, ok := src.Var(id).Obj.(vars.MultiMap); ok {
				return m.First(name)
			}
			return ""
		}
	}
	call := e.AsCall()
	switch call.FunctionName() {
	case "lower":
		if s := d.string(call.Target()); s != nil {
			return func(src Source, m *catalog.Model) string { return strings.ToLower(s(src, m)) }
		}
	case "upper":
		if s := d.string(call.Target()); s != nil {
			return func(src Source, m *catalog.Model) string { return strings.ToUpper(s(src, m)) }
		}
	}
	return nil
}

// firstOf takes req.headers['x'][0] apart.
func (d *direct) firstOf(e ast.Expr) (name string, id vars.ID, ok bool) {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != fnFirst {
		return "", 0, false
	}
	args := e.AsCall().Args()
	name, isConst := constantString(args[1])
	id, isMulti := d.typed(args[0], vars.TypeMulti)
	return name, id, isConst && isMulti
}

// names compiles lists of strings.
func (d *direct) names(e ast.Expr) namesFn {
	if id, ok := d.typed(e, vars.TypeStrings); ok {
		return func(src Source, _ *catalog.Model) []string {
			if s, ok := src.Var(id).Obj.([]string); ok {
				return s
			}
			return nil
		}
	}
	if l, ok := d.modelLeaf(e); ok && l.strs != nil {
		return func(_ Source, m *catalog.Model) []string { return l.strs(m) }
	}
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != fnValues {
		return nil
	}
	in, key := e.AsCall().Args()[0], e.AsCall().Args()[1]
	name, ok := constantString(key)
	id, isMulti := d.typed(in, vars.TypeMulti)
	if !ok || !isMulti {
		return nil
	}
	return func(src Source, _ *catalog.Model) []string {
		if m, ok := src.Var(id).Obj.(vars.MultiMap); ok {
			return m.Values(name)
		}
		return nil
	}
}

func (d *direct) int(e ast.Expr) intFn {
	if v, ok := constant(e); ok {
		i, isInt := v.(int64)
		if !isInt {
			return nil
		}
		return func(Source, *catalog.Model) int64 { return i }
	}
	if id, ok := d.typed(e, vars.TypeInt); ok {
		return func(src Source, _ *catalog.Model) int64 { return src.Var(id).Int }
	}
	if l, ok := d.modelLeaf(e); ok && l.num != nil {
		return func(_ Source, m *catalog.Model) int64 { return l.num(m) }
	}
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "size" {
		return nil
	}
	call := e.AsCall()
	arg := call.Target()
	if !call.IsMemberFunction() {
		arg = call.Args()[0]
	}
	if list := d.names(arg); list != nil {
		return func(src Source, m *catalog.Model) int64 { return int64(len(list(src, m))) }
	}
	return nil
}

func (d *direct) double(e ast.Expr) doubleFn {
	if v, ok := constant(e); ok {
		f, isDouble := v.(float64)
		if !isDouble {
			return nil
		}
		return func(Source, *catalog.Model) float64 { return f }
	}
	if id, ok := d.typed(e, vars.TypeDouble); ok {
		return func(src Source, _ *catalog.Model) float64 { return src.Var(id).Num }
	}
	if l, ok := d.modelLeaf(e); ok && l.dbl != nil {
		return func(_ Source, m *catalog.Model) float64 { return l.dbl(m) }
	}
	return nil
}

// dyn compiles one lookup in a dynamic map: vars.x, caller.metadata.x, m.metadata.x, m.getMetadata('x').
func (d *direct) dyn(e ast.Expr) dynFn {
	if e.Kind() != ast.CallKind {
		return nil
	}
	call := e.AsCall()
	if call.FunctionName() == "getMetadata" && len(call.Args()) == 1 {
		path, ok := constantString(call.Args()[0])
		target := call.Target()
		if !ok || d.item == "" || target.Kind() != ast.IdentKind || target.AsIdent() != d.item {
			return nil
		}
		return func(_ Source, m *catalog.Model) vars.Value { return vars.Dyn(metadataAt(m.Metadata, path)) }
	}
	if call.FunctionName() != fnGet {
		return nil
	}
	in, key := call.Args()[0], call.Args()[1]
	name, ok := constantString(key)
	if !ok {
		return nil
	}
	if id, ok := d.typed(in, vars.TypeMap); ok {
		return func(src Source, _ *catalog.Model) vars.Value {
			if m, ok := src.Var(id).Obj.(map[string]any); ok {
				return vars.Dyn(m[name])
			}
			return vars.Null()
		}
	}
	if path, ok := d.itemPath(in); ok && path == "metadata" {
		return func(_ Source, m *catalog.Model) vars.Value { return vars.Dyn(m.Metadata[name]) }
	}
	return nil
}
