package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"weir/engine/vars"
)

// rewriteTotals makes lookups total where they are so by definition: CEL's own fail on a missing key. It runs after the
// check, because only types tell a dynamic map from a list.
func rewriteTotals(a *ast.AST) {
	w := &totals{ast: a, factory: ast.NewExprFactory(), nextID: ast.MaxID(a)}
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(w.visit))
}

type totals struct {
	ast     *ast.AST
	factory ast.ExprFactory
	nextID  int64
}

func (w *totals) call(e ast.Expr, function, overload string, args ...ast.Expr) {
	e.SetKindCase(w.factory.NewCall(e.ID(), function, args...))
	w.ast.SetReference(e.ID(), ast.NewFunctionReference(overload))
}

func (w *totals) literal(s string) ast.Expr {
	w.nextID++
	w.ast.SetType(w.nextID, cel.StringType)
	return w.factory.NewLiteral(w.nextID, types.String(s))
}

func (w *totals) visit(e ast.Expr) {
	switch e.Kind() {
	case ast.SelectKind:
		if _, isVar := variable(w.ast, e); isVar {
			return
		}
		s := e.AsSelect()
		w.lookup(e, s.Operand(), s.FieldName(), s.IsTestOnly())
	case ast.CallKind:
		switch call := e.AsCall(); {
		case call.FunctionName() == operators.Index && len(call.Args()) == 2:
			w.index(e, call.Args()[0], call.Args()[1])
		case call.FunctionName() == "getMilliseconds" && call.IsMemberFunction() && len(call.Args()) == 0:
			w.call(e, fnMillis, "milliseconds", call.Target())
		case call.FunctionName() == "lastIndexOf" && call.IsMemberFunction() && len(call.Args()) == 2:
			w.call(e, fnLastIndex, "last_index", call.Target(), call.Args()[0], call.Args()[1])
		case boundedName(call) != "":
			w.bounded(e, boundedName(call))
		}
	default:
	}
}

// lookup rewrites in.field and has(in.field).
func (w *totals) lookup(e, in ast.Expr, field string, test bool) {
	t := w.ast.GetType(in.ID())
	total := w.isTotal(in)
	switch {
	case test && (isDynamic(t) || total):
		w.call(e, fnHas, "has_dyn", in, w.literal(field))
	case test:
	case isDynamic(t):
		w.call(e, fnGet, "get_dyn", in, w.literal(field))
	case total:
		w.total(e, in, w.literal(field))
	}
}

func (w *totals) index(e, in, key ast.Expr) {
	t := w.ast.GetType(in.ID())
	switch {
	case isDynamic(t):
		w.call(e, fnGet, "get_dyn", in, key)
	case w.isTotal(in):
		w.total(e, in, key)
	case t.Kind() == types.ListKind && isOurs(t.Parameters()[0]):
		w.call(e, fnAt, "at", in, key)
	case isZero(key) && in.Kind() == ast.CallKind && in.AsCall().FunctionName() == fnValues:
		args := in.AsCall().Args()
		switch w.ast.GetType(args[0].ID()).Parameters()[1].Parameters()[0].TypeName() {
		case cookieName:
			w.call(e, fnFirstCookie, "first_cookie", args...)
		case setCookieName:
			w.call(e, fnFirstCookie, "first_set_cookie", args...)
		default:
			w.call(e, fnFirst, "first", args...)
		}
	}
}

func (w *totals) total(e, in, key ast.Expr) {
	if w.ast.GetType(in.ID()).Parameters()[1].Kind() == types.StringKind {
		w.call(e, fnText, "text", in, key)
		return
	}
	w.call(e, fnValues, "values", in, key)
}

// isTotal says whether in is a map in which every name has a value, if only an empty one: a variable that is so by its
// type, or what a function of ours makes.
func (w *totals) isTotal(in ast.Expr) bool {
	if id, ok := variable(w.ast, in); ok {
		return isTotal(id)
	}
	if in.Kind() != ast.CallKind {
		return false
	}
	switch in.AsCall().FunctionName() {
	case fnSetCookies, "queryString.decode", "decodeQueryString":
		return true
	default:
		return false
	}
}

// isTotal says whether a variable is a map in which every name has values, if only none.
func isTotal(id vars.ID) bool {
	switch vars.All()[id].Type {
	case vars.TypeMulti, vars.TypeCookies, vars.TypeStringMap:
		return true
	default:
		return false
	}
}

// isDynamic says whether lookups in a value of this type give null for what is missing.
func isDynamic(t *types.Type) bool {
	if t == nil {
		return false
	}
	if t.Kind() == types.DynKind {
		return true
	}
	return t.Kind() == types.MapKind && t.Parameters()[1].Kind() == types.DynKind
}

// isOurs says whether an index into a list of t gives no element rather than an error where the list is too short.
func isOurs(t *types.Type) bool {
	switch t.TypeName() {
	case modelName, providerName, authorName, keyName:
		return true
	default:
		return false
	}
}

func isZero(e ast.Expr) bool { return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.IntZero }

// variable returns the variable that a checked expression names.
func variable(a *ast.AST, e ast.Expr) (vars.ID, bool) {
	if e.Kind() != ast.IdentKind && e.Kind() != ast.SelectKind {
		return 0, false
	}
	info, ok := a.ReferenceMap()[e.ID()]
	if !ok || info.Name == "" {
		return 0, false
	}
	v, ok := vars.ByPath(info.Name)
	return v.ID, ok
}
