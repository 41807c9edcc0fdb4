package opa

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"weir/engine/diag"
)

// data reads the data documents and those of the bundles into one.
func (b *builder) data() ast.Object {
	root := ast.NewObject()
	for _, t := range b.opts.Data {
		root = b.document(root, t)
	}
	b.diags = append(b.diags, rootConflicts(b.opts)...)
	for _, bundle := range b.opts.Bundles {
		if len(bundle.data) > 0 {
			root = b.merge(root, diag.Pos{File: bundle.Name}, bundle.data)
		}
	}
	return root
}

// document reads one data document into the others.
func (b *builder) document(root ast.Object, t Text) ast.Object {
	b.sources.add(t)
	pos := diag.Pos{File: t.Name}
	if t.At != nil {
		pos = t.At(0)
	}
	fail := func(format string, args ...any) ast.Object {
		b.diags = append(b.diags, diag.Diagnostic{Pos: pos, Code: codeData, Message: fmt.Sprintf(format, args...)})
		return root
	}
	if len(bytes.TrimSpace(t.Text)) == 0 {
		return fail("the data document is empty")
	}
	var doc any
	decode := util.UnmarshalJSON
	if isYAML(t.Name) {
		decode = util.Unmarshal
	}
	if err := decode(t.Text, &doc); err != nil {
		return fail("the data document cannot be read: %v", err)
	}
	for _, part := range slices.Backward(t.Path) {
		doc = map[string]any{part: doc}
	}
	top, ok := doc.(map[string]any)
	if !ok {
		return fail("a data document at the root must be a mapping")
	}
	return b.merge(root, pos, top)
}

// merge adds a document to the data; two that give one path different values contradict each other.
func (b *builder) merge(root ast.Object, pos diag.Pos, doc map[string]any) ast.Object {
	v, err := ast.InterfaceToValue(doc)
	if err != nil {
		b.diags = append(b.diags, diag.Diagnostic{Pos: pos, Code: codeData, Message: "the data document cannot be read: " + err.Error()})
		return root
	}
	added, _ := v.(ast.Object) // as doc is a mapping
	if at := clash(root, added, "data"); at != "" {
		b.diags = append(b.diags, diag.Diagnostic{Pos: pos, Code: codeData, Message: "another data document has " + at + " already"})
		return root
	}
	merged, _ := root.Merge(added) // cannot contradict: clash has looked
	return merged
}

// clash finds a path that both documents give a value, "" where there is none.
func clash(a, b ast.Object, at string) string {
	found := ""
	b.Until(func(k, v *ast.Term) bool {
		other := a.Get(k)
		if other == nil {
			return false
		}
		name, _ := k.Value.(ast.String) // documents of JSON and YAML have no other keys
		below := at + "." + string(name)
		x, okX := other.Value.(ast.Object)
		y, okY := v.Value.(ast.Object)
		if !okX || !okY {
			found = below
			return true
		}
		found = clash(x, y, below)
		return found != ""
	})
	return found
}
