package content

import (
	"strings"
	"unicode/utf8"
)

const (
	// numberGroups is the most groups of digits that belong together: a card written digit by digit has 19.
	numberGroups = 19
	// numberRun is the most digits in one group that anything has; longer rows are no value.
	numberRun = 24
	// phoneGroups is the most groups of a phone number: +33 (0)1 23 45 67 89 has seven.
	phoneGroups = 7
	// maxGap is the most characters between two groups: the three of " - " or ") -".
	maxGap = 3
)

// gap is what stands between two groups of digits.
type gap uint8

const (
	gapSpace gap = 1 << iota
	gapDash
	gapDot
	gapSlash
	gapOpen
	gapClose
	gapWide // the same sign twice, as columns have spaces
)

// digits is a group of digits and what stands before it.
type digits struct {
	start, end int
	gap        gap
}

func (g *digits) len() int {
	return g.end - g.start
}

// groups are groups of digits that may belong together.
type groups struct {
	list [numberGroups]digits
	n    int
	next gap // what stands between the last one and a further one, 0 where there is none
}

// digit looks for a value that begins with the digit here, or with two letters before it.
func (s *scan) digit(i int) verdict {
	t, set := s.text, s.d.set
	if i > 0 && classes[t[i-1]]&classDigit != 0 || !s.starts(i) || (i > 1 && t[i-1] == '_' && !s.starts(i-1)) {
		v := verdictNone
		if set.has(entityIBAN) && i >= s.from+2 {
			v = s.iban(i - 2)
		}
		if v == verdictNone {
			s.at = s.digitsEnd(i)
		}
		return v
	}
	if set.has(entityIP) {
		if v := s.ip4(i); v != verdictNone {
			return v
		}
	}
	if !set.has(entityCard) && !set.has(entitySSN) && !set.has(entityPhone) {
		s.at = s.digitsEnd(i)
		return verdictNone
	}
	if s.behindDecimal(i) {
		s.at = s.digitsEnd(i)
		return verdictNone
	}
	g := &s.groups
	if s.readGroups(i) {
		return s.more(i)
	}
	v := s.number(g, i)
	if v == verdictNone {
		s.at = max(i+1, g.list[0].end)
	}
	return v
}

// number looks for a value that the groups begin with.
func (s *scan) number(g *groups, start int) verdict {
	if g.n == 0 {
		return verdictNone
	}
	set := s.d.set
	if set.has(entityCard) {
		if end := s.card(g); end > 0 {
			return s.is(entityCard, start, end)
		}
	}
	if set.has(entitySSN) {
		if end := s.ssn(g); end > 0 {
			return s.is(entitySSN, start, end)
		}
	}
	if set.has(entityPhone) {
		if end := s.national(g, start); end > 0 {
			return s.is(entityPhone, start, end)
		}
	}
	return verdictNone
}

func (s *scan) digitsEnd(i int) int {
	for i < len(s.text) && classes[s.text[i]]&classDigit != 0 {
		i++
	}
	return i
}

// behindDecimal reports whether the digits here go on with a number that was read already: a fraction, or a further part
// of a number in parts.
func (s *scan) behindDecimal(i int) bool {
	if i < 2 {
		return false
	}
	b := s.text[i-1]
	return (b == '.' || b == ',' || b == '-' || b == '/' || b == ':') && classes[s.text[i-2]]&classDigit != 0
}

// readGroups reads the groups of digits that begin here; more says that the text ends before they are known. There are
// none where a row of digits is too long for any value.
func (s *scan) readGroups(i int) (more bool) {
	g, most := &s.groups, numberGroups
	g.n, g.next = 0, 0
	for at, before := i, gap(0); ; {
		end := s.digitsEnd(at)
		if end-at > numberRun {
			if g.n == 0 {
				g.list[0].end = end
			}
			return false
		}
		if s.short(end) {
			return true
		}
		g.list[g.n] = digits{start: at, end: end, gap: before}
		g.n++
		if size := end - at; size > 2 || g.len(0) != size {
			most = phoneGroups
		}
		if at, before, more = s.gap(end); more {
			return true
		}
		g.next = before
		if before == 0 && end < len(s.text) && s.text[end]|0x20 == 'x' { // an extension
			return s.short(end + 1)
		}
		if before == 0 || g.n >= most {
			return false
		}
	}
}

func (g *groups) len(i int) int {
	return g.list[i].len()
}

// gap reads what stands between groups of digits; the gap is 0 where no further group follows.
func (s *scan) gap(from int) (at int, kind gap, more bool) {
	t := s.text
	at = from
	for range maxGap + 1 {
		if s.short(at) {
			return at, 0, true
		}
		if at >= len(t) {
			return at, 0, false
		}
		size := 1
		if at > from && t[at] == t[at-1] {
			kind |= gapWide
		}
		switch b := t[at]; {
		case classes[b]&classDigit != 0:
			return at, kind, false
		case b == ' ':
			kind |= gapSpace
		case b == '-':
			kind |= gapDash
		case b == '.':
			kind |= gapDot
		case b == '/':
			kind |= gapSlash
		case b == '(' && kind&gapOpen == 0:
			kind |= gapOpen
		case b == ')' && kind&gapClose == 0:
			kind |= gapClose
		case b == 0xE2: // the dashes and the sign of subtraction
			r, n := utf8.DecodeRuneInString(t[at:])
			if (r < 0x2010 || r > 0x2015) && r != 0x2212 {
				return at, 0, false
			}
			kind |= gapDash
			size = n
		default:
			return at, 0, false
		}
		at += size
	}
	return at, 0, false
}

// even reports whether the gaps of groups first to last, those before each, are the same.
func (g *groups) even(first, last int) bool {
	for i := first + 1; i <= last; i++ {
		if g.list[i].gap != g.list[first].gap {
			return false
		}
	}
	return true
}

// closed reports whether a value may end with a group: nothing of a word follows, and no further group after the same
// sign as joins its own.
func (s *scan) closed(g *groups, last int) bool {
	end := g.list[last].end
	if !s.ended(end) {
		return false
	}
	next := g.next
	if last+1 < g.n {
		next = g.list[last+1].gap
	}
	return next&(gapDash|gapDot|gapSlash) == 0 || next&gapSpace != 0
}

// ended reports whether a number may end here, and not be the begin of an e-mail address.
func (s *scan) ended(end int) bool {
	return s.ends(end) && (end >= len(s.text) || s.text[end] != '@')
}

// ssn gives the end of a social security number that the groups begin with, 0 where there is none.
func (s *scan) ssn(g *groups) int {
	t := s.text
	d := &g.list
	if g.n >= 3 && d[0].len() == 3 && d[1].len() == 2 && d[2].len() == 4 && d[1].gap == d[2].gap {
		kind := d[1].gap
		fits := kind == gapDash || kind == gapSpace || (kind == gapDot && s.named(d[0].start, ssnWords))
		if fits && s.closed(g, 2) && ssnIssued(t[d[0].start:d[0].end], t[d[1].start:d[1].end], t[d[2].start:d[2].end]) {
			return d[2].end
		}
		return 0
	}
	if d[0].len() != 9 || !s.closed(g, 0) || !s.named(d[0].start, ssnWords) {
		return 0
	}
	if n := t[d[0].start:d[0].end]; ssnIssued(n[:3], n[3:5], n[5:]) {
		return d[0].end
	}
	return 0
}

// ssnIssued reports whether such numbers are given out.
func ssnIssued(area, group, serial string) bool {
	return area != "000" && area != "666" && area[0] != '9' && group != "00" && serial != "0000"
}

var ssnWords = []string{"ssn", "ssns", "social security", "social-security", "soc sec", "tax id", "taxpayer", "tin", "itin"}

// named reports whether one of the words, in lower case, stands shortly before the offset.
func (s *scan) named(at int, words []string) bool {
	const reach = 40
	before := s.text[max(0, at-reach):at]
	for i := range len(before) {
		if i > 0 && classes[before[i]]&classLetter == 0 && before[i] < utf8.RuneSelf {
			continue
		}
		for _, w := range words {
			if len(before)-i >= len(w) && (before[i] == w[0] || before[i]|0x20 == w[0]) && strings.EqualFold(before[i:i+len(w)], w) && wordAt(before, i, len(w)) {
				return true
			}
		}
	}
	return false
}

// wordAt reports whether the bytes are a word of the text, or one of a name such as phoneNumber.
func wordAt(t string, i, n int) bool {
	if t[i] >= utf8.RuneSelf {
		return true
	}
	end := i + n
	before := i > 0 && classes[t[i-1]]&classLetter != 0 && (classes[t[i]]&classUpper == 0 || classes[t[i-1]]&classUpper != 0)
	if end < len(t) && classes[t[end]]&classDigit != 0 { // call1234567
		return false
	}
	after := end < len(t) && classes[t[end]]&classLetter != 0 && (classes[t[end]]&classUpper == 0 || classes[t[end-1]]&classUpper != 0)
	return !before && !after
}
