package opa

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"weir/engine/diag"
)

// The rules that OPA asks about its decision log: what to keep out of an event, and which events to drop.
const (
	maskPath = "data.system.log.mask"
	dropPath = "data.system.log.drop"
)

// logDeadline bounds those rules: an event may hold a whole conversation, and nobody waits for it.
const logDeadline = time.Second

// Mask says what is kept out of an event of the decision log.
type Mask struct{ Rules []MaskRule }

// MaskRule is one place of an event: a JSON pointer that begins with /input, /result or /nd_builtin_cache, and what becomes
// of what stands there.
type MaskRule struct {
	Op    string // remove or upsert
	Path  string
	Value any // of upsert: nil, bool, int64, float64, string, []any, map[string]any
}

// HasMask reports whether the policy masks its decision log.
func (p *Policy) HasMask() bool { return p != nil && p.mask != nil }

// HasDrop reports whether the policy drops events of its decision log.
func (p *Policy) HasDrop() bool { return p != nil && p.drop != nil }

// isSystem reports whether a module is about the gateway itself and not about exchanges, such as the mask: its input is
// not that of exchanges.
func isSystem(m *ast.Module) bool {
	return len(m.Package.Path) > 1 && m.Package.Path[1].Value.Compare(ast.String("system")) == 0
}

// freeInput takes the schema of the input away from a module about the gateway itself.
func freeInput(m *ast.Module) {
	if !isSystem(m) {
		return
	}
	var anything any = map[string]any{}
	free := &ast.SchemaAnnotation{Path: ast.InputRootRef.Copy(), Definition: &anything}
	for _, a := range m.Annotations {
		if a.Scope == "package" {
			a.Schemas = append(a.Schemas, free)
			return
		}
	}
	own := &ast.Annotations{Scope: "package", Location: m.Package.Location, Schemas: []*ast.SchemaAnnotation{free}}
	m.Annotations = append(m.Annotations, own.Copy(m.Package)) // Copy ties it to the package
}

// prepareLog prepares the rules about the decision log.
func (p *Policy) prepareLog() (out diag.List) {
	for path, q := range map[string]**Query{maskPath: &p.mask, dropPath: &p.drop} {
		ref := ast.MustParseRef(path)
		if len(p.compiler.GetRules(ref)) == 0 {
			continue
		}
		prepared, _, err := p.prepare(ref)
		if err != nil {
			out = append(out, p.sources.diagnostics(err)...)
			continue
		}
		*q = prepared
	}
	return out
}

// Mask asks what to keep out of an event, which has the form of OPA's decision log: nil, bool, int64, float64, string,
// []any and map[string]any. Where the answer is an error, nothing of the event's input and result may be logged.
func (p *Policy) Mask(ctx context.Context, event any) (Mask, error) {
	if !p.HasMask() {
		return Mask{}, nil
	}
	v, err := p.mask.about(ctx, event)
	if v == nil || err != nil {
		return Mask{}, err
	}
	var out Mask
	err = eachOf(v, func(t *ast.Term) error {
		rule, err := maskRuleOf(t.Value)
		out.Rules = append(out.Rules, rule)
		return err
	})
	if err != nil {
		return Mask{}, err
	}
	return out, nil
}

// Drop asks whether an event is left out of the decision log.
func (p *Policy) Drop(ctx context.Context, event any) (bool, error) {
	if !p.HasDrop() {
		return false, nil
	}
	v, err := p.drop.about(ctx, event)
	if v == nil || err != nil {
		return false, err
	}
	drop, ok := v.(ast.Boolean)
	if !ok {
		return false, shapeError("%s is %s, not a boolean", dropPath, ast.ValueName(v))
	}
	return bool(drop), nil
}

// about evaluates a rule about the decision log; nil where it is undefined.
func (q *Query) about(ctx context.Context, event any) (ast.Value, error) {
	in := input{}
	doc := in.native(event, nil)
	if in.err != nil {
		return nil, in.err
	}
	v, err := q.evaluate(ctx, doc, time.Now(), logDeadline)
	if errors.Is(err, ErrUndefined) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking about the decision log: %w", err)
	}
	return v, nil
}

func eachOf(v ast.Value, f func(*ast.Term) error) error {
	switch v := v.(type) {
	case *ast.Array:
		return v.Iter(f)
	case ast.Set:
		return v.Iter(f)
	default:
		return shapeError("%s is %s, not a set", maskPath, ast.ValueName(v))
	}
}

func maskRuleOf(v ast.Value) (MaskRule, error) {
	if s, ok := v.(ast.String); ok {
		return checkedMask(MaskRule{Op: "remove", Path: string(s)})
	}
	o, ok := v.(ast.Object)
	if !ok {
		return MaskRule{}, shapeError("an entry of %s is %s, not a string or an object", maskPath, ast.ValueName(v))
	}
	rule := MaskRule{}
	err := o.Iter(func(k, t *ast.Term) (err error) {
		name, _ := k.Value.(ast.String) // another key is an unknown one
		switch string(name) {
		case "op":
			rule.Op, err = textOf("op", t.Value)
		case "path":
			rule.Path, err = textOf("path", t.Value)
		case "value":
			rule.Value = native(t.Value)
		default:
			err = shapeError("%q is not part of an entry of %s", string(name), maskPath)
		}
		return err
	})
	if err != nil {
		return MaskRule{}, err
	}
	if rule.Op != "remove" && rule.Op != "upsert" {
		return MaskRule{}, shapeError("%q is not an operation of %s; there are remove and upsert", rule.Op, maskPath)
	}
	return checkedMask(rule)
}

func checkedMask(rule MaskRule) (MaskRule, error) {
	if rest, ok := strings.CutPrefix(rule.Path, "/"); ok {
		switch top, _, _ := strings.Cut(rest, "/"); top {
		case "input", "result", "nd_builtin_cache":
			return rule, nil
		}
	}
	return MaskRule{}, shapeError("%q in %s does not begin with /input or /result", rule.Path, maskPath)
}
