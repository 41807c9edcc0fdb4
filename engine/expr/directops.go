package expr

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"weir/engine/catalog"
	"weir/engine/vars"
)

// maxExact is the largest int below which every int is a double of its own, so that comparing doubles compares ints.
const maxExact = 1 << 53

func (d *direct) equal(a, b ast.Expr) boolFn {
	if _, ok := constant(a); ok {
		a, b = b, a
	}
	if f := d.equalConstant(a, b); f != nil {
		return f
	}
	if x, y := d.string(a), d.string(b); x != nil && y != nil {
		return func(src Source, m *catalog.Model) result { return holds(x(src, m) == y(src, m)) }
	}
	if x, y := d.int(a), d.int(b); x != nil && y != nil {
		return func(src Source, m *catalog.Model) result { return holds(x(src, m) == y(src, m)) }
	}
	return nil
}

func (d *direct) equalConstant(a, b ast.Expr) boolFn {
	want, ok := constant(b)
	if !ok {
		return nil
	}
	switch want := want.(type) {
	case string:
		return d.equalString(a, want)
	case bool:
		if f := d.bool(a); f != nil {
			if want {
				return f
			}
			return negated(f)
		}
		return d.equalDyn(a, want)
	case int64:
		if f := d.int(a); f != nil {
			return func(src Source, m *catalog.Model) result { return holds(f(src, m) == want) }
		}
	case nil:
		return d.equalDyn(a, nil)
	}
	return nil
}

// equalString has its own closures for what most rules are made of, so that one call does it.
func (d *direct) equalString(a ast.Expr, want string) boolFn {
	if id, ok := d.typed(a, vars.TypeString); ok {
		return func(src Source, _ *catalog.Model) result {
			return holds(src.Var(id).Str == want)
		}
	}
	if name, id, ok := d.firstOf(a); ok {
		return func(src Source, _ *catalog.Model) result {
			if h, ok := src.Var(id).Obj.(vars.MultiMap); ok {
				return holds(h.First(name) == want)
			}
			return holds(want == "")
		}
	}
	if f := d.string(a); f != nil {
		return func(src Source, m *catalog.Model) result { return holds(f(src, m) == want) }
	}
	return d.equalDyn(a, want)
}

// equalsText takes the comparison of a string variable with a constant apart.
func (d *direct) equalsText(e ast.Expr) (id vars.ID, want string, ok bool) {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.Equals {
		return 0, "", false
	}
	a, b := e.AsCall().Args()[0], e.AsCall().Args()[1]
	if _, isConst := constant(a); isConst {
		a, b = b, a
	}
	id, isVar := d.typed(a, vars.TypeString)
	want, isText := constantString(b)
	return id, want, isVar && isText
}

func (d *direct) equalDyn(a ast.Expr, want any) boolFn {
	f := d.dyn(a)
	if f == nil {
		return nil
	}
	return func(src Source, m *catalog.Model) result {
		switch v := f(src, m).Obj.(type) {
		case nil:
			return holds(want == nil)
		case string:
			s, ok := want.(string)
			return holds(ok && s == v)
		case bool:
			b, ok := want.(bool)
			return holds(ok && b == v)
		case int64, float64, []any, map[string]any:
			return no
		default:
			return failed
		}
	}
}

func (d *direct) ordered(op string, a, b ast.Expr) boolFn {
	if x, y := d.int(a), d.int(b); x != nil && y != nil {
		return func(src Source, m *catalog.Model) result { return compared(op, x(src, m), y(src, m)) }
	}
	if x, y := d.number(a), d.number(b); x != nil && y != nil {
		return func(src Source, m *catalog.Model) result { return compared(op, x(src, m), y(src, m)) }
	}
	if x, y := d.string(a), d.string(b); x != nil && y != nil {
		return func(src Source, m *catalog.Model) result { return compared(op, x(src, m), y(src, m)) }
	}
	if f := d.orderedMixed(op, a, b); f != nil {
		return f
	}
	return d.orderedPrice(op, a, b)
}

// orderedMixed compares an int with a constant double, by the int next to it.
func (d *direct) orderedMixed(op string, a, b ast.Expr) boolFn {
	if _, ok := constant(a); ok {
		a, b, op = b, a, flipped(op)
	}
	v, _ := constant(b)
	limit, ok := v.(float64)
	x := d.int(a)
	if !ok || x == nil || math.Abs(limit) >= maxExact { // also where the limit is not a number: no comparison holds for NaN
		return nil
	}
	near := int64(math.Floor(limit))
	if op == operators.Less || op == operators.GreaterEquals {
		near = int64(math.Ceil(limit))
	}
	return func(src Source, m *catalog.Model) result { return compared(op, x(src, m), near) }
}

func flipped(op string) string {
	switch op {
	case operators.Less:
		return operators.Greater
	case operators.LessEquals:
		return operators.GreaterEquals
	case operators.Greater:
		return operators.Less
	default:
		return operators.LessEquals
	}
}

// number compiles doubles, and constant ints that a double can hold.
func (d *direct) number(e ast.Expr) doubleFn {
	if v, ok := constant(e); ok {
		if i, ok := v.(int64); ok && i < maxExact && i > -maxExact {
			f := float64(i)
			return func(Source, *catalog.Model) float64 { return f }
		}
	}
	return d.double(e)
}

// orderedPrice compares a price with a constant; an unknown price has no order.
func (d *direct) orderedPrice(op string, a, b ast.Expr) boolFn {
	l, ok := d.modelLeaf(a)
	if !ok || l.price == nil {
		return nil
	}
	limit := d.number(b)
	if limit == nil {
		return nil
	}
	return func(src Source, m *catalog.Model) result {
		p := l.price(m)
		if p == nil {
			return failed
		}
		return compared(op, *p, limit(src, m))
	}
}

func compared[T int64 | float64 | string](op string, a, b T) result {
	switch op {
	case operators.Less:
		return holds(a < b)
	case operators.LessEquals:
		return holds(a <= b)
	case operators.Greater:
		return holds(a > b)
	case operators.GreaterEquals:
		return holds(a >= b)
	default:
		return failed
	}
}

// member compiles in: a constant list, a list of strings, or the names of headers.
func (d *direct) member(elem, in ast.Expr) boolFn {
	if list, ok := constantList(in); ok {
		return d.memberConstant(elem, list)
	}
	name := d.string(elem)
	if name == nil {
		return nil
	}
	if list := d.names(in); list != nil {
		return func(src Source, m *catalog.Model) result { return holds(slices.Contains(list(src, m), name(src, m))) }
	}
	if id, ok := d.typed(in, vars.TypeMulti); ok {
		return func(src Source, m *catalog.Model) result {
			h, ok := src.Var(id).Obj.(vars.MultiMap)
			return holds(ok && h.Has(name(src, m)))
		}
	}
	return nil
}

func (d *direct) memberConstant(elem ast.Expr, list []any) boolFn {
	if value := d.string(elem); value != nil {
		names, ok := allOf[string](list)
		if !ok {
			return nil
		}
		const few = 8 // up to here comparing in turn is faster than hashing
		if len(names) <= few {
			return func(src Source, m *catalog.Model) result { return holds(slices.Contains(names, value(src, m))) }
		}
		set := make(map[string]struct{}, len(names))
		for _, n := range names {
			set[n] = struct{}{}
		}
		return func(src Source, m *catalog.Model) result {
			_, ok := set[value(src, m)]
			return holds(ok)
		}
	}
	if value := d.int(elem); value != nil {
		if numbers, ok := allOf[int64](list); ok {
			return func(src Source, m *catalog.Model) result { return holds(slices.Contains(numbers, value(src, m))) }
		}
	}
	return nil
}

func allOf[T any](list []any) ([]T, bool) {
	out := make([]T, 0, len(list))
	for _, v := range list {
		t, ok := v.(T)
		if !ok {
			return nil, false
		}
		out = append(out, t)
	}
	return out, true
}

func (d *direct) textTest(function string, target, arg ast.Expr) boolFn {
	s := d.string(target)
	want, ok := constantString(arg)
	if s == nil || !ok {
		return nil
	}
	test := textTester(function, want)
	if test == nil {
		return nil
	}
	return func(src Source, m *catalog.Model) result { return holds(test(s(src, m))) }
}

// textTester compiles a test of one string against a constant.
func textTester(function, want string) func(string) bool {
	switch function {
	case operators.Equals:
		return func(s string) bool { return s == want }
	case operators.NotEquals:
		return func(s string) bool { return s != want }
	case "startsWith":
		return func(s string) bool { return strings.HasPrefix(s, want) }
	case "endsWith":
		return func(s string) bool { return strings.HasSuffix(s, want) }
	case "contains":
		return func(s string) bool { return strings.Contains(s, want) }
	case "matches":
		pattern, err := regexp.Compile(want)
		if err != nil {
			return nil
		}
		return pattern.MatchString
	default:
		return nil
	}
}

// exists compiles list.exists(x, test of x) over a list of strings.
func (d *direct) exists(loop ast.ComprehensionExpr) boolFn {
	list, step := d.names(loop.IterRange()), loop.LoopStep()
	if list == nil || loop.HasIterVar2() || !isName(loop.Result(), loop.AccuVar()) || step.Kind() != ast.CallKind ||
		step.AsCall().FunctionName() != operators.LogicalOr || loop.AccuInit().Kind() != ast.LiteralKind ||
		loop.AccuInit().AsLiteral() != types.False || !isName(step.AsCall().Args()[0], loop.AccuVar()) {
		return nil
	}
	predicate := step.AsCall().Args()[1]
	if predicate.Kind() != ast.CallKind {
		return nil
	}
	call := predicate.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	if len(args) != 2 || !isName(args[0], loop.IterVar()) {
		return nil
	}
	want, ok := constantString(args[1])
	test := textTester(call.FunctionName(), want)
	if !ok || test == nil {
		return nil
	}
	return func(src Source, m *catalog.Model) result { return holds(slices.ContainsFunc(list(src, m), test)) }
}

func (d *direct) cidr(ip, cidr ast.Expr) boolFn {
	addr := d.string(ip)
	want, ok := constantString(cidr)
	if addr == nil || !ok {
		return nil
	}
	prefix, ok := prefixOf(want)
	if !ok {
		return func(Source, *catalog.Model) result { return no }
	}
	return func(src Source, m *catalog.Model) result { return holds(contains(prefix, addr(src, m))) }
}

// cidrs compiles inCidrRanges with ranges that are known; those that cannot be read do not count.
func (d *direct) cidrs(ip, ranges ast.Expr) boolFn {
	addr := d.string(ip)
	list, ok := constantList(ranges)
	texts, isText := allOf[string](list)
	if addr == nil || !ok || !isText {
		return nil
	}
	prefixes := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		if p, ok := prefixOf(text); ok {
			prefixes = append(prefixes, p)
		}
	}
	return func(src Source, m *catalog.Model) result {
		a, err := netip.ParseAddr(addr(src, m))
		if err != nil {
			return no
		}
		a = a.Unmap()
		return holds(slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) }))
	}
}

// isModelList says whether a type is a list of models.
func isModelList(t *types.Type) bool {
	return t.Kind() == types.ListKind && t.Parameters()[0].TypeName() == modelName
}
