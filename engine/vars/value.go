package vars

import "time"

// Kind says which field of a Value holds it.
type Kind uint8

// The kinds of values an exchange hands to expressions.
const (
	KindNull Kind = iota
	KindBool
	KindInt
	KindDouble
	KindString
	KindTime     // Obj is a time.Time
	KindDuration // Int is nanoseconds
	KindStrings  // Obj is []string
	KindMulti    // Obj is a MultiMap
	KindDyn      // Obj is nil, bool, int64, float64, string, []byte, time.Time, time.Duration, []any or map[string]any
	KindObject   // Obj is a type that package expr knows (model, provider, author and key collections)
)

// Value is one variable's value, passed without boxing where it is a scalar. Strings may alias the buffers of the
// exchange they came from and are valid until it ends.
type Value struct {
	Kind Kind
	Str  string
	Int  int64
	Num  float64
	Obj  any
}

// MultiMap is a total map from a name to its values, such as headers: a missing name has no values.
type MultiMap interface {
	// First returns the first value of name, "" where there is none.
	First(name string) string
	// Values returns all values of name in order, nil where there are none.
	Values(name string) []string
	// Has reports whether name has at least one value.
	Has(name string) bool
	// Names returns every name once, in a stable order.
	Names() []string
}

// Null is the absent value.
func Null() Value { return Value{} }

// Bool wraps b.
func Bool(b bool) Value {
	if b {
		return Value{Kind: KindBool, Int: 1}
	}
	return Value{Kind: KindBool}
}

// Int wraps i.
func Int(i int64) Value { return Value{Kind: KindInt, Int: i} }

// Double wraps f.
func Double(f float64) Value { return Value{Kind: KindDouble, Num: f} }

// String wraps s.
func String(s string) Value { return Value{Kind: KindString, Str: s} }

// Time wraps t.
func Time(t time.Time) Value { return Value{Kind: KindTime, Obj: t} }

// Duration wraps d.
func Duration(d time.Duration) Value { return Value{Kind: KindDuration, Int: int64(d)} }

// Strings wraps a list of strings.
func Strings(s []string) Value { return Value{Kind: KindStrings, Obj: s} }

// Multi wraps a map from a name to its values.
func Multi(m MultiMap) Value { return Value{Kind: KindMulti, Obj: m} }

// Dyn wraps nil, a bool, int64, float64, string, []byte, time.Time, time.Duration, []any or map[string]any.
func Dyn(v any) Value { return Value{Kind: KindDyn, Obj: v} }

// Object wraps a value whose type package expr knows.
func Object(v any) Value { return Value{Kind: KindObject, Obj: v} }
