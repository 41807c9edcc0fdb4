package content

import (
	"encoding/base64"
	"encoding/json"
	"math/bits"
	"strings"
)

const (
	// secretReach is how far behind its name an AWS secret key may begin: `": "` and the like, or a few words.
	secretReach = 24
	// secretLength is how many characters an AWS secret key has.
	secretLength = 40
	// pemMost is the longest private key that is held to its end: RSA with 16384 bits has 12 KiB.
	pemMost = 16 << 10
	// pemLabelMost bounds what a line of dashes says: "ENCRYPTED PRIVATE KEY" is half as long.
	pemLabelMost = 48
	// pemLead is how far behind the first line the key itself begins: a line break, escaped ones in source code, a quote,
	// a header such as "Proc-Type: 4,ENCRYPTED".
	pemLead = 24
	// jwtMost is the longest token that is held to its end: browsers and servers refuse larger headers.
	jwtMost = 8 << 10
	// jwtHeadMost bounds the header that is decoded; chains of certificates fit.
	jwtHeadMost = 6 << 10
)

// word arms the search for a secret key where the name of one ends.
func (s *scan) word(i int) {
	t := s.text
	if i < 2 || !strings.EqualFold(t[i-2:i+1], "key") {
		return
	}
	if before := t[max(0, i-26) : i-2]; containsFold(before, "secret") {
		s.armed = i + 1 + secretReach
	}
}

// secret looks for an AWS secret key that begins here.
func (s *scan) secret(i int) verdict {
	t := s.text
	if classes[t[i]]&classBase64 == 0 || (i > 0 && classes[t[i-1]]&classBase64 != 0) || i < s.from {
		return verdictNone
	}
	end := s.run(i, classBase64, secretLength+1)
	if end-i > secretLength {
		return verdictNone
	}
	if s.short(end) {
		return s.more(i)
	}
	if end-i < secretLength || !s.ends(end) || sorts(t[i:end]) < 3 {
		return verdictNone
	}
	return s.is(entityAWS, i, end)
}

// containsFold reports whether a text contains a word of lower-case ASCII, in any case.
func containsFold(text, word string) bool {
	for i := 0; i+len(word) <= len(text); i++ {
		if text[i]|0x20 == word[0] && strings.EqualFold(text[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// jwt looks for a token in three parts, or five where it is encrypted.
func (s *scan) jwt(start int) verdict {
	end := s.run(start, classJWT, jwtMost+1)
	if s.short(end) && end-start <= jwtMost {
		return s.more(start)
	}
	if end-start > jwtMost {
		for end < len(s.text) && classes[s.text[end]]&classJWT != 0 {
			end++
		}
		return s.tooLong(entityJWT, start, end)
	}
	value := strings.TrimRight(s.text[start:end], ".")
	head, rest, ok := strings.Cut(value, ".")
	if !ok || !jwtHead(head) {
		return verdictNone
	}
	end = start + len(value)
	switch strings.Count(rest, ".") + 1 {
	case 1: // unsigned: the third part is empty
		if !strings.HasPrefix(rest, "eyJ") || end >= len(s.text) || s.text[end] != '.' {
			return verdictNone
		}
		end++
	case 2, 4:
	default: // something follows, such as the end of a file's name
		first := strings.IndexByte(rest, '.')
		second := strings.IndexByte(rest[first+1:], '.')
		end = start + len(head) + 1 + first + 1 + second
	}
	return s.is(entityJWT, start, end)
}

// jwtHead reports whether a part decodes to the header of a token.
func jwtHead(part string) bool {
	if len(part) > jwtHeadMost {
		return true // as good as one: nothing else looks like it
	}
	head, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Valid(head) && strings.Contains(string(head), `"alg"`)
}

// pem looks for a private key whose first line begins here; body is where its label goes on.
func (s *scan) pem(start, body int) verdict {
	t := s.text
	label, more := s.pemLabel(body)
	if more {
		return s.more(start)
	}
	if label < 0 || !strings.Contains(t[body:label], "PRIVATE KEY") {
		return verdictNone
	}
	if more, ok := s.pemBegins(label); more {
		return s.more(start)
	} else if !ok {
		return verdictNone
	}
	from := label
	if s.runSet == classPEM && s.runFrom == start {
		from = s.runTo
	}
	end, next := s.pemEnd(from)
	if end > 0 {
		s.found = hit{start: start, end: end, index: int(s.d.index[entityPrivateKey]), long: end-start > pemMost}
		return verdictFound
	}
	s.runSet, s.runFrom, s.runTo = classPEM, start, next
	if s.final || len(t)-start > pemMost {
		v := s.tooLong(entityPrivateKey, start, len(t))
		s.found.long = len(t)-start > pemMost
		return v
	}
	return s.more(start)
}

// pemLabel gives the end of a line of dashes whose label begins at from, -1 where it is none.
func (s *scan) pemLabel(from int) (end int, more bool) {
	t := s.text
	p := from
	for p < len(t) && p-from <= pemLabelMost && (classes[t[p]]&(classUpper|classDigit) != 0 || t[p] == ' ') {
		p++
	}
	if p-from > pemLabelMost {
		return -1, false
	}
	const dashes = "-----"
	have := t[p:min(len(t), p+len(dashes))]
	if !strings.HasPrefix(dashes, have) {
		return -1, false
	}
	if len(have) < len(dashes) {
		return -1, !s.final
	}
	return p + len(dashes), false
}

// pemBegins reports whether the body of a key follows: prose that only names the first line has none.
func (s *scan) pemBegins(from int) (more, ok bool) {
	t := s.text
	run := 0
	for p := from; ; p++ {
		if s.short(p) {
			return true, false
		}
		if p >= len(t) || (run == 0 && p-from > pemLead) {
			return false, false
		}
		switch b := t[p]; {
		case classes[b]&classBase64 != 0 || b == '-':
			run++
			if run >= 16 {
				return false, true
			}
		case b == ':' && run >= 4: // Proc-Type, DEK-Info, Version, Comment
			return false, true
		case b == '\\' || b == '\n' || b == '\r' || b == '"' || b == '\'' || b == '+' || b == ' ' || b == '\t' || b == '>' || b == '|' || b == '`' || b == ',':
			if run > 1 { // more than the n of \n
				return false, false
			}
			run = 0
		default:
			return false, false
		}
	}
}

// pemEnd gives the end of the last line of a key, looked for from an offset on; where there is none, next is where to
// look on when there is more.
func (s *scan) pemEnd(from int) (end, next int) {
	const last = "-----END "
	for {
		n := strings.Index(s.text[from:], last)
		if n < 0 {
			next = max(from, len(s.text)-len(last)+1)
			return 0, next
		}
		at := from + n
		label, more := s.pemLabel(at + len(last))
		if more {
			return 0, at
		}
		if label > 0 {
			return label, label
		}
		from = at + len(last)
	}
}

// pemRest goes on in a long key and gives what of the text belongs to it.
func (s *scan) pemRest() int {
	from := s.runTo
	end, next := s.pemEnd(from)
	if end > 0 {
		s.goes = false
		return end
	}
	s.runTo = next
	return len(s.text)
}

// sorts counts the sorts of characters in a text.
func sorts(text string) int {
	var c class
	for i := range len(text) {
		c |= classes[text[i]] & classAlnum
	}
	return bits.OnesCount16(uint16(c))
}
