package editor

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// document is one text with a table of its lines.
type document struct {
	uri, path string
	version   int
	text      string
	lines     []int // offset of the start of each line
}

func newDocument(uri string, version int, text string) *document {
	d := &document{uri: uri, path: pathOf(uri), version: version, text: text, lines: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	return d
}

// line returns a line, counted from 0, without its break.
func (d *document) line(n int) string {
	if n < 0 || n >= len(d.lines) {
		return ""
	}
	text := d.text[d.lines[n]:]
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	return strings.TrimSuffix(text, "\r")
}

// offset returns the byte offset of a position; a position outside the text is moved to its nearest end.
func (d *document) offset(p position) int {
	switch {
	case p.Line < 0:
		return 0
	case p.Line >= len(d.lines):
		return len(d.text)
	}
	line, units := d.line(p.Line), 0
	for i, r := range line {
		if units >= p.Character {
			return d.lines[p.Line] + i
		}
		units += max(utf16.RuneLen(r), 1)
	}
	return d.lines[p.Line] + len(line)
}

// position returns the position of a byte offset.
func (d *document) position(offset int) position {
	offset = min(max(offset, 0), len(d.text))
	low, high := 0, len(d.lines)
	for high-low > 1 {
		if middle := (low + high) / 2; d.lines[middle] <= offset {
			low = middle
		} else {
			high = middle
		}
	}
	return position{Line: low, Character: units(d.text[d.lines[low]:offset])}
}

func (d *document) span(from, to int) textRange {
	return textRange{Start: d.position(from), End: d.position(to)}
}

// units counts the UTF-16 code units of a text.
func units(text string) int {
	n := 0
	for _, r := range text {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// column gives the UTF-16 offset of a column that counts characters from 1.
func column(line string, col int) int {
	n, seen := 0, 1
	for i := 0; i < len(line) && seen < col; seen++ {
		r, size := utf8.DecodeRuneInString(line[i:])
		n += max(utf16.RuneLen(r), 1)
		i += size
	}
	return n + max(col-seen, 0)
}
