package diag

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// Pos is a place in a file. Lines and columns count from 1, columns in characters; a zero line means the whole file.
type Pos struct {
	File string
	Line int
	Col  int
}

// IsValid reports whether p names a line.
func (p Pos) IsValid() bool { return p.Line > 0 }

// Before reports whether p comes before q, by file, line and column.
func (p Pos) Before(q Pos) bool {
	if p.File != q.File {
		return p.File < q.File
	}
	if p.Line != q.Line {
		return p.Line < q.Line
	}
	return p.Col < q.Col
}

// Source is one file's text with a table of its lines.
type Source struct {
	name  string
	text  string
	lines []int // byte offset of the start of each line
}

// NewSource indexes text, which is shown under name.
func NewSource(name, text string) *Source {
	lines := make([]int, 1, 1+strings.Count(text, "\n"))
	for i := range len(text) {
		if text[i] == '\n' {
			lines = append(lines, i+1)
		}
	}
	return &Source{name: name, text: text, lines: lines}
}

// Name returns the name the source is shown under.
func (s *Source) Name() string { return s.name }

// Text returns the whole text.
func (s *Source) Text() string { return s.text }

// Pos returns the position of a byte offset; an offset outside the text is moved to its nearest end.
func (s *Source) Pos(offset int) Pos {
	offset = min(max(offset, 0), len(s.text))
	line := sort.Search(len(s.lines), func(i int) bool { return s.lines[i] > offset }) - 1
	return Pos{File: s.name, Line: line + 1, Col: utf8.RuneCountInString(s.text[s.lines[line]:offset]) + 1}
}

// Offset returns the byte offset of p, and len(Text()) where p lies behind the end.
func (s *Source) Offset(p Pos) int {
	if p.Line < 1 {
		return 0
	}
	if p.Line > len(s.lines) {
		return len(s.text)
	}
	at := s.lines[p.Line-1]
	for col := 1; col < p.Col && at < len(s.text) && s.text[at] != '\n'; col++ {
		_, size := utf8.DecodeRuneInString(s.text[at:])
		at += size
	}
	return at
}

// Line returns the text of a line, counted from 1, without its line ending; "" where there is no such line.
func (s *Source) Line(line int) string {
	if line < 1 || line > len(s.lines) {
		return ""
	}
	text := s.text[s.lines[line-1]:]
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	return strings.TrimSuffix(text, "\r")
}

// Mask replaces every character of every secret in text with an asterisk. The width stays, so that carets under the text
// still point at the right place.
func Mask(text string, secrets []string) string {
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		if strings.Contains(text, secret) {
			text = strings.ReplaceAll(text, secret, strings.Repeat("*", utf8.RuneCountInString(secret)))
		}
	}
	return text
}
