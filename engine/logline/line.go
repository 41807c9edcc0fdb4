// Package logline writes lines of JSON for logs that many exchanges write to: what the access log costs, every request
// pays. A line is safe to show in a terminal, whoever chose the words in it.
package logline

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// MaxText caps one text, such as a path, in bytes: longer ones are chosen by clients who want to fill the log.
const MaxText = 512

// Line is one object on its way into a log. The zero value is ready; Reset begins another line in the same memory. Keys
// are names of ours and are written as they are.
type Line struct{ b []byte }

// maxKept is the memory that a line keeps for the next one: what only bodies in the log exceed.
const maxKept = 16 << 10

// Reset begins a line.
func (l *Line) Reset() {
	if cap(l.b) > maxKept {
		l.b = nil
	}
	l.b = append(l.b[:0], '{')
}

// End ends the line and returns it, with its newline. It is valid until the next Reset.
func (l *Line) End() []byte {
	l.b = append(l.b, "}\n"...)
	return l.b
}

func (l *Line) key(key string) {
	if last := len(l.b) - 1; l.b[last] != '{' {
		l.b = append(l.b, ',')
	}
	l.b = append(append(append(l.b, '"'), key...), '"', ':')
}

// Str adds a text.
func (l *Line) Str(key, value string) {
	l.key(key)
	l.b = appendText(l.b, value, MaxText)
}

// Text adds a text that may be longer than MaxText.
func (l *Line) Text(key string, value []byte, limit int) {
	l.key(key)
	//nolint:gosec // read here and forgotten, like any string that aliases a buffer
	l.b = appendText(l.b, unsafe.String(unsafe.SliceData(value), len(value)), limit)
}

// Int adds a number.
func (l *Line) Int(key string, value int64) {
	l.key(key)
	l.b = strconv.AppendInt(l.b, value, 10)
}

// Bool adds a truth.
func (l *Line) Bool(key string, value bool) {
	l.key(key)
	l.b = strconv.AppendBool(l.b, value)
}

// Time adds a time to the second.
func (l *Line) Time(key string, value time.Time) {
	l.key(key)
	l.b = append(value.AppendFormat(append(l.b, '"'), time.RFC3339), '"')
}

// Millis adds a duration in milliseconds, with three digits behind the point.
func (l *Line) Millis(key string, value time.Duration) {
	l.key(key)
	us := max(value.Microseconds(), 0)
	l.b = append(strconv.AppendInt(l.b, us/1000, 10), '.')
	l.b = append(l.b, byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
}

// Any adds a value that encoding/json writes: nil, bool, numbers, strings, lists and maps with names. One that it cannot
// write stands as what is wrong with it.
func (l *Line) Any(key string, value any) {
	l.key(key)
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		l.b = appendText(l.b, "cannot be written: "+err.Error(), MaxText)
		return
	}
	l.b = appendClean(l.b, strings.TrimSpace(buf.String()))
}

// List adds a list of n objects; each is called with the index of the one to fill.
func (l *Line) List(key string, n int, each func(l *Line, i int)) {
	l.key(key)
	l.b = append(l.b, '[')
	for i := range n {
		if i > 0 {
			l.b = append(l.b, ',')
		}
		l.b = append(l.b, '{')
		each(l, i)
		l.b = append(l.b, '}')
	}
	l.b = append(l.b, ']')
}

// appendText writes a text as JSON, capped, with everything escaped that could move a cursor, end a line or turn the
// direction of writing.
func appendText(dst []byte, text string, limit int) []byte {
	cut := len(text) > limit
	if cut {
		for limit > 0 && !utf8.RuneStart(text[limit]) { // a character is not cut
			limit--
		}
		text = text[:limit]
	}
	dst = append(dst, '"')
	if plain(text) {
		dst = append(dst, text...)
	} else {
		dst = appendEscaped(dst, text)
	}
	if cut {
		dst = append(dst, "..."...)
	}
	return append(dst, '"')
}

// plain reports whether a text needs no escape: every byte is printable ASCII, and no quote or backslash. It looks at eight
// bytes at a time.
func plain(text string) bool {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	i := 0
	for ; len(text)-i >= 8; i += 8 {
		s := text[i : i+8]
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		odd := w | (w - ones*0x20) | (w + ones) | (quote - ones) | (slash - ones)
		if odd&high != 0 {
			return false
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func appendEscaped(dst []byte, text string) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < 0x20 || c == 0x7f:
			dst = appendUnicode(dst, rune(c))
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, width := utf8.DecodeRuneInString(text[i:])
			switch {
			case r == utf8.RuneError && width == 1:
				dst = append(dst, `\ufffd`...)
			case odd(r):
				dst = appendUnicode(dst, r)
			default:
				dst = append(dst, text[i:i+width]...)
			}
			i += width
			continue
		}
		i++
	}
	return dst
}

// appendClean writes JSON again with its texts as appendText writes them.
func appendClean(dst []byte, value string) []byte {
	for i := 0; i < len(value); {
		if value[i] != '"' {
			dst = append(dst, value[i])
			i++
			continue
		}
		end := i + 1
		for value[end] != '"' {
			if value[end] == '\\' {
				end++
			}
			end++
		}
		end++
		if raw := value[i:end]; len(raw) <= MaxText && plain(raw[1:len(raw)-1]) {
			dst = append(dst, raw...)
		} else {
			var text string
			if json.Unmarshal([]byte(raw), &text) == nil { // it was written by encoding/json
				dst = appendText(dst, text, MaxText)
			}
		}
		i = end
	}
	return dst
}

// AppendSafe appends JSON with what moves a terminal's cursor or turns the direction of writing escaped. encoding/json has
// escaped the control characters of ASCII.
func AppendSafe(dst, value []byte) []byte {
	for len(value) > 0 {
		r, n := utf8.DecodeRune(value)
		if odd(r) {
			dst = appendUnicode(dst, r)
		} else {
			dst = append(dst, value[:n]...)
		}
		value = value[n:]
	}
	return dst
}

func appendUnicode(dst []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// odd tells the controls past ASCII, the separators that end lines, and the marks that turn the direction of text.
func odd(r rune) bool {
	switch {
	case r >= 0x7f && r <= 0x9f, r == 0x61c, r == 0x200e, r == 0x200f, r == 0x2028, r == 0x2029:
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
		return true
	}
	return false
}
