package wire

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// getDepth bounds how deep upstream JSON may nest. The events of all APIs stay under 20, tool arguments travel as
// strings, and a skipped level costs one small stack frame.
const getDepth = 128

// getMaxInt is the largest integer that every JSON reader keeps exactly; counts above it are nonsense and are capped
// so that sums of several cannot overflow.
const getMaxInt = 1<<53 - 1

// cursor reads JSON forward, once, without allocating. It checks the whole grammar apart from UTF-8, so what it has
// walked to the end without getting bad is valid. Once bad, it stays bad and every loop over it ends.
type cursor struct {
	b     []byte
	i     int
	depth int
	bad   bool
}

func (g *cursor) fail() {
	g.bad = true
	g.i = len(g.b)
}

// peek is the first byte of the next value, 0 at the end.
func (g *cursor) peek() byte {
	if g.i < len(g.b) && g.b[g.i] > ' ' { // vendors send events without blanks
		return g.b[g.i]
	}
	return g.peekPast()
}

func (g *cursor) peekPast() byte {
	g.i = scanSpace(g.b, g.i)
	if g.i < len(g.b) {
		return g.b[g.i]
	}
	return 0
}

// open enters an object or array and reports whether it has a first member. A value of another kind is skipped.
func (g *cursor) open(bracket byte) bool {
	if g.peek() != bracket {
		g.skip()
		return false
	}
	g.depth++
	if g.depth > getDepth {
		g.fail()
		return false
	}
	g.i++
	if c := g.peek(); c == bracket+2 { // '[' and ']', '{' and '}' are two apart in ASCII
		g.i++
		g.depth--
		return false
	}
	return true
}

// more goes to the next member and reports whether there is one.
func (g *cursor) more(bracket byte) bool {
	switch g.peek() {
	case ',':
		g.i++
		return true
	case bracket + 2:
		g.i++
		g.depth--
	default:
		g.fail()
	}
	return false
}

// key reads a member's name up to and with its colon. The result aliases the input unless the name has escapes.
func (g *cursor) key() []byte {
	if g.peek() != '"' {
		g.fail()
		return nil
	}
	raw, escaped := g.quoted()
	if g.peek() != ':' {
		g.fail()
		return nil
	}
	g.i++
	if escaped {
		return scanUnescape(nil, raw)
	}
	return raw
}

// quoted reads a string that begins here and returns what stands between the quotes, escapes and all.
func (g *cursor) quoted() (raw []byte, escaped bool) {
	start := g.i + 1
	i := start
	for {
		i = getPlain(g.b, i)
		if i >= len(g.b) {
			g.fail()
			return nil, false
		}
		switch g.b[i] {
		case '"':
			g.i = i + 1
			return g.b[start:i], escaped
		case '\\':
			escaped = true
			n := getEscape(g.b[i:])
			if n == 0 {
				g.fail()
				return nil, false
			}
			i += n
		default: // a control character
			g.fail()
			return nil, false
		}
	}
}

// getPlain is the index of the first quote, backslash or control character at or after i. Eight bytes at a time: most
// of a stream's bytes are text.
func getPlain(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^(swarOnes*'"'), w^(swarOnes*'\\')
		hit := (quote - swarOnes) & ^quote
		hit |= (slash - swarOnes) & ^slash
		hit |= (w - swarOnes*0x20) & ^w
		if hit &= swarHighs; hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
		i += 8
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 {
		i++
	}
	return i
}

// getEscape is the length of the escape that b begins with, 0 where it is not one.
func getEscape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := scanHex(b, 0); ok {
			return 6
		}
	}
	return 0
}

// skip walks over one value of any kind.
func (g *cursor) skip() {
	switch c := g.peek(); c {
	case '{':
		for ok := g.open('{'); ok; ok = g.more('{') {
			g.key()
			g.skip()
		}
	case '[':
		for ok := g.open('['); ok; ok = g.more('[') {
			g.skip()
		}
	case '"':
		g.quoted()
	case 't':
		g.word("true")
	case 'f':
		g.word("false")
	case 'n':
		g.word("null")
	default:
		g.number()
	}
}

func (g *cursor) word(w string) {
	if len(g.b)-g.i < len(w) || string(g.b[g.i:g.i+len(w)]) != w {
		g.fail()
		return
	}
	g.i += len(w)
}

// number walks over a number and returns its text.
func (g *cursor) number() []byte {
	start := g.i
	if g.i < len(g.b) && g.b[g.i] == '-' {
		g.i++
	}
	first := g.i
	whole := g.digits()
	if whole == 0 || (whole > 1 && g.b[first] == '0') {
		g.fail()
		return nil
	}
	if g.i < len(g.b) && g.b[g.i] == '.' {
		g.i++
		if g.digits() == 0 {
			g.fail()
			return nil
		}
	}
	if g.i < len(g.b) && g.b[g.i]|0x20 == 'e' {
		g.i++
		if g.i < len(g.b) && (g.b[g.i] == '+' || g.b[g.i] == '-') {
			g.i++
		}
		if g.digits() == 0 {
			g.fail()
			return nil
		}
	}
	return g.b[start:g.i]
}

func (g *cursor) digits() int {
	start := g.i
	g.i = scanDigits(g.b, g.i)
	return g.i - start
}

// span walks over one value and returns its bytes.
func (g *cursor) span() []byte {
	g.i = scanSpace(g.b, g.i)
	start := g.i
	g.skip()
	if g.bad {
		return nil
	}
	return g.b[start:g.i]
}

// take walks over one value and returns where it stands and what it is, as a member without a key.
func (g *cursor) take() (Member, bool) {
	c := g.peek()
	start := g.i
	g.skip()
	if g.bad {
		return Member{}, false
	}
	return Member{Kind: scanKind(c), KeyStart: start, Start: start, End: g.i}, true
}

// text reads a string's raw content; a value of another kind is skipped and reads as nil.
func (g *cursor) text() []byte {
	if g.peek() != '"' {
		g.skip()
		return nil
	}
	raw, _ := g.quoted()
	return raw
}

// count reads a number as a count: no sign, no fraction, capped. ok is false for null and every other kind.
func (g *cursor) count() (n int64, ok bool) {
	if c := g.peek(); c != '-' && (c < '0' || c > '9') {
		g.skip()
		return 0, false
	}
	t := g.number()
	for i, c := range t {
		if c < '0' || c > '9' {
			if i > 0 || c != '-' {
				f, err := strconv.ParseFloat(string(t), 64)
				return getCap(f), err == nil
			}
			return 0, true // a negative count is none
		}
		if n = n*10 + int64(c-'0'); n > getMaxInt {
			return getMaxInt, true
		}
	}
	return n, !g.bad
}

// countUp reads a number as a count, a fraction as one more.
func (g *cursor) countUp() int64 {
	if c := g.peek(); c != '-' && (c < '0' || c > '9') {
		g.skip()
		return 0
	}
	f, _ := strconv.ParseFloat(string(g.number()), 64) // out of range is infinite, and so capped
	return getCap(math.Ceil(f))
}

func getCap(f float64) int64 {
	return int64(min(max(f, 0), getMaxInt))
}

// filled walks over one value and reports whether it carries anything: not null, false, "", {} or [].
func (g *cursor) filled() bool {
	switch c := g.peek(); c {
	case '"':
		raw, _ := g.quoted()
		return len(raw) > 0
	case '{', '[':
		start := g.i
		g.skip()
		inner := cursor{b: g.b[:g.i], i: start + 1}
		return !g.bad && inner.peek() != c+2
	case 'n', 'f':
		g.skip()
		return false
	default:
		g.skip()
		return !g.bad
	}
}

// done reports whether the input was one valid value and nothing after it.
func (g *cursor) done() bool {
	g.i = scanSpace(g.b, g.i)
	return !g.bad && g.i == len(g.b)
}

// getValid reports whether b is one JSON value.
func getValid(b []byte) bool {
	g := cursor{b: b}
	g.skip()
	return g.done()
}

// getMember is the value of an object's first member of that name, nil where there is none.
func getMember(b []byte, name string) []byte {
	g := cursor{b: b}
	for ok := g.open('{'); ok; ok = g.more('{') {
		if string(g.key()) == name {
			return g.span()
		}
		g.skip()
	}
	return nil
}

// getText decodes a span that is a string; "" for every other kind.
func getText(span []byte) string {
	g := cursor{b: span}
	return getString(g.text())
}

// getString decodes the raw content of a string. A lone surrogate, which servers send that cut an emoji in two,
// becomes the replacement character.
func getString(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	return string(scanUnescape(make([]byte, 0, len(raw)), raw))
}
