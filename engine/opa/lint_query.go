package opa

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// nondeterministic are the built-ins that may say something else when they are asked again.
func nondeterministic(name string) (hint string, ok bool) {
	switch name {
	case ast.NowNanos.Name:
		return "input.time tells hour, weekday and date as the rest of the policy sees them, and tests can set it", true
	case ast.RandIntn.Name, ast.UUIDRFC4122.Name:
		return "give equal requests equal answers; pick at random where the route is chosen", true
	case ast.HTTPSend.Name:
		return "put what it fetches into data or a bundle", true
	default:
		return "", false
	}
}

// lintQuery looks at what a query asks: the rules that a compiler has for it, and all that they depend on. at is where the
// query stands.
func lintQuery(c *ast.Compiler, asked ast.Ref, at *ast.Location) []finding {
	l := linter{}
	rules := c.GetRulesExact(asked)
	l.defaults(rules, asked, at)
	for _, r := range reachable(c, rules) {
		ast.WalkExprs(r, func(e *ast.Expr) bool {
			if e.IsCall() {
				l.unsteady(e.Loc(), e.Operator().String(), asked)
			}
			return false
		})
		ast.WalkTerms(r, func(t *ast.Term) bool {
			if call, ok := t.Value.(ast.Call); ok {
				l.unsteady(t.Loc(), call[0].String(), asked)
			}
			return false
		})
	}
	return l.found
}

func (l *linter) unsteady(at *ast.Location, name string, asked ast.Ref) {
	if hint, ok := nondeterministic(name); ok {
		l.report(at, codeNondeterministic, hint, "%s depends on %s: the same request may be decided in two ways, and no decision is cached", asked, name)
	}
}

// defaults asks for a default where a query may be undefined: it is denied then, but nobody said so.
func (l *linter) defaults(rules []*ast.Rule, asked ast.Ref, at *ast.Location) {
	if len(rules) == 0 {
		return
	}
	for _, r := range rules {
		if r.Default || r.Head.RuleKind() != ast.SingleValue || len(r.Head.Args) > 0 || always(r) {
			return
		}
	}
	if loc := rules[0].Loc(); loc != nil {
		at = loc
	}
	name, ok := asked[len(asked)-1].Value.(ast.String)
	if !ok {
		return
	}
	l.report(at, codeMissingDefault, "add: default "+string(name)+" := false", "%s has no default: where none of its rules holds it is undefined, which is denied as a failure", asked)
}

// always reports whether a rule holds whatever the input: its body is true alone, or that of its last else.
func always(r *ast.Rule) bool {
	for r.Else != nil {
		r = r.Else
	}
	for _, e := range r.Body {
		t, ok := e.Terms.(*ast.Term)
		if !e.Generated && (!ok || e.Negated || t.Value.Compare(ast.Boolean(true)) != 0) { // a compiler takes heads apart
			return false
		}
	}
	return true
}

// reachable are rules and all rules that they depend on, each once.
func reachable(c *ast.Compiler, from []*ast.Rule) []*ast.Rule {
	seen := map[*ast.Rule]bool{}
	var out []*ast.Rule
	next := slices.Clone(from)
	for len(next) > 0 {
		r := next[len(next)-1]
		next = next[:len(next)-1]
		if seen[r] {
			continue
		}
		seen[r] = true
		out = append(out, r)
		for dep := range c.Graph.Dependencies(r) {
			if rule, ok := dep.(*ast.Rule); ok {
				next = append(next, rule)
			}
		}
	}
	return out
}
