package expr

import (
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"weir/engine/diag"
)

// text finds places in an expression and says what is wrong there.
type text struct {
	runes []rune
	lines []int // offset of each line's first character
	at    func(offset int) diag.Pos
}

func newText(t Text) *text {
	out := &text{runes: []rune(t.Value), lines: []int{0}, at: t.At}
	for i, r := range out.runes {
		if r == '\n' {
			out.lines = append(out.lines, i+1)
		}
	}
	return out
}

func (t *text) pos(offset int) diag.Pos {
	offset = min(max(offset, 0), len(t.runes))
	if t.at != nil {
		return t.at(offset)
	}
	line := 0
	for line+1 < len(t.lines) && t.lines[line+1] <= offset {
		line++
	}
	return diag.Pos{Line: line + 1, Col: offset - t.lines[line] + 1}
}

// offset turns CEL's line (from 1) and column (from 0) into an offset.
func (t *text) offset(line, col int) int {
	if line < 1 || line > len(t.lines) {
		return 0
	}
	return min(max(t.lines[line-1]+col, 0), len(t.runes))
}

func (t *text) diagnostic(from, to int, code, message, hint string) diag.Diagnostic {
	d := diag.Diagnostic{Pos: t.pos(from), Code: code, Message: message, Hint: hint}
	// The last character's position plus one column: the position behind it may be on the next line already.
	last := t.pos(max(from, min(to, len(t.runes))-1))
	if last.Line == d.Pos.Line {
		last.Col++
		d.End = last
	}
	if t.at == nil {
		d.Line = t.line(from)
	}
	return d
}

func (t *text) line(offset int) string {
	offset = min(offset, len(t.runes))
	from, to := offset, offset
	for from > 0 && t.runes[from-1] != '\n' {
		from--
	}
	for to < len(t.runes) && t.runes[to] != '\n' {
		to++
	}
	return string(t.runes[from:to])
}

func isNameRune(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// nameLength is the length of the dotted name at an offset.
func (t *text) nameLength(from int) int {
	to := from
	for to < len(t.runes) && (isNameRune(t.runes[to]) ||
		t.runes[to] == '.' && to+1 < len(t.runes) && isNameRune(t.runes[to+1])) {
		to++
	}
	if to < len(t.runes) && t.runes[to] == '(' { // the last part is a method
		for i := to - 1; i > from; i-- {
			if t.runes[i] == '.' {
				return i - from
			}
		}
	}
	return max(to-from, 1)
}

// callStart moves from the parenthesis of a call, where CEL puts it, to the first of the given number of characters of its name.
func (t *text) callStart(at, length int) int {
	if at >= len(t.runes) || t.runes[at] != '(' {
		return at
	}
	for at > 0 && (t.runes[at-1] == ' ' || t.runes[at-1] == '\t' || t.runes[at-1] == '\n') {
		at--
	}
	return max(at-length, 0)
}

// token is the length of the word, number, text or operator at an offset.
func (t *text) token(from int) int {
	if from >= len(t.runes) {
		return 1
	}
	first := t.runes[from]
	switch {
	case isNameRune(first):
		return t.nameLength(from)
	case first == '\'' || first == '"':
		for to := from + 1; to < len(t.runes); to++ {
			switch t.runes[to] {
			case '\\':
				to++
			case first:
				return to - from + 1
			}
		}
		return 1
	case strings.ContainsRune("=!<>&|", first):
		to := from
		for to < len(t.runes) && strings.ContainsRune("=!<>&|", t.runes[to]) {
			to++
		}
		return to - from
	default:
		return 1
	}
}

// syntax tells what the parser refused.
func (t *text) syntax(issues *cel.Issues) diag.List {
	var out diag.List
	for _, e := range issues.Errors() {
		at := t.offset(e.Location.Line(), e.Location.Column())
		message := strings.TrimPrefix(e.Message, "Syntax error: ")
		if i := strings.Index(message, " expecting "); i > 0 {
			message = message[:i]
		}
		code := "syntax"
		if strings.HasPrefix(message, "has() ") {
			code = "invalid_has"
		}
		for _, jargon := range []string{"token recognition error at:", "mismatched input", "extraneous input", "no viable alternative at input"} {
			message = strings.Replace(message, jargon, "unexpected", 1)
		}
		message = strings.ReplaceAll(message, "'<EOF>'", "end of the expression")
		out = append(out, t.diagnostic(at, at+t.token(at), code, clean(message), t.syntaxHint(at)))
		if code == "syntax" {
			break // what follows the first syntax error is mostly its echo
		}
	}
	return out
}

// types tells what the checker refused.
func (t *text) types(issues *cel.Issues, root ast.Expr, fields []string) diag.List {
	out := make(diag.List, 0, len(issues.Errors()))
	for _, e := range issues.Errors() {
		at := t.offset(e.Location.Line(), e.Location.Column())
		code, message, hint := explain(e.Message, fields)
		if better := mismatchHint(e.Message, find(root, e.ExprID)); better != "" {
			hint = better
		}
		switch {
		case code == "type_mismatch":
			at = t.callStart(at, t.nameBefore(at))
		case code == "unknown_field" && at+1 < len(t.runes) && t.runes[at] == '.':
			at++
		}
		out = append(out, t.diagnostic(at, at+t.token(at), code, message, hint))
	}
	return out
}

// nameBefore is the length of the name that ends at an offset, for calls.
func (t *text) nameBefore(at int) int {
	n := 0
	for at-n > 0 && at <= len(t.runes) && isNameRune(t.runes[at-n-1]) {
		n++
	}
	return n
}

// reports of the checker that are worth other words.
var (
	noOverload = regexp.MustCompile(`^found no matching overload for '([^']+)' applied to '(.*)'$`)
	noField    = regexp.MustCompile(`^undefined field '([^']+)'`)
	noSelect   = regexp.MustCompile(`^type '(.*)' does not support field selection`)
	method     = regexp.MustCompile(`^(.*)\.\((.*)\)$`)
)

func explain(message string, fields []string) (code, text, hint string) {
	if m := noOverload.FindStringSubmatch(message); m != nil {
		name := m[1]
		if op, ok := operators.FindReverse(name); ok && op != "" {
			name = op
		}
		name = strings.TrimPrefix(name, "@")
		operands := clean(m[2])
		if on := method.FindStringSubmatch(operands); on != nil {
			return "type_mismatch", fmt.Sprintf("%s has no %s(%s)", withArticle(on[1]), name, on[2]), hint
		}
		return "type_mismatch", fmt.Sprintf("%q does not fit %s", name, operands), hint
	}
	if m := noField.FindStringSubmatch(message); m != nil {
		if near, ok := nearestField(m[1], fields); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return "unknown_field", fmt.Sprintf("there is no field %q here", m[1]), hint
	}
	if m := noSelect.FindStringSubmatch(message); m != nil {
		return "type_mismatch", withArticle(clean(m[1])) + " has no fields", ""
	}
	if strings.Contains(message, "invalid matches argument") {
		return "bad_regex", "the pattern is not a regular expression", "patterns are RE2: no lookaround, no backreferences"
	}
	switch message {
	case "invalid timestamp argument":
		hint = "a time is written as in timestamp('2026-01-31T08:00:00Z')"
	case "invalid duration argument":
		hint = "a duration is written as in duration('1h30m') or duration('250ms')"
	}
	return "invalid_expression", clean(message), hint
}

// nearestField looks among the fields of all types, since the checker does not say which it was; provider_id for provider
// comes before a better spelt field of something else.
func nearestField(name string, fields []string) (string, bool) {
	for _, f := range fields {
		if strings.HasPrefix(f, name+"_") {
			return f, true
		}
	}
	near, ok := diag.Nearest(name, fields)
	return near, ok && near != name
}

// clean takes our type prefix and CEL's own words out of a message.
func clean(message string) string {
	return strings.NewReplacer(typePrefix, "", "wrapper(double)", "double").Replace(message)
}
