package actions

import (
	"context"
	_ "embed" // the page
	"fmt"

	"weir/engine"
	"weir/engine/vars"
)

//go:embed add_headers.md
var addHeadersDoc string

func init() {
	register(engine.ActionSpec{
		Name: "add-headers", Phases: vars.PhaseRequest | vars.PhaseResponse, Guards: true, Doc: addHeadersDoc, New: newAddHeaders,
		Fields: []engine.Field{
			{Name: "headers", Type: engine.FieldStringMap, Required: true, Template: true, Min: 1, Max: maxHeaders, Doc: "Names and values to add. Names are sent in lower case."},
		},
	})
}

type addHeaders struct {
	phase   vars.Phase
	headers []engine.NamedTemplate
}

func newAddHeaders(c *engine.Config) engine.Action {
	return &addHeaders{phase: c.Phase, headers: headerTemplates(c)}
}

// Do appends the fields to those that are there.
func (a *addHeaders) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	to := target(x, a.phase)
	before := len(*to)
	all, err := appendHeaders(*to, x, a.headers)
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("add-headers: %w", err)
	}
	*to = all
	added := all[before:]
	if x.WantsResult("add_headers") {
		result := make(map[string]any, len(added))
		for _, h := range added {
			result[h.Name] = h.Value
		}
		x.SetResult("add_headers", map[string]any{"headers_added": result})
	}
	return engine.VerdictContinue, nil
}
