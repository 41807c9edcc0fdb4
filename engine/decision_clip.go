package engine

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// clipMark stands at the end of a text that was cut.
const clipMark = "..."

// nodeSize is about what a value takes beside its text.
const nodeSize = 16

// clipper keeps what is logged of a decision within bounds.
type clipper struct {
	left  int
	cut   bool // something was left out
	clone bool // the texts belong to an exchange
}

// clip returns a value that fits in what is left: the value itself, or a copy of its begin.
func (c *clipper) clip(v any) any {
	if n := sizeOf(v); n <= c.left {
		c.left -= n
		return v
	}
	return c.value(v)
}

func sizeOf(v any) int {
	n := nodeSize
	switch v := v.(type) {
	case nil:
		return 0
	case string:
		n += len(v)
	case json.Number:
		n += len(v)
	case []byte:
		n += len(v)
	case []string:
		for _, s := range v {
			n += nodeSize + len(s)
		}
	case []any:
		for _, e := range v {
			n += sizeOf(e)
		}
	case map[string]any:
		for name, e := range v {
			n += len(name) + sizeOf(e)
		}
	}
	return n
}

// text returns a text, or as much of it as fits.
func (c *clipper) text(s string) string {
	c.left -= nodeSize
	if len(s) > max(c.left, 0) {
		keep := max(c.left, 0)
		for keep > 0 && !utf8.RuneStart(s[keep]) {
			keep--
		}
		c.left, c.cut = 0, true
		return s[:keep] + clipMark
	}
	c.left -= len(s)
	if c.clone {
		return strings.Clone(s)
	}
	return s
}

// value copies a value as far as there is room. What is neither text, number, truth, list nor object is left out.
func (c *clipper) value(v any) any {
	c.left -= nodeSize
	switch v := v.(type) {
	case string:
		return c.text(v)
	case json.Number:
		return json.Number(strings.Clone(string(v)))
	case []byte:
		return c.text(string(v))
	case bool, int64, float64, int:
		return v
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case time.Duration:
		return v.String()
	case []string:
		return clipList(c, v)
	case []any:
		return clipList(c, v)
	case map[string]any:
		return clipMap(c, v)
	case map[string]string:
		return clipMap(c, v)
	default:
		return nil
	}
}

func clipList[T any](c *clipper, list []T) any {
	out := []any{}
	for _, e := range list {
		if c.left <= 0 {
			c.cut = true
			break
		}
		out = append(out, c.value(e))
	}
	return out
}

func clipMap[T any](c *clipper, m map[string]T) any {
	out := map[string]any{}
	for name, e := range m {
		if c.left <= 0 {
			c.cut = true
			break
		}
		out[c.text(name)] = c.value(e)
	}
	return out
}
