package opa

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// finding is something in a module that compiles and is most likely wrong.
type finding struct {
	at      *ast.Location
	code    string
	message string
	hint    string
}

// The codes of findings. All of them are warnings, which weir check --strict takes for errors.
const (
	codeNeverTrue        = "rego_never_true"
	codeAlwaysTrue       = "rego_always_true"
	codeShadowedBuiltin  = "rego_shadowed_builtin"
	codeMissingDefault   = "rego_missing_default"
	codeNondeterministic = "rego_nondeterministic"
	codeUnusedResult     = "rego_unused_result"
	codeNotEqualsInLoop  = "rego_not_equals_in_loop"
	codeSprintfArguments = "rego_sprintf_arguments"
	codeDuplicateRule    = "rego_duplicate_rule"
)

// lint looks at modules as they were parsed, before a compiler rewrites them.
func lint(modules map[string]*ast.Module, builtins map[string]*ast.Builtin) []finding {
	l := linter{builtins: builtins, families: map[string]bool{}}
	for name := range builtins {
		if family, _, dotted := strings.Cut(name, "."); dotted {
			l.families[family] = true
		}
	}
	names := make([]string, 0, len(modules))
	for name := range modules {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		l.module(modules[name])
	}
	slices.SortStableFunc(l.found, func(a, b finding) int {
		return cmp.Or(strings.Compare(a.at.File, b.at.File), a.at.Row-b.at.Row, a.at.Col-b.at.Col)
	})
	return l.found
}

type linter struct {
	builtins map[string]*ast.Builtin
	families map[string]bool // time of time.now_ns
	partial  map[string]bool // the module's rules that are sets or objects
	found    []finding
}

func (l *linter) report(at *ast.Location, code, hint, format string, args ...any) {
	if at == nil {
		return
	}
	l.found = append(l.found, finding{at: at, code: code, message: fmt.Sprintf(format, args...), hint: hint})
}

func (l *linter) module(m *ast.Module) {
	l.partial = map[string]bool{}
	seen := map[string]*ast.Location{}
	for _, r := range m.Rules {
		ref := r.Head.Ref()
		if r.Head.RuleKind() == ast.MultiValue && len(ref) == 1 {
			l.partial[ref[0].String()] = true
		}
		text := r.String()
		if first, dup := seen[text]; dup {
			l.report(r.Loc(), codeDuplicateRule, "take one of them out", "the same rule stands in line %d", first.Row)
			continue
		}
		seen[text] = r.Loc()
	}
	for _, r := range m.Rules {
		l.rule(r)
	}
}

func (l *linter) rule(r *ast.Rule) {
	l.shadows(r.Loc(), r.Head.Ref()[0].String(), "rule")
	for _, arg := range r.Head.Args {
		ast.WalkVars(arg, func(v ast.Var) bool {
			l.shadows(arg.Loc(), string(v), "argument")
			return false
		})
	}
	for next := r; next != nil; next = next.Else {
		l.body(next.Body, next.Else == nil && always(next))
		l.formatsIn(next.Head)
		ast.WalkBodies(next.Head, func(b ast.Body) bool {
			l.body(b, false)
			return true
		})
	}
}

// body looks at one body and those inside of it. A bare body is true alone, as a rule without conditions has it.
func (l *linter) body(b ast.Body, bare bool) {
	if bare {
		return
	}
	l.contradictions(b)
	for _, e := range b {
		l.expression(e)
		ast.WalkBodies(e, func(inner ast.Body) bool {
			l.body(inner, false)
			return true
		})
	}
}

func (l *linter) shadows(at *ast.Location, name, what string) {
	_, builtin := l.builtins[name]
	if !builtin && !l.families[name] {
		return
	}
	kind := "functions"
	if builtin {
		kind = "function"
	}
	l.report(at, codeShadowedBuiltin, "give it another name", "the %s %q hides the built-in %s of that name", what, name, kind)
}

func (l *linter) expression(e *ast.Expr) {
	switch terms := e.Terms.(type) {
	case *ast.SomeDecl:
		for _, s := range terms.Symbols {
			if v, ok := s.Value.(ast.Var); ok {
				l.shadows(s.Loc(), string(v), "variable")
			}
		}
	case *ast.Term:
		l.lone(e, terms)
	case []*ast.Term:
		l.call(e)
	}
}

// lone is an expression that is only a term.
func (l *linter) lone(e *ast.Expr, t *ast.Term) {
	switch v := t.Value.(type) {
	case ast.Boolean:
		if bool(v) == e.Negated {
			l.constant(e, bool(v))
		}
	case ast.Object, *ast.Array, ast.Set, ast.String, ast.Number:
		if t.IsGround() {
			l.constant(e, true)
		}
	case ast.Var:
		l.setNegated(e, string(v))
	case ast.Ref:
		if len(v) == 1 {
			l.setNegated(e, v[0].String())
		}
	}
}

func (l *linter) setNegated(e *ast.Expr, name string) {
	if e.Negated && l.partial[name] {
		l.report(e.Loc(), codeNeverTrue, "compare its size: count("+name+") == 0", "%s is a set, which is always defined, so that \"not\" of it is never true", name)
	}
}

func (l *linter) constant(e *ast.Expr, holds bool) {
	if holds != e.Negated {
		l.report(e.Loc(), codeAlwaysTrue, "take it out", "this is always true")
		return
	}
	l.report(e.Loc(), codeNeverTrue, "", "this is never true, so that the rule never holds")
}

func (l *linter) call(e *ast.Expr) {
	name := e.Operator().String()
	if e.IsAssignment() {
		ast.WalkVars(e.Operand(0), func(v ast.Var) bool {
			l.shadows(e.Operand(0).Loc(), string(v), "variable")
			return false
		})
	}
	l.inLoop(e, name)
	l.formats(e)
	b := l.builtins[name]
	if b != nil && b.Infix == "" && !b.Relation && b.Decl != nil && len(e.Operands()) == b.Decl.Arity() && !tests(b) {
		l.report(e.Loc(), codeUnusedResult, "assign it, or compare it with something", "the result of %s is not used", name)
	}
}
