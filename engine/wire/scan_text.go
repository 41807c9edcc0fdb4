package wire

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// scanEscape reads one escape sequence, both halves of a surrogate pair being one.
func scanEscape(b []byte, i int) (int, scanFault) {
	if i+1 >= len(b) {
		return len(b), scanCut
	}
	switch b[i+1] {
	case 'n', '"', '\\', 't', 'r', '/', 'b', 'f':
		return i + 2, scanOK
	case 'u':
	default:
		return i, scanBadEscape
	}
	r, ok := scanHex(b, i)
	switch {
	case !ok:
		return i, scanBadEscape
	case !utf16.IsSurrogate(r):
		return i + 6, scanOK
	}
	low, ok := scanHex(b, i+6)
	if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		return i, scanLoneSurrogate
	}
	return i + 12, scanOK
}

// scanHex reads the escape \uXXXX at i.
func scanHex(b []byte, i int) (rune, bool) {
	if len(b)-i < 6 || b[i] != '\\' || b[i+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[i+2 : i+6] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// scanRunes reads text that is not ASCII up to the next ASCII byte, by the table of well-formed byte sequences.
func scanRunes(b []byte, i int) (int, scanFault) {
	for i < len(b) && b[i] >= 0x80 {
		rest := b[i:]
		switch c := rest[0]; {
		case c >= 0xC2 && c <= 0xDF && len(rest) >= 2 && rest[1]&0xC0 == 0x80:
			i += 2
		case c >= 0xE1 && c <= 0xEF && c != 0xED && len(rest) >= 3 && rest[1]&0xC0 == 0x80 && rest[2]&0xC0 == 0x80:
			i += 3
		default: // the rare lead bytes, whose second byte is limited too
			r, n := utf8.DecodeRune(rest)
			if r == utf8.RuneError && n <= 1 {
				return i, scanNotUTF8
			}
			i += n
		}
	}
	return i, scanOK
}

// scanNumber reads a number by the grammar and refuses one that a float64 cannot hold, because readers upstream
// disagree about it: an error, infinity or a clamped value.
func scanNumber(b []byte, start int) (int, scanFault) {
	i := start
	if b[i] == '-' {
		i++
	}
	whole := i
	i = scanDigits(b, i)
	switch digits := i - whole; {
	case digits == 0 && i < len(b) && (b[i] == 'I' || b[i] == 'N'):
		return start, scanNotFinite
	case digits == 0:
		return start, scanBadNumber
	case digits > 1 && b[whole] == '0':
		return start, scanLeadingZero
	}
	large := i-whole > 200
	if i < len(b) && b[i] == '.' {
		from := i + 1
		if i = scanDigits(b, from); i == from {
			return start, scanBadNumber
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		from := i + 1
		if from < len(b) && (b[from] == '-' || b[from] == '+') {
			from++
		}
		i = scanDigits(b, from)
		if i == from {
			return start, scanBadNumber
		}
		large = large || i-from > 2 // 200 digits and an exponent of two reach 1e299, which still fits
	}
	if large {
		if _, err := strconv.ParseFloat(scanAlias(b[start:i]), 64); err != nil {
			return start, scanOutOfRange
		}
	}
	return i, scanOK
}

func scanDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// scanKeyText is the decoded text of the valid string whose opening quote stands at i.
func scanKeyText(b []byte, i int) string {
	rest := b[i+1:]
	end := bytes.IndexByte(rest, '"')
	if end >= 0 && bytes.IndexByte(rest[:end], '\\') < 0 {
		return scanAlias(rest[:end])
	}
	end, fault := scanString(b, i+1)
	if fault != scanOK {
		return ""
	}
	return string(scanUnescape(nil, b[i+1:end-1]))
}

// scanDecode is the text of a raw JSON string, quotes included; it aliases raw where there is no escape.
func scanDecode(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return scanAlias(inner), true
	}
	return scanAlias(scanUnescape(make([]byte, 0, len(inner)), inner)), true
}

// scanUnescape appends the text between the quotes of a valid JSON string.
func scanUnescape(dst, s []byte) []byte {
	for {
		plain := bytes.IndexByte(s, '\\')
		if plain < 0 || plain+1 >= len(s) {
			return append(dst, s...)
		}
		dst = append(dst, s[:plain]...)
		c := s[plain+1]
		if c == 'u' {
			r, n := scanEscapedRune(s[plain:])
			dst = utf8.AppendRune(dst, r)
			s = s[plain+n:]
			continue
		}
		switch c {
		case 'n':
			c = '\n'
		case 't':
			c = '\t'
		case 'r':
			c = '\r'
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		}
		dst = append(dst, c)
		s = s[plain+2:]
	}
}

// scanEscapedRune decodes the \u escape that s starts with and tells its length.
func scanEscapedRune(s []byte) (rune, int) {
	r, ok := scanHex(s, 0)
	if !ok {
		return utf8.RuneError, min(2, len(s))
	}
	if utf16.IsSurrogate(r) {
		if low, ok := scanHex(s, 6); ok {
			return utf16.DecodeRune(r, low), 12
		}
		return utf8.RuneError, 6
	}
	return r, 6
}
