package content

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// emailLocalMost is the longest local part, and emailDomainMost the longest domain, by RFC 5321.
	emailLocalMost  = 64
	emailDomainMost = 253
)

// email looks for an e-mail address around the @ here.
func (s *scan) email(at int) verdict {
	start := s.localStart(at)
	if start == at {
		return verdictNone
	}
	d := domain{scan: s, from: at + 1, label: at + 1}
	end, more := d.read()
	if more {
		return s.more(start)
	}
	if end == 0 || s.text[start:at] == "git" || d.version() || d.image(end) {
		return verdictNone
	}
	if end < len(s.text) && s.text[end] == '(' { // a call in source code
		return verdictNone
	}
	return s.is(entityEmail, start, end)
}

// localStart gives where the local part begins that ends at the @.
func (s *scan) localStart(at int) int {
	if at > s.from && s.text[at-1] == '"' {
		return s.quotedStart(at)
	}
	p := s.localBack(at, 0)
	for p < at && strings.IndexByte(".'-+~%", s.text[p]) >= 0 {
		p++
	}
	if p > 0 && p+1 < at && s.text[p-1] == '\\' && strings.IndexByte("nrt", s.text[p]) >= 0 {
		p++
	}
	return p
}

// quotedStart gives the opening quote of a quoted local part without spaces, at where there is none.
func (s *scan) quotedStart(at int) int {
	for p, least := at-2, s.localRun(at); p >= least; p-- {
		if s.text[p] == '"' {
			if p == at-2 {
				return at
			}
			return p
		}
	}
	return at
}

// localRun gives the begin of the text before pos that could be a local part, or hold all that other values are
// recognized by.
func (s *scan) localRun(pos int) int {
	return s.localBack(pos, '"')
}

func (s *scan) localBack(pos int, quote byte) int {
	least := max(s.from, pos-emailLocalMost)
	for pos > least {
		b := s.text[pos-1]
		if b < utf8.RuneSelf {
			if classes[b]&classLocal == 0 && (quote == 0 || (b != quote && b != '@')) {
				break
			}
			pos--
			continue
		}
		r, n := utf8.DecodeLastRuneInString(s.text[:pos])
		if !alphabetic(r) || pos-n < least {
			break
		}
		pos -= n
	}
	return pos
}

// alphabetic reports whether a character beyond ASCII is a letter of an alphabet whose words are told apart by spaces.
// In scripts without spaces nobody can say where an address begins.
func alphabetic(r rune) bool {
	if r < 0xAA || r >= 0x2E80 || r == utf8.RuneError {
		return false
	}
	if (r >= 0xE00 && r < 0xF00) || (r >= 0x1000 && r < 0x10A0) || (r >= 0x1780 && r < 0x1800) {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsMark(r)
}

// domain reads the domain of an address.
type domain struct {
	scan        *scan
	from, label int // where it begins, and the label that is read
	labels      int
	numbers     int // how many labels at the begin are numbers
	first       int // the end of the first label
	best        int // the end of the longest that is a domain
}

// read gives the end of the domain, 0 where there is none; more says that the text ends before it is known.
func (d *domain) read() (end int, more bool) {
	s := d.scan
	t := s.text
	p, wide := d.from, false
	for {
		if s.short(p) && p-d.from <= emailDomainMost {
			return 0, true
		}
		if p >= len(t) || p-d.from > emailDomainMost {
			break
		}
		b := t[p]
		if classes[b]&classAlnum != 0 || (b == '-' && p > d.label) {
			p++
			continue
		}
		if b == '.' && p > d.label {
			d.end(p)
			p++
			d.label, wide = p, false
			continue
		}
		if b < utf8.RuneSelf {
			break
		}
		r, n := utf8.DecodeRuneInString(t[p:])
		if p == d.label {
			wide = !alphabetic(r)
		}
		if !alphabetic(r) && (!wide || !unicode.IsLetter(r)) {
			break
		}
		p += n
	}
	if p > d.label {
		d.end(p)
	}
	return d.best, false
}

// end ends a label.
func (d *domain) end(at int) {
	label := d.scan.text[d.label:at]
	if number(label) || (d.labels == 0 && label[0] == 'v' && number(label[1:])) {
		if d.numbers == d.labels {
			d.numbers++
		}
	}
	d.labels++
	if d.labels == 1 {
		d.first = at
		return
	}
	if n := topLevel(label); n > 0 {
		d.best = d.label + n
	}
}

// version reports whether it is the version of a package, such as left-pad@1.2.0-beta.next.
func (d *domain) version() bool {
	return d.numbers >= 2
}

// image reports whether it is the name of a picture, such as icon@2x.png.
func (d *domain) image(end int) bool {
	first := d.scan.text[d.from:d.first]
	if len(first) != 2 || first[1] != 'x' || !number(first[:1]) {
		return false
	}
	name := d.scan.text[d.from:end]
	switch strings.ToLower(name[strings.LastIndexByte(name, '.')+1:]) {
	case "png", "jpg", "jpeg", "gif", "webp", "svg":
		return true
	default:
		return false
	}
}

// topLevel gives how many bytes of a label may be a top-level domain: letters, at least two, or punycode. A hyphen after
// them is taken for a dash.
func topLevel(label string) int {
	if len(label) > 4 && strings.EqualFold(label[:4], "xn--") {
		return len(label)
	}
	letters := 0
	for i, r := range label {
		switch {
		case r == '-' && letters >= 2:
			return i
		case r < utf8.RuneSelf && classes[r]&classLetter == 0:
			return 0
		}
		letters++
	}
	if letters < 2 {
		return 0
	}
	return len(label)
}

// number reports whether a text is digits.
func number(text string) bool {
	for i := range len(text) {
		if classes[text[i]]&classDigit == 0 {
			return false
		}
	}
	return text != ""
}
