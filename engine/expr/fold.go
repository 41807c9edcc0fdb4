package expr

import (
	"fmt"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"weir/engine/diag"
)

// folded is what is known of a condition when it loads.
type folded struct {
	unit  *unit
	needs needs // for it to hold
	value bool
	known bool   // it always gives value
	term  string // what the reason is about, "" where nothing is read
}

// fold finds out whether a condition always gives the same, by running it where it reads nothing and by looking at what
// its comparisons need.
func (u *unit) fold() folded {
	f := folded{unit: u}
	if v, ok := u.constant(); ok {
		b, isBool := v.(types.Bool)
		f.value, f.known = bool(b), isBool
		if f.known && !f.value {
			f.needs = never("")
		}
		return f
	}
	p := newProver(u, "")
	f.needs = p.result(u.ast.Expr(), true)
	if f.needs.never {
		f.known, f.term = true, f.needs.term
		return f
	}
	if n := p.result(u.ast.Expr(), false); n.never {
		f.value, f.known, f.term = true, true, n.term
	}
	return f
}

// warnings tells the author of a condition that is no condition. One that is written as true or false, or compares a
// secret, is meant to be.
func (f folded) warnings(t Text) diag.List {
	if !f.known || f.unit.secret || f.unit.ast.Expr().Kind() == ast.LiteralKind {
		return nil
	}
	text := newText(t)
	code, message, hint := "always_false", "the condition never holds", ""
	if f.value {
		code, message = "always_true", "the condition always holds"
	}
	if f.term != "" && f.value {
		message += fmt.Sprintf(", whatever %s is", f.term)
		hint = "|| needs one side only; && may be meant"
	} else if f.term != "" {
		message += fmt.Sprintf(", whatever %s is", f.term)
		hint = "no value fulfils all of its comparisons"
	}
	return diag.List{warning(text, code, message, hint)}
}

// excluded warns of a condition that the ones before it leave no room for.
func excluded(t Text, term string) diag.Diagnostic {
	return warning(newText(t), "always_false", "the conditions before this one leave no "+term+" for which it holds",
		"a rule needs all of its expressions to hold")
}

// emptyFilters warns of filters over models that no model can pass.
func (u *unit) emptyFilters(t Text) diag.List {
	var out diag.List
	ast.PostOrderVisit(u.ast.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.ComprehensionKind {
			return
		}
		loop := e.AsComprehension()
		predicate, ok := filterOf(loop)
		if !ok || !isModelList(u.ast.GetType(loop.IterRange().ID())) {
			return
		}
		if n := newProver(u, loop.IterVar()).result(predicate, true); n.never {
			out = append(out, warning(newText(t), "always_false",
				fmt.Sprintf("no model passes the filter, whatever %s is", n.term), "no value fulfils all of its comparisons"))
		}
	}))
	return out
}

func warning(t *text, code, message, hint string) diag.Diagnostic {
	d := t.diagnostic(0, len(t.runes), code, message, hint)
	d.Severity = diag.Warning
	return d
}
