package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// patchPointer splits a JSON pointer (RFC 6901) into its names, decoded.
func patchPointer(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	if s[0] != '/' {
		return nil, errors.New("a path begins with / or is empty")
	}
	if !utf8.ValidString(s) {
		return nil, errors.New("the path is not valid UTF-8")
	}
	if strings.Count(s, "/") > scanMaxDepth {
		return nil, fmt.Errorf("the path is longer than the %d levels that a body may have", scanMaxDepth)
	}
	names := strings.Split(s[1:], "/")
	for i, name := range names {
		if strings.IndexByte(name, '~') < 0 {
			continue
		}
		for rest := name; ; {
			at := strings.IndexByte(rest, '~')
			if at < 0 {
				break
			}
			if at+1 == len(rest) || (rest[at+1] != '0' && rest[at+1] != '1') {
				return nil, errors.New("in a path ~ stands only in ~0 and ~1")
			}
			rest = rest[at+2:]
		}
		names[i] = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
	}
	return names, nil
}

// patchEqual reports whether two valid values mean the same: members in any order, strings in any spelling, numbers by
// their value.
func patchEqual(a, b []byte) (bool, error) {
	if bytes.Equal(a, b) {
		return true, nil
	}
	kind := scanKind(a[0])
	if scanKind(b[0]) != kind {
		return false, nil
	}
	switch kind {
	case KindString:
		x, _ := scanDecode(a)
		y, _ := scanDecode(b)
		return x == y, nil
	case KindNumber:
		return patchNumber(scanAlias(a)) == patchNumber(scanAlias(b)), nil
	case KindArray:
		return patchEqualArrays(a, b)
	case KindObject:
		return patchEqualObjects(a, b)
	default:
		return false, nil
	}
}

func patchEqualArrays(a, b []byte) (bool, error) {
	x, y := cursor{b: a}, cursor{b: b}
	moreX, moreY := x.open('['), y.open('[')
	for ; moreX && moreY; moreX, moreY = x.more('['), y.more('[') {
		if same, err := patchEqual(x.span(), y.span()); err != nil || !same {
			return false, err
		}
	}
	return moreX == moreY, nil
}

func patchEqualObjects(a, b []byte) (bool, error) {
	var x, y Doc
	for _, d := range [...]struct {
		doc *Doc
		raw []byte
	}{{&x, a}, {&y, b}} {
		if p := d.doc.Scan(d.raw); p != nil {
			return false, errors.New(p.Message)
		}
	}
	if len(x.members) != len(y.members) {
		return false, nil
	}
	for _, m := range x.members {
		other, ok := y.Lookup(m.Key)
		if !ok {
			return false, nil
		}
		if same, err := patchEqual(x.Raw(m), y.Raw(other)); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// patchDecimal is a number as digits without zeros at either end times a power of ten.
type patchDecimal struct {
	negative bool
	digits   string
	exponent int
}

// patchNumber reads the text of a number. Numbers that a float64 takes for equal but that are not stay different: ids are
// among them.
func patchNumber(s string) patchDecimal {
	var d patchDecimal
	s, d.negative = strings.CutPrefix(s, "-")
	mantissa := s
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.Atoi(s[i+1:])
		if err != nil && strings.Trim(s[:i], "0.") != "" { // next to zero: those far from it are no valid numbers here
			return patchDecimal{negative: d.negative, digits: s}
		}
		mantissa, d.exponent = s[:i], e
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	d.digits = strings.TrimRight(digits, "0")
	d.exponent += len(digits) - len(d.digits) - len(fraction)
	if d.digits == "" {
		return patchDecimal{}
	}
	return d
}
