package opa

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// tests reports whether calling a built-in by itself says something: its result may be false, or there is none.
func tests(b *ast.Builtin) bool {
	switch b.Decl.Result().(type) {
	case nil, types.Boolean, types.Any:
		return true
	default:
		return b.Name == ast.Print.Name
	}
}

// inLoop finds x[_] != y, which holds as soon as one element differs.
func (l *linter) inLoop(e *ast.Expr, name string) {
	if name != ast.NotEqual.Name || e.Negated {
		return
	}
	for i := range 2 {
		ref, ok := e.Operand(i).Value.(ast.Ref)
		if !ok || len(ref) < 2 {
			continue
		}
		if v, ok := ref[len(ref)-1].Value.(ast.Var); ok && v.IsWildcard() {
			l.report(
				e.Loc(), codeNotEqualsInLoop, "write not "+e.Operand(1-i).String()+" in "+ref[:len(ref)-1].String(),
				"this holds as soon as one element differs, not when all do",
			)
		}
	}
}

// formats counts the verbs of sprintf with a constant format.
func (l *linter) formats(e *ast.Expr) {
	l.formatsIn(e)
	if e.IsCall() && e.Operator().String() == ast.Sprintf.Name && len(e.Operands()) >= 2 {
		l.format(e.Loc(), e.Operand(0), e.Operand(1))
	}
}

// formatsIn looks at the calls inside of terms.
func (l *linter) formatsIn(node any) {
	ast.WalkTerms(node, func(t *ast.Term) bool {
		if call, ok := t.Value.(ast.Call); ok && len(call) == 3 && call[0].String() == ast.Sprintf.Name {
			l.format(t.Loc(), call[1], call[2])
		}
		return false
	})
}

func (l *linter) format(at *ast.Location, format, args *ast.Term) {
	text, ok := format.Value.(ast.String)
	list, isList := args.Value.(*ast.Array)
	if !ok || !isList || strings.Contains(string(text), "%[") || strings.Contains(string(text), "*") {
		return // the format counts for itself
	}
	verbs := strings.Count(strings.ReplaceAll(string(text), "%%", ""), "%")
	if verbs != list.Len() {
		l.report(at, codeSprintfArguments, "", "the format takes %d values and gets %d", verbs, list.Len())
	}
}
