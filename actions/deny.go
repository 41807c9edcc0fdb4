package actions

import (
	"context"
	_ "embed" // the page
	"fmt"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
)

//go:embed deny.md
var denyDoc string

func init() {
	register(engine.ActionSpec{
		Name: "deny", Phases: vars.PhaseTCPConnect | vars.PhaseRequest, Terminal: true, Guards: true, Doc: denyDoc, New: newDeny,
		Fields: []engine.Field{
			{Name: "status_code", Type: engine.FieldInt, Default: "403", Min: 400, Max: 599, Doc: "The HTTP status of the refusal."},
			{Name: "message", Type: engine.FieldString, Template: true, Doc: "What the client is told; without it, that a policy refused."},
		},
	})
}

type deny struct {
	status  int
	message *expr.Template // nil = the usual words
}

func newDeny(c *engine.Config) engine.Action {
	if c.Phase == vars.PhaseTCPConnect {
		for _, name := range [...]string{"status_code", "message"} {
			if n := c.Node(name); n != nil {
				c.Errorf(n, "wrong_phase", "%q has no meaning in on_tcp_connect, where deny closes the connection without a word", name)
			}
		}
	}
	return &deny{status: int(c.Int("status_code")), message: c.Template("message")}
}

// Do refuses the exchange in the error shape of the client's API. In on_tcp_connect the engine closes the connection.
func (d *deny) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	message := "refused by policy"
	if d.message != nil {
		text, err := d.message.String(x)
		if err != nil {
			return engine.VerdictDeny, fmt.Errorf("the message of deny: %w", err)
		}
		message = text
	}
	x.Deny(d.status, engine.CodePolicyDenied, message)
	return engine.VerdictDeny, nil
}
