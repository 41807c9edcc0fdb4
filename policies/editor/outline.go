package editor

import "strings"

// maxOutlineDepth is deeper than any policy loads; beyond it a text is not understood, which costs nobody anything.
const maxOutlineDepth = 128

// nodeKind is the kind of a node of an outline.
type nodeKind uint8

const (
	nodeScalar nodeKind = iota
	nodeMapping
	nodeList
)

// node is a value of a document as far as it could be understood.
type node struct {
	kind       nodeKind
	start, end int  // byte offsets; a scalar's include its quotes
	style      byte // of a scalar: 0, a quote, | or >
	text       string
	entries    []*entry
	items      []*node
	flow       bool
}

// entry is one key of a mapping. Without a colon it is a word that may become a key.
type entry struct {
	key   *node
	value *node // nil = nothing yet
	colon bool
}

func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for _, e := range n.entries {
		if e.key != nil && e.colon && e.key.text == key {
			return e.value
		}
	}
	return nil
}

func (n *node) has(key string) bool {
	for _, e := range n.entries {
		if e.key != nil && e.colon && e.key.text == key {
			return true
		}
	}
	return false
}

// outliner reads a document that may be wrong anywhere. It never fails: what it cannot place, it skips.
type outliner struct {
	text  string
	pos   int
	line  int // offset of the start of the line of pos
	depth int
}

// outline reads a document. The result is nil for a text without any value.
func outline(text string) *node {
	p := &outliner{text: text}
	var root *node
	for {
		p.blank()
		if p.pos >= len(text) {
			return root
		}
		before := p.pos
		n := p.block(0)
		switch {
		case root == nil || root.kind != nodeMapping:
			root = n
		case n != nil && n.kind == nodeMapping:
			root.entries, root.end = append(root.entries, n.entries...), n.end
		}
		if p.pos == before {
			p.skipLine()
		}
	}
}

// blank skips white space, line breaks and comments.
func (p *outliner) blank() {
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '\n':
			p.pos++
			p.line = p.pos
		case c == ' ' || c == '\t' || c == '\r':
			p.pos++
		case c == '#' && (p.pos == p.line || isSpace(p.text[p.pos-1])):
			p.skipToBreak()
		default:
			return
		}
	}
}

// spaces skips white space within the line, and a comment at its end.
func (p *outliner) spaces() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t' || p.text[p.pos] == '\r') {
		p.pos++
	}
	if p.pos < len(p.text) && p.text[p.pos] == '#' && p.pos > p.line && isSpace(p.text[p.pos-1]) {
		p.skipToBreak()
	}
}

func (p *outliner) skipToBreak() { p.pos = p.lineEnd(p.pos) }

func (p *outliner) skipLine() {
	p.skipToBreak()
	if p.pos < len(p.text) {
		p.pos++
	}
	p.line = p.pos
}

// lineEnd is where the line of an offset ends, without its break.
func (p *outliner) lineEnd(at int) int {
	if i := strings.IndexByte(p.text[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(p.text)
}

func (p *outliner) column() int { return p.pos - p.line }

func (p *outliner) atBreak() bool { return p.pos >= len(p.text) || p.text[p.pos] == '\n' }

// block reads a value in block style that stands at column least or behind it; nil where there is none.
func (p *outliner) block(least int) *node {
	p.blank()
	if p.pos >= len(p.text) || p.column() < least || p.depth > maxOutlineDepth {
		return nil
	}
	p.depth++
	defer func() { p.depth-- }()
	p.properties()
	if p.atBreak() {
		return p.block(least)
	}
	switch {
	case p.dash():
		return p.list()
	case p.keyEnd() >= 0:
		return p.mapping()
	default:
		return p.inline(least - 1)
	}
}

// properties skips anchors and tags.
func (p *outliner) properties() {
	for p.pos < len(p.text) && (p.text[p.pos] == '&' || p.text[p.pos] == '!') {
		for !p.atBreak() && !isSpace(p.text[p.pos]) {
			p.pos++
		}
		p.spaces()
	}
}

// dash reports whether an entry of a list begins here.
func (p *outliner) dash() bool {
	return p.pos < len(p.text) && p.text[p.pos] == '-' && (p.pos+1 == len(p.text) || isSpace(p.text[p.pos+1]))
}

func (p *outliner) list() *node {
	n := &node{kind: nodeList, start: p.pos, end: p.pos}
	col := p.column()
	for p.pos < len(p.text) && p.column() == col && p.dash() {
		p.pos++
		item := p.block(col + 1)
		if item == nil {
			item = &node{start: p.pos, end: p.pos}
			item.start = min(p.pos, len(p.text))
		}
		n.items, n.end = append(n.items, item), max(n.end, item.end)
		p.blank()
	}
	return n
}

func (p *outliner) mapping() *node {
	n := &node{kind: nodeMapping, start: p.pos, end: p.pos}
	col := p.column()
	for p.pos < len(p.text) && p.column() >= col && (p.column() > col || !p.dash()) {
		before := p.pos
		var e *entry
		if p.column() > col {
			e = &entry{value: p.block(col + 1)} // too far in to belong to anything
		} else {
			e = p.entry(col)
		}
		n.entries = append(n.entries, e)
		n.end = max(n.end, e.end())
		if p.pos == before {
			p.skipLine()
		}
		p.blank()
	}
	return n
}

func (e *entry) end() int {
	switch {
	case e.value != nil:
		return e.value.end
	case e.key != nil:
		return e.key.end
	default:
		return 0
	}
}

// entry reads one key with its value.
func (p *outliner) entry(col int) *entry {
	end := p.keyEnd()
	if end < 0 {
		return &entry{key: p.word()}
	}
	e := &entry{key: p.scalarUpTo(end), colon: true}
	p.pos = end
	for p.pos < len(p.text) && p.text[p.pos] != ':' {
		p.pos++
	}
	p.pos++
	p.spaces()
	p.properties()
	if !p.atBreak() {
		e.value = p.inline(col)
		return e
	}
	p.blank()
	if p.pos < len(p.text) && p.column() == col && p.dash() {
		e.value = p.list()
	} else {
		e.value = p.block(col + 1)
	}
	return e
}

// word reads the rest of a line that holds no key.
func (p *outliner) word() *node {
	n := p.scalarUpTo(p.contentEnd(p.pos))
	p.skipToBreak()
	return n
}

func (p *outliner) scalarUpTo(end int) *node {
	n := &node{start: p.pos, end: end, text: p.text[p.pos:end]}
	if c := p.text[p.pos]; (c == '"' || c == '\'') && end-p.pos >= 2 {
		n.style, n.text = c, unquote(p.text[p.pos+1:end-1], c)
	}
	return n
}

// contentEnd is the end of a plain scalar on the line of an offset: in front of a comment and white space.
func (p *outliner) contentEnd(at int) int {
	end := p.lineEnd(at)
	for i := at; i < end; i++ {
		if p.text[i] == '#' && i > at && isSpace(p.text[i-1]) {
			end = i
		}
	}
	for end > at && isSpace(p.text[end-1]) {
		end--
	}
	return end
}

// keyEnd is where the key that begins here ends, -1 where the line holds no key.
func (p *outliner) keyEnd() int {
	if p.pos >= len(p.text) {
		return -1
	}
	end := p.contentEnd(p.pos)
	switch c := p.text[p.pos]; c {
	case '{', '[', '|', '>':
		return -1
	case '"', '\'':
		closing := closingQuote(p.text[:p.lineEnd(p.pos)], p.pos)
		if closing < 0 {
			return -1
		}
		i := closing + 1
		for i < end && isSpace(p.text[i]) {
			i++
		}
		if i < end && p.text[i] == ':' {
			return closing + 1
		}
		return -1
	}
	for i := p.pos; i < end; i++ {
		if p.text[i] == ':' && (i+1 >= len(p.text) || isSpace(p.text[i+1])) {
			return i
		}
	}
	return -1
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
