package expr

import (
	"unique"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"weir/engine/catalog"
	"weir/engine/vars"
)

// result is the outcome of a closure.
type result uint8

// The outcomes. A closure that failed says no more than that: the CEL program then runs and finds the words.
const (
	no result = iota
	yes
	failed
)

func holds(b bool) result {
	if b {
		return yes
	}
	return no
}

// Closures over the variables of src and, where the expression has one, the model m.
type (
	boolFn   func(src Source, m *catalog.Model) result
	stringFn func(src Source, m *catalog.Model) string
	intFn    func(src Source, m *catalog.Model) int64
	doubleFn func(src Source, m *catalog.Model) float64
	dynFn    func(src Source, m *catalog.Model) vars.Value
	namesFn  func(src Source, m *catalog.Model) []string
)

// direct compiles the common shapes of checked expressions to closures. Whatever it does not know it leaves to CEL: every
// method returns nil for that. What it does know has exactly CEL's results, which a differential test compares.
type direct struct {
	env     *Env
	ast     *ast.AST
	item    string
	models  map[string]leaf[*catalog.Model]
	metrics map[string]leaf[metricsView]
}

func newDirect(u *unit, item string) *direct {
	return &direct{env: u.env, ast: u.ast, item: item}
}

func (d *direct) condition() boolFn { return d.bool(d.ast.Expr()) }

func (d *direct) bool(e ast.Expr) boolFn {
	switch e.Kind() {
	case ast.LiteralKind:
		b, ok := e.AsLiteral().(types.Bool)
		if !ok {
			return nil
		}
		value := holds(bool(b))
		return func(Source, *catalog.Model) result { return value }
	case ast.IdentKind, ast.SelectKind:
		return d.boolName(e)
	case ast.CallKind:
		return d.boolCall(e.AsCall())
	case ast.ComprehensionKind:
		return d.exists(e.AsComprehension())
	default:
		return nil
	}
}

func (d *direct) boolName(e ast.Expr) boolFn {
	if id, ok := d.typed(e, vars.TypeBool); ok {
		return func(src Source, _ *catalog.Model) result { return holds(src.Var(id).Int != 0) }
	}
	if l, ok := d.modelLeaf(e); ok && l.flag != nil {
		return func(_ Source, m *catalog.Model) result { return holds(l.flag(m)) }
	}
	return nil
}

func (d *direct) boolCall(call ast.CallExpr) boolFn {
	args := call.Args()
	switch call.FunctionName() {
	case operators.LogicalNot:
		return negated(d.bool(args[0]))
	case operators.LogicalAnd:
		return both(d.bool(args[0]), d.bool(args[1]))
	case operators.LogicalOr:
		return either(d.bool(args[0]), d.bool(args[1]))
	case operators.Equals:
		return d.equal(args[0], args[1])
	case operators.NotEquals:
		return negated(d.equal(args[0], args[1]))
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return d.ordered(call.FunctionName(), args[0], args[1])
	case operators.In:
		return d.member(args[0], args[1])
	case "startsWith", "endsWith", "contains", "matches":
		if call.IsMemberFunction() && len(args) == 1 {
			return d.textTest(call.FunctionName(), call.Target(), args[0])
		}
	case "inCidrRange":
		return d.cidr(args[0], args[1])
	case "inCidrRanges":
		return d.cidrs(args[0], args[1])
	case "isPrivateIp":
		if ip := d.string(call.Target()); ip != nil {
			return func(src Source, m *catalog.Model) result { return holds(isPrivate(ip(src, m))) }
		}
	}
	return nil
}

func negated(f boolFn) boolFn {
	if f == nil {
		return nil
	}
	return func(src Source, m *catalog.Model) result {
		switch f(src, m) {
		case yes:
			return no
		case no:
			return yes
		default:
			return failed
		}
	}
}

// both is &&: a side that is false decides, even where the other fails.
func both(a, b boolFn) boolFn {
	if a == nil || b == nil {
		return nil
	}
	return func(src Source, m *catalog.Model) result {
		left := a(src, m)
		if left == no {
			return no
		}
		right := b(src, m)
		if right == no || left == yes {
			return right
		}
		return failed
	}
}

// either is ||: a side that is true decides, even where the other fails.
func either(a, b boolFn) boolFn {
	if a == nil || b == nil {
		return nil
	}
	return func(src Source, m *catalog.Model) result {
		left := a(src, m)
		if left == yes {
			return yes
		}
		right := b(src, m)
		if right == yes || left == no {
			return right
		}
		return failed
	}
}

// typed returns the variable that e names if it is of type t and nothing between the source and the closure changes it.
func (d *direct) typed(e ast.Expr, t vars.Type) (vars.ID, bool) {
	id, ok := variable(d.ast, e)
	if !ok || vars.All()[id].Type != t {
		return 0, false
	}
	switch id {
	case vars.TimeNow, vars.TimeHour, vars.TimeWeekday, vars.TimeDate:
		return 0, false
	default:
		return id, true
	}
}

// itemPath returns the fields that e reads from the model variable.
func (d *direct) itemPath(e ast.Expr) (string, bool) {
	if d.item == "" {
		return "", false
	}
	path := ""
	for e.Kind() == ast.SelectKind {
		s := e.AsSelect()
		if s.IsTestOnly() {
			return "", false
		}
		if path == "" {
			path = s.FieldName()
		} else {
			path = s.FieldName() + "." + path
		}
		e = s.Operand()
	}
	return path, path != "" && e.Kind() == ast.IdentKind && e.AsIdent() == d.item
}

func (d *direct) modelLeaf(e ast.Expr) (leaf[*catalog.Model], bool) {
	path, ok := d.itemPath(e)
	if !ok {
		return leaf[*catalog.Model]{}, false
	}
	if d.models == nil {
		d.models, d.metrics = modelFields(), metricsFields()
	}
	if l, ok := d.models[path]; ok {
		return l, true
	}
	return d.metricsLeaf(path)
}

// metricsLeaf reads metrics.SCOPE.PATH without an object in between.
func (d *direct) metricsLeaf(path string) (leaf[*catalog.Model], bool) {
	for name, scope := range metricScopes() {
		prefix := "metrics." + name + "."
		if len(path) <= len(prefix) || path[:len(prefix)] != prefix {
			continue
		}
		l, ok := d.metrics[path[len(prefix):]]
		if !ok {
			continue
		}
		switch {
		case l.num != nil:
			return leaf[*catalog.Model]{num: func(m *catalog.Model) int64 { return l.num(viewMetrics(m, scope, "")) }}, true
		case l.dbl != nil:
			return leaf[*catalog.Model]{dbl: func(m *catalog.Model) float64 { return l.dbl(viewMetrics(m, scope, "")) }}, true
		case l.str != nil:
			return leaf[*catalog.Model]{str: func(m *catalog.Model) string { return l.str(viewMetrics(m, scope, "")) }}, true
		}
	}
	return leaf[*catalog.Model]{}, false
}

// constant returns the value of a literal, or of literals that are joined.
func constant(e ast.Expr) (any, bool) {
	switch e.Kind() {
	case ast.LiteralKind:
		switch v := e.AsLiteral().(type) {
		case types.String:
			return unique.Make(string(v)).Value(), true // rules that compare with the same text touch the same memory
		case types.Int:
			return int64(v), true
		case types.Double:
			return float64(v), true
		case types.Bool:
			return bool(v), true
		case types.Null:
			return nil, true
		}
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.Add || len(call.Args()) != 2 {
			return nil, false
		}
		left, ok1 := constant(call.Args()[0])
		right, ok2 := constant(call.Args()[1])
		a, isText1 := left.(string)
		b, isText2 := right.(string)
		return a + b, ok1 && ok2 && isText1 && isText2
	default:
	}
	return nil, false
}

func constantString(e ast.Expr) (string, bool) {
	v, ok := constant(e)
	s, isText := v.(string)
	return s, ok && isText
}

// constantList returns the elements of a literal list of literals.
func constantList(e ast.Expr) ([]any, bool) {
	if e.Kind() != ast.ListKind {
		return nil, false
	}
	out := make([]any, 0, e.AsList().Size())
	for _, elem := range e.AsList().Elements() {
		v, ok := constant(elem)
		if !ok {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}
