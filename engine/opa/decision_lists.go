package opa

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

const (
	// maxHeaderName and maxHeaderValue are what common proxies take of one field.
	maxHeaderName  = 256
	maxHeaderValue = 8 << 10
)

// headersOf reads headers: an object of names to strings or lists of strings.
func headersOf(v ast.Value) ([]Header, error) {
	o, ok := v.(ast.Object)
	if !ok {
		return nil, shapeError("headers is %s, not an object", ast.ValueName(v))
	}
	var out []Header
	add := func(name string, t *ast.Term) error {
		value, err := textOf("the header "+name, t.Value)
		if err != nil {
			return err
		}
		if !isHeaderValue(value) {
			return shapeError("the value of the header %s cannot be sent", name)
		}
		out = append(out, Header{Name: name, Value: value})
		return nil
	}
	err := o.Iter(func(k, t *ast.Term) error {
		s, _ := k.Value.(ast.String) // another key is no name
		name := string(s)
		if !isHeaderName(name) {
			return shapeError("%s is not the name of a header", k)
		}
		if list, ok := t.Value.(*ast.Array); ok {
			return list.Iter(func(t *ast.Term) error { return add(name, t) })
		}
		return add(name, t)
	})
	return out, err
}

func isHeaderValue(s string) bool {
	return len(s) <= maxHeaderValue && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

func isHeaderName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= maxHeaderName
}

// listOf reads a list of objects. A set is taken for one where the order does not count.
func listOf[T any](name string, v ast.Value, one func(ast.Object) (T, error)) ([]T, error) {
	if _, isSet := v.(ast.Set); isSet && name == "patch" {
		return nil, shapeError("patch is a set: the order of its operations counts, so that it must be an array")
	}
	terms, err := entries(name, v)
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, len(terms))
	for _, t := range terms {
		o, ok := t.Value.(ast.Object)
		if !ok {
			return nil, shapeError("an entry of %s is %s, not an object", name, ast.ValueName(t.Value))
		}
		entry, err := one(o)
		if err != nil {
			return nil, err
		}
		out = append(out, entry)
	}
	return out, nil
}

// members reads an object of strings whose names must be among the known.
func members(of string, o ast.Object, known ...string) (map[string]string, error) {
	out := make(map[string]string, o.Len())
	err := o.Iter(func(k, t *ast.Term) error {
		s, _ := k.Value.(ast.String) // another key is an unknown one
		name := string(s)
		if !slices.Contains(known, name) {
			return shapeError("%s is not part of %s", k, of)
		}
		text, err := textOf(of+"."+name, t.Value)
		out[name] = text
		return err
	})
	return out, err
}

// patchOf reads one operation on the body.
func patchOf(o ast.Object) (Patch, error) {
	var p Patch
	var given []string
	err := o.Iter(func(k, t *ast.Term) (err error) {
		s, _ := k.Value.(ast.String) // another key is an unknown one
		switch name := string(s); name {
		case "op":
			p.Op, err = textOf("patch.op", t.Value)
		case "path":
			p.Path, err = textOf("patch.path", t.Value)
			given = append(given, name)
		case "from":
			p.From, err = textOf("patch.from", t.Value)
			given = append(given, name)
		case "value":
			p.Value, err = jsonOf(t.Value)
			given = append(given, name)
		default:
			err = shapeError("%s is not part of patch", k)
		}
		return err
	})
	if err != nil {
		return Patch{}, err
	}
	takes := []string{"path"}
	switch p.Op {
	case "add", "replace", "test":
		takes = []string{"path", "value"}
	case "move", "copy":
		takes = []string{"from", "path"}
	case "remove":
	default:
		return Patch{}, shapeError("%q is not an operation of a patch", p.Op)
	}
	slices.Sort(given)
	if !slices.Equal(given, takes) {
		return Patch{}, shapeError("the operation %s of a patch takes op, %s", p.Op, strings.Join(takes, ", "))
	}
	return p, nil
}

func jsonOf(v ast.Value) ([]byte, error) {
	plain, err := ast.JSON(v)
	if err != nil {
		return nil, shapeError("the value of a patch is not JSON: %v", err)
	}
	out, err := json.Marshal(plain)
	if err != nil {
		return nil, shapeError("the value of a patch is not JSON: %v", err)
	}
	return out, nil
}

// redactionOf reads one redaction.
func redactionOf(o ast.Object) (Redaction, error) {
	m, err := members("redact", o, "pattern", "text", "entity", "replace")
	if err != nil {
		return Redaction{}, err
	}
	r := Redaction{Pattern: m["pattern"], Text: m["text"], Entity: m["entity"], Replace: m["replace"]}
	given := 0
	for _, s := range []string{r.Pattern, r.Text, r.Entity} {
		if s != "" {
			given++
		}
	}
	if given != 1 {
		return Redaction{}, shapeError("an entry of redact needs exactly one of pattern, text and entity")
	}
	return r, nil
}
