package editor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"weir/engine"
	"weir/policies"
)

// hover explains what stands at an offset; from and to are what it is about.
func (k *knowledge) hover(text string, offset int) (doc string, from, to int) {
	root := outline(text)
	at, ok := k.locate(root, offset)
	if !ok || at.field == nil {
		return "", 0, 0
	}
	n := at.scalar
	switch {
	case at.atKey:
		return fieldDoc(at.field), n.start, n.end
	case at.field.Kind == policies.KindActionName:
		return actionDoc(k.actions, n.text), n.start, n.end
	}
	if doc, from, to := k.hoverCode(text, offset, n, at.field, root); doc != "" {
		return doc, from, to
	}
	if len(at.field.Enum) > 0 || at.field.Kind == policies.KindBool {
		return fieldDoc(at.field), n.start, n.end
	}
	return "", 0, 0
}

// hoverCode explains a name in the expression at an offset.
func (k *knowledge) hoverCode(text string, offset int, n *node, f *policies.Field, root *node) (doc string, from, to int) {
	end := offset // up to the end of the name, so that the whole of it is seen
	for end < n.end && isNamePart(text[end]) {
		end++
	}
	code, isCode := codeBefore(f, n.before(text, end))
	if !isCode || code == "" {
		return "", 0, 0
	}
	name := len(code) - len(lastWord(code, ""))
	rest := ""
	if end < n.end {
		rest = text[end:n.end] // what follows tells a call from a field
	}
	doc, begin, _ := k.cel.hover(code+rest, name, k.scope(root, f))
	from = end - (len(code) - begin)
	if from < n.start || text[from:end] != code[begin:] {
		from = end - (len(code) - name) // escapes in between: only the name itself
	}
	return doc, from, end
}

// definition is the file that stands at an offset, where it exists.
func (k *knowledge) definition(d *document, offset int) (string, bool) {
	at, ok := k.locate(outline(d.text), offset)
	if !ok || at.atKey || at.field == nil || at.scalar.text == "" {
		return "", false
	}
	if kind := at.field.Kind; kind != policies.KindFile && kind != policies.KindModule {
		return "", false
	}
	path := filepath.FromSlash(at.scalar.text)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(d.path), path)
	}
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().IsRegular()
}

// symbols lists the parts of a document: its top keys with what they list.
func symbols(d *document) []documentSymbol {
	out := []documentSymbol{}
	root := outline(d.text)
	if root == nil {
		return out
	}
	for _, e := range root.entries {
		if e.key == nil || !e.colon || e.value == nil {
			continue
		}
		s := documentSymbol{
			Name: e.key.text, Kind: symbolNamespace, Range: d.span(e.key.start, e.value.end), SelectionRange: d.span(e.key.start, e.key.end),
		}
		items := e.value.items
		if e.value.kind == nodeMapping {
			items = []*node{e.value}
		}
		for i, item := range items {
			if item.kind == nodeMapping {
				s.Children = append(s.Children, symbolOf(d, item, i))
			}
		}
		out = append(out, s)
	}
	return out
}

// symbolOf names a rule, provider or action by the first of its keys that tells it from the others.
func symbolOf(d *document, n *node, index int) documentSymbol {
	s := documentSymbol{Name: fmt.Sprintf("#%d", index+1), Kind: symbolObject, Range: d.span(n.start, n.end), SelectionRange: d.span(n.start, n.start)}
	for _, key := range []string{"name", "id", "type"} {
		if v := n.get(key); v != nil && v.kind == nodeScalar && v.text != "" {
			s.Name, s.SelectionRange = v.text, d.span(v.start, v.end)
			break
		}
	}
	actions := n.get("actions")
	if actions == nil {
		return s
	}
	items := actions.items
	if actions.kind == nodeMapping {
		items = []*node{actions}
	}
	var types []string
	for _, a := range items {
		if kind := a.get("type"); kind != nil {
			types = append(types, kind.text)
		}
	}
	s.Detail = strings.Join(types, ", ")
	return s
}

// fieldDoc explains a key.
func fieldDoc(f *policies.Field) string {
	var b strings.Builder
	name := f.Name
	if f.Alias != "" {
		name += "` or `" + f.Alias
	}
	fmt.Fprintf(&b, "`%s`: %s\n\n%s", name, kindWord(f), f.Doc)
	if len(f.Enum) > 0 {
		fmt.Fprintf(&b, "\n\nOne of `%s`.", strings.Join(f.Enum, "`, `"))
	}
	if f.Max != 0 && (f.Kind == policies.KindInt || f.List) {
		fmt.Fprintf(&b, "\n\nFrom %d to %d.", f.Min, f.Max)
	}
	if f.Default != "" {
		fmt.Fprintf(&b, "\n\nDefault: `%s`.", f.Default)
	}
	if f.Required {
		b.WriteString("\n\nRequired.")
	}
	return b.String()
}

// kindWord says what a field holds.
func kindWord(f *policies.Field) string {
	word := "text"
	switch f.Kind {
	case policies.KindTemplate:
		word = "template"
	case policies.KindExpression, policies.KindModelCondition:
		word = "CEL condition"
	case policies.KindValue:
		word = "CEL expression"
	case policies.KindModels, policies.KindKeys:
		word = "CEL strategy"
	case policies.KindFile, policies.KindModule:
		word = "file"
	case policies.KindRego:
		word = "module in Rego"
	case policies.KindModules:
		word = "list of files"
	case policies.KindURL:
		word = "URL"
	case policies.KindDuration:
		word = "duration"
	case policies.KindBool:
		word = "true or false"
	case policies.KindInt:
		word = "whole number"
	case policies.KindNumber, policies.KindPrice:
		word = "number"
	case policies.KindStrings, policies.KindMapping, policies.KindObject, policies.KindConfig:
		word = "mapping"
	case policies.KindAny:
		word = "any value"
	case policies.KindRule, policies.KindRouteRule:
		word = "rule"
	case policies.KindAction, policies.KindActionName:
		word = "action"
	default:
	}
	if f.List {
		return "list of " + word
	}
	return word
}

// actionDoc explains an action: what its page begins with, and its fields.
func actionDoc(specs []engine.ActionSpec, name string) string {
	text := intro(specs, name)
	if text == "" {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**: %s", name, text)
	spec := specOf(specs, name)
	if spec == nil {
		return b.String()
	}
	fmt.Fprintf(&b, "\n\nIn %s.\n", spec.Phases)
	for i := range spec.Fields {
		f := &spec.Fields[i]
		fmt.Fprintf(&b, "\n- `%s`: %s", f.Name, f.Doc)
	}
	return b.String()
}
