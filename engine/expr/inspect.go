package expr

import (
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/types"
)

// Type is the static type of an expression, for tools that help to write one. The zero value is a type nobody knows.
type Type struct{ cel *cel.Type }

// String returns the type as the reference page writes it.
func (t Type) String() string {
	if t.cel == nil {
		return "any"
	}
	text := strings.ReplaceAll(cel.FormatCELType(t.cel), typePrefix, "")
	return strings.NewReplacer("dyn", "any", "google.protobuf.Timestamp", "timestamp", "google.protobuf.Duration", "duration").Replace(text)
}

// Element returns what a loop over the type gives: the elements of a list, the keys of a map.
func (t Type) Element() (Type, bool) {
	if t.cel == nil || (t.cel.Kind() != types.ListKind && t.cel.Kind() != types.MapKind) || len(t.cel.Parameters()) == 0 {
		return Type{}, false
	}
	return Type{cel: t.cel.Parameters()[0]}, true
}

// Member is what may stand behind a dot.
type Member struct {
	Name string
	Type string // of a field, or of what a function gives
	Call bool   // it is a function
}

// TypeOf returns the type of an expression, in which the locals are the variables of loops around it; false where it does
// not compile.
func (e *Env) TypeOf(expression string, locals map[string]Type) (Type, bool) {
	env := e.cel
	if len(locals) > 0 {
		opts := make([]cel.EnvOption, 0, len(locals))
		for name, t := range locals {
			if t.cel == nil {
				t.cel = cel.DynType
			}
			opts = append(opts, cel.Variable(name, t.cel))
		}
		extended, err := env.Extend(opts...)
		if err != nil {
			return Type{}, false
		}
		env = extended
	}
	parsed, issues := env.Parse(expression)
	if issues.Err() != nil {
		return Type{}, false
	}
	native := parsed.NativeRep()
	r := &resolver{
		env: e, scope: scope{env: env}, text: newText(Text{Value: expression}), headers: map[string]struct{}{},
		info: native.SourceInfo(), nextID: ast.MaxID(native), locals: slices.Collect(maps.Keys(locals)),
	}
	r.visit(native.Expr()) // for what it rewrites; what it finds wrong is for the load to tell
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return Type{}, false
	}
	return Type{cel: checked.OutputType()}, true
}

// Members lists the fields of a type and the functions that are called on it, by name.
func (e *Env) Members(t Type) []Member {
	if t.cel == nil {
		return nil
	}
	var out []Member
	provider := e.cel.CELTypeProvider()
	fields, _ := provider.FindStructFieldNames(t.cel.TypeName())
	for _, name := range fields {
		if f, ok := provider.FindStructFieldType(t.cel.TypeName(), name); ok {
			out = append(out, Member{Name: name, Type: Type{cel: f.Type}.String()})
		}
	}
	for name, f := range e.cel.Functions() {
		if o, ok := methodOf(f, t.cel); ok && !internalName(name) {
			out = append(out, Member{Name: name, Type: Type{cel: o.ResultType()}.String(), Call: true})
		}
	}
	if t.cel.Kind() == types.ListKind || t.cel.Kind() == types.MapKind {
		for _, m := range e.cel.Macros() {
			if m.IsReceiverStyle() && !internalName(m.Function()) {
				out = append(out, Member{Name: m.Function(), Call: true})
			}
		}
	}
	slices.SortFunc(out, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(out, func(a, b Member) bool { return a.Name == b.Name })
}

// Globals lists the functions that are called by their name alone.
func (e *Env) Globals() []Member {
	var out []Member
	for name, f := range e.cel.Functions() {
		at := slices.IndexFunc(f.OverloadDecls(), func(o *decls.OverloadDecl) bool { return !o.IsMemberFunction() })
		if at >= 0 && !internalName(name) {
			out = append(out, Member{Name: name, Type: Type{cel: f.OverloadDecls()[at].ResultType()}.String(), Call: true})
		}
	}
	for _, m := range e.cel.Macros() {
		if !m.IsReceiverStyle() && !internalName(m.Function()) {
			out = append(out, Member{Name: m.Function(), Call: true})
		}
	}
	slices.SortFunc(out, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(out, func(a, b Member) bool { return a.Name == b.Name })
}

// methodOf finds the form of a function that can be called on a type.
func methodOf(f *decls.FunctionDecl, t *cel.Type) (*decls.OverloadDecl, bool) {
	for _, o := range f.OverloadDecls() {
		if o.IsMemberFunction() && len(o.ArgTypes()) > 0 && accepts(o.ArgTypes()[0], t) {
			return o, true
		}
	}
	return nil, false
}

// accepts reports whether a value of type t can stand where want is written; type parameters take everything.
func accepts(want, t *cel.Type) bool {
	if want.Kind() == types.TypeParamKind || want.IsAssignableType(t) {
		return true
	}
	if want.Kind() != t.Kind() || len(want.Parameters()) == 0 || len(want.Parameters()) != len(t.Parameters()) {
		return false
	}
	for i, p := range want.Parameters() {
		if !accepts(p, t.Parameters()[i]) {
			return false
		}
	}
	return true
}

// internalName reports a name that no policy can write: operators, and what only rewritten expressions call.
func internalName(name string) bool {
	return name == "" || strings.ContainsAny(name[:1], "@_!-")
}

// ModelLocals are the variables that a condition on one model has beside all others.
func (e *Env) ModelLocals() map[string]Type { return map[string]Type{requireVar: {cel: modelType}} }
