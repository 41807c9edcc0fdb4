package expr

import (
	"math"
	"strconv"
)

// domain is a set of values that one part of an expression can have. Exactly one of its forms is used: numbers as spans,
// anything else as a list of values, or of those that it is not.
type domain struct {
	spans  []span // where numeric
	listed map[string]bool
	not    bool // listed are the values that it is not
	number bool
}

// span is a range of numbers. An open end does not belong to it.
type span struct {
	low, high         float64
	lowOpen, highOpen bool
}

// maxSpans keeps a chain of comparisons from growing without end; more of them are taken for every number.
const maxSpans = 64

func (s span) empty() bool {
	return s.low > s.high || s.low == s.high && (s.lowOpen || s.highOpen)
}

func (s span) and(t span) span {
	if t.low > s.low || t.low == s.low && t.lowOpen {
		s.low, s.lowOpen = t.low, t.lowOpen
	}
	if t.high < s.high || t.high == s.high && t.highOpen {
		s.high, s.highOpen = t.high, t.highOpen
	}
	return s
}

func everyNumber() domain {
	return domain{number: true, spans: []span{{low: math.Inf(-1), high: math.Inf(1)}}}
}

func point(v float64) span { return span{low: v, high: v} }

func (d domain) empty() bool {
	if !d.number {
		return !d.not && len(d.listed) == 0
	}
	for _, s := range d.spans {
		if !s.empty() {
			return false
		}
	}
	return true
}

// and is what belongs to both sets. A value that is compared with numbers and with others keeps the first: it is known less
// well, never wrongly.
func (d domain) and(o domain) domain {
	if d.number != o.number {
		return d
	}
	if !d.number {
		return d.listedAnd(o)
	}
	out := domain{number: true}
	for _, a := range d.spans {
		for _, b := range o.spans {
			if s := a.and(b); !s.empty() {
				out.spans = append(out.spans, s)
			}
		}
	}
	if len(out.spans) > maxSpans {
		return everyNumber()
	}
	return out
}

func (d domain) listedAnd(o domain) domain {
	if d.not && !o.not {
		d, o = o, d
	}
	out := domain{not: d.not, listed: make(map[string]bool)}
	for v := range d.listed {
		if d.not || o.listed[v] != o.not {
			out.listed[v] = true
		}
	}
	if d.not { // neither these nor those
		for v := range o.listed {
			out.listed[v] = true
		}
	}
	return out
}

// or is what belongs to one of the sets; ok is false where nothing is known of it.
func (d domain) or(o domain) (out domain, ok bool) {
	if d.number != o.number {
		return domain{}, false
	}
	if d.number {
		out.number = true
		out.spans = append(append(out.spans, d.spans...), o.spans...)
		return out, len(out.spans) <= maxSpans
	}
	if !d.not && o.not {
		d, o = o, d
	}
	out = domain{not: d.not, listed: make(map[string]bool)}
	for v := range d.listed {
		if !d.not || o.listed[v] == o.not {
			out.listed[v] = true
		}
	}
	if !d.not {
		for v := range o.listed {
			out.listed[v] = true
		}
	}
	return out, true
}

// valueKey tells constants apart by type and value, as CEL's equality does.
func valueKey(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "null", true
	case string:
		return "s" + v, true
	case bool:
		return "b" + strconv.FormatBool(v), true
	default:
		return "", false
	}
}
