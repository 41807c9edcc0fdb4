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
		if call := e.AsCall(); call.FunctionName() == operators.Index && len(call.Args()) == 2 {
			w.index(e, call.Args()[0], call.Args()[1])
		}
	default:
	}
}

// lookup rewrites in.field and has(in.field).
func (w *totals) lookup(e, in ast.Expr, field string, test bool) {
	t := w.ast.GetType(in.ID())
	id, isVar := variable(w.ast, in)
	total := isVar && isTotal(id)
	switch {
	case test && (isDynamic(t) || total):
		w.call(e, fnHas, "has_dyn", in, w.literal(field))
	case test:
	case isDynamic(t):
		w.call(e, fnGet, "get_dyn", in, w.literal(field))
	case total:
		w.total(e, id, in, w.literal(field))
	}
}

func (w *totals) index(e, in, key ast.Expr) {
	t := w.ast.GetType(in.ID())
	id, isVar := variable(w.ast, in)
	switch {
	case isDynamic(t):
		w.call(e, fnGet, "get_dyn", in, key)
	case isVar && isTotal(id):
		w.total(e, id, in, key)
	case t.Kind() == types.ListKind && isOurs(t.Parameters()[0]):
		w.call(e, fnAt, "at", in, key)
	case isZero(key) && in.Kind() == ast.CallKind && in.AsCall().FunctionName() == fnValues:
		args := in.AsCall().Args()
		if id, ok := variable(w.ast, args[0]); ok && vars.All()[id].Type == vars.TypeCookies {
			w.call(e, fnFirstCookie, "first_cookie", args...)
			return
		}
		w.call(e, fnFirst, "first", args...)
	}
}

func (w *totals) total(e ast.Expr, id vars.ID, in, key ast.Expr) {
	if vars.All()[id].Type == vars.TypeStringMap {
		w.call(e, fnText, "text", in, key)
		return
	}
	w.call(e, fnValues, "values", in, key)
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
