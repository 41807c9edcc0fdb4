package opa

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"weir/engine/vars"
)

// schema is the part of JSON Schema that the input needs.
type schema struct {
	Dialect     string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	// Additional is false or a schema.
	Additional any     `json:"additionalProperties,omitempty"`
	Items      *schema `json:"items,omitempty"`
}

// InputSchema returns the JSON Schema of the input document, for editors and for opa check --schema.
func InputSchema() ([]byte, error) {
	s := schemaOf(shape())
	s.Dialect = "http://json-schema.org/draft-07/schema#"
	s.Title = "The input of Rego in Weir"
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the schema of the input: %w", err)
	}
	return append(out, '\n'), nil
}

// rawSchema is the schema in the form that OPA's compiler takes; nothing changes it.
//
//nolint:gochecknoglobals // made once from a constant table
var rawSchema = sync.OnceValue(func() any {
	text, err := json.Marshal(schemaOf(shape()))
	var raw any
	if err == nil {
		err = json.Unmarshal(text, &raw)
	}
	if err != nil {
		panic(err) // the table of variables cannot be written as JSON: no test passes
	}
	return raw
})

// schemas gives the compiler the type of the input, which annotations may name as schema.input too.
func schemas() *ast.SchemaSet {
	set := ast.NewSchemaSet()
	set.Put(ast.SchemaRootRef, rawSchema())
	set.Put(ast.SchemaRootRef.Append(ast.StringTerm("input")), rawSchema())
	return set
}

func schemaOf(n *name) *schema {
	switch n.kind {
	case kindRawBody:
		return &schema{Type: "string", Description: "The body as the client sent it."}
	case kindWindow:
		return &schema{
			Type: "object", Additional: false, Description: "On streams, which part of the answer ai.response.text is; undefined on whole answers.",
			Properties: map[string]*schema{
				"kind":  {Type: "string", Description: "assistant, reasoning, tool_arguments or refusal."},
				"index": {Type: "integer", Description: "The number of the part, from 0."},
				"final": {Type: "boolean", Description: "Whether nothing follows in this text."},
			},
		}
	case kindVariable:
		s := schemaOfType(n.v.Type)
		if n.v.ID == vars.ResCookies {
			s.Additional = &schema{Type: "array", Items: setCookieSchema()}
		}
		s.Description = n.v.Doc
		return s
	case kindNamespace:
	}
	s := &schema{Type: "object", Properties: map[string]*schema{}, Additional: false}
	for _, c := range n.children {
		s.Properties[c.part] = schemaOf(c)
	}
	return s
}

func schemaOfType(t vars.Type) *schema {
	text := &schema{Type: "string"}
	switch t {
	case vars.TypeBool:
		return &schema{Type: "boolean"}
	case vars.TypeInt:
		return &schema{Type: "integer"}
	case vars.TypeDouble:
		return &schema{Type: "number"}
	case vars.TypeString, vars.TypeTimestamp:
		return text
	case vars.TypeStrings:
		return &schema{Type: "array", Items: text}
	case vars.TypeMulti:
		return &schema{Type: "object", Additional: &schema{Type: "array", Items: text}}
	case vars.TypeCookies:
		cookie := &schema{Type: "object", Properties: map[string]*schema{"name": text, "value": text}}
		return &schema{Type: "object", Additional: &schema{Type: "array", Items: cookie}}
	case vars.TypeStringMap:
		return &schema{Type: "object", Additional: text}
	case vars.TypeMap:
		return &schema{Type: "object"}
	case vars.TypeList:
		return &schema{Type: "array"}
	default:
		return &schema{}
	}
}
