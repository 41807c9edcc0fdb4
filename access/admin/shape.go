package admin

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// opt is a member of a request that may be left out, or be null to clear what is there.
type opt[T any] struct {
	Set, Null bool
	Value     T
}

// optional is an opt of any type.
type optional interface {
	// accept notes that the member is there and returns a pointer to where its value goes.
	accept(null bool) any
}

func (o *opt[T]) accept(null bool) any {
	o.Set, o.Null = true, null
	return &o.Value
}

// into writes what was given: nothing where the member was left out, the zero value where it is null.
func (o *opt[T]) into(dst *T) {
	if !o.Set {
		return
	}
	var zero T
	*dst = zero
	if !o.Null {
		*dst = o.Value
	}
}

// intoPointer writes what was given where nil stands for nothing.
func (o *opt[T]) intoPointer(dst **T) {
	if !o.Set {
		return
	}
	*dst = nil
	if !o.Null {
		v := o.Value
		*dst = &v
	}
}

// given reports that there is a value.
func (o *opt[T]) given() bool { return o.Set && !o.Null }

// rules are what a member's value must meet, from its tag `api`.
type rules struct {
	required bool // a POST must have it, and it is never null
	create   bool // only a POST takes it
	secret   bool // written and never read
	nullable bool // may be null where it is read
	min, max int64
	hasMin   bool
	hasMax   bool
	items    int64 // the most elements of an array; 0 = maxItems
	enum     []string
	format   string
}

// member is one member of a JSON object, as a field of a Go struct describes it.
type member struct {
	rules

	name, doc string
	index     []int
	kind      reflect.Type // without opt and pointer
	optional  bool         // an opt
	omitted   bool         // left out where it is empty
}

// members lists the members of a struct's JSON, those of embedded structs in their place.
func members(t reflect.Type) []member {
	out := make([]member, 0, t.NumField())
	for f := range t.Fields() {
		if f.Anonymous {
			inner := members(f.Type)
			for i := range inner {
				inner[i].index = slices.Concat(f.Index, inner[i].index)
			}
			out = append(out, inner...)
			continue
		}
		name, how, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		m := member{name: name, doc: f.Tag.Get("doc"), index: f.Index, kind: f.Type, omitted: how == "omitempty" || how == "omitzero"}
		m.rules = parseRules(f.Tag.Get("api"))
		if f.Type.Kind() == reflect.Pointer {
			m.kind, m.nullable = f.Type.Elem(), !m.omitted
		}
		if reflect.PointerTo(f.Type).Implements(reflect.TypeFor[optional]()) {
			value, _ := f.Type.FieldByName("Value")
			m.kind, m.optional = value.Type, true
		}
		out = append(out, m)
	}
	return out
}

func parseRules(tag string) rules {
	var r rules
	for rule := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(rule, "=")
		number, _ := strconv.ParseInt(value, 10, 64)
		switch key {
		case "required":
			r.required = true
		case "create":
			r.create = true
		case "secret":
			r.secret = true
		case "nullable":
			r.nullable = true
		case "min":
			r.min, r.hasMin = number, true
		case "max":
			r.max, r.hasMax = number, true
		case "items":
			r.items = number
		case "enum":
			r.enum = strings.Split(value, "|")
		case "format":
			r.format = value
		}
	}
	return r
}
