package actions

import (
	"context"
	_ "embed" // the page
	"fmt"

	"weir/engine"
	"weir/engine/vars"
)

//go:embed set_vars.md
var setVarsDoc string

// maxVars bounds one action; a policy that needs more has several.
const maxVars = 64

func init() {
	register(engine.ActionSpec{
		Name: "set-vars", Phases: vars.PhaseTCPConnect | vars.PhaseRequest | vars.PhaseResponse, Doc: setVarsDoc, New: newSetVars,
		Fields: []engine.Field{
			{Name: "vars", Type: engine.FieldAny, Required: true, Template: true, Doc: "A list of mappings with one name and its value each, set in order; at most 64."},
		},
	})
}

type setVars struct {
	vars []assignment
}

type assignment struct {
	name  string
	value *engine.ValueTree
}

func newSetVars(c *engine.Config) engine.Action {
	n := c.Node("vars")
	if n == nil {
		return nil
	}
	a := &setVars{}
	switch n.Kind {
	case engine.NodeMap: // one mapping in place of the list
		a.add(c, n)
	case engine.NodeList:
		for _, item := range n.Items {
			if item.Kind != engine.NodeMap || len(item.Keys) != 1 {
				c.Errorf(item, "wrong_type", "each entry of \"vars\" must be a mapping with exactly one name")
				continue
			}
			a.add(c, item)
		}
	default:
		c.Errorf(n, "wrong_type", "\"vars\" must be a list of mappings, got %s", n.Describe())
		return nil
	}
	if len(n.Items) == 0 || len(n.Items) > maxVars {
		c.Errorf(n, "out_of_range", "\"vars\" must have between 1 and %d entries, got %d", maxVars, len(n.Items))
	}
	return a
}

// add compiles the value before the name counts as set, so that a variable cannot be made of itself before it exists.
func (a *setVars) add(c *engine.Config, n *engine.Node) {
	for i, key := range n.Keys {
		value := c.Tree(n.Items[i])
		if name, ok := c.SetVar(key); ok && value != nil {
			a.vars = append(a.vars, assignment{name: name, value: value})
		}
	}
}

// Do sets the variables in order; later ones see earlier ones.
func (a *setVars) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	for i := range a.vars {
		v, err := a.vars[i].value.Eval(x)
		if err != nil {
			return engine.VerdictDeny, fmt.Errorf("set-vars: %s: %w", a.vars[i].name, err)
		}
		x.SetVar(a.vars[i].name, v)
	}
	return engine.VerdictContinue, nil
}
