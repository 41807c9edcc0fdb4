package expr

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"weir/engine/diag"
	"weir/engine/vars"
)

// resolver walks a parsed expression before CEL checks it: it finds out what is read, refuses what is unknown or belongs to
// another phase with a better message than CEL could give, and rewrites what CEL has no notion of.
type resolver struct {
	env      *Env
	scope    scope
	text     *text
	info     *ast.SourceInfo
	nextID   int64
	locals   []string
	diags    diag.List
	reads    vars.Set
	headers  map[string]struct{}
	random   bool
	secret   bool
	usesItem bool
}

func (r *resolver) offset(e ast.Expr) int {
	o, ok := r.info.GetOffsetRange(e.ID())
	if !ok {
		return 0
	}
	return int(o.Start)
}

func (r *resolver) report(at, length int, code, message, hint string) {
	r.diags = append(r.diags, r.text.diagnostic(at, at+max(length, 1), code, message, hint))
}

// id makes an id for a new node that points at the same place as old.
func (r *resolver) id(old ast.Expr) int64 {
	r.nextID++
	if o, ok := r.info.GetOffsetRange(old.ID()); ok {
		r.info.SetOffsetRange(r.nextID, o)
	}
	return r.nextID
}

func (r *resolver) visit(e ast.Expr) {
	switch e.Kind() {
	case ast.IdentKind, ast.SelectKind:
		r.visitName(e)
	case ast.CallKind:
		r.visitCall(e)
	case ast.ListKind:
		for _, elem := range e.AsList().Elements() {
			r.visit(elem)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			r.visit(entry.AsMapEntry().Key())
			r.visit(entry.AsMapEntry().Value())
		}
	case ast.StructKind:
		for _, f := range e.AsStruct().Fields() {
			r.visit(f.AsStructField().Value())
		}
	case ast.ComprehensionKind:
		r.visitLoop(e.AsComprehension())
	case ast.LiteralKind:
		r.visitLiteral(e)
	case ast.UnspecifiedExprKind:
	}
}

func (r *resolver) visitLoop(c ast.ComprehensionExpr) {
	r.visit(c.IterRange())
	r.visit(c.AccuInit())
	before := len(r.locals)
	r.locals = append(r.locals, c.IterVar(), c.AccuVar())
	if c.HasIterVar2() {
		r.locals = append(r.locals, c.IterVar2())
	}
	r.visit(c.LoopCondition())
	r.visit(c.LoopStep())
	r.visit(c.Result())
	r.locals = r.locals[:before]
}

// chain splits a.b.c into its parts; ok is false where it does not begin with a name.
func chain(e ast.Expr) (names []string, root ast.Expr, ok bool) {
	for e.Kind() == ast.SelectKind {
		names = append(names, e.AsSelect().FieldName())
		e = e.AsSelect().Operand()
	}
	if e.Kind() != ast.IdentKind {
		return nil, e, false
	}
	names = append(names, e.AsIdent())
	slices.Reverse(names)
	return names, e, true
}

func (r *resolver) visitName(e ast.Expr) {
	names, root, ok := chain(e)
	if !ok {
		r.visit(root)
		return
	}
	if slices.Contains(r.locals, names[0]) {
		r.usesItem = r.usesItem || names[0] == r.scope.item
		return
	}
	if names[0] == "actions" && len(names) > 1 && names[1] == "ngrok" {
		dropNgrok(e)
		names = append(names[:1:1], names[2:]...)
	}
	for n := len(names); n > 0; n-- {
		id, ok := r.env.byPath[strings.Join(names[:n], ".")]
		if ok {
			r.useVar(e, root, id, names, n)
			return
		}
	}
	r.unknown(root, names)
}

// dropNgrok turns actions.ngrok.x into actions.x.
func dropNgrok(e ast.Expr) {
	for e.Kind() == ast.SelectKind {
		operand := e.AsSelect().Operand()
		if e.AsSelect().FieldName() == "ngrok" && operand.Kind() == ast.IdentKind {
			e.SetKindCase(operand)
			return
		}
		e = operand
	}
}

// useVar notes that the first n names are the variable id; the rest are fields of its value.
func (r *resolver) useVar(e, root ast.Expr, id vars.ID, names []string, n int) {
	v := vars.All()[id]
	path, rest := strings.Join(names, "."), names[n:]
	if v.Phases&r.scope.phase != r.scope.phase {
		r.report(r.offset(root), r.text.nameLength(r.offset(root)), "wrong_phase",
			fmt.Sprintf("%q cannot be read in %s", v.Path, r.scope.phase), fmt.Sprintf("it is there in: %s", v.Phases))
		return
	}
	if len(rest) > 0 && !hasFields(v.Type) {
		r.unknown(root, names)
		return
	}
	if !r.checkKey(root, id, rest) {
		return
	}
	r.reads.Add(id)
	if v.Path == setCookiesPath {
		r.reads.Add(vars.ResHeaders)
	}
	if len(rest) > 0 && id == vars.ReqHeaders {
		r.headers[strings.ToLower(rest[0])] = struct{}{}
	}
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() && len(rest) == 0 {
		// has(req.url.port): the name is a variable of its own, not a field.
		e.SetKindCase(ast.NewExprFactory().NewCall(e.ID(), fnPresent, ast.NewExprFactory().NewIdent(r.id(e), path)))
	}
}

// checkKey refuses vars and action results that nothing earlier can have set.
func (r *resolver) checkKey(root ast.Expr, id vars.ID, rest []string) bool {
	if len(rest) == 0 {
		return true
	}
	at := r.offset(root)
	switch {
	case id == vars.Vars && r.env.opts.HasVar != nil && !r.env.opts.HasVar(rest[0], r.scope.phase):
		r.report(at, r.text.nameLength(at), "unset_variable", "no earlier rule sets vars."+rest[0],
			"set it with set-vars in a rule before this one")
	case id == vars.Actions && r.env.opts.HasResult != nil && !r.env.opts.HasResult(rest[0]):
		r.report(at, r.text.nameLength(at), "unset_variable", fmt.Sprintf("no earlier action leaves a result %q", rest[0]),
			"the name is that of an action with underscores")
	default:
		return true
	}
	return false
}

func hasFields(t vars.Type) bool {
	switch t {
	case vars.TypeMulti, vars.TypeCookies, vars.TypeStringMap, vars.TypeMap, vars.TypeDyn:
		return true
	default:
		return false
	}
}

func (r *resolver) unknown(root ast.Expr, names []string) {
	path := strings.Join(names, ".")
	at := r.offset(root)
	length := r.text.nameLength(at)
	if planned, ok := vars.Planned(path); ok {
		r.report(at, length, "unsupported_variable", fmt.Sprintf("%q is not available yet in this version", planned), "")
		return
	}
	if len(names) == 1 && isTypeName(names[0]) {
		return
	}
	if below := r.below(path); len(below) > 0 {
		r.report(at, length, "unknown_variable", fmt.Sprintf("%q is a group of variables, not a value", path),
			"it has "+strings.Join(below, ", "))
		return
	}
	if slices.Contains(r.env.functions, path) {
		r.report(at, length, "unknown_variable", fmt.Sprintf("%q is a function", path), "call it with parentheses")
		return
	}
	r.report(at, length, "unknown_variable", fmt.Sprintf("%q is not a variable", path), r.suggestion(names))
}

func (r *resolver) suggestion(names []string) string {
	known := make([]string, 0, vars.Count+len(r.locals))
	for _, v := range vars.All() {
		known = append(known, v.Path)
	}
	for _, local := range r.locals {
		if !strings.ContainsAny(local, "@#") {
			known = append(known, strings.Join(append([]string{local}, names[1:]...), "."))
		}
	}
	path := strings.Join(names, ".")
	if use := insteadOfVariable(path); use != "" {
		if _, ok := vars.ByPath(use); ok {
			return fmt.Sprintf("did you mean %q?", use)
		}
		return "write " + use
	}
	if use := r.uncalled(names); use != "" {
		return use
	}
	if near, ok := diag.Nearest(path, known); ok && near != path {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if r.env.opts.HasVar != nil && len(names) == 1 && r.env.opts.HasVar(names[0], r.scope.phase) {
		return "write vars." + names[0]
	}
	for n := len(names) - 1; n > 0; n-- {
		if v, ok := vars.ByPath(strings.Join(names[:n], ".")); ok {
			return fmt.Sprintf("%s is %s", v.Path, withArticle(v.Type.String()))
		}
	}
	return ""
}

// below lists up to eight variables whose paths begin with path.
func (r *resolver) below(path string) []string {
	const shown = 8 // as many as fit beside a caret
	var out []string
	for _, v := range vars.All() {
		if strings.HasPrefix(v.Path, path+".") {
			if len(out) == shown {
				return append(out, "...")
			}
			out = append(out, v.Path[len(path)+1:])
		}
	}
	return out
}

func isTypeName(name string) bool {
	switch name {
	case "bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint":
		return true
	default:
		return false
	}
}

// expandHas is the has macro. For an index, where CEL's own says no more than "invalid", it says what to write.
func expandHas(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	arg := args[0]
	if arg.Kind() == ast.SelectKind {
		s := arg.AsSelect()
		return f.NewPresenceTest(s.Operand(), s.FieldName()), nil
	}
	if arg.Kind() == ast.CallKind && arg.AsCall().FunctionName() == operators.Index {
		in := arg.AsCall().Args()
		if names, _, ok := chain(in[0]); ok && in[1].Kind() == ast.LiteralKind {
			if key, ok := in[1].AsLiteral().(types.String); ok {
				return nil, f.NewError(arg.ID(), fmt.Sprintf("has() takes a field, not an index; write '%s' in %s",
					string(key), strings.Join(names, ".")))
			}
		}
	}
	return nil, f.NewError(arg.ID(), "has() takes a field such as has(vars.name)")
}
