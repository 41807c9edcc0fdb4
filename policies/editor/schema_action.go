package editor

import (
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/vars"
	"weir/policies"
)

// rule makes the definition of a rule of one phase, in place of which an action may stand.
func (g *generator) rule(f *policies.Field) object {
	action := &policies.Field{}
	for i := range f.Fields {
		if f.Fields[i].Kind == policies.KindAction {
			action = &f.Fields[i]
		}
	}
	return g.define("rule_in_"+f.Name, object{
		"if":   object{"required": []string{"type"}, "not": object{"required": []string{"actions"}}},
		"then": g.action(action),
		"else": g.mapping(f.Fields),
	})
}

// action makes the definition of an action of one phase: what may stand in its config depends on its type.
func (g *generator) action(f *policies.Field) object {
	takes := f.Phase
	for i := range f.Fields {
		if f.Fields[i].Kind == policies.KindActionName {
			takes = f.Fields[i].Phase
		}
	}
	names := policies.PhaseActions(g.specs, takes)
	out := g.mapping(f.Fields)
	properties, _ := out["properties"].(object)
	docs := make([]string, len(names))
	kind := object{"type": "string", "enum": names, "enumDescriptions": docs}
	conditions, snippets := make([]any, 0, len(names)), make([]any, 0, len(names))
	for i, name := range names {
		docs[i] = intro(g.specs, name)
		fields := configOf(g.specs, name, f.Phase)
		config := g.mapping(fields)
		then := object{}
		if config["required"] == nil {
			config["type"] = types(true, "object")
		} else {
			then["required"] = []string{"config"}
		}
		then["properties"] = object{"config": g.define("config_of_"+name, config)}
		conditions = append(conditions, object{
			"if":   object{"required": []string{"type"}, "properties": object{"type": object{"const": name}}},
			"then": then,
		})
		snippets = append(snippets, object{"label": name, "description": docs[i], "body": snippetBody(name, fields)})
	}
	if len(names) == 0 {
		kind = object{"not": object{}} // no action may stand in the phase
	} else {
		out["allOf"], out["defaultSnippets"] = conditions, snippets
	}
	for i := range f.Fields {
		switch f.Fields[i].Kind {
		case policies.KindActionName:
			kind["description"] = f.Fields[i].Doc
			properties[f.Fields[i].Name] = kind
		case policies.KindConfig:
			properties[f.Fields[i].Name] = object{"type": types(true, "object"), "description": f.Fields[i].Doc}
		default:
		}
	}
	return g.define("action_in_"+strings.ReplaceAll(takes.String(), ", ", "_"), out)
}

// snippetBody is an action with the fields that it needs.
func snippetBody(name string, fields []policies.Field) object {
	config := object{}
	for i := range fields {
		if fields[i].Required {
			config[fields[i].Name] = ""
		}
	}
	if len(config) == 0 {
		return object{"type": name}
	}
	return object{"type": name, "config": config}
}

// configOf returns the fields of an action's config.
func configOf(specs []engine.ActionSpec, name string, phase vars.Phase) []policies.Field {
	if name == policies.GatewayAction {
		return policies.GatewayFields()
	}
	if spec := specOf(specs, name); spec != nil {
		return policies.ActionFields(spec, phase)
	}
	return nil
}

func specOf(specs []engine.ActionSpec, name string) *engine.ActionSpec {
	i := slices.IndexFunc(specs, func(s engine.ActionSpec) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &specs[i]
}

// intro is the first paragraph of an action's page.
func intro(specs []engine.ActionSpec, name string) string {
	if name == policies.GatewayAction {
		return "Routes the request; its config is a route rule."
	}
	spec := specOf(specs, name)
	if spec == nil {
		return ""
	}
	_, body, _ := strings.Cut(strings.TrimSpace(spec.Doc), "\n")
	paragraph, _, _ := strings.Cut(strings.TrimSpace(body), "\n\n")
	if strings.HasPrefix(paragraph, "#") {
		return ""
	}
	return strings.Join(strings.Fields(paragraph), " ")
}
