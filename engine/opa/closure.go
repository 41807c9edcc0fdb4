package opa

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// inputRef is a place where something reads the input.
type inputRef struct {
	ref ast.Ref
	loc *ast.Location
}

// constants returns the names behind input that are known before the evaluation, up to the first that is not.
func (r inputRef) constants() []string {
	var names []string
	for _, t := range r.ref[1:] {
		s, ok := t.Value.(ast.String)
		if !ok {
			break
		}
		names = append(names, string(s))
	}
	return names
}

// closure is what a query can come to: the rules, the places that read the input and the functions.
type closure struct {
	compiler *ast.Compiler
	rules    map[*ast.Rule]bool
	inputs   []inputRef
	builtins map[string]bool
}

// closureOf follows a compiled query through the rules that it can come to.
func closureOf(c *ast.Compiler, body ast.Body) *closure {
	k := &closure{compiler: c, rules: map[*ast.Rule]bool{}, builtins: map[string]bool{}}
	k.follow(body)
	return k
}

func (k *closure) follow(x any) {
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.With:
			// The target is replaced, not read.
			k.follow(x.Value)
			return true
		case *ast.Term:
			if ref, ok := x.Value.(ast.Ref); ok {
				k.ref(ref, x.Location)
			}
		}
		return false
	}).Walk(x)
}

// ref notes one reference. What stands in its brackets is visited by follow.
func (k *closure) ref(ref ast.Ref, loc *ast.Location) {
	switch {
	case len(ref) == 0:
	case ref[0].Equal(ast.InputRootDocument):
		k.inputs = append(k.inputs, inputRef{ref: ref, loc: loc})
	case ref[0].Equal(ast.DefaultRootDocument):
		for _, r := range k.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true}) {
			k.rule(r)
		}
	case k.compiler.GetArity(ref) >= 0:
		k.builtins[ref.String()] = true
	}
}

func (k *closure) rule(r *ast.Rule) {
	if k.rules[r] {
		return
	}
	k.rules[r] = true
	k.follow(r.Head)
	k.follow(r.Body)
	if r.Else != nil {
		k.rule(r.Else)
	}
}
