package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
)

// mixedNumbers finds the comparisons of an int with a double. CEL orders the two but does not let them be tested for
// equality; in policies they are all numbers.
func mixedNumbers(issues *cel.Issues) map[int64]bool {
	out := make(map[int64]bool)
	for _, e := range issues.Errors() {
		m := noOverload.FindStringSubmatch(e.Message)
		if len(m) == 3 && (m[1] == operators.Equals || m[1] == operators.NotEquals) &&
			(m[2] == "(int, double)" || m[2] == "(double, int)") {
			out[e.ExprID] = true
		}
	}
	return out
}

// relax makes the left side of these comparisons dynamic, so that they compare across types when they run.
func (r *resolver) relax(root ast.Expr, ids map[int64]bool) {
	f := ast.NewExprFactory()
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		if !ids[e.ID()] || e.Kind() != ast.CallKind {
			return
		}
		call := e.AsCall()
		left := f.NewCall(r.id(e), overloads.TypeConvertDyn, call.Args()[0])
		e.SetKindCase(f.NewCall(e.ID(), call.FunctionName(), left, call.Args()[1]))
	}))
}
