package sim

import (
	"encoding/json"
	"slices"
	"strings"
)

// maxSchemaDepth ends schemas that refer to themselves; optional parts are left out well before it.
const maxSchemaDepth = 12

// schema is what fit understands of JSON Schema and of Gemini's dialect of it, whose types are in upper case.
type schema struct {
	Type       json.RawMessage            `json:"type"`
	Properties map[string]json.RawMessage `json:"properties"`
	Required   []string                   `json:"required"`
	Items      json.RawMessage            `json:"items"`
	Enum       []json.RawMessage          `json:"enum"`
	Const      json.RawMessage            `json:"const"`
	AnyOf      []json.RawMessage          `json:"anyOf"`
	OneOf      []json.RawMessage          `json:"oneOf"`
	AllOf      []json.RawMessage          `json:"allOf"`
	Ref        string                     `json:"$ref"`
	Format     string                     `json:"format"`
	Minimum    *float64                   `json:"minimum"`
	ExMinimum  *float64                   `json:"exclusiveMinimum"`
	Maximum    *float64                   `json:"maximum"`
	MinLength  int                        `json:"minLength"`
	MaxLength  *int                       `json:"maxLength"`
	MinItems   json.Number                `json:"minItems"`
}

// fit makes the JSON text of a value that fits the schema; "{}" where there is none.
func fit(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "{}"
	}
	f := fitter{root: raw}
	b, err := json.Marshal(f.value(raw, 0))
	if err != nil {
		return "{}"
	}
	return string(b)
}

type fitter struct {
	root json.RawMessage
}

func (f *fitter) value(raw json.RawMessage, depth int) any {
	var s schema
	if depth > maxSchemaDepth || json.Unmarshal(raw, &s) != nil {
		return nil
	}
	switch {
	case s.Ref != "":
		return f.value(f.resolve(s.Ref), depth+1)
	case len(s.Const) > 0:
		return s.Const
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.AnyOf) > 0:
		return f.value(s.AnyOf[0], depth+1)
	case len(s.OneOf) > 0:
		return f.value(s.OneOf[0], depth+1)
	case len(s.AllOf) == 1:
		return f.value(s.AllOf[0], depth+1)
	}
	switch s.typeName() {
	case "string":
		return s.text()
	case "integer":
		return int64(s.number())
	case "number":
		return s.number()
	case "boolean":
		return true
	case "null":
		return nil
	case "array":
		return f.array(&s, depth)
	default:
		return f.object(&s, depth)
	}
}

// typeName is the first type that is not null, in lower case.
func (s *schema) typeName() string {
	var list []string
	if json.Unmarshal(s.Type, &list) != nil {
		return strings.ToLower(str(s.Type))
	}
	for _, t := range list {
		if t = strings.ToLower(t); t != "null" {
			return t
		}
	}
	return "null"
}

func (f *fitter) object(s *schema, depth int) any {
	out := make(obj, len(s.Properties))
	for name, p := range s.Properties {
		// Past half the depth only what is required: this is what ends a tree of optional children.
		if depth > maxSchemaDepth/2 && !slices.Contains(s.Required, name) {
			continue
		}
		out[name] = f.value(p, depth+1)
	}
	return out
}

func (f *fitter) array(s *schema, depth int) any {
	least, _ := s.MinItems.Int64() // absent reads as 0
	n := int(min(max(least, 1), 100))
	if depth > maxSchemaDepth/2 {
		n = int(min(least, 100))
	}
	out := make([]any, n)
	for i := range out {
		out[i] = f.value(s.Items, depth+1)
	}
	return out
}

func (s *schema) text() string {
	switch s.Format {
	case "date-time":
		return "2026-01-02T03:04:05Z"
	case "date":
		return "2026-01-02"
	case "time":
		return "03:04:05Z"
	case "email":
		return "sim@example.com"
	case "uri", "url":
		return "https://example.com/"
	case "uuid":
		return "00000000-0000-4000-8000-000000000000"
	}
	text := "sim"
	if short := s.MinLength - len(text); short > 0 && short < 1<<16 {
		text += strings.Repeat("x", short)
	}
	if s.MaxLength != nil && *s.MaxLength >= 0 && *s.MaxLength < len(text) {
		text = text[:*s.MaxLength]
	}
	return text
}

func (s *schema) number() float64 {
	n := 1.0
	if s.Minimum != nil {
		n = max(n, *s.Minimum)
	}
	if s.ExMinimum != nil {
		n = max(n, *s.ExMinimum+1)
	}
	if s.Maximum != nil {
		n = min(n, *s.Maximum)
	}
	return n
}

// resolve follows a reference inside the document, "#/$defs/Name".
func (f *fitter) resolve(ref string) json.RawMessage {
	at := f.root
	for name := range strings.SplitSeq(strings.TrimPrefix(strings.TrimPrefix(ref, "#"), "/"), "/") {
		if name == "" {
			continue
		}
		var m map[string]json.RawMessage
		if json.Unmarshal(at, &m) != nil {
			return nil
		}
		at = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return at
}
