package actions

import (
	"fmt"
	"strings"

	"weir/engine"
	"weir/engine/vars"
)

// headerTemplates compiles the field headers and checks its names, which are read in lower case.
func headerTemplates(c *engine.Config) []engine.NamedTemplate {
	if n := c.Node("headers"); n != nil {
		for _, key := range n.Keys {
			if err := engine.CheckHeaderName(key.Text.Value); err != nil {
				c.Errorf(key, "bad_header", "%v", err)
			}
		}
	}
	out := c.TemplateMap("headers")
	for i := range out {
		out[i].Name = strings.ToLower(out[i].Name)
		value, literal := out[i].Value.Literal()
		if err := engine.CheckHeaderValue(value); literal && err != nil {
			c.Errorf(c.Node("headers"), "bad_header", "%s: %v", out[i].Name, err)
		}
	}
	return out
}

// appendHeaders appends the evaluated fields. A failure leaves no half of them behind.
func appendHeaders(to engine.Headers, x *engine.Exchange, templates []engine.NamedTemplate) (engine.Headers, error) {
	before := len(to)
	for i := range templates {
		t := &templates[i]
		value, err := t.Value.String(x)
		if err == nil {
			err = engine.CheckHeaderValue(value)
		}
		if err != nil {
			return to[:before], fmt.Errorf("header %s: %w", t.Name, err)
		}
		to.Add(t.Name, value)
	}
	return to, nil
}

// target is the list of header fields that an action of a phase edits.
func target(x *engine.Exchange, phase vars.Phase) *engine.Headers {
	if phase == vars.PhaseResponse {
		return &x.Reply.Headers
	}
	return &x.Request.Headers
}
