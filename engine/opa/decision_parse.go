package opa

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Decisions that say nothing but yes or no are the most; they are shared.
//
//nolint:gochecknoglobals // constants, which Go cannot write as such
var (
	allowed = &Decision{Allow: true}
	refused = &Decision{}
)

// parseDecision reads the value of a query: a boolean or a decision document, whose every member must be known. Status,
// code and message stand in a document that allows as well: most write one document for both.
func parseDecision(v ast.Value) (*Decision, error) {
	switch v := v.(type) {
	case ast.Boolean:
		if v {
			return allowed, nil
		}
		return refused, nil
	case ast.Object:
		d := &Decision{}
		err := v.Iter(func(k, t *ast.Term) error {
			name, ok := k.Value.(ast.String)
			if !ok {
				return shapeError("%s is not part of a decision", k)
			}
			return d.set(string(name), t.Value)
		})
		if err != nil {
			return nil, err
		}
		return d, nil
	default:
		return nil, shapeError("it is %s, not a boolean or an object", ast.ValueName(v))
	}
}

func shapeError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrShape, fmt.Sprintf(format, args...))
}

// set takes one member of the document.
func (d *Decision) set(name string, v ast.Value) (err error) {
	switch name {
	case "allow":
		b, ok := v.(ast.Boolean)
		if !ok {
			return shapeError("allow is %s, not a boolean", ast.ValueName(v))
		}
		d.Allow = bool(b)
	case "status":
		d.Status, err = statusOf(v)
	case "code":
		d.Code, err = codeOf(v)
	case "message":
		d.Message, err = textOf(name, v)
	case "headers":
		d.Headers, err = headersOf(v)
	case "vars":
		d.Vars, err = varsOf(v)
	case "patch":
		d.Patch, err = listOf(name, v, patchOf)
	case "redact":
		d.Redact, err = listOf(name, v, redactionOf)
	case "models":
		d.Models, err = modelsOf(v)
	default:
		return shapeError("%q is not part of a decision", name)
	}
	return err
}

func statusOf(v ast.Value) (int, error) {
	n, ok := v.(ast.Number)
	if !ok {
		return 0, shapeError("status is %s, not a number", ast.ValueName(v))
	}
	status, ok := n.Int()
	if !ok || status < 400 || status > 599 {
		return 0, shapeError("status is %s, not a status from 400 to 599", n)
	}
	return status, nil
}

func textOf(name string, v ast.Value) (string, error) {
	s, ok := v.(ast.String)
	if !ok {
		return "", shapeError("%s is %s, not a string", name, ast.ValueName(v))
	}
	return string(s), nil
}

// maxCode is longer than any code of Weir's own; codes become labels of metrics and fields of logs.
const maxCode = 64

func codeOf(v ast.Value) (string, error) {
	s, err := textOf("code", v)
	if err != nil {
		return "", err
	}
	if s == "" || len(s) > maxCode {
		return "", shapeError("code is %q, not a word like over_quota", s)
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return "", shapeError("code is %q, not a word like over_quota", s)
		}
	}
	return s, nil
}

// varsOf reads variables of the policy. Their names are those that expressions can write behind vars.
func varsOf(v ast.Value) (map[string]any, error) {
	o, ok := v.(ast.Object)
	if !ok {
		return nil, shapeError("vars is %s, not an object", ast.ValueName(v))
	}
	out := make(map[string]any, o.Len())
	err := o.Iter(func(k, t *ast.Term) error {
		s, _ := k.Value.(ast.String) // another key is no name
		if !isIdentifier(string(s)) {
			return shapeError("%s is not the name of a variable", k)
		}
		out[string(s)] = native(t.Value)
		return nil
	})
	return out, err
}

func isIdentifier(s string) bool {
	for i, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// modelsOf reads how the route is narrowed.
func modelsOf(v ast.Value) (*Models, error) {
	o, ok := v.(ast.Object)
	if !ok {
		return nil, shapeError("models is %s, not an object", ast.ValueName(v))
	}
	m := &Models{}
	err := o.Iter(func(k, t *ast.Term) (err error) {
		name, _ := k.Value.(ast.String) // another key is an unknown one
		switch string(name) {
		case "allow":
			m.HasAllow = true
			m.Allow, err = textsOf("models.allow", t.Value)
		case "deny":
			m.Deny, err = textsOf("models.deny", t.Value)
		default:
			err = shapeError("%s is not part of models", k)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// textsOf reads an array or a set of strings.
func textsOf(name string, v ast.Value) ([]string, error) {
	terms, err := entries(name, v)
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(terms))
	for _, t := range terms {
		s, err := textOf("an entry of "+name, t.Value)
		if err != nil {
			return nil, err
		}
		if s == "" {
			return nil, shapeError("an entry of %s is empty", name)
		}
		out = append(out, s)
	}
	return out, nil
}

// entries are those of an array or a set; partial rules make sets.
func entries(name string, v ast.Value) ([]*ast.Term, error) {
	switch v := v.(type) {
	case *ast.Array:
		terms := make([]*ast.Term, 0, v.Len())
		v.Foreach(func(t *ast.Term) { terms = append(terms, t) })
		return terms, nil
	case ast.Set:
		return v.Slice(), nil
	default:
		return nil, shapeError("%s is %s, not an array", name, ast.ValueName(v))
	}
}
