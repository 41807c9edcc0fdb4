package actions

import (
	"context"
	_ "embed" // the page

	"weir/engine"
	"weir/engine/content"
	"weir/engine/vars"
	"weir/engine/wire"
)

//go:embed request_body_find_replace.md
var requestBodyFindReplaceDoc string

func init() {
	register(engine.ActionSpec{
		Name: "request-body-find-replace", Phases: vars.PhaseRequest, Guards: true, Doc: requestBodyFindReplaceDoc, New: newRequestBodyFindReplace,
		Fields: []engine.Field{
			{
				Name: "replacements", Type: engine.FieldObjects, Required: true, Min: 1, Max: maxReplacements, Fields: replacementFields(),
				Doc: "What is replaced by what, one after another on the result of the one before.",
			},
			{Name: "raw", Type: engine.FieldBool, Default: "false", Doc: "Whether patterns are matched against the body as it is, with its JSON syntax, in place of the texts in it."},
		},
	})
}

type requestBodyFindReplace struct {
	find *findReplace
	raw  bool
}

func newRequestBodyFindReplace(c *engine.Config) engine.Action {
	f := newFindReplace(c, "request_body_find_replace")
	if f == nil {
		return nil
	}
	return &requestBodyFindReplace{find: f, raw: c.Bool("raw")}
}

// Do edits the client's body before anything is sent on.
func (a *requestBodyFindReplace) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	body, err := x.Body()
	if err != nil {
		return engine.VerdictDeny, err //nolint:wrapcheck // what the client is told of its body
	}
	r, err := a.find.replacer(x)
	if err != nil {
		return engine.VerdictDeny, a.find.failed(x, err)
	}
	if len(body) > 0 {
		edited, changed, err := a.edit(x, body, r)
		if err != nil {
			return engine.VerdictDeny, a.find.failed(x, err)
		}
		if changed {
			if err := x.ReplaceBody(edited); err != nil {
				return engine.VerdictDeny, a.find.failed(x, err)
			}
		}
	}
	a.find.publish(x, r.Matches())
	return engine.VerdictContinue, nil
}

func (a *requestBodyFindReplace) edit(x *engine.Exchange, body []byte, r *content.Replacer) (edited []byte, changed bool, err error) {
	if a.raw || x.Request.API == wire.APIUnknown {
		return editRaw(body, r)
	}
	return editRequest(x, body, r.ReplaceAll)
}

// editRaw edits bytes as one text.
func editRaw(body []byte, r *content.Replacer) (edited []byte, changed bool, err error) {
	text := string(body)
	out, err := r.ReplaceAll(wire.TextOther, text)
	if err != nil {
		return nil, false, err //nolint:wrapcheck // the caller adds the action's name
	}
	return []byte(out), out != text, nil
}
