package actions

import (
	"context"
	_ "embed" // the page
	"strings"

	"weir/engine"
	"weir/engine/vars"
)

//go:embed remove_headers.md
var removeHeadersDoc string

func init() {
	register(engine.ActionSpec{
		Name: "remove-headers", Phases: vars.PhaseRequest | vars.PhaseResponse, Guards: true, Doc: removeHeadersDoc, New: newRemoveHeaders,
		Fields: []engine.Field{
			{Name: "headers", Type: engine.FieldStrings, Required: true, Min: 1, Max: maxHeaders, Doc: "Names to remove, in any case."},
		},
	})
}

type removeHeaders struct {
	phase vars.Phase
	names []string
}

func newRemoveHeaders(c *engine.Config) engine.Action {
	a := &removeHeaders{phase: c.Phase}
	for i, name := range c.Strings("headers") {
		if strings.Contains(name, "${") {
			continue // reported already: names are fixed when the policy loads
		}
		if err := engine.CheckHeaderName(name); err != nil {
			c.Errorf(c.Node("headers").Items[i], "bad_header", "%v", err)
			continue
		}
		a.names = append(a.names, strings.ToLower(name))
	}
	return a
}

// Do removes every field of the names.
func (a *removeHeaders) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	from := target(x, a.phase)
	var removed []any
	wanted := x.WantsResult("remove_headers")
	for _, name := range a.names {
		if from.Del(name) > 0 && wanted {
			removed = append(removed, name)
		}
	}
	if wanted {
		x.SetResult("remove_headers", map[string]any{"headers_removed": removed})
	}
	return engine.VerdictContinue, nil
}
