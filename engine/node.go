package engine

import (
	"encoding/json"
	"strconv"

	"weir/engine/diag"
	"weir/engine/expr"
)

// NodeKind is the kind of a configuration node.
type NodeKind uint8

// The kinds of nodes.
const (
	NodeNull NodeKind = iota
	NodeScalar
	NodeList
	NodeMap
)

// String names the kind the way diagnostics do.
func (k NodeKind) String() string {
	switch k {
	case NodeScalar:
		return "a single value"
	case NodeList:
		return "a list"
	case NodeMap:
		return "a mapping"
	default:
		return "nothing"
	}
}

// Node is one value of a policy document with its place in the file. It keeps package policies the only one that
// knows YAML. Anchors and merge keys are already resolved: a node that a document names twice stands in the tree twice.
type Node struct {
	Kind  NodeKind
	Pos   diag.Pos
	End   diag.Pos  // exclusive
	Value any       // of a scalar: bool, int64, float64 or string
	Text  expr.Text // of a scalar: its text as written, and where each character stands
	Keys  []*Node   // of a map: string scalars, in order, with Items
	Items []*Node   // of a map or a list
}

// Get returns the value of a key of a map, nil where there is none. A nil node has no keys.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for i, k := range n.Keys {
		if k.Text.Value == key {
			return n.Items[i]
		}
	}
	return nil
}

// Describe says what the node is, for "got ..." in diagnostics.
func (n *Node) Describe() string {
	if n == nil {
		return NodeNull.String()
	}
	switch v := n.Value.(type) {
	case bool:
		return "the boolean " + strconv.FormatBool(v)
	case int64, float64:
		return "the number " + n.Text.Value
	case string:
		return "a string"
	default:
		return n.Kind.String()
	}
}

// Any returns the node as nil, bool, int64, float64, string, []any or map[string]any.
func (n *Node) Any() any {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case NodeScalar:
		return n.Value
	case NodeList:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			out[i] = item.Any()
		}
		return out
	case NodeMap:
		return n.Map()
	default:
		return nil
	}
}

// Map returns a map node as a Go map, nil for every other kind.
func (n *Node) Map() map[string]any {
	if n == nil || n.Kind != NodeMap {
		return nil
	}
	out := make(map[string]any, len(n.Keys))
	for i, k := range n.Keys {
		out[k.Text.Value] = n.Items[i].Any()
	}
	return out
}

// AppendJSON appends the node as JSON: keys keep their order and numbers their text where JSON can write them so.
func (n *Node) AppendJSON(dst []byte) []byte {
	switch n.Kind {
	case NodeScalar:
		return n.appendScalar(dst)
	case NodeList:
		dst = append(dst, '[')
		for i, item := range n.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.AppendJSON(dst)
		}
		return append(dst, ']')
	case NodeMap:
		dst = append(dst, '{')
		for i, k := range n.Keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSONString(dst, k.Text.Value)
			dst = append(dst, ':')
			dst = n.Items[i].AppendJSON(dst)
		}
		return append(dst, '}')
	default:
		return append(dst, "null"...)
	}
}

func (n *Node) appendScalar(dst []byte) []byte {
	switch v := n.Value.(type) {
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendJSONString(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		if json.Valid([]byte(n.Text.Value)) {
			return append(dst, n.Text.Value...)
		}
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	default:
		return append(dst, "null"...)
	}
}

// appendJSONString appends s as a JSON string without the HTML escapes of encoding/json, which would change what a model
// reads.
func appendJSONString(dst []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
