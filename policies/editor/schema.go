package editor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"weir/engine"
	"weir/policies"
)

// object is one JSON Schema, or a part of one.
type object map[string]any

// draft is the version of JSON Schema: draft-07 is the newest that yaml-language-server reads completely.
const draft = "http://json-schema.org/draft-07/schema#"

const (
	// durationPattern is how durations are written: numbers with units, such as 1h30m.
	durationPattern = `^\s*\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+\s*$`
	// urlPattern is an absolute http or https URL with a host.
	urlPattern = `^[hH][tT][tT][pP][sS]?://[^/?#]`
	// templatePattern is the beginning of an expression inside a text.
	templatePattern = `\$\{`
)

// Schema returns the JSON Schema of policies in which these actions may stand.
func Schema(specs []engine.ActionSpec) ([]byte, error) {
	g := &generator{specs: specs, definitions: object{}}
	root := g.mapping(policies.Language())
	root["$schema"] = draft
	root["title"] = "Weir policy"
	root["description"] = "A policy of the Weir AI gateway: who may call, which models answer, and what is changed on the way."
	var twice []any
	fields := policies.Language()
	for i := range fields {
		f := &fields[i]
		if f.Alias != "" {
			twice = append(twice, object{"not": object{"required": []string{f.Name, f.Alias}}})
		}
	}
	root["allOf"] = twice
	root["definitions"] = g.definitions
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	return out.Bytes(), nil
}

// generator makes a schema of the field tables. What is used in several places becomes a definition.
type generator struct {
	specs       []engine.ActionSpec
	definitions object
}

// define makes a definition and returns a reference to it. Different contents of one name get different definitions.
func (g *generator) define(name string, content object) object {
	content["title"] = strings.ReplaceAll(name, "_", " ") // editors show it, and the document's where there is none
	want := encode(content)
	for n := 1; ; n++ {
		id := name
		if n > 1 {
			id += "_" + strconv.Itoa(n)
		}
		have, taken := g.definitions[id]
		if !taken {
			g.definitions[id] = content
		} else if encode(have) != want {
			continue
		}
		return object{"$ref": "#/definitions/" + id}
	}
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error() // of maps and strings, which always encode
	}
	return string(text)
}

// mapping makes the schema of a mapping with these fields and no others.
func (g *generator) mapping(fields []policies.Field) object {
	properties := object{}
	var required []string
	for i := range fields {
		f := &fields[i]
		properties[f.Name] = g.field(f)
		if f.Alias != "" {
			properties[f.Alias] = g.field(f)
		}
		if f.Required {
			required = append(required, f.Name)
		}
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// field makes the schema of a field's value, with what is to say about it.
func (g *generator) field(f *policies.Field) object {
	null := !f.Required && !f.Filled
	var out object
	switch {
	case f.List && f.Single:
		many := object{"items": g.value(f, false)}
		bounds(many, f, "Items")
		out = object{"if": object{"type": "array"}, "then": many, "else": g.value(f, null)}
	case f.List:
		out = object{"type": types(null, "array"), "items": g.value(f, false)}
		bounds(out, f, "Items")
	default:
		out = maps.Clone(g.value(f, null))
	}
	out["description"] = strings.ReplaceAll(f.Doc, "`", "")
	if strings.Contains(f.Doc, "`") {
		out["markdownDescription"] = f.Doc
	}
	if f.Default != "" && !f.List {
		out["default"] = defaultOf(f)
	}
	return out
}

// value makes the schema of one value of a field.
func (g *generator) value(f *policies.Field, null bool) object {
	switch f.Kind {
	case policies.KindString, policies.KindFile, policies.KindURL, policies.KindActionName:
		return plainText(f, null)
	case policies.KindTemplate, policies.KindExpression, policies.KindValue, policies.KindModelCondition, policies.KindModels, policies.KindKeys:
		return enumerated(f, object{"type": scalar(null)}, null)
	case policies.KindDuration, policies.KindInt, policies.KindNumber, policies.KindPrice, policies.KindBool:
		return number(f, null)
	case policies.KindName:
		name := policies.Field{Name: "name", Required: true, Doc: "The name."}
		return object{
			"if": object{"type": "object"}, "then": g.mapping([]policies.Field{name}), "else": plainText(&policies.Field{}, false),
		}
	case policies.KindStrings:
		entry := plainText(&policies.Field{}, false)
		if f.Templates {
			entry = object{"type": scalar(false)}
		}
		out := object{"type": types(null, "object"), "additionalProperties": entry}
		bounds(out, f, "Properties")
		return out
	case policies.KindMapping:
		out := object{"type": types(null, "object")}
		bounds(out, f, "Properties")
		return out
	case policies.KindObject, policies.KindRouteRule:
		return g.named(f, null)
	case policies.KindRego:
		return object{"type": scalar(null)}
	case policies.KindModule:
		return object{"if": object{"type": "object"}, "then": g.named(f, false), "else": plainText(f, false)}
	case policies.KindModules:
		entries := f.Fields[0]
		many := object{"items": g.value(&entries, false), "minItems": 1}
		return object{
			"if": object{"type": "object"}, "then": g.mapping(f.Fields),
			"else": object{"if": object{"type": "array"}, "then": many, "else": plainText(f, false)},
		}
	case policies.KindRule:
		return g.rule(f)
	case policies.KindAction:
		return g.action(f)
	default:
		if null {
			return object{}
		}
		return object{"not": object{"type": "null"}}
	}
}

// named makes a definition of a mapping, in the singular of its field's name where there can be several of it.
func (g *generator) named(f *policies.Field, null bool) object {
	out := g.mapping(f.Fields)
	if !f.List {
		out["type"] = types(null, "object")
		return out
	}
	return g.define(strings.TrimSuffix(f.Name, "s"), out)
}

// number makes the schema of what is no text.
func number(f *policies.Field, null bool) object {
	out := object{}
	switch f.Kind {
	case policies.KindDuration:
		out["type"], out["pattern"] = types(null, "string"), durationPattern
		if f.Min == 0 { // nothing without a unit but nothing at all
			out["type"], out["minimum"], out["maximum"] = types(null, "string", "integer"), 0, 0
			out["pattern"] = strings.TrimSuffix(durationPattern, "$") + `$|^\s*0\s*$`
		}
	case policies.KindBool:
		out["type"] = types(null, "boolean")
	case policies.KindPrice:
		out["type"], out["minimum"] = types(null, "number"), 0
	case policies.KindInt:
		out["type"] = types(null, "integer")
		bounds(out, f, "imum")
	default:
		out["type"] = types(null, "number")
	}
	return out
}

// plainText makes the schema of a text in which ${ would be taken literally, and is therefore refused.
func plainText(f *policies.Field, null bool) object {
	out := object{"type": scalar(null)}
	if f.Kind == policies.KindURL {
		out["type"], out["pattern"] = types(null, "string"), urlPattern
	}
	if len(f.Enum) == 0 {
		out["not"] = object{"type": "string", "pattern": templatePattern}
	}
	return enumerated(f, out, null)
}

// enumerated adds the words that a text may be. YAML reads some of them as numbers.
func enumerated(f *policies.Field, out object, null bool) object {
	if len(f.Enum) == 0 {
		return out
	}
	words := make([]any, 0, len(f.Enum)+1)
	for _, w := range f.Enum {
		words = append(words, w)
	}
	for _, w := range f.Enum {
		if v, err := strconv.ParseFloat(w, 64); err == nil {
			words = append(words, v)
		}
	}
	if null {
		words = append(words, nil)
	}
	return object{"enum": words}
}

// scalar is the type of a text: numbers and booleans are read as they are written.
func scalar(null bool) []string { return types(null, "string", "number", "boolean") }

func types(null bool, names ...string) []string {
	if null {
		names = append(slices.Clone(names), "null")
	}
	return names
}

// bounds adds minimum and maximum of a field, under the names that its kind has them.
func bounds(out object, f *policies.Field, suffix string) {
	if f.Min != 0 || suffix == "imum" && f.Max != 0 {
		out["min"+suffix] = f.Min
	}
	if f.Max != 0 {
		out["max"+suffix] = f.Max
	}
}

func defaultOf(f *policies.Field) any {
	switch f.Kind {
	case policies.KindBool, policies.KindInt, policies.KindNumber, policies.KindPrice, policies.KindAny:
		var v any
		if json.Unmarshal([]byte(f.Default), &v) == nil {
			return v
		}
	default:
	}
	return f.Default
}
