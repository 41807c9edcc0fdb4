package actions

import (
	"context"
	_ "embed" // the page
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
)

//go:embed custom_response.md
var customResponseDoc string

// maxHeaders is how many fields one action may name; more belong into several actions.
const maxHeaders = 10

func init() {
	register(engine.ActionSpec{
		Name: "custom-response", Phases: vars.PhaseRequest | vars.PhaseResponse, Terminal: true, Guards: true, ContentRule: true,
		Doc: customResponseDoc, New: newCustomResponse,
		Fields: []engine.Field{
			{Name: "status_code", Type: engine.FieldInt, Default: "200", Min: 200, Max: 599, Doc: "The HTTP status of the answer."},
			{Name: "body", Type: engine.FieldString, Template: true, Doc: "The body of the answer; empty without it."},
			{Name: "content", Type: engine.FieldString, Template: true, Doc: "Another name of body."},
			{Name: "headers", Type: engine.FieldStringMap, Template: true, Max: maxHeaders, Doc: "Headers of the answer. Without content-type one is chosen from the body."},
		},
	})
}

type customResponse struct {
	status  int
	body    *expr.Template // nil = empty
	headers []engine.NamedTemplate
	typed   bool // headers hold a content type
}

func newCustomResponse(c *engine.Config) engine.Action {
	a := &customResponse{status: int(c.Int("status_code")), headers: headerTemplates(c)}
	body, content := c.Node("body"), c.Node("content")
	switch {
	case body != nil && content != nil:
		c.Errorf(content, "duplicate_key", "body and content are the same field")
	case content != nil:
		a.body, body = c.Template("content"), content
	default:
		a.body = c.Template("body")
	}
	if body != nil && (a.status == http.StatusNoContent || a.status == http.StatusNotModified) {
		c.Errorf(body, "bad_value", "an answer of status %d has no body", a.status)
	}
	a.typed = slices.ContainsFunc(a.headers, func(h engine.NamedTemplate) bool { return h.Name == "content-type" })
	return a
}

// Do answers the client in place of a provider, or in place of what the provider answered.
func (a *customResponse) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	var body string
	if a.body != nil {
		var err error
		if body, err = a.body.String(x); err != nil {
			return engine.VerdictDeny, fmt.Errorf("the body of custom-response: %w", err)
		}
	}
	headers, err := appendHeaders(make(engine.Headers, 0, len(a.headers)+1), x, a.headers)
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("custom-response: %w", err)
	}
	if !a.typed && body != "" {
		headers.Set("content-type", contentType(body))
	}
	if x.Reply.Stream != nil {
		_ = x.Reply.Stream.Close() // the answer is replaced; how the old one ends does not matter
	}
	x.Reply = engine.Reply{Status: a.status, Headers: headers, Body: []byte(body), Synthetic: true}
	return engine.VerdictRespond, nil
}

// contentType guesses the type of a body that a policy wrote.
func contentType(body string) string {
	if trimmed := strings.TrimSpace(body); trimmed != "" && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid([]byte(body)) {
		return "application/json"
	}
	return http.DetectContentType([]byte(body))
}
