package actions

import (
	"context"
	_ "embed" // the page
	"fmt"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
)

//go:embed forward_internal.md
var forwardInternalDoc string

func init() {
	register(engine.ActionSpec{
		Name: "forward-internal", Phases: vars.PhaseRequest, Terminal: true, Guards: true, Doc: forwardInternalDoc, New: newForwardInternal,
		Fields: []engine.Field{
			{Name: "url", Type: engine.FieldString, Required: true, Template: true, Doc: "The endpoint of this gateway: `http://` or `https://` and its host, or its id, with or without `.internal` behind it."},
			{Name: "on_error", Type: engine.FieldEnum, Default: onErrorHalt, Enum: []string{onErrorHalt, onErrorContinue}, Doc: "What happens where the request cannot be sent there: the client gets an error, or the actions that follow run."},
			{Name: "binding", Type: engine.FieldString, Doc: "Accepted so that policies written for ngrok load; the endpoints of one gateway have no bindings."},
		},
	})
}

type forwardInternal struct {
	url    *expr.Template
	goesOn bool
}

func newForwardInternal(c *engine.Config) engine.Action {
	a := &forwardInternal{url: c.Template("url"), goesOn: c.String("on_error") == onErrorContinue}
	if a.url == nil {
		return nil
	}
	if address, literal := a.url.Literal(); literal {
		endpointAddress(c, c.Node("url"), address)
	}
	return a
}

// Do takes the request through the policy of the other endpoint.
func (a *forwardInternal) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	address, err := a.url.String(x)
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("the url of forward-internal: %w", err)
	}
	return forwardInside(x, address, "forward_internal", a.goesOn) //nolint:contextcheck // the exchange carries its own cancellation along
}
