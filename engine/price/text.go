package price

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// decimals is how many digits an amount has behind its point.
const decimals = 12

// maxShown bounds how much of a wrong amount an error repeats: longer texts are no amounts that somebody mistyped.
const maxShown = 40

var (
	errSyntax   = errors.New(`is not a decimal such as "12.50"`)
	errDecimals = errors.New("has more than 12 decimals")
	errRange    = errors.New("is more than can be counted (9223372.036854775807)")
)

// Parse reads an amount in dollars: digits, with a point and up to twelve more, and a minus where it is negative.
func Parse(text string) (USD, error) {
	u, err := parse(text)
	if err != nil {
		return 0, fmt.Errorf("amount %q %w", text[:min(len(text), maxShown)], err)
	}
	return u, nil
}

func parse(text string) (USD, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, pointed := strings.Cut(digits, ".")
	if !onlyDigits(whole) || pointed && !onlyDigits(fraction) {
		return 0, errSyntax
	}
	if len(fraction) > decimals {
		return 0, errDecimals
	}
	dollars, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || dollars > int64(maxUSD/Dollar) {
		return 0, errRange
	}
	rest := int64(0)
	for i := range decimals {
		rest *= 10
		if i < len(fraction) {
			rest += int64(fraction[i] - '0')
		}
	}
	u := USD(dollars)*Dollar + USD(rest)
	if u < 0 { // the last dollar has no room for all of its cents
		return 0, errRange
	}
	if negative {
		u = -u
	}
	return u, nil
}

func onlyDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// String is the amount in dollars with as many decimals as it has: "0.0001851", "0".
func (u USD) String() string {
	var b [24]byte // a minus, seven digits, a point and twelve more
	return string(u.AppendText(b[:0]))
}

// AppendText appends what String returns.
func (u USD) AppendText(dst []byte) []byte {
	if u < 0 {
		dst = append(dst, '-')
	}
	n := magnitude(int64(u))
	dst = strconv.AppendUint(dst, n/uint64(Dollar), 10)
	rest := n % uint64(Dollar)
	if rest == 0 {
		return dst
	}
	var digits [decimals]byte
	last := 0
	for i := decimals - 1; i >= 0; i-- {
		digits[i] = byte('0' + rest%10)
		if last == 0 && digits[i] != '0' {
			last = i + 1
		}
		rest /= 10
	}
	return append(append(dst, '.'), digits[:last]...)
}
