package editor

import (
	"slices"
	"strings"

	"weir/policies"
)

// marker stands for the cursor while a document is read for completion, so that there is a word where nothing is typed
// yet. It is a private character, which no policy holds.
const marker = "\uE000"

// complete lists what may stand at an offset; from and to are what it replaces.
func (k *knowledge) complete(text string, offset int) (items []completionItem, from, to int) {
	root := outline(text[:offset] + marker + text[offset:])
	at, ok := k.locate(root, offset)
	if !ok {
		return nil, offset, offset
	}
	prefix := at.scalar.before(text, offset)
	from = offset - len(lastWord(prefix, "_-."))
	if at.atKey || at.keys != nil {
		return k.keyItems(&at), offset - len(lastWord(prefix, "_-")), offset
	}
	if at.field == nil || at.field.List && !at.field.Single {
		return nil, offset, offset
	}
	switch code, isCode := codeBefore(at.field, prefix); {
	case isCode:
		items, size := k.cel.complete(code, k.scope(root, at.field))
		return items, offset - size, offset
	case at.field.Kind == policies.KindActionName:
		for _, name := range policies.PhaseActions(k.actions, at.field.Phase) {
			items = append(items, completionItem{Label: name, Kind: kindValue, Documentation: markdown(actionDoc(k.actions, name))})
		}
	case at.field.Kind == policies.KindBool:
		items = []completionItem{{Label: "true", Kind: kindValue}, {Label: "false", Kind: kindValue}}
	default:
		for _, word := range at.field.Enum {
			items = append(items, completionItem{Label: word, Kind: kindValue})
		}
	}
	return items, from, offset
}

// scope is where the expressions of a field stand.
func (k *knowledge) scope(root *node, f *policies.Field) celScope {
	s := celScope{phase: f.Phase, names: func(path string) []string { return k.namesOf(root, path) }}
	if f.Kind == policies.KindModelCondition {
		s.locals = k.cel.env.ModelLocals()
	}
	return s
}

// codeBefore is the part of an expression that a text ends with.
func codeBefore(f *policies.Field, text string) (string, bool) {
	switch f.Kind {
	case policies.KindExpression, policies.KindValue, policies.KindModelCondition, policies.KindModels, policies.KindKeys:
		return text, true
	case policies.KindTemplate:
		return openTemplate(text)
	case policies.KindAny, policies.KindMapping, policies.KindStrings:
		if f.Templates {
			return openTemplate(text)
		}
	default:
	}
	return "", false
}

// openTemplate finds the ${ that is not closed at the end of a text.
func openTemplate(text string) (string, bool) {
	for {
		at := strings.Index(text, "${")
		if at < 0 {
			return "", false
		}
		inside := text[at+2:]
		if at > 0 && text[at-1] == '$' {
			text = inside
			continue
		}
		end := templateEnd(inside)
		if end < 0 {
			return inside, true
		}
		text = inside[end+1:]
	}
}

// templateEnd finds the brace that closes a ${, -1 where there is none.
func templateEnd(inside string) int {
	tokens, _ := lex(inside)
	depth := 0
	for i := range tokens {
		if tokens[i].kind != tokenSign {
			continue
		}
		switch tokens[i].text {
		case "{":
			depth++
		case "}":
			if depth == 0 {
				return tokens[i].start
			}
			depth--
		}
	}
	return -1
}

// before is the text of a scalar up to an offset, read as its style has it.
func (n *node) before(text string, offset int) string {
	switch n.style {
	case '"', '\'':
		return unquote(text[min(n.start+1, offset):offset], n.style)
	case '|', '>':
		if i := strings.IndexByte(text[n.start:offset], '\n'); i >= 0 {
			return text[n.start+i+1 : offset]
		}
		return ""
	default:
		return text[n.start:offset]
	}
}

// lastWord is the word that a text ends with; more is what it may hold beside letters and digits.
func lastWord(text, more string) string {
	i := len(text)
	for i > 0 && (isNamePart(text[i-1]) || strings.IndexByte(more, text[i-1]) >= 0) {
		i--
	}
	return text[i:]
}

// keyItems lists the keys that are not there yet, those that are needed first.
func (k *knowledge) keyItems(at *place) []completionItem {
	var out []completionItem
	for i := range at.keys {
		f := &at.keys[i]
		names := []string{f.Name}
		if f.Alias != "" {
			names = append(names, f.Alias)
		}
		if slices.ContainsFunc(names, func(name string) bool { return at.mapping != nil && at.mapping.has(name) && at.scalar.text != name }) {
			continue
		}
		for rank, name := range names {
			item := completionItem{Label: name, Kind: kindProperty, Detail: kindWord(f), Documentation: markdown(fieldDoc(f))}
			item.SortText = string(rune('1'+rank)) + name
			if f.Required {
				item.SortText = "0" + name
			}
			item.insert = keyInsert(at, f, name)
			out = append(out, item)
		}
	}
	if named(at.keys, "type") != nil && !at.flow && !at.colon && (at.mapping == nil || len(at.mapping.entries) < 2) {
		out = append(out, k.actionSnippets(at)...)
	}
	return out
}

// keyInsert is what completes a key: its colon, and where the value goes.
func keyInsert(at *place, f *policies.Field, name string) string {
	switch {
	case at.colon || at.scalar.style != 0:
		return name
	case at.flow:
		return name + ": "
	case f.List:
		return name + ":\n  - $0"
	}
	switch f.Kind {
	case policies.KindObject, policies.KindConfig, policies.KindStrings, policies.KindMapping:
		return name + ":\n  $0"
	default:
		return name + ": "
	}
}

// actionSnippets are whole actions with the fields that they need.
func (k *knowledge) actionSnippets(at *place) []completionItem {
	kind := named(at.keys, "type")
	if kind.Kind != policies.KindActionName {
		return nil
	}
	var out []completionItem
	for _, name := range policies.PhaseActions(k.actions, kind.Phase) {
		var b strings.Builder
		b.WriteString("type: " + name)
		fields := configOf(k.actions, name, kind.Phase)
		if slices.ContainsFunc(fields, func(f policies.Field) bool { return f.Required }) {
			b.WriteString("\nconfig:")
			for i := range fields {
				if fields[i].Required {
					b.WriteString("\n  " + strings.ReplaceAll(keyInsert(at, &fields[i], fields[i].Name), "\n", "\n  "))
				}
			}
		}
		out = append(out, completionItem{
			Label: name, Kind: kindSnippet, Detail: "action", SortText: "3" + name, insert: b.String(),
			Documentation: markdown(actionDoc(k.actions, name)),
		})
	}
	return out
}

// namesOf lists the names that a policy itself makes up: variables that its actions set, and results of its actions.
func (k *knowledge) namesOf(root *node, path string) []string {
	var out []string
	var walk func(n *node)
	walk = func(n *node) {
		if n == nil {
			return
		}
		kind := n.get("type")
		switch {
		case kind == nil || specOf(k.actions, kind.text) == nil && kind.text != policies.GatewayAction:
		case path == "actions" || path == "actions.ngrok":
			out = append(out, policies.ResultName(kind.text))
		case path == "vars":
			out = append(out, keysIn(n.get("config").get("vars"))...)
		}
		for _, e := range n.entries {
			walk(e.value)
		}
		for _, item := range n.items {
			walk(item)
		}
	}
	walk(root)
	return out
}

// keysIn lists the keys of a mapping, or of the mappings of a list.
func keysIn(n *node) []string {
	if n == nil {
		return nil
	}
	var out []string
	for _, e := range n.entries {
		if e.key != nil && e.colon {
			out = append(out, e.key.text)
		}
	}
	for _, item := range n.items {
		out = append(out, keysIn(item)...)
	}
	return out
}
