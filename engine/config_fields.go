package engine

import (
	"slices"
	"strings"

	"weir/engine/diag"
)

// checkMap checks a mapping against the fields that it may have.
func (c *Config) checkMap(n *Node, fields []Field, prefix string) {
	for i, key := range n.Keys {
		at := slices.IndexFunc(fields, func(f Field) bool { return f.Name == key.Text.Value })
		if at < 0 {
			c.unknownField(key, fields, prefix)
			continue
		}
		c.checkField(n.Items[i], &fields[at], prefix)
	}
	for i := range fields {
		f := &fields[i]
		if v := n.Get(f.Name); f.Required && (v == nil || v.Kind == NodeNull) {
			c.Errorf(missingAt(n, v), "missing_field", "%s needs %q", c.Spec.Name, prefix+f.Name)
		}
	}
}

// missingAt is where to point for a field that is not there: at its null value, else at the mapping.
func missingAt(n, v *Node) *Node {
	if v != nil {
		return v
	}
	if len(n.Keys) == 0 {
		return nil
	}
	return n.Keys[0]
}

func (c *Config) unknownField(key *Node, fields []Field, prefix string) {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].Name
	}
	d := diag.Diagnostic{
		Pos: key.Pos, End: key.End, Code: "unknown_key",
		Message: c.Spec.Name + " has no field " + quote(prefix+key.Text.Value),
		Hint:    HintFor(key.Text.Value, names),
	}
	c.diags = append(c.diags, d)
}

// HintFor is the hint for an unknown name: the nearest of the known ones, or all of them where they are few.
func HintFor(name string, known []string) string {
	if near, ok := diag.Nearest(name, known); ok {
		return "did you mean " + quote(near) + "?"
	}
	// more than a dozen names no longer help anybody to find the right one
	if len(known) > 0 && len(known) <= 12 {
		return "one of " + strings.Join(known, ", ")
	}
	return ""
}

func quote(s string) string { return `"` + s + `"` }

func (c *Config) checkField(n *Node, f *Field, prefix string) {
	name := prefix + f.Name
	if n.Kind == NodeNull && !f.Required {
		return
	}
	ok, want := fieldFits(n, f.Type)
	if !ok {
		if n.Kind != NodeNull { // a null for a required field is reported as missing
			c.Errorf(n, "wrong_type", "%q must be %s, got %s", name, want, n.Describe())
		}
		return
	}
	switch f.Type {
	case FieldInt:
		i, _ := n.Value.(int64) // the type was checked above
		if (f.Min != 0 || f.Max != 0) && (i < f.Min || i > f.Max) {
			c.Errorf(n, "out_of_range", "%q must be between %d and %d, got %d", name, f.Min, f.Max, i)
		}
	case FieldEnum:
		if !slices.Contains(f.Enum, n.Text.Value) {
			c.Errorf(n, "bad_value", "%q must be one of %s, got %q", name, strings.Join(f.Enum, ", "), n.Text.Value)
		}
	case FieldDuration:
		if _, err := ParseDuration(n.Text.Value); err != nil {
			c.Errorf(n, "bad_duration", "%q is not a duration: %v", name, err)
		}
	case FieldStrings, FieldStringMap, FieldObjects, FieldExpressions:
		c.checkEntries(n, f, name)
	case FieldObject:
		c.checkMap(n, f.Fields, name+".")
	case FieldString:
		c.checkPlain(n, f, name)
	default:
	}
}

// checkEntries checks the number of entries and each of them.
func (c *Config) checkEntries(n *Node, f *Field, name string) {
	if count := int64(len(n.Items)); (f.Min != 0 || f.Max != 0) && (count < f.Min || count > f.Max) {
		c.Errorf(n, "out_of_range", "%q must have between %d and %d entries, got %d", name, f.Min, f.Max, count)
	}
	for _, item := range n.Items {
		if f.Type == FieldObjects {
			if item.Kind != NodeMap {
				c.Errorf(item, "wrong_type", "each entry of %q must be a mapping, got %s", name, item.Describe())
				continue
			}
			c.checkMap(item, f.Fields, name+".")
			continue
		}
		if item.Kind != NodeScalar {
			c.Errorf(item, "wrong_type", "each entry of %q must be a string, got %s", name, item.Describe())
			continue
		}
		if f.Type != FieldExpressions { // ${ in one is reported when it is compiled
			c.checkPlain(item, f, name)
		}
	}
}

// checkPlain refuses ${...} where it would be taken literally without anybody noticing.
func (c *Config) checkPlain(n *Node, f *Field, name string) {
	if !f.Template && strings.Contains(n.Text.Value, "${") {
		c.Errorf(n, "not_a_template", "%q does not take ${...}", name)
	}
}

// fieldFits reports whether a node can be of a field's type, and how the type is called.
func fieldFits(n *Node, t FieldType) (ok bool, want string) {
	switch t {
	case FieldInt:
		_, ok = n.Value.(int64)
		return ok, "a whole number"
	case FieldFloat:
		_, isInt := n.Value.(int64)
		_, isFloat := n.Value.(float64)
		return isInt || isFloat, "a number"
	case FieldBool:
		_, ok = n.Value.(bool)
		return ok, "true or false"
	case FieldStrings, FieldObjects, FieldExpressions:
		return n.Kind == NodeList, "a list"
	case FieldStringMap, FieldObject:
		return n.Kind == NodeMap, "a mapping"
	case FieldAny:
		return n.Kind != NodeNull, "a value"
	case FieldDuration:
		return n.Kind == NodeScalar, "a duration such as 30s"
	default:
		return n.Kind == NodeScalar, "a string"
	}
}
