package opa

import (
	"math/big"

	"github.com/open-policy-agent/opa/v1/ast"
)

// known is what the expressions of one body say about one value.
type known struct {
	equal     *ast.Term // it is this
	differs   []*ast.Term
	low, high *ast.Term // bounds
	lowOpen   bool      // the bound itself is not meant
	highOpen  bool
}

// contradictions finds expressions of one body that cannot hold together, and comparisons of constants. An expression
// under with is about another input.
func (l *linter) contradictions(b ast.Body) {
	all := map[string]*known{}
	for _, e := range b {
		if !e.IsCall() || len(e.With) > 0 {
			continue
		}
		op := e.Operator().String()
		if !comparison(op) || len(e.Operands()) != 2 {
			continue
		}
		left, right := e.Operand(0), e.Operand(1)
		if scalar(left) && scalar(right) {
			l.constant(e, holds(op, left, right))
			continue
		}
		if scalar(left) {
			left, right, op = right, left, mirrored(op)
		}
		if e.Negated || !scalar(right) || !single(left) {
			continue
		}
		k := all[left.String()]
		if k == nil {
			k = &known{}
			all[left.String()] = k
		}
		if !k.learn(op, right) {
			l.report(e.Loc(), codeNeverTrue, "", "this contradicts what stands above it about %s, so that both never hold", left)
		}
	}
}

func comparison(op string) bool {
	switch op {
	case ast.Equal.Name, ast.Equality.Name, ast.NotEqual.Name, ast.LessThan.Name, ast.LessThanEq.Name,
		ast.GreaterThan.Name, ast.GreaterThanEq.Name:
		return true
	default:
		return false
	}
}

// mirrored is the comparison with its sides exchanged.
func mirrored(op string) string {
	switch op {
	case ast.LessThan.Name:
		return ast.GreaterThan.Name
	case ast.LessThanEq.Name:
		return ast.GreaterThanEq.Name
	case ast.GreaterThan.Name:
		return ast.LessThan.Name
	case ast.GreaterThanEq.Name:
		return ast.LessThanEq.Name
	default:
		return op
	}
}

func scalar(t *ast.Term) bool {
	switch t.Value.(type) {
	case ast.String, ast.Number, ast.Boolean, ast.Null:
		return true
	default:
		return false
	}
}

// single reports whether a term stands for one value within a body: not for each element in turn.
func single(t *ast.Term) bool {
	switch v := t.Value.(type) {
	case ast.Var:
		return !v.IsWildcard()
	case ast.Ref:
		for _, part := range v[1:] {
			if !scalar(part) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// learn adds one comparison and reports whether all of them can hold together. Rego orders values of different types by
// their types, so a bound is compared as Rego does.
func (k *known) learn(op string, v *ast.Term) bool {
	switch op {
	case ast.Equal.Name, ast.Equality.Name:
		if k.equal != nil && order(k.equal, v) != 0 {
			return false
		}
		k.equal = v
	case ast.NotEqual.Name:
		k.differs = append(k.differs, v)
	case ast.LessThan.Name, ast.LessThanEq.Name:
		open := op == ast.LessThan.Name
		if k.high == nil || order(v, k.high) < 0 || order(v, k.high) == 0 && open {
			k.high, k.highOpen = v, open
		}
	case ast.GreaterThan.Name, ast.GreaterThanEq.Name:
		open := op == ast.GreaterThan.Name
		if k.low == nil || order(v, k.low) > 0 || order(v, k.low) == 0 && open {
			k.low, k.lowOpen = v, open
		}
	}
	return k.possible()
}

func (k *known) possible() bool {
	if k.low != nil && k.high != nil {
		if c := order(k.low, k.high); c > 0 || c == 0 && (k.lowOpen || k.highOpen) {
			return false
		}
	}
	if k.equal == nil {
		return true
	}
	for _, d := range k.differs {
		if order(d, k.equal) == 0 {
			return false
		}
	}
	if k.low != nil {
		if c := order(k.equal, k.low); c < 0 || c == 0 && k.lowOpen {
			return false
		}
	}
	if k.high != nil {
		if c := order(k.equal, k.high); c > 0 || c == 0 && k.highOpen {
			return false
		}
	}
	return true
}

// order compares two scalars; 1 and 1.0 are the same number.
func order(a, b *ast.Term) int {
	x, isNumber := a.Value.(ast.Number)
	y, both := b.Value.(ast.Number)
	if isNumber && both {
		p, ok := new(big.Rat).SetString(string(x))
		q, fine := new(big.Rat).SetString(string(y))
		if ok && fine {
			return p.Cmp(q)
		}
	}
	return a.Value.Compare(b.Value)
}

func holds(op string, a, b *ast.Term) bool {
	c := order(a, b)
	switch op {
	case ast.Equal.Name, ast.Equality.Name:
		return c == 0
	case ast.NotEqual.Name:
		return c != 0
	case ast.LessThan.Name:
		return c < 0
	case ast.LessThanEq.Name:
		return c <= 0
	case ast.GreaterThan.Name:
		return c > 0
	default:
		return c >= 0
	}
}
