package wire

import "bytes"

const (
	// textNumberMax is the longest number that is taken for one: a float64 has 24 characters, and 64 leaves room.
	// Longer ones are text.
	textNumberMax = 64
	// textEscapeMax is the longest escape: a pair of surrogates.
	textEscapeMax = 12
)

// textLexer is where in the JSON of tool arguments their text stands. It does not check their grammar, only that
// nothing can pass for JSON that is text: from the first byte on that JSON has no use for, all is text.
type textLexer struct {
	objects uint64 // a bit for each open bracket: it is an object's
	depth   int
	word    string // what is left of true, false or null
	number  []byte // a number that may go on
	escape  [textEscapeMax]byte
	escaped int  // the bytes of an escape that may go on
	quoted  bool // in a string
	naming  bool // the string is a name
	named   bool // the next string is a value
	plain   bool // no JSON
}

// feedJSON appends what may leave of the next piece of JSON.
func (r *TextRewriter) feedJSON(dst []byte, c *textChannel, text []byte) ([]byte, error) {
	var err error
	for len(text) > 0 && err == nil {
		switch x := &c.lexer; {
		case x.plain:
			dst, c.held, err = r.filter.Feed(dst, c.name(), text)
			return dst, err
		case x.quoted:
			dst, text, err = r.feedQuoted(dst, c, text)
		case textNumberByte(text[0], len(x.number) > 0):
			x.number = append(x.number, text[0])
			text = text[1:]
			c.held = len(x.number)
			if len(x.number) > textNumberMax {
				x.plain = true
				dst, c.held, err = r.filter.Feed(dst, c.name(), x.number)
				x.number = x.number[:0]
			}
		case len(x.number) > 0:
			dst, err = r.endNumber(dst, c)
		default:
			x.plain = !x.structure(text[0])
			if !x.plain {
				dst = append(dst, text[0])
				text = text[1:]
			}
		}
	}
	return dst, err
}

func textNumberByte(b byte, inside bool) bool {
	if b-'0' <= 9 || b == '-' {
		return true
	}
	return inside && (b == '.' || b == '+' || b == 'e' || b == 'E')
}

// structure takes a byte outside of strings and numbers and reports whether JSON has a use for it.
func (x *textLexer) structure(b byte) bool {
	if x.word != "" {
		ok := b == x.word[0]
		x.word = x.word[1:]
		return ok
	}
	switch b {
	case ' ', '\t', '\r', '\n':
	case '"':
		x.quoted = true
		x.naming = x.depth > 0 && x.objects&1 != 0 && !x.named
	case '{', '[':
		x.depth++
		if x.depth > scanMaxDepth {
			return false
		}
		x.objects <<= 1
		if b == '{' {
			x.objects |= 1
		}
		x.named = false
	case '}', ']':
		x.depth = max(0, x.depth-1)
		x.objects >>= 1
		x.named = true
	case ',':
		x.named = false
	case ':':
		x.named = true
	case 't':
		x.word = "true"[1:]
	case 'f':
		x.word = "false"[1:]
	case 'n':
		x.word = "null"[1:]
	default:
		return false
	}
	return true
}

// stringName is the channel as the filter sees the string that the lexer stands in.
func (c *textChannel) stringName() TextChannel {
	name := c.name()
	if c.lexer.naming {
		name.Kind = TextKey
	}
	return name
}

// feedQuoted goes on in a string, to its end or that of the text.
func (r *TextRewriter) feedQuoted(dst []byte, c *textChannel, text []byte) (out, rest []byte, err error) {
	x := &c.lexer
	raw := text
	if x.escaped > 0 { // rare: an escape was cut
		raw = append(append(make([]byte, 0, x.escaped+len(text)), x.escape[:x.escaped]...), text...)
		x.escaped = 0
	}
	end := textStringEnd(raw)
	closed := end < len(raw)
	if !closed {
		end = textWholeEscapes(raw)
		x.escaped = copy(x.escape[:], raw[end:])
	}
	rest = raw[end:]
	if !closed {
		rest = nil
	}
	piece := raw[:end]
	plain := piece
	if bytes.IndexByte(piece, '\\') >= 0 {
		r.data = scanUnescape(r.data[:0], piece)
		plain = r.data
	}
	r.inner, c.held, err = r.filter.Feed(r.inner[:0], c.stringName(), plain)
	if err != nil {
		return dst, nil, err
	}
	if bytes.Equal(r.inner, plain) {
		dst = append(dst, piece...)
	} else {
		dst = appendInner(dst, r.inner)
	}
	c.held += x.escaped
	if closed {
		if dst, err = r.endQuoted(dst, c); err != nil {
			return dst, nil, err
		}
		dst = append(dst, '"')
		rest = rest[1:]
		x.quoted, x.named = false, !x.naming
	}
	return dst, rest, nil
}

// endQuoted appends what is held of a string.
func (r *TextRewriter) endQuoted(dst []byte, c *textChannel) ([]byte, error) {
	inner, err := r.filter.End(r.inner[:0], c.stringName())
	if err != nil {
		return dst, err
	}
	r.inner = inner
	c.held = 0
	return appendInner(dst, r.inner), nil
}

// endNumber lets a number go: as a number while the filter leaves it one.
func (r *TextRewriter) endNumber(dst []byte, c *textChannel) ([]byte, error) {
	inner, _, err := r.filter.Feed(r.inner[:0], c.name(), c.lexer.number)
	if err == nil {
		inner, err = r.filter.End(inner, c.name())
	}
	if err != nil {
		return dst, err
	}
	r.inner = inner
	if bytes.Equal(inner, c.lexer.number) {
		dst = append(dst, inner...)
	} else {
		dst = appendNumber(dst, scanAlias(inner))
	}
	c.lexer.number = c.lexer.number[:0]
	c.held = 0
	return dst, nil
}

// endJSON appends what is held where the arguments end, whole or not.
func (r *TextRewriter) endJSON(dst []byte, c *textChannel) ([]byte, error) {
	x := &c.lexer
	var err error
	switch {
	case x.plain:
		dst, err = r.filter.End(dst, c.name())
	case x.quoted:
		if dst, err = r.endQuoted(dst, c); err == nil {
			dst = append(dst, x.escape[:x.escaped]...)
		}
	case len(x.number) > 0:
		dst, err = r.endNumber(dst, c)
	}
	*x = textLexer{number: x.number[:0]}
	return dst, err
}

// textStringEnd is the index of the quote that ends a string, the length where there is none.
func textStringEnd(raw []byte) int {
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(raw)
}

// textWholeEscapes is how much of the raw content of a string holds no escape that may go on: neither a cut one nor the
// first half of a surrogate pair.
func textWholeEscapes(raw []byte) int {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			i++
			continue
		}
		switch rest := raw[i:]; {
		case len(rest) < 2, rest[1] == 'u' && len(rest) < 6:
			return i
		case rest[1] != 'u':
			i += 2
		case textHigh(rest[:6]) == 0:
			i += 6
		case textPairOpen(rest[6:]):
			return i
		default:
			i += 6
		}
	}
	return len(raw)
}

// textPairOpen reports whether b, which follows the first half of a surrogate pair, may become the second one.
func textPairOpen(b []byte) bool {
	switch len(b) {
	case 0:
		return true
	case 1:
		return b[0] == '\\'
	default:
		return len(b) < 6 && b[0] == '\\' && b[1] == 'u'
	}
}

// appendInner appends text as a JSON string without its quotes.
func appendInner(dst, text []byte) []byte {
	if len(text) == 0 {
		return dst
	}
	n := len(dst)
	dst = AppendString(dst, scanAlias(text))
	copy(dst[n:], dst[n+1:])
	return dst[:len(dst)-2]
}
