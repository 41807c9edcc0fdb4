package diag

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Severity says whether a diagnostic stops a policy from loading.
type Severity uint8

// The severities, the worst first so that the zero value fails closed.
const (
	Error Severity = iota
	Warning
)

// String returns the name that the JSON form uses.
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Diagnostic is one thing wrong with a file, for the person who wrote it.
type Diagnostic struct {
	Pos      Pos
	End      Pos // exclusive; the zero value means one character
	Severity Severity
	Code     string // snake_case
	Message  string
	Hint     string // what to do about it; may be empty
	Line     string // the text of the line of Pos, for the excerpt; empty = no excerpt
}

// Limits of what is shown.
const (
	// maxShown keeps a file that is wrong all over from flooding a terminal and the log; more is of no use to its author.
	maxShown = 100
	// maxExcerpt is about two terminal lines: JSON policies often are one very long line.
	maxExcerpt = 160
	// excerptBefore is how much of a clipped line is shown in front of the mistake.
	excerptBefore = 60
)

// Error implements error, in the form of String.
func (d Diagnostic) Error() string { return d.String() }

// String returns the diagnostic with its excerpt, without a final newline.
func (d Diagnostic) String() string {
	var b strings.Builder
	d.write(&b)
	return strings.TrimSuffix(b.String(), "\n")
}

func (d Diagnostic) write(b *strings.Builder) {
	if d.Pos.File != "" {
		b.WriteString(d.Pos.File)
		b.WriteByte(':')
	}
	if d.Pos.IsValid() {
		fmt.Fprintf(b, "%d:%d:", d.Pos.Line, d.Pos.Col)
	}
	if b.Len() > 0 && (d.Pos.File != "" || d.Pos.IsValid()) {
		b.WriteByte(' ')
	}
	if d.Severity == Warning {
		b.WriteString("warning: ")
	}
	if d.Code != "" {
		b.WriteString(d.Code)
		b.WriteString(": ")
	}
	b.WriteString(d.Message)
	b.WriteByte('\n')
	if d.Line == "" || !d.Pos.IsValid() {
		if d.Hint != "" {
			b.WriteString("    ")
			b.WriteString(d.Hint)
			b.WriteByte('\n')
		}
		return
	}
	d.writeExcerpt(b)
}

func (d Diagnostic) writeExcerpt(b *strings.Builder) {
	line := []rune(d.Line)
	from := min(max(d.Pos.Col-1, 0), len(line))
	to := from + 1
	if d.End.Line == d.Pos.Line && d.End.Col > d.Pos.Col {
		to = min(d.End.Col-1, max(len(line), from+1))
	} else if d.End.Line > d.Pos.Line {
		to = max(len(line), from+1)
	}
	line, from, to = clip(line, from, to)
	number := strconv.Itoa(d.Pos.Line)
	b.WriteByte(' ')
	b.WriteString(number)
	b.WriteString(" | ")
	b.WriteString(string(line))
	b.WriteByte('\n')
	b.WriteString(strings.Repeat(" ", len(number)+1))
	b.WriteString(" | ")
	for i := range from {
		if i < len(line) && line[i] == '\t' {
			b.WriteByte('\t') // keeps the caret in its column whatever the width of tabs
			continue
		}
		b.WriteByte(' ')
	}
	b.WriteString(strings.Repeat("^", to-from))
	if d.Hint != "" {
		b.WriteString("  ")
		b.WriteString(d.Hint)
	}
	b.WriteByte('\n')
}

// clip cuts a long line to the part around the span [from, to).
func clip(line []rune, from, to int) (cut []rune, newFrom, newTo int) {
	if len(line) <= maxExcerpt {
		return line, from, to
	}
	start := max(from-excerptBefore, 0)
	end := min(start+maxExcerpt, len(line))
	cut = slices.Clone(line[start:end])
	if start > 0 {
		cut[0] = '…'
	}
	if end < len(line) {
		cut[len(cut)-1] = '…'
	}
	return cut, from - start, max(min(to-start, len(cut)), from-start+1)
}

type jsonDiagnostic struct {
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Col      int    `json:"col,omitempty"`
	EndLine  int    `json:"end_line,omitempty"`
	EndCol   int    `json:"end_col,omitempty"`
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

// MarshalJSON gives the flat form that editors and CI read.
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	out, err := json.Marshal(jsonDiagnostic{
		File: d.Pos.File, Line: d.Pos.Line, Col: d.Pos.Col, EndLine: d.End.Line, EndCol: d.End.Col,
		Severity: d.Severity.String(), Code: d.Code, Message: d.Message, Hint: d.Hint,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding a diagnostic: %w", err)
	}
	return out, nil
}

// List is the diagnostics of one load.
type List []Diagnostic

// Error implements error: the list sorted by position, at most 100 entries of it.
func (l List) Error() string {
	sorted := slices.Clone(l)
	sorted.Sort()
	var b strings.Builder
	for i := range sorted {
		if i == maxShown {
			fmt.Fprintf(&b, "and %d more\n", len(sorted)-maxShown)
			break
		}
		sorted[i].write(&b)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Sort orders the list by position, and by code and message in one place, so that the order never depends on who looked first.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Diagnostic) int {
		switch {
		case a.Pos.Before(b.Pos):
			return -1
		case b.Pos.Before(a.Pos):
			return 1
		case a.Code != b.Code:
			return strings.Compare(a.Code, b.Code)
		default:
			return strings.Compare(a.Message, b.Message)
		}
	})
}

// HasErrors reports whether anything in the list stops a load.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Err returns the list as an error, nil where nothing in it stops a load.
func (l List) Err() error {
	if l.HasErrors() {
		return l
	}
	return nil
}

// Mask hides the secrets wherever they stand in the list.
func (l List) Mask(secrets []string) {
	for i := range l {
		l[i].Message = Mask(l[i].Message, secrets)
		l[i].Hint = Mask(l[i].Hint, secrets)
		l[i].Line = Mask(l[i].Line, secrets)
	}
}
