package expr

import (
	"maps"
	"math"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"weir/engine/vars"
)

// needs is what must be so for an expression to give a certain result: a set of values for each of its terms. A term that
// is not in it can have any value. never is set where no values do.
type needs struct {
	terms map[string]domain
	never bool
	term  string // the one that cannot be, where never is set
}

// prover finds out what conditions need to be true or false. It knows comparisons of terms that always have a value with
// constants, and leaves everything else open, so that it never claims too much.
type prover struct {
	direct *direct
}

func newProver(u *unit, item string) *prover { return &prover{direct: newDirect(u, item)} }

// never is what nothing fulfils.
func never(term string) needs { return needs{never: true, term: term} }

func (n needs) and(o needs) needs {
	switch {
	case n.never:
		return n
	case o.never:
		return o
	}
	out := needs{terms: make(map[string]domain, len(n.terms)+len(o.terms))}
	maps.Copy(out.terms, n.terms)
	for name, d := range o.terms {
		if have, ok := out.terms[name]; ok {
			d = have.and(d)
		}
		if d.empty() {
			return never(name)
		}
		out.terms[name] = d
	}
	return out
}

func (n needs) or(o needs) needs {
	switch {
	case n.never && o.never:
		return n
	case n.never:
		return o
	case o.never:
		return n
	}
	out := needs{terms: make(map[string]domain)}
	for name, d := range n.terms {
		if other, ok := o.terms[name]; ok {
			if both, ok := d.or(other); ok {
				out.terms[name] = both
			}
		}
	}
	return out
}

// result is what e needs to give want.
func (p *prover) result(e ast.Expr, want bool) needs {
	switch e.Kind() {
	case ast.LiteralKind:
		if b, ok := e.AsLiteral().(types.Bool); ok && bool(b) != want {
			return never("")
		}
	case ast.IdentKind, ast.SelectKind:
		if name, kind := p.term(e); kind == types.BoolType {
			return p.oneOf(name, want, true)
		}
	case ast.CallKind:
		return p.call(e.AsCall(), want)
	default:
	}
	return needs{}
}

func (p *prover) call(call ast.CallExpr, want bool) needs {
	args := call.Args()
	switch name := call.FunctionName(); name {
	case operators.LogicalNot:
		return p.result(args[0], !want)
	case operators.LogicalAnd, operators.LogicalOr:
		a, b := p.result(args[0], want), p.result(args[1], want)
		if (name == operators.LogicalAnd) == want {
			return a.and(b)
		}
		return a.or(b)
	case operators.Equals:
		return p.equal(args[0], args[1], want)
	case operators.NotEquals:
		return p.equal(args[0], args[1], !want)
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return p.ordered(name, args[0], args[1], want)
	case operators.In:
		return p.member(args[0], args[1], want)
	default:
		return needs{}
	}
}

// oneOf needs a term to be one of the values, or none of them where want is false.
func (p *prover) oneOf(term string, want bool, values ...any) needs {
	d := domain{listed: make(map[string]bool), not: !want}
	for _, v := range values {
		key, ok := valueKey(v)
		if !ok {
			return needs{}
		}
		d.listed[key] = true
	}
	return needs{terms: map[string]domain{term: d}}
}

func (p *prover) equal(a, b ast.Expr, want bool) needs {
	if _, ok := constant(a); ok {
		a, b = b, a
	}
	value, ok := constant(b)
	if !ok {
		return needs{}
	}
	name, kind := p.term(a)
	switch v := value.(type) {
	case int64, float64:
		if f, ok := exactNumber(v); ok && (kind == types.IntType || kind == types.DoubleType) {
			return p.numbers(name, kind, equalTo(f, kind, want), want)
		}
	case bool:
		switch kind {
		case types.BoolType:
			return p.oneOf(name, true, v == want)
		case types.DynType:
			return p.oneOf(name, want, v)
		}
		return p.result(a, v == want)
	case string:
		if want && wrongCase(a, v) {
			return never(display(a))
		}
		if kind == types.StringType || kind == types.DynType {
			return p.oneOf(name, want, v)
		}
	case nil:
		if kind == types.DynType {
			return p.oneOf(name, want, nil)
		}
	}
	return needs{}
}

// wrongCase says whether a text in lower (or upper) case is compared with one that is not.
func wrongCase(e ast.Expr, want string) bool {
	if e.Kind() != ast.CallKind {
		return false
	}
	switch e.AsCall().FunctionName() {
	case "lower":
		return strings.ToLower(want) != want
	case "upper":
		return strings.ToUpper(want) != want
	default:
		return false
	}
}

func (p *prover) member(elem, in ast.Expr, want bool) needs {
	list, ok := constantList(in)
	if !ok {
		return needs{}
	}
	name, kind := p.term(elem)
	switch kind {
	case types.StringType, types.DynType:
		return p.oneOf(name, want, list...)
	case types.IntType:
		all := domain{number: true}
		if !want {
			all = everyNumber()
		}
		for _, v := range list {
			f, ok := exactNumber(v)
			if !ok {
				return needs{}
			}
			d := domain{number: true, spans: equalTo(f, kind, want)}
			if want {
				all, _ = all.or(d)
			} else {
				all = all.and(d)
			}
		}
		return p.numbers(name, kind, all.spans, want)
	}
	return needs{}
}

// exactNumber is a number that is the same as an int and as a double.
func exactNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), v < maxExact && v > -maxExact
	case float64:
		return v, math.Abs(v) < maxExact // not where it is not a number
	default:
		return 0, false
	}
}

func (p *prover) ordered(op string, a, b ast.Expr, want bool) needs {
	if _, ok := constant(a); ok {
		a, b, op = b, a, flipped(op)
	}
	value, _ := constant(b)
	limit, ok := exactNumber(value)
	name, kind := p.term(a)
	if !ok || kind != types.IntType && kind != types.DoubleType {
		return needs{}
	}
	if !want {
		op = opposite(op)
	}
	s := span{low: math.Inf(-1), high: math.Inf(1)}
	switch op {
	case operators.Less:
		s.high, s.highOpen = limit, true
	case operators.LessEquals:
		s.high = limit
	case operators.Greater:
		s.low, s.lowOpen = limit, true
	case operators.GreaterEquals:
		s.low = limit
	}
	return p.numbers(name, kind, []span{s}, want)
}

func opposite(op string) string {
	switch op {
	case operators.Less:
		return operators.GreaterEquals
	case operators.LessEquals:
		return operators.Greater
	case operators.Greater:
		return operators.LessEquals
	default:
		return operators.Less
	}
}

func equalTo(f float64, kind *types.Type, want bool) []span {
	switch {
	case want:
		return []span{point(f)}
	case kind == types.IntType && f != math.Trunc(f):
		return everyNumber().spans
	default:
		return []span{{low: math.Inf(-1), high: f, highOpen: true}, {low: f, high: math.Inf(1), lowOpen: true}}
	}
}

// numbers needs a term to be in one of the spans. Ints are between whole numbers, both included. A double that is not less
// than a number may be no number at all, so that nothing follows from that.
func (p *prover) numbers(term string, kind *types.Type, spans []span, want bool) needs {
	if kind == types.DoubleType {
		if !want {
			return needs{}
		}
		return p.checked(term, domain{number: true, spans: spans})
	}
	whole := make([]span, 0, len(spans))
	for _, s := range spans {
		low, high := math.Ceil(s.low), math.Floor(s.high)
		if s.lowOpen && low == s.low {
			low++
		}
		if s.highOpen && high == s.high {
			high--
		}
		whole = append(whole, span{low: low, high: high})
	}
	return p.checked(term, domain{number: true, spans: whole}.and(natural(term)))
}

func (p *prover) checked(term string, d domain) needs {
	if d.empty() {
		return never(term)
	}
	return needs{terms: map[string]domain{term: d}}
}

// natural is what a term can be by its meaning.
func natural(term string) domain {
	between := func(low, high float64) domain { return domain{number: true, spans: []span{{low: low, high: high}}} }
	switch {
	case term == vars.TimeHour.Path():
		return between(0, 23)
	case term == vars.TimeWeekday.Path():
		return between(0, 6)
	case strings.HasPrefix(term, "size("):
		return between(0, math.Inf(1))
	default:
		return everyNumber()
	}
}
