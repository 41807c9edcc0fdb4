package actions

import (
	"context"
	_ "embed" // the page
	"fmt"

	"weir/engine"
	"weir/engine/vars"
)

//go:embed log.md
var logDoc string

// maxLogFields keeps log lines readable, and bounded whatever a policy loops over.
const maxLogFields = 64

func init() {
	register(engine.ActionSpec{
		Name: "log", Phases: vars.PhaseTCPConnect | vars.PhaseRequest | vars.PhaseResponse, Doc: logDoc, New: newLog,
		Fields: []engine.Field{
			{Name: "metadata", Type: engine.FieldAny, Required: true, Template: true, Doc: "A mapping of field names to any values; at most 64."},
		},
	})
}

type logFields struct {
	fields []assignment
}

func newLog(c *engine.Config) engine.Action {
	n := c.Node("metadata")
	switch {
	case n == nil:
		return nil
	case n.Kind != engine.NodeMap:
		c.Errorf(n, "wrong_type", "\"metadata\" must be a mapping, got %s", n.Describe())
		return nil
	case len(n.Keys) > maxLogFields:
		c.Errorf(n, "out_of_range", "\"metadata\" may have %d entries, got %d", maxLogFields, len(n.Keys))
	}
	a := &logFields{}
	for i, key := range n.Keys {
		if value := c.Tree(n.Items[i]); value != nil {
			a.fields = append(a.fields, assignment{name: key.Text.Value, value: value})
		}
	}
	return a
}

// Do adds the fields to the exchange's log line, all of them or none.
func (a *logFields) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	values := make([]any, len(a.fields))
	for i := range a.fields {
		v, err := a.fields[i].value.Eval(x)
		if err != nil {
			return engine.VerdictContinue, fmt.Errorf("log: %s: %w", a.fields[i].name, err)
		}
		values[i] = v
	}
	for i := range a.fields {
		x.AddLog(a.fields[i].name, values[i])
	}
	if x.WantsResult("log") {
		result := make(map[string]any, len(a.fields))
		for i := range a.fields {
			result[a.fields[i].name] = values[i]
		}
		x.SetResult("log", map[string]any{"metadata": result})
	}
	return engine.VerdictContinue, nil
}
