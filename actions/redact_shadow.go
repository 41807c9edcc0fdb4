package actions

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"weir/engine"
)

// DoShadow says what Do would have redacted, and changes nothing.
func (a *redact) DoShadow(_ context.Context, x *engine.Exchange) error {
	run, err := a.begin(x)
	if err != nil {
		return err
	}
	run.shadow = true
	site := x.Site()
	if a.request {
		err = a.lookAtRequest(run)
	} else {
		if x.IsEventStream() && x.Failure() == nil && a.onStream != streamSkip {
			return a.lookAtStream(run, site)
		}
		err = a.lookAtAnswer(run)
	}
	if err != nil {
		return err
	}
	run.note(site)
	return nil
}

func (a *redact) lookAtRequest(run *redactRun) error {
	body, err := run.x.Body()
	if err != nil || len(body) == 0 {
		return err //nolint:wrapcheck // what the client is told of its body
	}
	_, _, err = editRequest(run.x, body, run.edit(a.kindsOf(run.x)))
	return err
}

func (a *redact) lookAtAnswer(run *redactRun) error {
	x := run.x
	body := x.Reply.Body
	if f := x.Failure(); f != nil {
		body = f.Upstream
	}
	if len(body) == 0 {
		return nil
	}
	_, _, err := editAnswer(x, body, run.edit(a.kindsOf(x)))
	return err
}

func (a *redact) lookAtStream(run *redactRun, site engine.Site) error {
	x := run.x
	look := newShadowStream(newTextStream(x, run.filter()), func(err error) {
		x.Note(site, "would end the stream: "+err.Error())
	})
	if err := x.FilterStream(look); err != nil {
		return fmt.Errorf("filtering the stream: %w", err)
	}
	x.OnEnd(func(*engine.Exchange) { run.note(site) })
	return nil
}

// note tells the logs what would have been done.
func (r *redactRun) note(at engine.Site) {
	if len(r.found) == 0 {
		return
	}
	parts := make([]string, 0, len(r.found))
	for entity, n := range r.found {
		parts = append(parts, fmt.Sprintf("%s %d", entity, n))
	}
	slices.Sort(parts)
	r.x.Note(at, "would redact: "+strings.Join(parts, ", "))
	if r.x.WantsDecisions() {
		r.x.RecordDecision(engine.Decision{
			Path: r.x.Phase().String() + "/" + at.Rule, Language: "cel", Effect: engine.EffectRewrote, Shadow: true,
			Rule: at.Rule, Action: at.Action, Pos: at.Pos, Result: map[string]any{"allow": true, "would_redact": r.found.fields()},
		})
	}
}
