package policies

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// rawScalar is a scalar read again from the text, since the YAML parser tells only where it begins. Escapes, folded lines
// and indentation make the place of a character inside it anything but its index.
type rawScalar struct {
	value      string
	offsets    []int32 // of each character of value, in the text
	begin, end int     // the scalar with its quotes
	last       int     // just behind its last character, inside the quotes
	quoted     bool
	ok         bool
}

// rereader reads one scalar.
type rereader struct {
	text string
	at   int
	out  strings.Builder
	offs []int32
}

func (r *rereader) emit(c rune, at int) {
	r.out.WriteRune(c)
	r.offs = append(r.offs, int32(at)) //nolint:gosec // documents are at most 1 MiB
}

func (r *rereader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

// readScalar reads the scalar that begins, with its tag and anchor, at the offset. What it cannot follow is not ok; the
// caller compares the value with the parser's.
func readScalar(text string, at int, y *yaml.Node) rawScalar {
	r := &rereader{text: text, at: at}
	r.skipProperties()
	begin := r.at
	want := utf8.RuneCountInString(y.Value)
	r.offs = make([]int32, 0, want)
	ok, quoted := true, false
	last := -1
	switch {
	case y.Style&yaml.DoubleQuotedStyle != 0, y.Style&yaml.SingleQuotedStyle != 0:
		quoted = true
		quote := r.peek()
		if quote != '"' && quote != '\'' {
			return rawScalar{}
		}
		r.at++
		ok = r.quoted(quote)
		last = r.at
		r.at++
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		r.block(y.Value, want, y.Style&yaml.FoldedStyle != 0)
	default:
		r.plain(want)
	}
	if last < 0 {
		last = r.at
	}
	return rawScalar{
		value: r.out.String(), offsets: r.offs, begin: begin, end: min(r.at, len(text)), last: min(last, len(text)),
		quoted: quoted, ok: ok,
	}
}

// skipProperties moves over tags and anchors in front of a scalar.
func (r *rereader) skipProperties() {
	for r.peek() == '!' || r.peek() == '&' {
		for r.at < len(r.text) && !strings.ContainsRune(" \t\r\n", rune(r.text[r.at])) {
			r.at++
		}
		for r.at < len(r.text) {
			if c := r.text[r.at]; c == '#' {
				for r.at < len(r.text) && r.text[r.at] != '\n' {
					r.at++
				}
			} else if !strings.ContainsRune(" \t\r\n", rune(c)) {
				break
			} else {
				r.at++
			}
		}
	}
}

// fold handles white space with a line break in it: one break is a space, each further one a line feed. It reports
// whether there was a break, and moves only then.
func (r *rereader) fold() bool {
	at, breaks := r.at, 0
	first, places := 0, []int(nil)
	for at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[at]) >= 0 {
		if r.text[at] == '\n' {
			if breaks == 0 {
				first = at
			} else {
				places = append(places, at)
			}
			breaks++
		}
		at++
	}
	if breaks == 0 {
		return false
	}
	if breaks == 1 {
		r.emit(' ', first)
	}
	for _, p := range places {
		r.emit('\n', p)
	}
	r.at = at
	return true
}

func (r *rereader) next() {
	c, size := utf8.DecodeRuneInString(r.text[r.at:])
	r.emit(c, r.at)
	r.at += size
}

func (r *rereader) plain(want int) {
	for r.at < len(r.text) && len(r.offs) < want {
		if strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 && r.fold() {
			continue
		}
		r.next()
	}
}

// quoted reads up to the closing quote and stays on it.
func (r *rereader) quoted(quote byte) bool {
	for r.at < len(r.text) {
		c := r.text[r.at]
		switch {
		case c == quote && quote == '\'' && strings.HasPrefix(r.text[r.at:], "''"):
			r.emit('\'', r.at)
			r.at += 2
		case c == quote:
			return true
		case c == '\\' && quote == '"':
			if !r.escape() {
				return false
			}
		case strings.IndexByte(" \t\r\n", c) >= 0 && r.fold():
		default:
			r.next()
		}
	}
	return false
}

// escape reads one escape of a double-quoted scalar.
func (r *rereader) escape() bool {
	at := r.at
	rest := r.text[at+1:]
	if strings.HasPrefix(rest, "\n") || strings.HasPrefix(rest, "\r\n") {
		r.at = at + 1 + strings.IndexByte(rest, '\n') + 1
		r.escapedBreak()
		return true
	}
	if rest == "" {
		return false
	}
	digits := 0
	switch c := rest[0]; c {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case ' ', '"', '\'', '/', '\\', '\t':
		r.emit(rune(c), at)
	case 'N':
		r.emit('\u0085', at)
	case '_':
		r.emit('\u00a0', at)
	case 'L':
		r.emit('\u2028', at)
	case 'P':
		r.emit('\u2029', at)
	default:
		i := strings.IndexByte("0abtnvfre", c)
		if i < 0 {
			return false
		}
		r.emit([]rune("\x00\a\b\t\n\v\f\r\x1b")[i], at)
	}
	r.at = at + 2
	if digits == 0 {
		return true
	}
	return r.codePoint(at, digits)
}

// escapedBreak moves over the indentation behind a line break that a backslash hides; further empty lines count.
func (r *rereader) escapedBreak() {
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		if r.text[r.at] == '\n' {
			r.emit('\n', r.at)
		}
		r.at++
	}
}

func (r *rereader) codePoint(at, digits int) bool {
	code, ok := r.hex(digits)
	if !ok {
		return false
	}
	if code >= 0xD800 && code < 0xDC00 && strings.HasPrefix(r.text[r.at:], `\u`) {
		r.at += 2
		low, ok := r.hex(4)
		if !ok || low < 0xDC00 || low > 0xDFFF {
			return false
		}
		code = 0x10000 + (code-0xD800)<<10 + (low - 0xDC00)
	}
	r.emit(code, at)
	return true
}

func (r *rereader) hex(digits int) (rune, bool) {
	if r.at+digits > len(r.text) {
		return 0, false
	}
	v, err := strconv.ParseUint(r.text[r.at:r.at+digits], 16, 32)
	r.at += digits
	return rune(v), err == nil && v <= utf8.MaxRune //nolint:gosec // checked in the same line
}

// maskSurrogates replaces the \uD83D\uDE00 of JSON, which YAML does not know, by as many plain characters, so that nothing
// moves. The value is read from the text itself.
func maskSurrogates(text string) (masked string, changed bool) {
	if !strings.Contains(text, `\u`) || !json.Valid([]byte(text)) {
		return text, false
	}
	// an escaped backslash is matched first, so that the u behind it is no escape
	pattern := regexp.MustCompile(`\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}`)
	masked = pattern.ReplaceAllStringFunc(text, func(m string) string {
		if len(m) == 2 {
			return m
		}
		return strings.Repeat("x", len(m))
	})
	return masked, masked != text
}
