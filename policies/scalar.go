package policies

import (
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/expr"
)

// text builds a string scalar of any scalar.
func (b *builder) text(y *yaml.Node) *engine.Node {
	pos := b.pos(y)
	at := b.cursor.offset(pos.Line, pos.Col)
	raw := readScalar(b.src.Text(), at, y)
	value := y.Value
	switch {
	case raw.ok && (raw.value == value || b.masked && raw.quoted):
		value = raw.value
	default:
		raw = rawScalar{begin: at, end: at}
	}
	n := &engine.Node{
		Kind: engine.NodeScalar, Value: value,
		Pos: b.cursor.pos(b.src.Name(), raw.begin), End: b.cursor.pos(b.src.Name(), raw.end),
	}
	src, offsets, start := b.src, raw.offsets, n.Pos
	n.Text = expr.Text{Value: value, At: func(i int) diag.Pos {
		switch {
		case len(offsets) == 0:
			return start
		case i < len(offsets):
			return src.Pos(int(offsets[max(i, 0)]))
		default:
			return src.Pos(raw.last)
		}
	}}
	return n
}

// scalar builds a scalar of the type it is written as. Dates stay strings: no field of a policy is a date.
func (b *builder) scalar(y *yaml.Node) *engine.Node {
	n := b.text(y)
	switch tag := y.ShortTag(); tag {
	case "!!str", "!!timestamp", "!!merge":
	case "!!null":
		n.Kind, n.Value = engine.NodeNull, nil
	case "!!bool":
		var v bool
		if y.Decode(&v) != nil {
			b.report(n.Pos, n.End, "bad_value", "", "%q is not true or false", y.Value)
		}
		n.Value = v
	case "!!int":
		n.Value = b.integer(y, n)
	case "!!float":
		var v float64
		if y.Decode(&v) != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			b.report(n.Pos, n.End, "bad_number", "", "%s is not a number that can be sent", y.Value)
			v = 0
		}
		n.Value = v
	default:
		b.report(n.Pos, n.End, "bad_tag", "leave it out, or use a string", "the tag %s means nothing in a policy", tag)
	}
	return n
}

func (b *builder) integer(y *yaml.Node, n *engine.Node) int64 {
	var v int64
	if y.Decode(&v) == nil {
		return v
	}
	// base prefixes and underscores are decoded above; what is left is out of range
	if _, err := strconv.ParseFloat(strings.ReplaceAll(y.Value, "_", ""), 64); err == nil {
		b.report(n.Pos, n.End, "bad_number", "quote it where it is an id", "%s does not fit into 64 bits", y.Value)
	} else {
		b.report(n.Pos, n.End, "bad_number", "", "%q is not a whole number", y.Value)
	}
	return 0
}

// cursor turns lines and columns into byte offsets and back. It walks from the last place asked for, so that reading a
// document of one very long line in order takes linear time.
type cursor struct {
	text      string
	at        int
	line, col int
}

func (c *cursor) step() {
	if c.text[c.at] == '\n' {
		c.line, c.col = c.line+1, 1
		c.at++
		return
	}
	c.col++
	c.at++
	for c.at < len(c.text) && c.text[c.at]&0xC0 == 0x80 {
		c.at++
	}
}

func (c *cursor) back() { c.at, c.line, c.col = 0, 1, 1 }

func (c *cursor) offset(line, col int) int {
	if line < c.line || line == c.line && col < c.col {
		c.back()
	}
	for c.at < len(c.text) && (c.line < line || c.line == line && c.col < col) {
		if c.line == line && c.text[c.at] == '\n' {
			break
		}
		c.step()
	}
	return c.at
}

func (c *cursor) pos(file string, offset int) diag.Pos {
	if offset < c.at {
		c.back()
	}
	for c.at < offset && c.at < len(c.text) {
		c.step()
	}
	return diag.Pos{File: file, Line: c.line, Col: c.col}
}
