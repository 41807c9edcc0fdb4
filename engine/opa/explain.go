package opa

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/open-policy-agent/opa/v1/ast"

	"weir/engine/diag"
	"weir/engine/vars"
)

// explain adds to a diagnostic what its author can do about it.
func (s *sources) explain(d *diag.Diagnostic, e *ast.Error) {
	switch detail := e.Details.(type) {
	case *ast.RefErrInvalidDetail:
		s.explainRef(d, e.Location, detail)
		return
	case *ast.ArgErrDetail:
		d.Message += ": " + strings.Join(detail.Lines(), ", ")
	case nil, *ast.ParserErrorDetail: // the excerpt shows as much
	default:
		lines := detail.Lines()
		for i := range lines {
			lines[i] = strings.Join(strings.Fields(lines[i]), " ")
		}
		d.Hint = strings.Join(lines, "; ")
	}
	switch {
	case e.Code == ast.ParseErr && strings.Contains(e.Message, "keyword is required before"):
		d.Hint = "modules are of Rego v1: opa fmt --write --v0-v1 rewrites older ones"
	case strings.HasPrefix(e.Message, "undefined function "):
		d.Hint = undefinedFunction(strings.TrimPrefix(e.Message, "undefined function "))
	case e.Code == ast.TypeErr:
		if path := s.namespaceNear(e.Location); path != "" {
			d.Hint = fmt.Sprintf("%s has other names below it; its value is %s.%s", path, path, valueName)
		}
	}
}

// undefinedFunction says why there is no such function.
func undefinedFunction(name string) string {
	if name == ast.HTTPSend.Name {
		return "http.send is there once the policy names the hosts that it may call, in hosts: of rego:"
	}
	if withheld(name) {
		return "policies do not have this function: it reaches outside the gateway"
	}
	known := make([]string, 0, len(ast.Builtins))
	for _, b := range capabilities(nil).Builtins {
		known = append(known, b.Name)
	}
	if near, ok := diag.Nearest(name, known); ok {
		return "did you mean " + near + "?"
	}
	return ""
}

// explainRef says which name is wrong in a reference, and which was meant.
func (s *sources) explainRef(d *diag.Diagnostic, loc *ast.Location, detail *ast.RefErrInvalidDetail) {
	known := make([]string, 0, len(detail.OneOf))
	for _, v := range detail.OneOf {
		if s, ok := v.(ast.String); ok {
			known = append(known, string(s))
		}
	}
	slices.Sort(known)
	if detail.Pos >= len(detail.Ref) {
		return
	}
	d.Message = fmt.Sprintf("there is no %s", detail.Ref[:detail.Pos+1])
	if last := detail.Ref[detail.Pos].Location; loc != nil && last != nil && last.File == loc.File && last.Row == loc.Row {
		_, d.End, _ = s.place(last)
	}
	part, _ := detail.Ref[detail.Pos].Value.(ast.String) // another key is of the wrong type
	above := detail.Ref[:detail.Pos].String()
	if v, ok := vars.ByPath(strings.TrimPrefix(above+"."+string(part), "input.")); ok && !forRego(v) {
		d.Hint = "models and keys are for the CEL strategies of routes"
		return
	}
	if near, ok := diag.Nearest(string(part), known); ok {
		d.Hint = fmt.Sprintf("did you mean %s.%s?", above, near)
		return
	}
	if len(known) > 0 {
		d.Hint = "there are " + strings.Join(known, ", ")
	}
}

// namespaceNear finds, in the line of a location, a name of the input that is taken for a value although its value stands
// below it.
func (s *sources) namespaceNear(loc *ast.Location) string {
	if loc == nil || s.byName[loc.File] == nil {
		return ""
	}
	line := s.byName[loc.File].index.Line(loc.Row)
	for {
		at := strings.Index(line, "input.")
		if at < 0 {
			return ""
		}
		line = line[at:]
		end := strings.IndexFunc(line, func(r rune) bool { return r != '.' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if end < 0 {
			end = len(line)
		}
		if n := lookUp(strings.Split(line[:end], ".")[1:]); n != nil && n.kind == kindNamespace && n.find(valueName) != nil {
			return line[:end]
		}
		line = line[end:]
	}
}

// checkCase reports names of headers and their kin that no input has: they are in lower case there.
func (s *sources) checkCase(modules map[string]*ast.Module) diag.List {
	var out diag.List
	for _, m := range modules {
		if isSystem(m) {
			continue
		}
		ast.WalkTerms(m, func(t *ast.Term) bool {
			if ref, ok := t.Value.(ast.Ref); ok && len(ref) > 0 && ref[0].Equal(ast.InputRootDocument) {
				out = append(out, s.caseOf(inputRef{ref: ref, loc: t.Location})...)
			}
			return false
		})
	}
	return out
}

// lowered reports whether the names of a map are in lower case in the input. Cookies of answers keep theirs.
func lowered(n *name) bool {
	return n.kind == kindVariable && (n.v.Type == vars.TypeMulti || n.v.Type == vars.TypeCookies && n.v.ID != vars.ResCookies)
}

// caseOf looks at one reference.
func (s *sources) caseOf(in inputRef) diag.List {
	names := in.constants()
	for i, part := range names {
		n := lookUp(names[:i])
		if n == nil || !lowered(n) {
			continue
		}
		lower := strings.ToLower(part)
		if lower == part {
			return nil
		}
		d := diag.Diagnostic{
			Code: codeType, Message: fmt.Sprintf("%s has its names in lower case: %q is never there", n.path, part),
			Hint: fmt.Sprintf("did you mean %s[%q]?", n.path, lower),
		}
		d.Pos, d.End, d.Line = s.place(in.loc)
		return diag.List{d}
	}
	return nil
}

// checkPhase reports every place that reads what has no value in a phase.
func (s *sources) checkPhase(k *closure, phase vars.Phase) diag.List {
	var out diag.List
	for _, in := range k.inputs {
		n := shape()
		for _, part := range in.constants() {
			c := n.find(part)
			if c == nil {
				break // inside a value
			}
			n = c
		}
		if n.within(phase) {
			continue
		}
		d := diag.Diagnostic{
			Code: codePhase, Message: fmt.Sprintf("%s has no value in %s", n.path, phase),
			Hint: "ask a rule that does not come to this, or move the action",
		}
		d.Pos, d.End, d.Line = s.place(in.loc)
		if !slices.ContainsFunc(out, func(o diag.Diagnostic) bool { return o.Pos == d.Pos && o.Message == d.Message }) {
			out = append(out, d)
		}
	}
	return out
}
