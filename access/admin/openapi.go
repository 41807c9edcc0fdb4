package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"weir/access"
)

// apiVersion is that of the API's form: it changes when clients must.
const apiVersion = "1"

// document is an OpenAPI 3.1 document that grows by routes.
type document struct {
	schemas, responses, paths schema
}

// openAPI writes the document of the routes.
func openAPI(all []*route) ([]byte, error) {
	d := document{schemas: schema{}, responses: schema{}, paths: schema{}}
	d.schemas["Error"] = schemaOf(reflect.TypeFor[errorBody](), shownIn)
	d.errors()
	for _, r := range all {
		methods, _ := d.paths[r.pattern].(schema)
		if methods == nil {
			methods = schema{}
			d.paths[r.pattern] = methods
		}
		methods[strings.ToLower(r.method)] = d.operation(r)
		if r.method == methodGet {
			methods["head"] = d.head(r)
		}
	}
	out, err := json.MarshalIndent(schema{
		"openapi": "3.1.0",
		"info": schema{
			"title": "Weir Admin API", "version": apiVersion,
			"description": "Access keys, their configurations, provider keys, custom providers, teams, budgets, limits, usage and the audit log of a gateway. " +
				"Every request needs a bearer token: the listener's own, an API key, or one of the identity provider. " +
				"A token gives a role; x-roles says which roles an operation takes.",
		},
		"security":   []any{schema{"bearer": []any{}}},
		"paths":      d.paths,
		"components": schema{"schemas": d.schemas, "responses": d.responses, "securitySchemes": schema{"bearer": schema{"type": "http", "scheme": "bearer"}}},
		"x-roles": schema{
			access.RoleAdmin: "Everything.", access.RoleEditor: "Reads and changes everything but API keys and the audit log.",
			access.RoleViewer: "Reads resources and usage.", access.RoleAuditor: "Reads resources, usage and the audit log.",
		},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	return out, nil
}

// errors adds an answer for each status that failures have.
func (d *document) errors() {
	said := map[int][]string{}
	words := map[int][]string{}
	for _, f := range codeFacts() {
		said[f.status] = append(said[f.status], string(f.code)+": "+f.doc)
		words[f.status] = append(words[f.status], string(f.code))
	}
	for status := range said {
		out := schema{
			"description": strings.Join(said[status], " "),
			"content":     schema{"application/json": schema{"schema": ref("schemas", "Error"), "x-codes": words[status]}},
		}
		d.responses[refusal(status)] = out
	}
}

func refusal(status int) string { return "Refused" + strconv.Itoa(status) }

func ref(kind, name string) schema { return schema{"$ref": "#/components/" + kind + "/" + name} }

func (d *document) operation(r *route) schema {
	tag, _, _ := strings.Cut(strings.TrimPrefix(r.pattern, "/"), "/")
	out := schema{
		"operationId": r.name, "summary": r.doc, "tags": []string{tag}, "x-roles": r.right.roles(),
		"parameters": r.parameters(), "responses": d.answers(r),
	}
	if r.in != nil {
		direction, suffix := created, "Create"
		if r.partial {
			direction, suffix = patched, "Update"
		}
		name := d.name(r.in, "In", suffix, direction)
		out["requestBody"] = schema{"required": true, "content": schema{"application/json": schema{"schema": ref("schemas", name)}}}
	}
	return out
}

// name adds the schema of a type and says under which name.
func (d *document) name(t reflect.Type, drop, suffix string, in direction) string {
	base := strings.TrimSuffix(t.Name(), drop)
	name := strings.ToUpper(base[:1]) + base[1:] + suffix
	if d.schemas[name] == nil {
		d.schemas[name] = schemaOf(t, in)
	}
	return name
}

func (d *document) head(r *route) schema {
	out := d.operation(r)
	out["operationId"] = "head" + strings.ToUpper(r.name[:1]) + r.name[1:]
	out["summary"] = "The headers that GET answers with."
	answers := schema{}
	for status := range d.answers(r) {
		answers[status] = schema{"description": "As for GET, without the body."}
	}
	out["responses"] = answers
	return out
}

func (d *document) answers(r *route) schema {
	done := schema{"description": http.StatusText(r.status)}
	if body := d.body(r); body != nil {
		done["content"] = schema{"application/json": schema{"schema": body}}
	}
	if r.tagged && r.out != nil {
		done["headers"] = schema{"ETag": schema{"description": "Revision of the resource, in quotes.", "schema": schema{"type": "string"}}}
	}
	out := schema{strconv.Itoa(r.status): done}
	if r.tagged && r.method == methodGet {
		out["304"] = schema{"description": "The client has this revision already."}
	}
	for _, status := range r.refusals() {
		out[strconv.Itoa(status)] = ref("responses", refusal(status))
	}
	return out
}

func (d *document) body(r *route) schema {
	switch {
	case r.out == nil:
		return nil
	case r.out.Kind() == reflect.Map:
		return schema{"type": "object"}
	case r.list == "":
		return ref("schemas", d.name(r.out, "Out", "", shownIn))
	}
	item := d.name(r.out, "Out", "", shownIn)
	return schema{
		"type": "object", "required": []string{r.list, "uri", "nextPageUri"},
		"properties": schema{
			r.list:        schema{"type": "array", "items": ref("schemas", item)},
			"uri":         schema{"type": "string", "description": "Address of this page."},
			"nextPageUri": schema{"type": []any{"string", "null"}, "description": "Address of the page after this one, null at the end."},
		},
	}
}

// refusals lists the statuses that a route can refuse with.
func (r *route) refusals() []int {
	out := []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	if strings.Contains(r.pattern, "{id}") {
		out = append(out, http.StatusNotFound)
	}
	if r.method != methodGet {
		out = append(out, http.StatusConflict)
	}
	if r.in != nil {
		out = append(out, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if r.once {
		out = append(out, http.StatusUnprocessableEntity)
	}
	if r.conditional() {
		out = append(out, http.StatusPreconditionFailed)
	}
	slices.Sort(out)
	return out
}

// conditional reports whether the route changes a resource that is there.
func (r *route) conditional() bool {
	return r.tagged && r.method != methodGet && (strings.Contains(r.pattern, "{id}") || r.method == methodPatch)
}

func (r *route) parameters() []schema {
	out := []schema{}
	if strings.Contains(r.pattern, "{id}") {
		out = append(out, schema{"name": "id", "in": "path", "required": true, "schema": schema{"type": "string"}})
	}
	for i := range r.params {
		out = append(out, r.params[i].schema())
	}
	header := func(name, doc string) {
		out = append(out, schema{"name": name, "in": "header", "description": doc, "schema": schema{"type": "string"}})
	}
	if r.tagged && r.method == methodGet {
		header("If-None-Match", "ETag of what the client has: 304 where it is still that.")
	}
	if r.conditional() {
		header("If-Match", "ETag that the resource must have: 412 where it has another.")
	}
	if r.once {
		header("Idempotency-Key", "Text that names this request: sent again within 24 hours, it gets the same answer and changes nothing.")
	}
	return out
}

func (p *param) schema() schema {
	kind := schema{"type": "string"}
	switch p.format {
	case "integer":
		kind = schema{"type": "integer", "minimum": 1, "maximum": p.most}
	case "boolean":
		kind["type"] = "boolean"
	case "date-time":
		kind["format"] = p.format
	}
	switch {
	case p.enum != nil && p.prefix != "":
		kind = schema{"anyOf": []any{schema{"enum": p.enum}, schema{"type": "string", "pattern": "^" + p.prefix + "."}}}
	case p.enum != nil:
		kind["enum"] = p.enum
	}
	switch {
	case p.initially != "" && p.format == "integer":
		kind["default"] = json.Number(p.initially)
	case p.initially != "" && p.format == "boolean":
		kind["default"] = p.initially == "true"
	case p.initially != "":
		kind["default"] = p.initially
	}
	return schema{"name": p.name, "in": "query", "required": p.required, "description": p.doc, "schema": kind}
}
