package editor

import (
	"slices"

	"weir/engine"
	"weir/policies"
)

// knowledge is what the editor knows of the language.
type knowledge struct {
	actions []engine.ActionSpec
	cel     *celWords
}

// place is where in the language an offset of a document stands.
type place struct {
	// keys are the fields that may stand here as keys; nil = a key means nothing here.
	keys []policies.Field
	// mapping is what the key stands in; nil where it does not exist yet.
	mapping *node
	// atKey says that the offset is in a key, or in a word that may become one.
	atKey bool
	// field is what the value here is for, or, in a key, the key itself; nil = unknown.
	field *policies.Field
	// scalar is the word at the offset.
	scalar *node
	colon  bool // the key has its colon already
	flow   bool
}

// step is one node on the way to an offset.
type step struct {
	node  *node
	entry *entry // of a mapping
}

// trail finds the way from a node to the scalar at an offset.
func trail(n *node, offset int) (steps []step, scalar *node, atKey bool) {
	holds := func(c *node) bool { return c != nil && c.start <= offset && offset < c.end }
	switch n.kind {
	case nodeMapping:
		for _, e := range n.entries {
			if holds(e.key) {
				return []step{{n, e}}, e.key, true
			}
		}
		for _, e := range n.entries {
			if !holds(e.value) {
				continue
			}
			if below, scalar, atKey := trail(e.value, offset); scalar != nil {
				return append([]step{{n, e}}, below...), scalar, atKey
			}
		}
	case nodeList:
		for _, item := range n.items {
			if !holds(item) {
				continue
			}
			if below, scalar, atKey := trail(item, offset); scalar != nil {
				return append([]step{{n, nil}}, below...), scalar, atKey
			}
		}
	case nodeScalar:
		return nil, n, false
	}
	return nil, nil, false
}

// locate finds out what stands at an offset.
func (k *knowledge) locate(root *node, offset int) (place, bool) {
	if root == nil || offset < root.start || offset >= root.end {
		return place{}, false
	}
	steps, scalar, atKey := trail(root, offset)
	if scalar == nil {
		return place{}, false
	}
	at := place{scalar: scalar, atKey: atKey}
	field := &policies.Field{Kind: policies.KindObject, Fields: policies.Language()}
	for i, s := range steps {
		at.flow = at.flow || s.node.flow
		if s.node.kind == nodeList {
			field = itemOf(field)
			continue
		}
		keys := k.keysOf(field, s.node)
		if i == len(steps)-1 && atKey {
			at.keys, at.mapping, at.colon = keys, s.node, s.entry.colon
			at.field = named(keys, scalar.text)
			return at, true
		}
		switch {
		case s.entry.key == nil:
			field = nil
		case keys == nil:
			field = entryOf(field)
		default:
			field = named(keys, s.entry.key.text)
		}
	}
	at.field = field
	at.keys = k.keysOf(field, nil)
	return at, true
}

func named(fields []policies.Field, name string) *policies.Field {
	i := slices.IndexFunc(fields, func(f policies.Field) bool { return f.Name == name || f.Alias != "" && f.Alias == name })
	if i < 0 {
		return nil
	}
	return &fields[i]
}

// itemOf is what an entry of a list is, where the field may be a list.
func itemOf(f *policies.Field) *policies.Field {
	switch {
	case f == nil:
		return nil
	case f.List:
		item := *f
		item.List, item.Single = false, false
		return &item
	case f.Kind == policies.KindAny, f.Kind == policies.KindMapping:
		return f
	case f.Kind == policies.KindModules:
		return itemOf(&f.Fields[0])
	default:
		return nil
	}
}

// entryOf is what the values of a mapping with free keys are.
func entryOf(f *policies.Field) *policies.Field {
	if f == nil {
		return nil
	}
	switch f.Kind {
	case policies.KindStrings:
		entry := policies.Field{Kind: policies.KindString, Phase: f.Phase, Doc: f.Doc}
		if f.Templates {
			entry.Kind = policies.KindTemplate
		}
		return &entry
	case policies.KindAny, policies.KindMapping:
		return &policies.Field{Kind: policies.KindAny, Templates: f.Templates, Phase: f.Phase, Doc: f.Doc}
	default:
		return nil
	}
}

// keysOf lists the fields that a mapping may have, nil where its keys are free or unknown.
func (k *knowledge) keysOf(f *policies.Field, n *node) []policies.Field {
	if f == nil {
		return nil
	}
	switch f.Kind {
	case policies.KindObject, policies.KindRouteRule, policies.KindModule, policies.KindModules:
		return f.Fields
	case policies.KindName:
		return []policies.Field{{Name: "name", Required: true, Doc: f.Doc}}
	case policies.KindRule:
		return k.ruleKeys(f, n)
	case policies.KindAction:
		return k.actionKeys(f, n)
	default:
		return nil
	}
}

// ruleKeys are those of a rule, or of an action in its place; while neither is certain, both.
func (k *knowledge) ruleKeys(f *policies.Field, n *node) []policies.Field {
	var action *policies.Field
	for i := range f.Fields {
		if f.Fields[i].Kind == policies.KindAction {
			action = &f.Fields[i]
		}
	}
	if action == nil {
		return f.Fields
	}
	isAction := n != nil && n.has("type")
	isRule := n != nil && slices.ContainsFunc(f.Fields, func(g policies.Field) bool { return n.has(g.Name) })
	switch {
	case isRule:
		return f.Fields
	case isAction:
		return k.actionKeys(action, n)
	default:
		return slices.Concat(f.Fields, k.actionKeys(action, n)[:1])
	}
}

// actionKeys are those of an action; the fields of its config are those of its type.
func (k *knowledge) actionKeys(f *policies.Field, n *node) []policies.Field {
	out := slices.Clone(f.Fields)
	kind := n.get("type")
	for i := range out {
		if out[i].Kind != policies.KindConfig {
			continue
		}
		if kind != nil {
			out[i].Kind, out[i].Fields = policies.KindObject, configOf(k.actions, kind.text, f.Phase)
		}
	}
	return out
}
