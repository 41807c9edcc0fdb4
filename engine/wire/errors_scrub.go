package wire

import (
	"bytes"
	"unicode/utf8"
)

// scrubLimit bounds an upstream's error body that is shown to a client: no vendor's error comes near it, and a body
// that does is an echo of the prompt or a page.
const scrubLimit = 16 << 10

// scrubToken is how many characters behind a known prefix make a key. The shortest real ones have 20; vendors quote
// keys back with the middle starred out, which leaves fewer.
const scrubToken = 8

// scrubValue is how many characters behind a name such as key= make a secret. Azure's and Mistral's keys have no prefix
// and 32 characters; 16 leaves words and small numbers alone.
const scrubValue = 16

// ScrubSecrets appends body to dst with everything that looks like a provider's key, a bearer token or a secret behind
// a name such as key= masked, at most 16 KiB of it, cut between characters. It masks too much rather than too little.
func ScrubSecrets(dst, body []byte) []byte {
	limit := len(dst) + scrubLimit
	fresh := true // a word begins here
	for i := 0; i < len(body) && len(dst) < limit; {
		if !scrubWordByte(body[i]) {
			n := scrubEscape(body[i:])
			dst = append(dst, body[i:i+n]...)
			i += n
			fresh = true
			continue
		}
		shown, end := scrubPrefixed(body[i:])
		if end == 0 && fresh {
			shown, end = scrubBehindName(body[i:])
		}
		if end > 0 {
			dst = append(append(dst, body[i:i+shown]...), "***"...)
			i += end
			continue
		}
		n := scrubPart(body[i:])
		dst = append(dst, body[i:i+n]...)
		i += n
		fresh = false
	}
	return scrubCut(dst, limit)
}

// scrubEscape is the length of what separates words here: an escape of JSON or of a URL, whose letters and digits are
// no part of the word behind it, or one byte.
func scrubEscape(b []byte) int {
	switch {
	case b[0] == '\\':
		return max(1, getEscape(b))
	case b[0] == '%' && len(b) > 2 && scrubHex(b[1]) && scrubHex(b[2]):
		return 3
	}
	return 1
}

// scrubPart is the length of a word's part: up to where a key could begin inside of it.
func scrubPart(b []byte) int {
	i := 0
	for i < len(b) && scrubWordByte(b[i]) && b[i] != '_' && b[i] != '-' {
		i++
	}
	for i < len(b) && (b[i] == '_' || b[i] == '-') {
		i++
	}
	return i
}

// scrubPrefixed finds a key that b begins with: up to shown it may be seen, from there to end not. end is 0 where it
// is none.
func scrubPrefixed(b []byte) (shown, end int) {
	for _, prefix := range scrubPrefixes() {
		if len(b) > len(prefix) && string(b[:len(prefix)]) == prefix {
			if n := scrubRun(b[len(prefix):]); n >= scrubToken {
				return len(prefix), len(prefix) + n
			}
		}
	}
	return 0, 0
}

// scrubBehindName finds a secret behind the scheme or name that b begins with, as scrubPrefixed.
func scrubBehindName(b []byte) (shown, end int) {
	word := scrubWord(b)
	name := b[:word]
	if bytes.EqualFold(name, []byte("bearer")) || bytes.EqualFold(name, []byte("basic")) {
		start := word
		for start < len(b) && (b[start] == ' ' || b[start] == ':' || b[start] == '+') {
			start++
		}
		if bytes.HasPrefix(b[start:], []byte("%20")) {
			start += 3
		}
		if n := scrubRun(b[start:]); start > word && n >= scrubToken {
			return start, start + n
		}
	}
	if scrubNamed(name) {
		start := scrubSeparator(b, word)
		if n := scrubRun(b[start:]); start > word && n >= scrubValue {
			shown, _ := scrubPrefixed(b[start:])
			return start + shown, start + n
		}
	}
	return 0, 0
}

// scrubPrefixes are what the keys of known vendors, and Weir's own access keys, begin with.
func scrubPrefixes() []string {
	return []string{
		"sk-", "sk_", "pk-", "AIza", "gsk_", "xai-", "hf_", "pplx-", "nvapi-", "r8_", "csk-", "fw_", "fw-", "tgp_",
		"AKIA", "ASIA", "ya29.", "ghp_", "github_pat_", "glpat-", "xoxb-", "eyJ", "wr-", "ng-", "AQ.",
	}
}

// scrubNamed reports whether a word is the name of a secret.
func scrubNamed(name []byte) bool {
	for _, tail := range [...]string{"key", "token", "secret", "password", "authorization", "credential", "provided"} {
		if n := len(name) - len(tail); n >= 0 && bytes.EqualFold(name[n:], []byte(tail)) {
			return true
		}
	}
	return false
}

// scrubSeparator is where the value begins behind a name that ends at i: behind an equals sign or colon with quotes,
// backslashes and blanks around. i where there is none.
func scrubSeparator(body []byte, i int) int {
	found := false
	for j := i; j < len(body); j++ {
		switch body[j] {
		case '=', ':':
			found = true
		case ' ', '"', '\'', '\\', '`':
		case '%': // an encoded equals sign, colon, quote or blank
			if j+2 >= len(body) || (body[j+1] != '2' && body[j+1] != '3') {
				return i
			}
			found = true
			j += 2
		default:
			if found {
				return j
			}
			return i
		}
	}
	return i
}

// scrubWordByte reports whether c may stand in a word: the name of a secret or its beginning.
func scrubWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

func scrubHex(c byte) bool {
	return c-'0' <= 9 || (c|0x20 >= 'a' && c|0x20 <= 'f')
}

func scrubWord(b []byte) int {
	for i, c := range b {
		if !scrubWordByte(c) {
			return i
		}
	}
	return len(b)
}

// scrubRun is how many bytes of a secret b begins with: what base64, hex and web tokens are made of, the stars that
// vendors put in, and characters that JSON wrote as escapes.
func scrubRun(b []byte) int {
	i := 0
	for i < len(b) {
		switch c := b[i]; {
		case scrubWordByte(c), c == '.', c == '*', c == '+', c == '/', c == '=', c == '~', c >= utf8.RuneSelf:
			i++
		case c == '\\' && i+1 < len(b) && b[i+1] == '/':
			i += 2
		case c == '\\' && getEscape(b[i:]) == 6:
			i += 6
		default:
			return scrubDots(b, i)
		}
	}
	return scrubDots(b, i)
}

// scrubDots leaves the full stop of a sentence out of a secret that ends before i.
func scrubDots(b []byte, i int) int {
	for i > 0 && b[i-1] == '.' {
		i--
	}
	return i
}

// scrubCut cuts b to at most n bytes between characters.
func scrubCut(b []byte, n int) []byte {
	if len(b) < n {
		return b
	}
	b = b[:n]
	for i := n - 1; i >= 0 && i >= n-utf8.UTFMax; i-- {
		if !utf8.RuneStart(b[i]) {
			continue
		}
		if !utf8.FullRune(b[i:]) {
			return b[:i]
		}
		break
	}
	return b
}
