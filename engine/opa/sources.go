package opa

import (
	"strconv"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"

	"weir/engine/diag"
)

// source is the text of one module or data document.
type source struct {
	text  string
	index *diag.Source
	at    func(offset int) diag.Pos
}

// sources finds the text that a location of OPA is in, by the name it was parsed under.
type sources struct {
	byName map[string]*source
}

// add takes a text and returns the name to parse it under: its own, made distinct.
func (s *sources) add(t Text) string {
	name := t.Name
	for i := 2; s.byName[name] != nil; i++ {
		name = t.Name + "#" + strconv.Itoa(i)
	}
	text := string(t.Text)
	s.byName[name] = &source{text: text, index: diag.NewSource(t.Name, text), at: t.At}
	return name
}

// pos gives the place of a byte of the text as its author sees it.
func (s *source) pos(offset int) diag.Pos {
	offset = min(max(offset, 0), len(s.text))
	if s.at != nil {
		return s.at(utf8.RuneCountInString(s.text[:offset]))
	}
	return s.index.Pos(offset)
}

// place gives where a location begins and ends, and the line for the excerpt.
func (s *sources) place(loc *ast.Location) (pos, end diag.Pos, line string) {
	if loc == nil {
		return pos, end, ""
	}
	src := s.byName[loc.File]
	if src == nil {
		return diag.Pos{File: loc.File, Line: loc.Row, Col: loc.Col}, end, ""
	}
	offset := src.index.Offset(diag.Pos{Line: loc.Row, Col: loc.Col})
	pos = src.pos(offset)
	if n := len(loc.Text); n > 0 {
		end = src.pos(offset + n)
	}
	if src.at == nil {
		line = src.index.Line(pos.Line)
	}
	return pos, end, line
}
