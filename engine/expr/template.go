package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"weir/engine/diag"
	"weir/engine/vars"
)

// Template is a string with ${...} in it.
type Template struct {
	parts   []part
	reads   vars.Set
	headers []string
	literal string
	fixed   bool
}

// part is a literal, or an expression where unit is set.
type part struct {
	literal string
	unit    *unit
	text    stringFn
}

// Template compiles a string field. $${ stands for a literal ${.
func (e *Env) Template(ph vars.Phase, t Text) (*Template, diag.List) {
	whole := newText(t)
	segments, problem := split(whole.runes)
	if problem != nil {
		return nil, diag.List{whole.diagnostic(problem.from, problem.to, "syntax", problem.message, "write $${ for a literal ${")}
	}
	out := &Template{fixed: true}
	headers := make(map[string]struct{})
	var diags diag.List
	for _, s := range segments {
		if !s.code {
			out.addLiteral(string(s.text))
			continue
		}
		u, problems := e.compile(scope{env: e.cel, phase: ph}, inside(whole, s))
		if len(problems) > 0 {
			diags = append(diags, restoreLines(whole, problems)...)
			continue
		}
		out.reads.Union(u.reads)
		maps.Copy(headers, u.headers)
		out.add(u, len(segments) == 1)
		if d, ok := listInText(whole, s, u); ok && len(segments) > 1 {
			diags = append(diags, d)
		}
	}
	if diags.HasErrors() {
		return nil, diags
	}
	out.headers = slices.Sorted(maps.Keys(headers))
	if out.fixed {
		for _, p := range out.parts {
			out.literal += p.literal
		}
	}
	return out, diags
}

// listInText warns of "Bearer ${req.headers['authorization']}", which would read as Bearer ["..."].
func listInText(whole *text, s segment, u *unit) (diag.Diagnostic, bool) {
	if u.typ.Kind() != types.ListKind && u.typ.Kind() != types.MapKind {
		return diag.Diagnostic{}, false
	}
	hint := "json.encode(...) says that this is meant"
	if u.typ.Kind() == types.ListKind {
		hint = "[0] is the first value, join(', ') puts all of them together"
	}
	d := whole.diagnostic(s.from, s.from+len(s.text), "list_in_text",
		"a "+clean(cel.FormatCELType(u.typ))+" in a text is written as JSON", hint)
	d.Severity = diag.Warning
	return d, true
}

// inside is the expression of one segment, with positions that count from the start of the whole text.
func inside(whole *text, s segment) Text {
	return Text{Value: string(s.text), At: func(offset int) diag.Pos { return whole.pos(s.from + offset) }}
}

// restoreLines gives the diagnostics of a segment the lines of the whole text, where the caller has no file to take them from.
func restoreLines(whole *text, diags diag.List) diag.List {
	if whole.at != nil {
		return diags
	}
	for i := range diags {
		diags[i].Line = whole.line(whole.offset(diags[i].Pos.Line, diags[i].Pos.Col-1))
	}
	return diags
}

func (t *Template) addLiteral(s string) {
	if n := len(t.parts); n > 0 && t.parts[n-1].unit == nil {
		t.parts[n-1].literal += s
		return
	}
	t.parts = append(t.parts, part{literal: s})
}

// add appends an expression; one that is constant and becomes part of a text is text at once.
func (t *Template) add(u *unit, alone bool) {
	if v, ok := u.constant(); ok {
		if s, isText := v.(types.String); isText {
			t.addLiteral(string(s))
			return
		}
		if !alone {
			if s, err := toText(v); err == nil {
				t.addLiteral(s)
				return
			}
		}
	}
	t.fixed = false
	t.parts = append(t.parts, part{unit: u, text: newDirect(u, "").string(u.ast.Expr())})
}

// Literal returns the text where no expression is left in it.
func (t *Template) Literal() (string, bool) { return t.literal, t.fixed }

// Reads returns the variables the template reads.
func (t *Template) Reads() vars.Set { return t.reads }

// Headers returns the request headers that the template reads by a literal name, in lower case.
func (t *Template) Headers() []string { return t.headers }

// String renders the template. Null is empty, times are RFC 3339, lists and maps are JSON.
func (t *Template) String(src Source) (out string, err error) {
	if t.fixed {
		return t.literal, nil
	}
	defer func() {
		if r := recover(); r != nil {
			out, err = "", errPanic
		}
	}()
	if len(t.parts) == 1 {
		return t.parts[0].render(src)
	}
	var b strings.Builder
	for i := range t.parts {
		s, err := t.parts[i].render(src)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func (p *part) render(src Source) (string, error) {
	if p.unit == nil {
		return p.literal, nil
	}
	if p.text != nil {
		return p.text(src, nil), nil
	}
	v, err := p.unit.run(bindings{src: src})
	if err != nil {
		return "", err
	}
	s, err := toText(v)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.unit.where(), err)
	}
	return s, nil
}

// Value renders the template; where it is one expression and nothing else, the result keeps its type: nil, bool, int64,
// float64, string, time.Time, []any or map[string]any.
func (t *Template) Value(src Source) (any, error) {
	if t.fixed || len(t.parts) != 1 {
		return t.String(src)
	}
	return t.parts[0].unit.native(src)
}

func (u *unit) native(src Source) (out any, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, errPanic
		}
	}()
	v, err := u.run(bindings{src: src})
	if err != nil {
		return nil, err
	}
	out, err = toNative(v, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.where(), err)
	}
	return out, nil
}

// Expression is a plain CEL expression that gives a value.
type Expression struct{ unit *unit }

// Value compiles a plain CEL expression, without ${}.
func (e *Env) Value(ph vars.Phase, t Text) (*Expression, diag.List) {
	u, diags := e.compile(scope{env: e.cel, phase: ph}, t)
	if len(diags) > 0 {
		return nil, diags
	}
	return &Expression{unit: u}, nil
}

// Value evaluates the expression to nil, bool, int64, float64, string, time.Time, []any or map[string]any.
func (x *Expression) Value(src Source) (any, error) { return x.unit.native(src) }

// Reads returns the variables the expression reads.
func (x *Expression) Reads() vars.Set { return x.unit.reads }
