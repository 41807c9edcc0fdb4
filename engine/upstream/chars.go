package upstream

import "unsafe"

// validToken reports whether b is a token of HTTP, as method and header names must be.
func validToken(b string) bool {
	if b == "" {
		return false
	}
	for i := range len(b) {
		if !isTokenByte(b[i]) {
			return false
		}
	}
	return true
}

func isTokenByte(b byte) bool {
	// Two words of bits, one for each half of ASCII: digits, letters and !#$%&'*+-.^_`|~.
	const low, high = 0x03ff6cfa00000000, 0x57ffffffc7fffffe
	switch {
	case b < 64:
		return low>>b&1 == 1
	case b < 128:
		return high>>(b-64)&1 == 1
	default:
		return false
	}
}

// validValue reports whether b holds no control character but tab, as header values must not.
func validValue[T string | []byte](b T) bool {
	for i := range len(b) {
		if ch := b[i]; (ch < ' ' && ch != '\t') || ch == 0x7f {
			return false
		}
	}
	return true
}

// validTarget reports whether s is a path with an optional query, escaped, and nothing else.
func validTarget(s string) bool {
	if s == "" || s[0] != '/' {
		return false
	}
	for i := range len(s) {
		if ch := s[i]; ch <= ' ' || ch >= 0x7f || ch == '#' || ch == '\\' {
			return false
		}
	}
	return true
}

// equalFold compares without regard to case, in ASCII only.
func equalFold[T string | []byte](a T, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(ch byte) byte {
	if ch >= 'A' && ch <= 'Z' {
		return ch | 0x20
	}
	return ch
}

// alias is b as a string without a copy: valid as long as b is not written to.
func alias(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // the documented life of answer headers
}
