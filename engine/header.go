package engine

import (
	"slices"
	"strings"
)

// Header is one header field as it came. The strings may alias a connection's buffer and are valid until the
// exchange ends.
type Header struct {
	Name  string
	Value string
}

// Headers is an ordered list of header fields with case-insensitive names. It implements vars.MultiMap.
type Headers []Header

// First returns the first value of name, "" where there is none.
func (h Headers) First(name string) string {
	for i := range h {
		if sameName(h[i].Name, name) {
			return h[i].Value
		}
	}
	return ""
}

// Has reports whether the field is there.
func (h Headers) Has(name string) bool {
	for i := range h {
		if sameName(h[i].Name, name) {
			return true
		}
	}
	return false
}

// Values returns all values of name in order, nil where there are none.
func (h Headers) Values(name string) []string {
	var out []string
	for i := range h {
		if sameName(h[i].Name, name) {
			out = append(out, h[i].Value)
		}
	}
	return out
}

// Names returns every name once, in lower case, in the order of first appearance.
func (h Headers) Names() []string {
	out := make([]string, 0, len(h))
	for i := range h {
		name := strings.ToLower(h[i].Name)
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Add appends a field.
func (h *Headers) Add(name, value string) { *h = append(*h, Header{Name: name, Value: value}) }

// Set replaces every field of that name by one.
func (h *Headers) Set(name, value string) {
	h.Del(name)
	h.Add(name, value)
}

// Del removes every field of that name and says how many there were.
func (h *Headers) Del(name string) int {
	first := slices.IndexFunc(*h, func(f Header) bool { return sameName(f.Name, name) })
	if first < 0 {
		return 0
	}
	kept := (*h)[:first]
	for _, f := range (*h)[first:] {
		if sameName(f.Name, name) {
			continue
		}
		kept = append(kept, f)
	}
	n := len(*h) - len(kept)
	*h = kept
	return n
}

// sameName compares field names without regard to case. Names are ASCII, which spares what Unicode would ask, and most
// that differ do so in length or in their first letter.
func sameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x |= 0x20; x != y|0x20 || x < 'a' || x > 'z' {
			return false
		}
	}
	return true
}
