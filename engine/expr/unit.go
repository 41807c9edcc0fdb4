package expr

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"weir/engine/diag"
	"weir/engine/vars"
)

// unit is one compiled expression.
type unit struct {
	env     *Env
	celEnv  *cel.Env // the environment it was checked in, which may know more variables than env.cel
	pos     diag.Pos
	ast     *ast.AST
	program cel.Program
	typ     *cel.Type
	reads   vars.Set
	headers map[string]struct{}
	random  bool
	secret  bool // holds the value of a secret
	fixed   bool // reads nothing and always gives the same
	limited bool // loops over what has no bound at load, so that a limit stops it as it runs
}

// scope is what an expression may refer to.
type scope struct {
	env   *cel.Env
	phase vars.Phase
	item  string // name of the model variable, "" = none
}

var errPanic = errors.New("internal error in an expression")

// compile parses, resolves, checks and plans one expression.
func (e *Env) compile(sc scope, t Text) (*unit, diag.List) {
	r := &resolver{env: e, scope: sc, text: newText(t), headers: make(map[string]struct{})}
	parsed, issues := sc.env.Parse(t.Value)
	if issues.Err() != nil {
		return nil, r.text.syntax(issues)
	}
	native := parsed.NativeRep()
	r.info, r.nextID = native.SourceInfo(), ast.MaxID(native)
	if sc.item != "" {
		r.locals = append(r.locals, sc.item)
	}
	r.visit(native.Expr())
	if len(r.diags) > 0 {
		return nil, r.diags
	}
	checked, issues := sc.env.Check(parsed)
	if mixed := mixedNumbers(issues); len(mixed) > 0 {
		r.relax(native.Expr(), mixed)
		checked, issues = sc.env.Check(parsed)
	}
	if issues.Err() != nil {
		return nil, r.text.types(issues, native.Expr(), e.fields)
	}
	if diags := r.patterns(native.Expr()); len(diags) > 0 {
		return nil, diags
	}
	u := &unit{
		env: e, celEnv: sc.env, ast: checked.NativeRep(), typ: checked.OutputType(),
		reads: r.reads, headers: r.headers, random: r.random, secret: r.secret, pos: r.text.pos(0),
		fixed: r.reads.Len() == 0 && !r.random && !r.usesItem,
	}
	rewriteTotals(u.ast)
	var err error
	if u.program, err = e.plan(u, checked); err != nil {
		return nil, diag.List{r.text.diagnostic(0, len(r.text.runes), "invalid_expression", clean(err.Error()), "")}
	}
	if d, ok := r.tooCostly(u, checked); ok {
		return nil, diag.List{d}
	}
	if u.fixed {
		if _, err := u.run(bindings{}); err != nil {
			return nil, diag.List{r.text.diagnostic(0, len(r.text.runes), "always_fails", clean(reason(err)), "")}
		}
	}
	return u, nil
}

// reason is the innermost message: the position in front of it stands in the diagnostic already.
func reason(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// plan makes the program; one that loops over something of unknown length gets a limit on what it may cost as it runs.
func (e *Env) plan(u *unit, checked *cel.Ast) (cel.Program, error) {
	opts := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if loops(u.ast.Expr()) {
		estimate, err := u.celEnv.EstimateCost(checked, sizes{})
		if err != nil || estimate.Max > maxRunCost {
			u.limited = true
			opts = append(opts, cel.CostLimit(maxRunCost))
		}
	}
	program, err := u.celEnv.PlanProgram(u.ast, opts...)
	if err != nil {
		return nil, fmt.Errorf("planning: %w", err)
	}
	return program, nil
}

// eval runs the CEL program.
func (u *unit) eval(a *activation) (out ref.Val, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("%s: %w", u.where(), errPanic)
		}
	}()
	v, _, err := u.program.Eval(a)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.where(), err)
	}
	if types.IsUnknown(v) {
		return nil, fmt.Errorf("%s: no value", u.where())
	}
	return v, nil
}

// run evaluates the CEL program.
func (u *unit) run(b bindings) (ref.Val, error) {
	a := u.env.activate(b)
	v, err := u.eval(a)
	u.env.release(a)
	return v, err
}

// where names the expression in errors.
func (u *unit) where() string {
	if !u.pos.IsValid() {
		return "expression"
	}
	if u.pos.File == "" {
		return fmt.Sprintf("expression at %d:%d", u.pos.Line, u.pos.Col)
	}
	return fmt.Sprintf("expression at %s:%d:%d", u.pos.File, u.pos.Line, u.pos.Col)
}

// constant evaluates an expression that reads nothing and always gives the same.
func (u *unit) constant() (ref.Val, bool) {
	if !u.fixed {
		return nil, false
	}
	v, err := u.run(bindings{})
	return v, err == nil
}

// sub makes a unit of a part of the expression, so that a strategy can run its parts by itself.
func (u *unit) sub(e ast.Expr) (*unit, error) {
	out := *u
	out.ast = ast.NewCheckedAST(ast.NewAST(e, u.ast.SourceInfo()), u.ast.TypeMap(), u.ast.ReferenceMap())
	opts := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	out.limited = loops(e)
	if out.limited {
		opts = append(opts, cel.CostLimit(maxRunCost))
	}
	program, err := u.celEnv.PlanProgram(out.ast, opts...)
	if err != nil {
		return nil, fmt.Errorf("planning: %w", err)
	}
	out.program = program
	return &out, nil
}

// loops reports whether e holds a comprehension.
func loops(e ast.Expr) bool {
	found := false
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		found = found || e.Kind() == ast.ComprehensionKind
	}))
	return found
}
