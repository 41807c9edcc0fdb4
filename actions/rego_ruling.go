package actions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"weir/engine"
	"weir/engine/opa"
	"weir/engine/vars"
	"weir/engine/wire"
)

// ruling is one use of the action: what it asks for an exchange, and what becomes of the answer.
type ruling struct {
	a       *rego
	x       *engine.Exchange
	at      engine.Site
	shadow  bool // nothing is done, what would be is noted
	refused bool
	noted   bool // what would be done to a stream was noted
	id      string
	last    opa.Result
}

// ask has the decision made. What went wrong counts as a refusal, unless the rule goes on.
func (r *ruling) ask(ctx context.Context, from opa.Source, w *opa.Window) (*opa.Decision, error) {
	x := r.x
	r.id = x.DecisionID()
	e := opa.Evaluation{Source: from, Window: w, Deadline: r.a.deadline, WantInput: x.WantsDecisions()}
	if r.a.body {
		e.RawBody = x.Body
	}
	var err error
	r.last, err = r.a.query.Eval(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.a.path, err)
	}
	d := r.last.Decision
	if d == nil {
		return nil, fmt.Errorf("%s: %w", r.a.path, opa.ErrUndefined)
	}
	if err := checkHeaders(d.Headers); err != nil {
		return nil, fmt.Errorf("%s: %w", r.a.path, err)
	}
	return d, nil
}

func checkHeaders(headers []opa.Header) error {
	for i := range headers {
		h := &headers[i]
		err := engine.CheckHeaderName(h.Name)
		if err == nil {
			err = engine.CheckHeaderValue(h.Value)
		}
		if err != nil {
			return fmt.Errorf("headers: %w", err)
		}
	}
	return nil
}

// settle tells the decision log, and later expressions, what became of the decision.
func (r *ruling) settle(effect engine.Effect, failure error) {
	x := r.x
	x.RecordDecision(engine.Decision{
		ID: r.id, Path: r.a.path, Language: "rego", Effect: effect, Shadow: r.shadow,
		Rule: r.at.Rule, Action: r.at.Action, Pos: r.at.Pos,
		Input: r.last.Input, Result: r.last.Value, Err: failure, Elapsed: r.last.Elapsed,
	})
	if r.shadow || !x.WantsResult(regoResult) {
		return
	}
	result := map[string]any{"decision_id": r.id, "allow": false}
	if d := r.last.Decision; d != nil && failure == nil {
		result["allow"] = d.Allow
		if !d.Allow {
			e := refusalBy(d)
			result["status"], result["code"], result["message"] = int64(e.Status), string(e.Code), e.Message
		}
	}
	if failure != nil {
		result["error"] = map[string]any{"code": string(failureCode(failure)), "message": failure.Error()}
	}
	x.SetResult(regoResult, result)
}

// failureCode is the code of what an action failed with.
func failureCode(err error) engine.Code {
	if own, ok := errors.AsType[*engine.Error](err); ok {
		return own.Code
	}
	return engine.CodePolicyFailed
}

// refusalBy is what the client is told of a decision that refuses. A code that Weir knows brings its status.
func refusalBy(d *opa.Decision) *engine.Error {
	e := &engine.Error{Code: engine.Code(d.Code), Status: d.Status, Message: d.Message}
	if e.Code == "" {
		e.Code = engine.CodePolicyDenied
	}
	if e.Status == 0 {
		e.Status = http.StatusForbidden
		if fact := e.Code.Fact(); fact.Code == e.Code {
			e.Status = fact.Status
		}
	}
	if e.Message == "" {
		e.Message = "refused by policy"
	}
	return e
}

// refuse refuses the exchange as the decision says.
func (r *ruling) refuse(d *opa.Decision) {
	e := refusalBy(d)
	r.settle(engine.EffectRefused, nil)
	if r.shadow {
		r.note("would deny: " + string(e.Code))
		return
	}
	r.addHeaders(d)
	r.x.Deny(e.Status, e.Code, e.Message)
	r.refused = true
}

// note tells the log what would be done, once.
func (r *ruling) note(what string) {
	if !r.noted {
		r.noted = true
		r.x.Note(r.at, what)
	}
}

// addHeaders adds the decision's fields to the answer: to the one that is there, or to whatever it will be.
func (r *ruling) addHeaders(d *opa.Decision) {
	for i := range d.Headers {
		name, value := strings.ToLower(d.Headers[i].Name), d.Headers[i].Value
		if r.a.phase == vars.PhaseResponse {
			r.x.Reply.Headers.Add(name, value)
		} else {
			r.x.AddReplyHeader(name, value)
		}
	}
}

// request asks about a request.
func (r *ruling) request(ctx context.Context) error {
	d, err := r.ask(ctx, r.x, nil)
	if err != nil {
		r.settle(engine.EffectFailed, err)
		return err
	}
	if !d.Allow {
		r.refuse(d)
		return nil
	}
	body, changed, err := r.editRequest(d)
	if err == nil && changed && !r.shadow {
		err = r.x.ReplaceBody(body)
	}
	if err != nil {
		r.settle(engine.EffectFailed, err)
		return err
	}
	r.grant(d, changed)
	return nil
}

// grant does what is left of a decision that allows, once the body is edited.
func (r *ruling) grant(d *opa.Decision, changed bool) {
	effect := engine.EffectAllowed
	switch {
	case changed:
		effect = engine.EffectRewrote
	case d.Models != nil:
		effect = engine.EffectRouted
	}
	r.settle(effect, nil)
	if r.shadow {
		r.note(wouldDo(d, changed))
		return
	}
	r.addHeaders(d)
	for name, value := range d.Vars {
		r.x.SetVar(name, value)
	}
	if m := d.Models; m != nil {
		r.x.NarrowModels(engine.ModelLists{Allow: m.Allow, HasAllow: m.HasAllow, Deny: m.Deny})
	}
}

// wouldDo says what a decision that allows does beside.
func wouldDo(d *opa.Decision, changed bool) string {
	switch {
	case changed:
		return "would rewrite"
	case d.Models != nil:
		return "would narrow the models"
	default:
		return "would allow"
	}
}

// editRequest gives the client's body as the decision wants it.
func (r *ruling) editRequest(d *opa.Decision) (edited []byte, changed bool, err error) {
	if len(d.Patch)+len(d.Redact) == 0 {
		return nil, false, nil
	}
	x := r.x
	body, err := x.Body()
	if err != nil {
		return nil, false, err //nolint:wrapcheck // what the client is told of its body
	}
	if len(d.Patch) > 0 {
		if x.Request.Form != nil {
			return nil, false, errors.New("patch: the body is a form")
		}
		if body, err = patched(body, d.Patch); err != nil {
			return nil, false, err
		}
		changed = true
	}
	return r.redact(d, body, changed, editRequest)
}

// redact takes out of a body what the decision says; changed says that its patch has changed the body already.
func (r *ruling) redact(
	d *opa.Decision, body []byte, changed bool, edit func(*engine.Exchange, []byte, wire.TextEdit) ([]byte, bool, error),
) (edited []byte, differs bool, err error) {
	redactor, err := r.a.redacted.redactor(d.Redact)
	if err != nil || redactor == nil || len(body) == 0 {
		return body, changed, err
	}
	edited, differs, err = edit(r.x, body, redactor.ReplaceAll)
	if err != nil {
		return nil, false, fmt.Errorf("redact: %w", err)
	}
	if differs {
		return edited, true, nil
	}
	return body, changed, nil
}

// patched gives a body with the decision's patch applied.
func patched(body []byte, patch []opa.Patch) ([]byte, error) {
	ops := make([]wire.PatchOp, len(patch))
	for i := range patch {
		p := &patch[i]
		ops[i] = wire.PatchOp{Op: p.Op, Path: p.Path, From: p.From, Value: p.Value}
	}
	out, err := wire.ApplyPatch(nil, body, ops)
	if err != nil {
		return nil, fmt.Errorf("patch: %w", err)
	}
	return out, nil
}
