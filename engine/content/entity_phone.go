package content

import (
	"strings"
	"unicode/utf8"
)

// phoneVerbs are words that announce numbers less often than other things; bare rows of digits are none after them.
var phoneVerbs = []string{"call", "dial", "cell", "mob", "handy", "portable"}

var phoneWords = []string{
	"phone", "phones", "tel", "telephone", "mobile", "cellphone", "fax", "whatsapp", "sms", "landline",
	"hotline", "telefon", "handynummer", "mobil", "mobilnummer", "rufnummer", "telefonnummer", "telefono", "teléfono", "móvil", "celular",
	"telefone", "téléphone", "telefoon", "телефон", "电话", "手机", "電話", "☎", "📞", "📱",
}

// plus looks for a number in international form.
func (s *scan) plus(i int) verdict {
	if i > 0 && (!s.starts(i) || strings.IndexByte("+)_", s.text[i-1]) >= 0) {
		return verdictNone
	}
	return s.international(i, i+1)
}

// open looks for a number that begins with a bracket.
func (s *scan) open(i int) verdict {
	t := s.text
	if !s.starts(i) || (i > 0 && strings.IndexByte(")]_", t[i-1]) >= 0) {
		return verdictNone
	}
	at := i + 1
	if s.short(at) {
		return s.more(i)
	}
	if at >= len(t) {
		return verdictNone
	}
	if t[at] == '+' {
		return s.international(i, at+1)
	}
	if classes[t[at]]&classDigit == 0 {
		return verdictNone
	}
	g := &s.groups
	if s.readGroups(at) {
		return s.more(i)
	}
	if g.n < 2 || g.list[1].gap&gapClose == 0 || g.list[1].gap&gapOpen != 0 {
		return verdictNone
	}
	end := s.bracketed(g, i)
	if end == 0 {
		return verdictNone
	}
	return s.is(entityPhone, i, end)
}

// bracketed gives the end of a number whose area code stands in brackets, 0 where it is none.
func (s *scan) bracketed(g *groups, start int) int {
	t, d := s.text, &g.list
	area := t[d[0].start:d[0].end]
	if dated(t, g) {
		return 0
	}
	if last := northAmerican(t, g, 0); last > 0 && s.hangsUp(g, last) {
		return d[last].end
	}
	if area[0] == '0' && len(area) >= 2 && len(area) <= 6 || s.called(start) {
		return s.trunk(g, start)
	}
	if len(area) == 2 && g.n >= 3 && (d[1].len() == 4 || d[1].len() == 5) && d[2].len() == 4 && d[2].gap == gapDash && s.hangsUp(g, 2) { // Brazil
		return d[2].end
	}
	return 0
}

// international looks for a number behind its plus sign.
func (s *scan) international(start, at int) verdict {
	t := s.text
	if s.short(at) {
		return s.more(start)
	}
	if at >= len(t) || classes[t[at]]&classDigit == 0 || t[at] == '0' {
		return verdictNone
	}
	g := &s.groups
	if s.readGroups(at) {
		return s.more(start)
	}
	last := callable(t, g, 0)
	if last < 0 || !s.extended(g.list[last].end) {
		return verdictNone
	}
	return s.is(entityPhone, start, g.list[last].end)
}

// callable gives the last group of an international number: the longest that its country has. Skip leaves out digits at
// the begin.
func callable(t string, g *groups, skip int) int {
	all, count := [numberRun]byte{}, 0
	out, low, high := -1, 0, 0
	for i := range g.n {
		d := &g.list[i]
		part := t[d.start:d.end]
		if i == 0 {
			part = part[skip:]
		}
		if part == "0" && d.gap&gapOpen != 0 { // +44 (0)20: dialled at home only
			continue
		}
		if count+len(part) > len(all) {
			break
		}
		count += copy(all[count:], part)
		if skip > 0 && count > 1 && islands(all[0], all[1]) {
			break // behind 00 they are rarer than tables
		}
		if high == 0 {
			low, high = countryLengths(string(all[:min(count, 3)]))
		}
		if high > 0 && count > high {
			break
		}
		if high > 0 && count >= low {
			out = i
		}
	}
	return out
}

// islands reports whether codes of countries with these digits are those of few people.
func islands(a, b byte) bool {
	return (a == '2' && (b == '6' || b == '9')) || (a == '6' && b >= '7')
}

// national gives the end of a number without its country's code that the groups begin with, 0 where there is none.
func (s *scan) national(g *groups, start int) int {
	t, d := s.text, &g.list
	if g.n > 1 && dated(t, g) {
		return 0
	}
	first := t[d[0].start:d[0].end]
	if strings.HasPrefix(first, "00") {
		if last := callable(t, g, 2); last >= 0 && s.extended(d[last].end) && (last > 0 && !s.inRow(start) || s.called(start)) {
			return d[last].end
		}
	}
	if last := northAmerican(t, g, 0); last > 0 && s.hangsUp(g, last) && s.plain(g, last, start) {
		return d[last].end
	}
	if first == "1" {
		if last := northAmerican(t, g, 1); last > 0 && s.hangsUp(g, last) {
			return d[last].end
		}
	}
	if first[0] == '0' && len(first) > 1 && len(first) <= 6 {
		if end := s.trunk(g, start); end > 0 {
			return end
		}
	}
	if len(first) == 2 && first[0] != '0' && g.n >= 3 && d[1].len() == 5 && t[d[1].start] == '9' && d[1].gap == gapSpace && d[2].len() == 4 && d[2].gap == gapDash && s.hangsUp(g, 2) { // Brazil
		return d[2].end
	}
	if len(first) == 11 && first[0] == '1' && first[1] >= '3' && s.hangsUp(g, 0) && s.foreign(start) { // China
		return d[0].end
	}
	if len(first) == 3 && first[0] == '1' && first[1] >= '3' && g.n >= 3 && d[1].len() == 4 && d[2].len() == 4 && g.even(1, 2) &&
		(d[1].gap == gapDash || d[1].gap == gapSpace) && s.hangsUp(g, 2) { // China
		return d[2].end
	}
	return s.calledFor(g, start)
}

// northAmerican gives the last group of a number of the North American plan whose area code is the group from, -1 where
// it is none.
func northAmerican(t string, g *groups, from int) int {
	d := &g.list
	if g.n < from+2 || d[from].len() != 3 || t[d[from].start] < '2' {
		return -1
	}
	if bracket := d[from+1].gap&gapClose != 0; bracket && d[from+1].len() == 7 {
		return from + 1
	}
	if g.n < from+3 || d[from+1].len() != 3 || d[from+2].len() != 4 {
		return -1
	}
	one, two := d[from+1].gap, d[from+2].gap
	if two&^(gapSpace|gapDash|gapDot) != 0 || (one&gapClose == 0 && one != two && (two != gapDash || one&^(gapSpace|gapSlash) != 0)) || one&gapOpen != 0 {
		return -1
	}
	return from + 2
}

// plain reports whether groups of digits are a number though only spaces part them: a word says so, or the digits are
// ones that an exchange may have, and no further number follows.
func (s *scan) plain(g *groups, last, start int) bool {
	if g.list[last].gap != gapSpace || g.list[last-1].gap != gapSpace {
		return true
	}
	return s.called(start) || (s.text[g.list[last-1].start] >= '2' && g.n == last+1 && g.next == 0 && !s.inRow(start))
}

// trunk gives the end of a number that begins with an area code, mostly after a zero, 0 where it is none.
func (s *scan) trunk(g *groups, start int) int {
	t, d := s.text, &g.list
	if len(t) > d[0].start+1 && t[d[0].start:d[0].start+2] == "00" {
		return 0
	}
	count, last := d[0].len(), 0
	pairs := d[0].len() == 2
	for last+1 < g.n && last < 5 {
		next := d[last+1]
		if next.len() < 2 || next.len() > 8 || count+next.len() > 12 || !joins(next.gap, last == 0) || (last > 0 && next.gap != d[last].gap && last != 1) {
			break
		}
		pairs = pairs && next.len() == 2
		count += next.len()
		last++
		if pairs && last == 4 {
			break
		}
	}
	few := last == 1 && (d[0].len() == 5 && d[1].len() == 4 && d[1].gap == gapDash || d[0].len() == 2 && d[1].gap == gapSpace)
	few = few || (last == 3 && d[1].gap == gapDot && count == 12) // ZIP codes, columns, addresses of IPv4 with zeros
	if last == 0 || count < 9 || (pairs && (last != 4 || t[d[0].start] != '0')) || !s.hangsUp(g, last) {
		return 0
	}
	row := d[last].gap == gapSpace && d[1].gap == gapSpace && (last+1 < g.n || g.next != 0 || s.inRow(start))
	if (row || few) && !s.called(start) {
		return 0
	}
	return d[last].end
}

// joins reports whether a gap may stand in a number; the first one behind the area code may be of more kinds.
func joins(kind gap, first bool) bool {
	switch kind {
	case gapSpace, gapDash, gapDot:
		return true
	case gapSlash, gapSlash | gapSpace, gapDash | gapSpace, gapClose, gapClose | gapSpace, gapClose | gapDash, gapClose | gapDot:
		return first
	default:
		return false
	}
}

// calledFor gives the end of any row of digits that can be a number, where a word before it says that one comes.
func (s *scan) calledFor(g *groups, start int) int {
	const least, most = 7, 15
	d := &g.list
	count, last, end := 0, -1, 0
	for i := range min(g.n, phoneGroups) {
		if i > 0 && (!joins(d[i].gap, i == 1) || count+d[i].len() > most) {
			break
		}
		if count += d[i].len(); count > most {
			break
		}
		if count >= least && d[i].len() > 1 {
			last, end = i, d[i].end
		}
	}
	if last < 0 || !s.hangsUp(g, last) || s.inRow(start) {
		return 0
	}
	first := s.text[d[0].start:d[0].end]
	if (last == 0 && dated8(first)) || (last == 1 && year(first) && year(s.text[d[1].start:d[1].end])) {
		return 0
	}
	if !s.named(start, phoneWords) && (last == 0 || !s.named(start, phoneVerbs)) {
		return 0
	}
	return end
}

// foreign reports whether what stands before the digits is no ASCII: where text is Chinese, a word for phones is not needed.
func (s *scan) foreign(start int) bool {
	before := strings.TrimRight(s.text[max(0, start-4):start], " :")
	return before != "" && before[len(before)-1] >= utf8.RuneSelf
}

// extended reports whether a number may end here: with a word's end, or an extension such as x123.
func (s *scan) extended(end int) bool {
	return s.ended(end) || (end+1 < len(s.text) && s.text[end]|0x20 == 'x' && classes[s.text[end+1]]&classDigit != 0)
}

// hangsUp reports whether a number may end with a group.
func (s *scan) hangsUp(g *groups, last int) bool {
	return s.closed(g, last) || (last+1 == g.n && g.next == 0 && s.extended(g.list[last].end))
}

// called reports whether a word before it says that a phone number comes.
func (s *scan) called(start int) bool {
	return s.named(start, phoneWords) || s.named(start, phoneVerbs)
}

// inRow reports whether digits go on with a row of numbers, in decimals or hexadecimals.
func (s *scan) inRow(start int) bool {
	if start < 3 || s.text[start-1] != ' ' {
		return false
	}
	last, before := classes[s.text[start-2]], classes[s.text[start-3]]
	if start > 3 && s.text[start-2] == ' ' {
		last, before = before, classes[s.text[start-4]]
	}
	if last&classDigit != 0 || last&classHex != 0 && before&classDigit != 0 {
		return true
	}
	at := start - 3
	if s.text[start-2] == ' ' {
		at--
	}
	if last&before&classHex == 0 || (at > 0 && s.text[at-1] != ' ') {
		return false
	}
	switch s.text[at : at+2] {
	case "de", "da", "be": // words
		return false
	default:
		return true
	}
}

// dated reports whether the groups begin with a date.
func dated(t string, g *groups) bool {
	if g.n < 3 || !g.even(1, 2) {
		return false
	}
	a, b, c := t[g.list[0].start:g.list[0].end], t[g.list[1].start:g.list[1].end], t[g.list[2].start:g.list[2].end]
	if len(a) == 4 {
		return year(a) && within(b, 12) && len(c) <= 2 && within(c, 31)
	}
	return year(c) && (within(a, 31) && within(b, 12) || within(a, 12) && within(b, 31))
}

// dated8 reports whether eight digits are a date.
func dated8(t string) bool {
	return len(t) == 8 && year(t[:4]) && within(t[4:6], 12) && within(t[6:], 31)
}

func year(t string) bool {
	return len(t) == 4 && (t[:2] == "19" || t[:2] == "20")
}

// within reports whether one or two digits are a number from 1 to most.
func within(t string, most int) bool {
	if len(t) > 2 {
		return false
	}
	n := 0
	for i := range len(t) {
		n = n*10 + int(t[i]-'0')
	}
	return n >= 1 && n <= most
}
