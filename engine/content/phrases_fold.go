package content

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// unitClass is what a character is to phrases.
type unitClass uint8

const (
	unitOther unitClass = iota // punctuation, symbols, and letters of scripts that write no spaces between words
	unitWord                   // letters and digits
	unitSpace                  // any white space; several count as one
	unitMark                   // belongs to the character before it
	unitSkip                   // cannot be seen
)

// foldTable is how far characters have their folding in a table: those of two bytes, which holds the alphabets of
// Europe and the Near East.
const foldTable = 0x800

// foldedRune is a character as phrases see it; r is 0 where it becomes several, apart from a letter and its mark.
type foldedRune struct {
	r, mark rune
	class   unitClass
}

// folding turns characters into the shadow that phrases are looked for in: compatibility forms taken apart (NFKD, which
// tells the same texts apart as NFKC and needs no look ahead), what cannot be seen left out, and the case folded.
type folding struct {
	exact bool // the case counts
	ascii [utf8.RuneSelf]foldedByte
	word  [256]bool // ASCII letters and digits
	table [foldTable]foldedRune
}

// foldedByte is an ASCII character as phrases see it.
type foldedByte struct {
	b     byte
	class unitClass
}

// foldingOf gives the folding, whose tables are made once.
func foldingOf(how PhraseMatch) *folding {
	if how&PhraseExactCase != 0 {
		return exactFolding()
	}
	return caseFolding()
}

var (
	exactFolding = sync.OnceValue(func() *folding { return newFolding(true) })
	caseFolding  = sync.OnceValue(func() *folding { return newFolding(false) })
)

func newFolding(exact bool) *folding {
	f := &folding{exact: exact}
	for r := range rune(foldTable) {
		f.table[r] = f.single(r)
	}
	for b := range f.ascii {
		f.word[b] = f.table[b].class == unitWord
		one := f.table[b]
		if f.ascii[b] = (foldedByte{b: byte(one.r), class: one.class}); one.class == unitSpace { //nolint:gosec // ASCII folds to ASCII
			f.ascii[b].b = ' '
		}
	}
	return f
}

// single folds a character that becomes one other.
func (f *folding) single(r rune) foldedRune {
	class := classOf(r)
	if class == unitSkip || class == unitSpace {
		return foldedRune{r: r, class: class}
	}
	var buf [utf8.UTFMax]byte
	d := norm.NFKD.Properties(buf[:utf8.EncodeRune(buf[:], r)]).Decomposition()
	if len(d) > 0 {
		one, size := utf8.DecodeRune(d)
		if size != len(d) {
			mark, more := utf8.DecodeRune(d[size:])
			if size+more != len(d) || classOf(mark) != unitMark || classOf(one) == unitSpace {
				return foldedRune{class: class}
			}
			return foldedRune{r: f.lower(one), mark: f.lower(mark), class: classOf(one)}
		}
		r = one
	}
	if hangul(r) || !f.exact && (r == 'ß' || r == 'ẞ') {
		return foldedRune{class: class}
	}
	return foldedRune{r: f.lower(r), class: classOf(r)}
}

func (f *folding) lower(r rune) rune {
	if f.exact {
		return r
	}
	return unicode.ToLower(unicode.ToUpper(r)) // by way of upper case the two small sigmas become one
}

// of folds one character; the first result is all of it unless its r is 0, when expand gives it.
func (f *folding) of(r rune) foldedRune {
	switch {
	case r < foldTable:
		return f.table[r]
	case r >= 0x4E00 && r <= 0x9FFF: // Han is most of what comes in three bytes
		return foldedRune{r: r, class: unitOther}
	default:
		return f.single(r)
	}
}

// expand calls yield with each of the characters that one becomes.
func (f *folding) expand(r rune, yield func(foldedRune)) {
	if !f.exact && (r == 'ß' || r == 'ẞ') {
		yield(foldedRune{r: 's', class: unitWord})
		yield(foldedRune{r: 's', class: unitWord})
		return
	}
	if hangul(r) {
		at := r - hangulFirst
		yield(foldedRune{r: 0x1100 + at/588, class: unitWord})
		yield(foldedRune{r: 0x1161 + at%588/28, class: unitMark})
		if at %= 28; at > 0 {
			yield(foldedRune{r: 0x11A7 + at, class: unitMark})
		}
		return
	}
	var buf [utf8.UTFMax]byte
	d := norm.NFKD.Properties(buf[:utf8.EncodeRune(buf[:], r)]).Decomposition()
	for len(d) > 0 {
		one, size := utf8.DecodeRune(d)
		d = d[size:]
		yield(foldedRune{r: f.lower(one), class: classOf(one)})
	}
}

// The syllables of Hangul, which Unicode takes apart by their numbers: 588 begin with one consonant, 28 with its vowel.
const (
	hangulFirst = 0xAC00
	hangulLast  = 0xD7A3
)

func hangul(r rune) bool { return r >= hangulFirst && r <= hangulLast }

// combining is the class by which marks on one character are put in order.
func combining(r rune) uint8 {
	var buf [utf8.UTFMax]byte
	return norm.NFKD.Properties(buf[:utf8.EncodeRune(buf[:], r)]).CCC()
}

// classOf tells what a character is.
func classOf(r rune) unitClass {
	if r < utf8.RuneSelf {
		return asciiClass(byte(r)) //nolint:gosec // below 128
	}
	switch {
	case unicode.IsSpace(r):
		return unitSpace
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return unitSkip
	case unicode.IsMark(r), r >= 0x1160 && r <= 0x11FF: // vowels and ends of Hangul belong to the consonant before
		return unitMark
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
		return unitOther
	case unicode.IsLetter(r), unicode.IsNumber(r):
		return unitWord
	default:
		return unitOther
	}
}

func asciiClass(b byte) unitClass {
	switch {
	case b == '_', b-'0' <= 9, b|0x20-'a' <= 'z'-'a' && b >= 'A':
		return unitWord
	case b == ' ', b >= '\t' && b <= '\r':
		return unitSpace
	default:
		return unitOther
	}
}
