package content

import (
	"math/bits"
	"strings"
)

const (
	// keyMost is the longest key that is held to its end; the longest known have about 200 characters.
	keyMost = 512
	// keyPrefixLookback is the most of a prefix that stands before the byte that tells it.
	keyPrefixLookback = 6
)

// keyPrefix is how keys of one kind begin. Trigger is the place of the byte, rare in text, at which the scan stops.
type keyPrefix struct {
	text    string
	entity  entity
	trigger int
	min     int // characters behind the prefix
	exact   int // the same, where every key has as many
	set     class
	form    keyForm
}

// keyForm says what else a key is known by.
type keyForm uint8

const (
	keyVaried keyForm = iota // many different characters of two sorts
	keyDense                 // the same in one piece, which words with hyphens have not
	keyJWT
	keyPEM
	keySendGrid // two pieces and a dot
)

var keyPrefixes = [...]keyPrefix{
	{text: "AKIA", entity: entityAWS, trigger: 1, exact: 16, set: classUpper | classDigit},
	{text: "ASIA", entity: entityAWS, trigger: 1, exact: 16, set: classUpper | classDigit},
	{text: "ghp_", entity: entityGitHub, trigger: 3, min: 36, set: classAlnum},
	{text: "gho_", entity: entityGitHub, trigger: 3, min: 36, set: classAlnum},
	{text: "ghu_", entity: entityGitHub, trigger: 3, min: 36, set: classAlnum},
	{text: "ghs_", entity: entityGitHub, trigger: 3, min: 36, set: classJWT},
	{text: "ghr_", entity: entityGitHub, trigger: 3, min: 36, set: classAlnum},
	{text: "github_pat_", entity: entityGitHub, trigger: 6, min: 50, set: classToken},
	{text: "-----BEGIN ", entity: entityPrivateKey, trigger: 5, form: keyPEM},
	{text: "eyJ", entity: entityJWT, trigger: 2, form: keyJWT},
	{text: "sk-", entity: entityAPIKey, trigger: 2, min: 20, set: classToken, form: keyDense},
	{text: "gsk_", entity: entityAPIKey, trigger: 3, min: 20, set: classToken, form: keyDense},
	{text: "AIza", entity: entityAPIKey, trigger: 2, exact: 35, set: classToken},
	{text: "xoxb-", entity: entityAPIKey, trigger: 4, min: 20, set: classToken, form: keyDense},
	{text: "xoxp-", entity: entityAPIKey, trigger: 4, min: 20, set: classToken, form: keyDense},
	{text: "xoxa-", entity: entityAPIKey, trigger: 4, min: 20, set: classToken, form: keyDense},
	{text: "xoxr-", entity: entityAPIKey, trigger: 4, min: 20, set: classToken, form: keyDense},
	{text: "xoxs-", entity: entityAPIKey, trigger: 4, min: 20, set: classToken, form: keyDense},
	{text: "xapp-", entity: entityAPIKey, trigger: 4, min: 20, set: classToken, form: keyDense},
	{text: "xai-", entity: entityAPIKey, trigger: 3, min: 20, set: classToken, form: keyDense},
	{text: "hf_", entity: entityAPIKey, trigger: 2, min: 30, set: classAlnum},
	{text: "glpat-", entity: entityAPIKey, trigger: 5, min: 20, set: classJWT, form: keyDense},
	{text: "npm_", entity: entityAPIKey, trigger: 3, exact: 36, set: classAlnum},
	{text: "pypi-", entity: entityAPIKey, trigger: 4, min: 50, set: classToken, form: keyDense},
	{text: "SG.", entity: entityAPIKey, trigger: 2, min: 40, set: classJWT, form: keySendGrid},
	{text: "sk_live_", entity: entityAPIKey, trigger: 2, min: 16, set: classAlnum},
	{text: "sk_test_", entity: entityAPIKey, trigger: 2, min: 16, set: classAlnum},
	{text: "rk_live_", entity: entityAPIKey, trigger: 2, min: 16, set: classAlnum},
	{text: "rk_test_", entity: entityAPIKey, trigger: 2, min: 16, set: classAlnum},
	{text: "whsec_", entity: entityAPIKey, trigger: 5, min: 24, set: classBase64 | classToken},
	{text: "wr-", entity: entityAPIKey, trigger: 2, min: 20, set: classToken, form: keyDense},
	{text: "ng-", entity: entityAPIKey, trigger: 2, min: 20, set: classToken, form: keyDense},
	{text: "pplx-", entity: entityAPIKey, trigger: 4, min: 32, set: classAlnum},
	{text: "nvapi-", entity: entityAPIKey, trigger: 5, min: 40, set: classToken, form: keyDense},
	{text: "r8_", entity: entityAPIKey, trigger: 2, exact: 37, set: classAlnum},
	{text: "csk-", entity: entityAPIKey, trigger: 3, min: 32, set: classAlnum},
	{text: "tvly-", entity: entityAPIKey, trigger: 4, min: 24, set: classToken, form: keyDense},
	{text: "shpat_", entity: entityAPIKey, trigger: 5, exact: 32, set: classHex},
	{text: "hvs.", entity: entityAPIKey, trigger: 3, min: 24, set: classToken, form: keyDense},
	{text: "ya29.", entity: entityAPIKey, trigger: 4, min: 30, set: classToken, form: keyDense},
	{text: "dop_v1_", entity: entityAPIKey, trigger: 3, exact: 64, set: classHex},
	{text: "glsa_", entity: entityAPIKey, trigger: 4, min: 32, set: classToken, form: keyDense},
	{text: "sbp_", entity: entityAPIKey, trigger: 3, exact: 40, set: classHex},
	{text: "lin_api_", entity: entityAPIKey, trigger: 3, min: 32, set: classAlnum},
	{text: "PMAK-", entity: entityAPIKey, trigger: 4, min: 40, set: classToken, form: keyDense},
	{text: "dckr_pat_", entity: entityAPIKey, trigger: 4, min: 24, set: classToken, form: keyDense},
}

// keyTables makes the tables that tell prefixes by the byte of their trigger, the byte before it, and their first.
func (s entities) keyTables() (trigger, before, first *[256]uint64) {
	trigger, before, first = new([256]uint64), new([256]uint64), new([256]uint64)
	some := false
	for i := range keyPrefixes {
		p := &keyPrefixes[i]
		if !s.has(p.entity) {
			continue
		}
		some = true
		trigger[p.text[p.trigger]] |= 1 << i
		before[p.text[p.trigger-1]] |= 1 << i
		first[p.text[0]] |= 1 << i
	}
	if !some {
		return nil, nil, nil
	}
	return trigger, before, first
}

// prefix looks for a key whose prefix has its trigger here.
func (s *scan) prefix(i int) verdict {
	if i == 0 {
		return verdictNone
	}
	t := s.text
	for set := s.d.trigger[t[i]] & s.d.before[t[i-1]]; set != 0; set &= set - 1 {
		p := &keyPrefixes[bits.TrailingZeros64(set)]
		start := i - p.trigger
		if start < s.from || !s.starts(start) {
			continue
		}
		if have := min(len(t), start+len(p.text)); t[start:have] != p.text[:have-start] {
			continue
		} else if have-start < len(p.text) {
			if s.short(have) {
				return s.more(start)
			}
			continue
		}
		if v := s.key(p, start); v != verdictNone {
			return v
		}
	}
	return verdictNone
}

// key reads on from a prefix.
func (s *scan) key(p *keyPrefix, start int) verdict {
	body := start + len(p.text)
	switch p.form {
	case keyPEM:
		return s.pem(start, body)
	case keyJWT:
		return s.jwt(start)
	default:
	}
	end := s.run(body, p.set, keyMost+1)
	if s.short(end) && end-body <= keyMost {
		return s.more(start)
	}
	for p.set&classJWT == classJWT && end > body && s.text[end-1] == '.' {
		end-- // the end of a sentence
	}
	n := end - body
	if p.exact > 0 && (n != p.exact || !s.ends(end)) {
		return verdictNone
	}
	value := s.text[body:min(end, body+keyMost)]
	dense := p.form == keyDense && p.set == classToken
	if n < p.min || (dense && body < s.dull) {
		return verdictNone
	}
	if !p.form.fits(value) {
		if dense { // nor has the rest, behind another prefix in it; its last bytes may not hold all of a key
			s.dull = min(end, body+keyMost-keyMost/8)
		}
		return verdictNone
	}
	if n <= keyMost {
		return s.is(p.entity, start, end)
	}
	for end < len(s.text) && classes[s.text[end]]&classToken != 0 {
		end++
	}
	return s.tooLong(p.entity, start, end)
}

// fits reports whether the text behind a prefix looks like a key.
func (f keyForm) fits(value string) bool {
	switch f {
	case keyDense:
		for piece := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
			if len(piece) >= 12 && varied(piece) && strings.ContainsAny(piece, "0123456789") {
				return true
			}
		}
		return false
	case keySendGrid:
		a, b, ok := strings.Cut(value, ".")
		return ok && len(a) >= 16 && len(b) >= 20 && varied(a) && varied(b)
	default:
		return varied(value)
	}
}

// varied reports whether a text has characters of two sorts and no fewer different ones than a random key: stand-ins
// such as a row of x have not.
func varied(text string) bool {
	var seen [4]uint64
	var sorts class
	for i := range len(text) {
		b := text[i]
		seen[b>>6] |= 1 << (b & 63)
		sorts |= classes[b] & classAlnum
	}
	different := 0
	for _, s := range seen {
		different += bits.OnesCount64(s)
	}
	return different >= 7 && bits.OnesCount16(uint16(sorts)) >= 2
}
