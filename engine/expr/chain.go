package expr

import (
	"fmt"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"weir/engine/catalog"
	"weir/engine/vars"
)

// maxStrategyTime ends a strategy that runs a loop for each model. Each of these loops has a limit of its own, some 20 ms, but
// a catalog has hundreds of models.
const maxStrategyTime = 100 * time.Millisecond

var errTooSlow = fmt.Errorf("the strategy takes longer than %v", maxStrategyTime)

// selection is one evaluation of a strategy.
type selection struct {
	src    Source
	models []*catalog.Model
	begin  time.Time // of the first loop, zero before
}

// late reports whether the time for the strategy is over.
func (s *selection) late() bool {
	if s.begin.IsZero() {
		s.begin = time.Now()
		return false
	}
	return time.Since(s.begin) > maxStrategyTime
}

// stage is a step of a strategy, on plain Go slices. A single model is a list of one, no model an empty list.
type stage func(s *selection) ([]*catalog.Model, error)

// chainCompiler turns the usual strategies, a chain of calls that begins with ai.models, into stages. Whatever else comes
// along runs as one CEL program.
type chainCompiler struct {
	unit        *unit
	elementwise bool
}

func (c *chainCompiler) compile(e ast.Expr) stage {
	switch e.Kind() {
	case ast.IdentKind, ast.SelectKind:
		if id, ok := variable(c.unit.ast, e); ok && id == vars.AIModels {
			return func(s *selection) ([]*catalog.Model, error) { return s.models, nil }
		}
	case ast.ComprehensionKind:
		loop := e.AsComprehension()
		if predicate, ok := filterOf(loop); ok {
			return c.filter(loop, predicate)
		}
		if key, name, in, ok := sortOf(loop); ok {
			return c.sortBy(key, name, in)
		}
	case ast.CallKind:
		return c.call(e.AsCall())
	default:
	}
	return nil
}

func (c *chainCompiler) call(call ast.CallExpr) stage {
	name, args := call.FunctionName(), call.Args()
	switch name {
	case fnAt:
		return c.at(args[0], args[1])
	case operators.Conditional:
		return c.ternary(args[0], args[1], args[2])
	case "getModel":
		return c.providerModel(call)
	}
	if !call.IsMemberFunction() {
		return nil
	}
	in := c.compile(call.Target())
	if in == nil {
		return nil
	}
	if holds, ok := modelFilters()[name]; ok && len(args) == 1 {
		list, isConst := constantList(args[0])
		ids, isText := allOf[string](list)
		if !isConst || !isText {
			return nil
		}
		return filtered(in, func(m *catalog.Model) bool { return holds(m, ids) })
	}
	if holds, ok := placeFilters()[name]; ok && len(args) == 1 {
		place, isText := constantString(args[0])
		if !isText {
			return nil
		}
		return filtered(in, func(m *catalog.Model) bool { return holds(m, place) })
	}
	return c.other(name, in, args)
}

func (c *chainCompiler) other(name string, in stage, args []ast.Expr) stage {
	env := c.unit.env
	switch {
	case name == "underCost" && len(args) == 2:
		path, ok := constantString(args[0])
		limit, isNumber := constantNumber(args[1])
		price := priceFields()[path]
		if !ok || !isNumber || price == nil {
			return nil
		}
		return filtered(in, func(m *catalog.Model) bool { return under(price(m), limit) })
	case name == "sortBy" && len(args) == 1:
		c.elementwise = false
		return mapped(in, byPrice)
	case name == "randomize":
		c.elementwise = false
		return mapped(in, func(models []*catalog.Model) []*catalog.Model { return shuffled(models, env.intn) })
	case name == "random":
		c.elementwise = false
		return mapped(in, func(models []*catalog.Model) []*catalog.Model {
			if len(models) == 0 {
				return nil
			}
			return []*catalog.Model{models[env.intn(len(models))]}
		})
	case name == "get" && len(args) == 2:
		provider, ok1 := constantString(args[0])
		id, ok2 := constantString(args[1])
		if !ok1 || !ok2 {
			return nil
		}
		c.elementwise = false
		return mapped(in, func(models []*catalog.Model) []*catalog.Model { return only(findModel(models, provider, id)) })
	default:
		return nil
	}
}

func constantNumber(e ast.Expr) (float64, bool) {
	v, ok := constant(e)
	if !ok {
		return 0, false
	}
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
}

func only(m *catalog.Model) []*catalog.Model {
	if m == nil {
		return nil
	}
	return []*catalog.Model{m}
}

func filtered(in stage, holds func(*catalog.Model) bool) stage {
	return mapped(in, func(models []*catalog.Model) []*catalog.Model { return keep(models, holds) })
}

func mapped(in stage, f func([]*catalog.Model) []*catalog.Model) stage {
	return func(s *selection) ([]*catalog.Model, error) {
		models, err := in(s)
		if err != nil {
			return nil, err
		}
		return f(models), nil
	}
}

func (c *chainCompiler) at(list, index ast.Expr) stage {
	if !isModelList(c.unit.ast.GetType(list.ID())) {
		return nil
	}
	in := c.compile(list)
	v, ok := constant(index)
	i, isInt := v.(int64)
	if in == nil || !ok || !isInt || i < 0 {
		return nil
	}
	c.elementwise = false
	return mapped(in, func(models []*catalog.Model) []*catalog.Model {
		if i >= int64(len(models)) {
			return nil
		}
		return models[i : i+1 : i+1]
	})
}

// providerModel compiles ai.providers.get('x').getModel('y').
func (c *chainCompiler) providerModel(call ast.CallExpr) stage {
	if !call.IsMemberFunction() || call.Target().Kind() != ast.CallKind || len(call.Args()) != 1 {
		return nil
	}
	get := call.Target().AsCall()
	if get.FunctionName() != "get" || !get.IsMemberFunction() || len(get.Args()) != 1 {
		return nil
	}
	id, isVar := variable(c.unit.ast, get.Target())
	provider, ok1 := constantString(get.Args()[0])
	model, ok2 := constantString(call.Args()[0])
	if !isVar || id != vars.AIProviders || !ok1 || !ok2 {
		return nil
	}
	c.elementwise = false
	return func(s *selection) ([]*catalog.Model, error) { return only(findModel(s.models, provider, model)), nil }
}

func (c *chainCompiler) ternary(condition, then, otherwise ast.Expr) stage {
	u, err := c.unit.sub(condition)
	if err != nil {
		return nil
	}
	a, b := c.compile(then), c.compile(otherwise)
	if a == nil || b == nil {
		return nil
	}
	c.elementwise = false
	return func(s *selection) ([]*catalog.Model, error) {
		ok, err := u.matches(bindings{src: s.src, models: s.models, selects: true})
		if err != nil {
			return nil, err
		}
		if ok {
			return a(s)
		}
		return b(s)
	}
}

// filterOf takes the predicate out of what CEL makes of filter(x, predicate).
func filterOf(loop ast.ComprehensionExpr) (ast.Expr, bool) {
	step := loop.LoopStep()
	if loop.HasIterVar2() || step.Kind() != ast.CallKind || step.AsCall().FunctionName() != operators.Conditional {
		return nil, false
	}
	args := step.AsCall().Args()
	elem, ok := appended(loop, args[1])
	if !ok || elem.Kind() != ast.IdentKind || elem.AsIdent() != loop.IterVar() || !isName(args[2], loop.AccuVar()) {
		return nil, false
	}
	return args[0], isPlain(loop)
}

// appended returns x of accumulator + [x].
func appended(loop ast.ComprehensionExpr, e ast.Expr) (ast.Expr, bool) {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.Add {
		return nil, false
	}
	args := e.AsCall().Args()
	if !isName(args[0], loop.AccuVar()) || args[1].Kind() != ast.ListKind || args[1].AsList().Size() != 1 {
		return nil, false
	}
	return args[1].AsList().Elements()[0], true
}

// isPlain says whether a loop begins with an empty list, goes to the end and gives what it gathered.
func isPlain(loop ast.ComprehensionExpr) bool {
	init, condition := loop.AccuInit(), loop.LoopCondition()
	return init.Kind() == ast.ListKind && init.AsList().Size() == 0 &&
		condition.Kind() == ast.LiteralKind && condition.AsLiteral() == types.True && isName(loop.Result(), loop.AccuVar())
}

func isName(e ast.Expr, name string) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == name }

func (c *chainCompiler) filter(loop ast.ComprehensionExpr, predicate ast.Expr) stage {
	in := c.compile(loop.IterRange())
	if in == nil {
		return nil
	}
	u, err := c.unit.sub(predicate)
	if err != nil {
		return nil
	}
	name := loop.IterVar()
	c.elementwise = c.elementwise && !readsCollection(u.ast)
	direct := newDirect(u, name).condition()
	return func(s *selection) ([]*catalog.Model, error) {
		models, err := in(s)
		if err != nil {
			return nil, err
		}
		out := make([]*catalog.Model, 0, len(models))
		for _, m := range models {
			if u.limited && s.late() {
				return nil, errTooSlow
			}
			ok, err := s.holds(u, direct, name, m)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, m)
			}
		}
		return out, nil
	}
}

// readsCollection says whether a predicate looks at more than the one model it is asked about.
func readsCollection(a *ast.AST) bool {
	found := false
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if id, ok := variable(a, e); ok {
			found = found || id == vars.AIModels || id == vars.AIProviders || id == vars.AIAuthors
		}
	}))
	return found
}

func (s *selection) holds(u *unit, direct boolFn, name string, m *catalog.Model) (bool, error) {
	if direct != nil {
		if t := direct(s.src, m); t != failed {
			return t == yes, nil
		}
	}
	return u.matches(bindings{src: s.src, itemName: name, item: m, models: s.models, selects: true})
}
