package actions

import (
	"context"
	_ "embed" // the page
	"errors"
	"fmt"
	"net/http"
	"slices"

	"weir/engine"
	"weir/engine/vars"
)

//go:embed redirect.md
var redirectDoc string

func init() {
	register(engine.ActionSpec{
		Name: "redirect", Phases: vars.PhaseRequest, Guards: true, Doc: redirectDoc, New: newRedirect,
		Fields: []engine.Field{
			{Name: "from", Type: engine.FieldString, Template: true, Doc: "A regular expression that is looked for in the whole URL; without it the whole URL is replaced."},
			{Name: "to", Type: engine.FieldString, Required: true, Template: true, Doc: "What takes the place of each match; `$1` is the first group of it."},
			{Name: "status_code", Type: engine.FieldInt, Default: "302", Min: 301, Max: 308, Doc: "The status: 301, 302, 303, 307 or 308."},
			{Name: "headers", Type: engine.FieldStringMap, Template: true, Max: maxHeaders, Doc: "More headers of the answer."},
		},
	})
}

type redirect struct {
	edit    *urlEdit
	status  int
	headers []engine.NamedTemplate
}

func newRedirect(c *engine.Config) engine.Action {
	a := &redirect{edit: newURLEdit(c), status: int(c.Int("status_code")), headers: headerTemplates(c)}
	switch a.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		c.Errorf(c.Node("status_code"), "bad_value", "\"status_code\" must be 301, 302, 303, 307 or 308, got %d", a.status)
	}
	if slices.ContainsFunc(a.headers, func(h engine.NamedTemplate) bool { return h.Name == "location" }) {
		c.Errorf(c.Node("headers"), "bad_header", "location is what \"to\" says")
	}
	if a.edit == nil {
		return nil
	}
	return a
}

// errEmptyURL says that nothing is left of the URL.
var errEmptyURL = errors.New("the new URL is empty")

// Do answers with the new URL. A request whose URL stays as it is goes on.
func (a *redirect) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	old := requestURL(x)
	target, matches, err := a.edit.apply(x, old)
	if err == nil && target == "" {
		err = errEmptyURL
	}
	if err == nil {
		err = engine.CheckHeaderValue(target)
	}
	if err != nil {
		editResult(x, "redirect", matches, "", err)
		return engine.VerdictDeny, fmt.Errorf("redirect: %w", err)
	}
	editResult(x, "redirect", matches, target, nil)
	if target == old {
		return engine.VerdictContinue, nil
	}
	headers, err := appendHeaders(make(engine.Headers, 0, len(a.headers)+1), x, a.headers)
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("redirect: %w", err)
	}
	headers.Add("location", target)
	x.Respond(a.status, headers, nil)
	return engine.VerdictRespond, nil
}
