package admin

import (
	"encoding/json"
	"reflect"
	"time"
)

// schema is a JSON Schema (2020-12). Maps are written in the order of their keys, so that the document does not vary.
type schema map[string]any

// direction says what a schema is of.
type direction uint8

const (
	created direction = iota // the body of a POST
	patched                  // the body of a PATCH
	shownIn                  // an answer
)

// schemaOf describes a struct as decodeObject reads it or as encoding/json writes it.
func schemaOf(t reflect.Type, d direction) schema {
	properties := schema{}
	required := []string{}
	all := members(t)
	for i := range all {
		m := &all[i]
		if d == patched && m.create {
			continue
		}
		properties[m.name] = m.schema(d)
		if (d == shownIn && !m.omitted) || (d != shownIn && m.required && (d != patched || !m.optional)) {
			required = append(required, m.name)
		}
	}
	out := schema{"type": "object", "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	if d != shownIn {
		out["additionalProperties"] = false
	}
	return out
}

// schema describes one member.
func (m *member) schema(d direction) schema {
	kind, null := m.kind, m.nullable
	for kind.Kind() == reflect.Pointer {
		kind, null = kind.Elem(), true
	}
	if d != shownIn {
		null = !m.required
	}
	out := m.value(kind, d)
	if null {
		out.nullable()
	}
	if m.doc != "" {
		out["description"] = m.doc
	}
	if m.secret {
		out["writeOnly"] = true
	}
	return out
}

// value describes a value of a Go type within the member's rules.
func (r *rules) value(t reflect.Type, d direction) schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return schema{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return schema{}
	}
	switch t.Kind() {
	case reflect.String:
		return r.text(d)
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return r.integer(d)
	case reflect.Slice:
		out := schema{"type": "array", "items": r.value(t.Elem(), d)}
		if d != shownIn {
			out["maxItems"] = r.mostItems()
		}
		return out
	case reflect.Map:
		out := schema{"type": "object"}
		if t.Elem().Kind() == reflect.String {
			out["additionalProperties"] = schema{"type": "string"}
		}
		return out
	default:
		if d == patched {
			d = created // what is inside is written as a whole
		}
		return schemaOf(t, d)
	}
}

func (r *rules) text(d direction) schema {
	out := schema{"type": "string"}
	if r.enum != nil {
		values := make([]any, 0, len(r.enum))
		for _, v := range r.enum {
			values = append(values, v)
		}
		out["enum"] = values
		return out
	}
	if d == shownIn {
		return out
	}
	out["maxLength"] = maxText
	if r.hasMax {
		out["maxLength"] = r.max
	}
	if r.hasMin {
		out["minLength"] = r.min
	}
	return out
}

func (r *rules) integer(d direction) schema {
	out := schema{"type": "integer"}
	if d == shownIn {
		return out
	}
	if r.hasMin {
		out["minimum"] = r.min
	}
	if r.hasMax {
		out["maximum"] = r.max
	}
	return out
}

// nullable allows null too.
func (s schema) nullable() {
	if kind, ok := s["type"]; ok {
		s["type"] = []any{kind, "null"}
	}
	if values, ok := s["enum"].([]any); ok {
		s["enum"] = append(values, nil)
	}
}
