package expr

import (
	"fmt"
	"maps"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"weir/engine/catalog"
	"weir/engine/diag"
	"weir/engine/vars"
)

// requireVar is the name of the model in a route's require.
const requireVar = "m"

// condition is one boolean expression: a closure where its shape allows, the CEL program otherwise.
type condition struct {
	quick  quick // where it is that simple
	direct boolFn
	unit   *unit
}

// Predicate is a list of conditions that must all hold.
type Predicate struct {
	// What Match needs of most rules stands together: with a hundred rules each line of the cache counts.
	isConstant bool
	constant   bool
	never      bool
	quick      quick  // the one condition there is, where it is that simple
	only       boolFn // the one condition there is, nil where there are more
	conditions []condition
	reads      vars.Set
	headers    []string
}

// Predicate compiles conditions. They are evaluated from left to right up to the first that does not hold; one that fails
// ends the evaluation with its error. No conditions always hold.
func (e *Env) Predicate(ph vars.Phase, exprs []Text) (*Predicate, diag.List) {
	p := e.packed.predicate()
	*p = Predicate{isConstant: true, constant: true}
	var diags diag.List
	var all needs
	headers := make(map[string]struct{})
	for _, t := range exprs {
		u, problems := e.compileBool(scope{env: e.cel, phase: ph}, t)
		if len(problems) > 0 {
			diags = append(diags, problems...)
			continue
		}
		p.reads.Union(u.reads)
		maps.Copy(headers, u.headers)
		f := u.fold()
		diags = append(diags, f.warnings(t)...)
		if before := all; !before.never {
			if all = before.and(f.needs); all.never && !f.needs.never {
				diags = append(diags, excluded(t, all.term))
			}
		}
		p.add(u, f)
	}
	if diags.HasErrors() {
		return nil, diags
	}
	p.never = all.never
	if len(p.conditions) == 1 {
		p.only, p.quick = p.conditions[0].direct, p.conditions[0].quick
	}
	p.headers = slices.Sorted(maps.Keys(headers))
	return p, diags
}

// add appends a condition. What is true at load needs no run; behind one that is false at load nothing is ever run.
func (p *Predicate) add(u *unit, f folded) {
	if p.isConstant && !p.constant {
		return
	}
	if f.known {
		if f.value {
			return
		}
		if len(p.conditions) == 0 {
			p.constant = false
			return
		}
	}
	p.isConstant = false
	p.conditions = append(p.conditions, condition{unit: u, direct: newDirect(u, "").condition(), quick: newDirect(u, "").quick()})
}

func (e *Env) compileBool(sc scope, t Text) (*unit, diag.List) {
	u, diags := e.compile(sc, t)
	if len(diags) > 0 {
		return nil, diags
	}
	if u.typ.Kind() != cel.BoolKind && u.typ.Kind() != cel.DynKind {
		text := newText(t)
		return nil, diag.List{text.diagnostic(0, len(text.runes), "not_a_condition",
			"a condition must be true or false, this is "+withArticle(clean(cel.FormatCELType(u.typ))), "")}
	}
	return u, nil
}

// Match reports whether all conditions hold. CEL programs recover their own panics; the closures have none, and a deferred
// recover would cost as much as a whole condition.
func (p *Predicate) Match(src Source) (bool, error) {
	var m Memo
	return p.MatchNext(src, &m)
}

// MatchNext is Match for one of several predicates that are asked in turn: m keeps what they read. It is reset whenever
// something may have changed between two of them.
func (p *Predicate) MatchNext(src Source, m *Memo) (bool, error) {
	if p.isConstant {
		return p.constant, nil
	}
	switch {
	case p.quick.kind != quickNone:
		return p.quick.match(src, m), nil
	case p.only != nil:
		if got := p.only(src, nil); got != failed {
			return got == yes, nil
		}
	}
	for i := range p.conditions {
		c := &p.conditions[i]
		if c.quick.kind != quickNone {
			if !c.quick.match(src, m) {
				return false, nil
			}
			continue
		}
		if c.direct != nil {
			switch c.direct(src, nil) {
			case yes:
				continue
			case no:
				return false, nil
			case failed: // the program says why
			}
		}
		if ok, err := c.unit.matches(bindings{src: src}); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// matches runs the CEL program of a condition.
func (u *unit) matches(b bindings) (bool, error) {
	v, err := u.run(b)
	if err != nil {
		return false, err
	}
	value, ok := v.(types.Bool)
	if !ok {
		return false, fmt.Errorf("%s: a condition gave %s", u.where(), withArticle(v.Type().TypeName()))
	}
	return bool(value), nil
}

// Constant returns the result where it is the same for every exchange.
func (p *Predicate) Constant() (value, ok bool) { return p.constant && p.isConstant, p.isConstant }

// Never reports whether the conditions exclude one another, so that they hold for no exchange. One of them may still fail.
func (p *Predicate) Never() bool { return p.never }

// Reads returns the variables the conditions read.
func (p *Predicate) Reads() vars.Set { return p.reads }

// Headers returns the request headers that the conditions read by a literal name, in lower case. Names that an expression
// computes are not among them.
func (p *Predicate) Headers() []string { return p.headers }

// ModelPredicate is a condition on one model, named m.
type ModelPredicate struct{ condition condition }

// ModelPredicate compiles the require of a route rule.
func (e *Env) ModelPredicate(t Text) (*ModelPredicate, diag.List) {
	u, diags := e.compileBool(scope{env: e.model, phase: vars.PhaseRoute, item: requireVar}, t)
	if len(diags) > 0 {
		return nil, diags
	}
	return &ModelPredicate{condition: condition{unit: u, direct: newDirect(u, requireVar).condition()}}, nil
}

// Match reports whether the condition holds for m.
func (p *ModelPredicate) Match(src Source, m *catalog.Model) (bool, error) {
	return p.condition.match(src, requireVar, m)
}

// Reads returns the variables the condition reads.
func (p *ModelPredicate) Reads() vars.Set { return p.condition.unit.reads }

func (c *condition) match(src Source, name string, m *catalog.Model) (bool, error) {
	if c.direct != nil {
		if t := c.direct(src, m); t != failed {
			return t == yes, nil
		}
	}
	return c.unit.matches(bindings{src: src, itemName: name, item: m})
}
