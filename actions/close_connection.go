package actions

import (
	"context"
	_ "embed" // the page

	"weir/engine"
	"weir/engine/vars"
)

//go:embed close_connection.md
var closeConnectionDoc string

func init() {
	register(engine.ActionSpec{
		Name: "close-connection", Phases: vars.PhaseTCPConnect | vars.PhaseRequest, Terminal: true, Guards: true,
		Doc: closeConnectionDoc, New: func(*engine.Config) engine.Action { return closeConnection{} },
	})
}

type closeConnection struct{}

// Do closes the client's connection without an answer.
func (closeConnection) Do(context.Context, *engine.Exchange) (engine.Verdict, error) {
	return engine.VerdictClose, nil
}
