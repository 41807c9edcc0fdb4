package content

import (
	"encoding/binary"
	"sort"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A shadow is what is matched in place of a text: each character in its compatible form (NFKC), so that full-width or
// mathematical digits are digits; decimal digits of every script as ASCII's; and without the characters that nobody
// sees. Each character is folded by itself, so that a shadow does not depend on where the text was cut.

// extent is a part of a text.
type extent struct{ start, end int }

// plainText gives how many bytes at the begin of a text are their own shadow.
func plainText(text []byte) int {
	i := 0
	for {
		for len(text)-i >= 8 && binary.LittleEndian.Uint64(text[i:])&0x8080808080808080 == 0 {
			i += 8
		}
		if i >= len(text) {
			return len(text)
		}
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if !plainRune(r) && !ownShadow(r, text[i:i+n]) {
			return i
		}
		i += n
	}
}

// plainRune knows the common characters beyond ASCII that are their own shadow; there are others.
func plainRune(r rune) bool {
	switch {
	case r < 0xC0:
		return false
	case r < 0x132: // letters of Latin
		return true
	case r >= 0x391 && r <= 0x3CE: // Greek
		return r != 0x3A2
	case r >= 0x400 && r < 0x482: // Cyrillic
		return true
	case r >= 0x5D0 && r <= 0x5EA, r >= 0x620 && r <= 0x65F: // Hebrew and Arabic letters
		return true
	case r == 0x2013, r == 0x2014, r == 0x2018, r == 0x2019, r == 0x201C, r == 0x201D, r == 0x2022, r == 0x20AC: // – — ‘ ’ “ ” • €
		return true
	case r == 0x3001, r == 0x3002, r >= 0x3041 && r <= 0x3096, r >= 0x30A1 && r <= 0x30FA: // kana
		return true
	default:
		return (r >= 0x4E00 && r <= 0x9FFF) || (r >= 0xAC00 && r <= 0xD7A3) || (r >= 0x1F300 && r <= 0x1F64F)
	}
}

func ownShadow(r rune, text []byte) bool {
	if r == utf8.RuneError && len(text) == 1 {
		return true
	}
	return !invisible(r) && digit(r) < 0 && norm.NFKC.IsNormal(text)
}

// invisible reports whether a character has no look of its own: format characters, variation selectors, fillers, and
// marks that enclose or strike through others.
func invisible(r rune) bool {
	switch {
	case r < 0xAD:
		return false
	case r == 0x34F, r == 0x115F, r == 0x1160, r == 0x17B4, r == 0x17B5, r == 0x3164, r == 0xFFA0:
		return true
	case r >= 0x180B && r <= 0x180F, r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0100 && r <= 0xE01EF:
		return true
	case r >= 0x332 && r <= 0x338, r == 0x305, r == 0x33F:
		return true
	default:
		return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Me, r)
	}
}

// digit gives the value of a decimal digit beyond ASCII, -1 where the character is none.
func digit(r rune) rune {
	if r < 0x660 || !unicode.Is(unicode.Nd, r) {
		return -1
	}
	for _, span := range unicode.Nd.R16 { // runs of ten, or of several times ten
		if r >= rune(span.Lo) && r <= rune(span.Hi) {
			return (r - rune(span.Lo)) % 10
		}
	}
	for _, span := range unicode.Nd.R32 {
		if r >= rune(span.Lo) && r <= rune(span.Hi) { //nolint:gosec // code points
			return (r - rune(span.Lo)) % 10 //nolint:gosec // the same
		}
	}
	return -1
}

// appendShadow appends the shadow of one character.
func appendShadow(dst, text []byte, r rune) []byte {
	switch {
	case r < utf8.RuneSelf, plainRune(r), r == utf8.RuneError && len(text) == 1:
		return append(dst, text...)
	case invisible(r):
		return dst
	}
	if d := digit(r); d >= 0 {
		return append(dst, byte('0'+d)) //nolint:gosec // below 10
	}
	var room [64]byte // the longest form of one character has 33 bytes
	return append(dst, norm.NFKC.Append(room[:0], text...)...)
}

// shadowMap says where in a text the bytes of its shadow come from. Only characters that are not their own shadow are
// noted; between them both go on side by side.
type shadowMap struct {
	origin int // the first byte of the text stands here in the shadow
	odd    []oddRune
}

// oddRune is a character that is not its own shadow: size bytes from shadow on come from the extent of the text.
type oddRune struct {
	shadow, size int
	extent
}

// append appends the shadow of text, whose first byte stands at base in the text as a whole.
func (m *shadowMap) append(dst, text []byte, base int) []byte {
	for i := 0; i < len(text); {
		n := plainText(text[i:])
		dst = append(dst, text[i:i+n]...)
		if i += n; i >= len(text) {
			break
		}
		r, n := utf8.DecodeRune(text[i:])
		was := len(dst)
		dst = appendShadow(dst, text[i:i+n], r)
		m.odd = append(m.odd, oddRune{was, len(dst) - was, extent{base + i, base + i + n}})
		i += n
	}
	return dst
}

// at gives what of the text the byte of the shadow comes from.
func (m *shadowMap) at(i int) extent {
	n := sort.Search(len(m.odd), func(n int) bool { return m.odd[n].shadow > i })
	if n == 0 {
		return extent{i - m.origin, i - m.origin + 1}
	}
	o := &m.odd[n-1]
	if past := i - o.shadow - o.size; past >= 0 {
		return extent{o.end + past, o.end + past + 1}
	}
	return o.extent
}

// shift forgets the first bytes of the shadow, and of the text.
func (m *shadowMap) shift(shadow, text int) {
	m.origin += text - shadow
	drop := 0
	for i := range m.odd {
		o := &m.odd[i]
		o.shadow -= shadow
		o.start -= text
		o.end -= text
		if o.shadow <= 0 { // what comes right behind the last of these is told by it
			drop = i
		}
	}
	m.odd = m.odd[:copy(m.odd, m.odd[drop:])]
}
