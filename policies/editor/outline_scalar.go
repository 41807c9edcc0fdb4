package editor

import (
	"strconv"
	"strings"
)

// inline reads a value that begins on the line of its key. Lines at column floor or in front of it are no part of it.
func (p *outliner) inline(floor int) *node {
	if p.depth > maxOutlineDepth {
		return p.word()
	}
	switch c := p.text[p.pos]; c {
	case '{', '[':
		return p.collection(floor)
	case '"', '\'':
		return p.quoted(floor)
	case '|', '>':
		return p.literal(floor)
	default:
		return p.plain(floor)
	}
}

// plain reads a plain scalar with the lines that continue it.
func (p *outliner) plain(floor int) *node {
	n := &node{start: p.pos, end: p.contentEnd(p.pos)}
	p.skipToBreak()
	for p.pos < len(p.text) {
		before, line := p.pos, p.line
		p.blank()
		if p.pos >= len(p.text) || p.column() <= floor || p.dash() || p.keyEnd() >= 0 {
			p.pos, p.line = before, line
			break
		}
		n.end = p.contentEnd(p.pos)
		p.skipToBreak()
	}
	n.text = strings.Join(strings.Fields(p.text[n.start:n.end]), " ")
	return n
}

// quoted reads a quoted scalar. One whose closing quote is missing ends with its line, so that the rest of the document is
// read as what it is.
func (p *outliner) quoted(floor int) *node {
	quote := p.text[p.pos]
	n := &node{start: p.pos, style: quote}
	closing := closingQuote(p.text, p.pos)
	if closing >= 0 {
		for i := p.pos; i < closing; i++ {
			if p.text[i] == '\n' && p.isOutside(i+1, floor) {
				closing = -1
				break
			}
		}
	}
	if closing < 0 {
		n.end = p.contentEnd(p.pos)
		n.text = unquote(p.text[n.start+1:max(n.end, n.start+1)], quote)
		p.skipToBreak()
		return n
	}
	n.end, n.text = closing+1, unquote(p.text[n.start+1:closing], quote)
	p.jump(closing + 1)
	return n
}

// isOutside reports whether the line that begins at an offset holds something at column floor or in front of it.
func (p *outliner) isOutside(line, floor int) bool {
	i := line
	for i < len(p.text) && (p.text[i] == ' ' || p.text[i] == '\t') {
		i++
	}
	return i < len(p.text) && p.text[i] != '\n' && p.text[i] != '\r' && i-line <= floor
}

// jump moves on to an offset, over line breaks.
func (p *outliner) jump(to int) {
	if i := strings.LastIndexByte(p.text[p.pos:to], '\n'); i >= 0 {
		p.line = p.pos + i + 1
	}
	p.pos = to
}

// literal reads a block scalar.
func (p *outliner) literal(floor int) *node {
	n := &node{start: p.pos, style: p.text[p.pos]}
	p.skipLine()
	n.end = p.pos
	var lines []string
	for p.pos < len(p.text) && !p.isOutside(p.pos, floor) {
		end := p.lineEnd(p.pos)
		lines = append(lines, strings.TrimSpace(p.text[p.pos:end]))
		if strings.TrimSpace(p.text[p.pos:end]) != "" || end == len(p.text) {
			n.end = end
		}
		p.skipLine()
	}
	n.text = strings.TrimSpace(strings.Join(lines, "\n"))
	return n
}

// collection reads a value in flow style.
func (p *outliner) collection(floor int) *node {
	p.depth++
	defer func() { p.depth-- }()
	n := &node{kind: nodeMapping, start: p.pos, flow: true}
	closing := byte('}')
	if p.text[p.pos] == '[' {
		n.kind, closing = nodeList, ']'
	}
	p.pos++
	for p.inside(floor) {
		switch c := p.text[p.pos]; {
		case c == closing:
			p.pos++
			n.end = p.pos
			return n
		case c == ',':
			p.pos++
		case c == '}' || c == ']':
			n.end = p.pos // closes something further out
			return n
		case n.kind == nodeList:
			n.items = append(n.items, p.flowValue(floor))
		default:
			n.entries = append(n.entries, p.flowEntry(floor))
		}
	}
	n.end = p.pos
	return n
}

// inside skips to the next token of a collection, false where the collection cannot go on: it was not closed.
func (p *outliner) inside(floor int) bool {
	before, line := p.pos, p.line
	p.blank()
	if p.pos >= len(p.text) {
		return false
	}
	if p.line != line && p.column() <= floor && p.text[p.pos] != '}' && p.text[p.pos] != ']' {
		p.pos, p.line = before, line
		return false
	}
	return true
}

func (p *outliner) flowValue(floor int) *node {
	p.properties()
	if p.pos >= len(p.text) {
		return &node{start: p.pos, end: p.pos}
	}
	switch c := p.text[p.pos]; {
	case (c == '{' || c == '[') && p.depth <= maxOutlineDepth:
		return p.collection(floor)
	case c == '"' || c == '\'':
		return p.quoted(floor)
	}
	n := &node{start: p.pos}
	for p.pos++; p.pos < len(p.text) && !p.flowEnd(); p.pos++ {
	}
	n.end = p.pos
	for n.end > n.start && isSpace(p.text[n.end-1]) {
		n.end--
	}
	n.text = p.text[n.start:n.end]
	return n
}

// flowEnd reports whether a plain scalar in flow style ends here.
func (p *outliner) flowEnd() bool {
	switch p.text[p.pos] {
	case ',', '}', ']', '{', '[', '\n':
		return true
	case ':':
		return p.pos+1 >= len(p.text) || isSpace(p.text[p.pos+1]) || strings.IndexByte(",{}[]", p.text[p.pos+1]) >= 0
	case '#':
		return isSpace(p.text[p.pos-1])
	default:
		return false
	}
}

func (p *outliner) flowEntry(floor int) *entry {
	if p.text[p.pos] == ':' { // a value without a key
		p.pos++
		return &entry{}
	}
	e := &entry{key: p.flowValue(floor)}
	before, line := p.pos, p.line
	if !p.inside(floor) || p.text[p.pos] != ':' {
		p.pos, p.line = before, line
		return e
	}
	e.colon = true
	p.pos++
	if p.inside(floor) && strings.IndexByte(",}]", p.text[p.pos]) < 0 {
		e.value = p.flowValue(floor)
	}
	return e
}

// closingQuote finds the quote that ends the scalar which begins at an offset, -1 where there is none.
func closingQuote(text string, at int) int {
	quote := text[at]
	for i := at + 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote && quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i
		}
	}
	return -1
}

// unquote gives the text of a quoted scalar. Escapes that are not finished yet stay as they are.
func unquote(raw string, quote byte) string {
	if quote == '\'' {
		return strings.ReplaceAll(raw, "''", "'")
	}
	if !strings.ContainsRune(raw, '\\') {
		return raw
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 >= len(raw) {
			b.WriteByte(raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'u':
			if i+4 < len(raw) {
				if v, err := strconv.ParseUint(raw[i+1:i+5], 16, 16); err == nil {
					b.WriteRune(rune(v))
					i += 4
					continue
				}
			}
			b.WriteString(`\u`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
