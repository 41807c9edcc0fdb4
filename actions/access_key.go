package actions

import (
	_ "embed" // the page

	"weir/engine"
	"weir/engine/vars"
)

//go:embed access_key.md
var accessKeyDoc string

func init() {
	register(engine.ActionSpec{
		Name: "access-key", Phases: vars.PhaseRequest, Guards: true, Authenticates: true, Doc: accessKeyDoc, New: newAccessKey,
		Fields: []engine.Field{
			{Name: "enforce", Type: engine.FieldBool, Default: "true", Doc: "Without it callers who have no valid key go on as anonymous, and rules decide by `actions.access_key.authorized`."},
		},
	})
}

func newAccessKey(c *engine.Config) engine.Action {
	if c.Diagnostics().HasErrors() {
		return nil
	}
	mode := engine.ModeEnforce
	if !c.Bool("enforce") {
		mode = engine.ModeShadow
	}
	return engine.NewAccessAction(mode)
}
