package server

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"weir/engine"
)

// target is the request target, split and checked.
type target struct {
	raw   string // path as it came
	path  string // decoded
	query string
}

// parseTarget splits and checks a request target. scratch takes the decoded path where it differs; the result may alias
// both.
func parseTarget(uri []byte, host string, scratch []byte) (target, []byte, *engine.Error) {
	uri, err := stripOrigin(uri, host)
	if err != nil {
		return target{}, scratch, err
	}
	path, query, _ := bytes.Cut(uri, []byte{'?'})
	t := target{raw: view(path), query: view(query)}
	for _, c := range query {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return t, scratch, errHead("the query has a character that must be percent-encoded")
		}
	}
	t.path = t.raw
	if bytes.IndexByte(path, '%') >= 0 {
		scratch, err = decodePath(scratch[:0], path)
		if err != nil {
			return t, scratch, err
		}
		t.path = view(scratch)
	}
	return t, scratch, checkPath(t.path)
}

// stripOrigin cuts scheme and authority from the absolute form, which must name the host of the Host field.
func stripOrigin(uri []byte, host string) ([]byte, *engine.Error) {
	if len(uri) == 0 || uri[0] == '/' {
		return uri, nil
	}
	_, rest, ok := bytes.Cut(uri, []byte("://"))
	if !ok {
		return nil, errHead("the request target must begin with a slash")
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if !strings.EqualFold(view(rest[:end]), host) {
		return nil, errHead("the request target names another host than the host header")
	}
	if end == len(rest) || rest[end] == '?' {
		return nil, errHead("the request target has no path")
	}
	return rest[end:], nil
}

// decodePath resolves percent-encoding once. What would change the path's structure may not be encoded.
func decodePath(dst, path []byte) ([]byte, *engine.Error) {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			if i+2 >= len(path) {
				return dst, errHead("the path has a percent sign without two hexadecimal digits")
			}
			hi, lo := unhex(path[i+1]), unhex(path[i+2])
			if hi > 15 || lo > 15 {
				return dst, errHead("the path has a percent sign without two hexadecimal digits")
			}
			c = hi<<4 | lo
			i += 2
			if c == '/' || c == '\\' {
				return dst, errHead("the path has an encoded slash")
			}
		}
		dst = append(dst, c)
	}
	if !utf8.Valid(dst) {
		return dst, errHead("the path is not UTF-8")
	}
	return dst, nil
}

// unhex is the value of a hexadecimal digit, more than 15 for anything else.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	default:
		return 0xff
	}
}

// checkPath refuses what servers behind Weir might resolve to another path.
func checkPath(path string) *engine.Error {
	segment := 1
	for i := range len(path) {
		switch c := path[i]; {
		case c < ' ' || c == 0x7f:
			return errHead("the path has a control character")
		case c == '\\':
			return errHead("the path has a backslash")
		case c == '#':
			return errHead("the path has a fragment")
		case c == '/' && i > 0:
			if err := checkSegment(path[segment:i]); err != nil {
				return err
			}
			segment = i + 1
		}
	}
	if last := path[min(segment, len(path)):]; last != "" {
		return checkSegment(last)
	}
	return nil
}

func checkSegment(s string) *engine.Error {
	switch s {
	case "":
		return errHead("the path has an empty segment")
	case ".", "..":
		return errHead("the path has a dot segment")
	}
	return nil
}
