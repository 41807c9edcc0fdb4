package content

import (
	"net/netip"
	"strings"
)

// ip6Most is the longest address of IPv6: eight groups, the last two as one of IPv4.
const ip6Most = 45

var versionWords = []string{
	"version", "versions", "ver", "v", "release", "build", "firmware", "rev", "revision", "section", "sec", "chapter", "clause",
	"step", "item", "paragraph", "appendix", "figure", "fig", "table", "requirement", "oid", "upgrade to", "updated to",
}

// ip4 looks for an address of IPv4 that begins with the digit here.
func (s *scan) ip4(i int) verdict {
	t := s.text
	at, parts, value := i, 0, 0
	for size := 0; ; at++ {
		if s.short(at) {
			return s.more(i)
		}
		if at < len(t) && classes[t[at]]&classDigit != 0 {
			value = value*10 + int(t[at]-'0')
			size++
			if size > 3 || value > 255 || (size > 1 && value < 10) {
				return verdictNone
			}
			continue
		}
		if size == 0 {
			return verdictNone
		}
		parts++
		if parts == 4 {
			break
		}
		if at >= len(t) || t[at] != '.' {
			return verdictNone
		}
		size, value = 0, 0
	}
	if !s.ends(at) || s.product(i) {
		return verdictNone
	}
	for p := at; p < at+2; p++ { // what would make it a part of a longer name or version
		if s.short(p) {
			return s.more(i)
		}
	}
	if at+1 < len(t) && (t[at] == '.' || t[at] == '-' || t[at] == '+') {
		next := classes[t[at+1]]
		if next&classLetter != 0 && t[at] != '.' || next&classDigit != 0 && t[at] == '.' {
			return verdictNone
		}
	}
	return s.is(entityIP, i, at)
}

// product reports whether what stands before four numbers makes them a version: a word such as "version" or "section",
// or the name of a product and a slash.
func (s *scan) product(i int) bool {
	t := s.text
	if i > 1 && t[i-1] == '/' && classes[t[i-2]]&classLetter != 0 {
		return true
	}
	if i > 0 && (t[i-1] == '-' || t[i-1] == '.') && i > 1 && classes[t[i-2]]&classAlnum != 0 {
		return t[i-1] == '.' || classes[t[i-2]]&classLetter != 0 // a range of addresses has a digit before its hyphen
	}
	before := strings.TrimRight(t[max(0, i-24):i], ` :="'#`)
	if strings.HasSuffix(before, "§") {
		return true
	}
	if n := strings.TrimRight(before, "0123456789,"); len(n) < len(before) { // RFC 5280 4.2.2.1
		return strings.HasSuffix(n, "RFC ") || strings.HasSuffix(n, "RFC") || strings.HasSuffix(n, "rfc")
	}
	for _, w := range versionWords {
		if n := len(before) - len(w); n >= 0 && strings.EqualFold(before[n:], w) && (n == 0 || classes[before[n-1]]&classLetter == 0 || classes[before[n]]&classUpper != 0) {
			return true
		}
	}
	return false
}

// ip6 looks for an address of IPv6 whose first colon is here.
func (s *scan) ip6(i int) verdict {
	t := s.text
	start := s.back(i, classHex, 4)
	if !s.starts(start) || (start > 0 && strings.IndexByte(":_.@", t[start-1]) >= 0) {
		return verdictNone
	}
	end, shorts, colons := i, 0, 0
	for size := i - start; ; end++ {
		if end-start > ip6Most {
			return verdictNone
		}
		if s.short(end) {
			return s.more(start)
		}
		if end >= len(t) {
			break
		}
		b := t[end]
		if b == ':' {
			if end+1 < len(t) && t[end+1] == ':' {
				shorts++
			}
			colons++
		}
		switch {
		case classes[b]&classHex != 0:
			size++
		case b == ':' || (b == '.' && size > 0 && size <= 3): // its end may be one of IPv4
			size = 0
		default:
			size = -1
		}
		if size < 0 {
			break
		}
		if size > 4 {
			return verdictNone
		}
	}
	if !s.ends(end) || shorts > 1 || (shorts == 0 && colons < 6) {
		return verdictNone
	}
	text := strings.TrimRight(t[start:end], ".")
	if strings.HasSuffix(text, ":") && !strings.HasSuffix(text, "::") {
		text = text[:len(text)-1]
	}
	if !s.address6(text, start) {
		return verdictNone
	}
	return s.is(entityIP, start, start+len(text))
}

// address6 reports whether a text is an address of IPv6 and unlikely anything else: source code has things such as
// a::b and x[::2].
func (s *scan) address6(text string, start int) bool {
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is6() {
		return false
	}
	if !strings.Contains(text, "::") {
		return true
	}
	if text == "::" || !strings.ContainsAny(text, "0123456789") {
		return false
	}
	if text == "::1" {
		return s.loopback(start)
	}
	hex := 0
	for i := range len(text) {
		if classes[text[i]]&classHex != 0 {
			hex++
		}
	}
	return hex >= 4
}

// loopback reports whether ::1 stands alone here, or in brackets of its own.
func (s *scan) loopback(start int) bool {
	if start == 0 {
		return true
	}
	switch s.text[start-1] {
	case '[':
		return start == 1 || strings.IndexByte(" /\"'=(", s.text[start-2]) >= 0
	case ' ', '"', '\'', '\n', '(', '=':
		return true
	default:
		return false
	}
}
