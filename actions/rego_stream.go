package actions

import (
	"context"
	"fmt"

	"weir/engine"
	"weir/engine/content"
	"weir/engine/opa"
	"weir/engine/wire"
)

// stream asks about a streamed answer: now where the decision does not depend on what it says, else as it comes.
func (r *ruling) stream(ctx context.Context) error {
	x, a := r.x, r.a
	switch {
	case !a.texts:
		return r.unread(ctx)
	case !x.IsEventStream() && holdsBytes(x): // sound and pictures say nothing
		return r.unread(ctx)
	case !x.IsEventStream():
		err := contentFailure(errUnread)
		r.id = x.DecisionID()
		r.settle(engine.EffectFailed, err)
		return err
	case a.onStream == streamBuffer:
		return r.install(newRegoBuffer(ctx, r))
	default:
		return r.install(newRegoStream(ctx, r))
	}
}

// install puts a filter on the stream; in shadow one that only looks.
func (r *ruling) install(f engine.StreamFilter) error {
	if r.shadow {
		f = newShadowStream(f, func(err error) { r.note("would end the stream: " + err.Error()) })
	} else if r.a.refusal {
		r.x.KeepRefusal()
	}
	if err := r.x.FilterStream(f); err != nil {
		return fmt.Errorf("filtering the stream: %w", err)
	}
	return nil
}

// unread asks once about a stream whose texts the decision does not depend on.
func (r *ruling) unread(ctx context.Context) error {
	d, err := r.ask(ctx, r.x, nil)
	if err == nil && d.Allow {
		err = r.redactStream(d)
	}
	if err != nil {
		r.settle(engine.EffectFailed, err)
		return contentFailure(err)
	}
	if !d.Allow {
		r.refuse(d)
		return nil
	}
	r.grant(d, len(d.Redact) > 0)
	return nil
}

// redactStream redacts a stream from its beginning.
func (r *ruling) redactStream(d *opa.Decision) error {
	if err := checkStreamed(d); err != nil || len(d.Redact) == 0 {
		return err
	}
	redactor, err := r.a.redacted.redactor(d.Redact)
	if err != nil {
		return err
	}
	switch {
	case !r.x.IsEventStream() && holdsBytes(r.x):
		return nil
	case !r.x.IsEventStream():
		return errUnread
	case r.shadow:
		return nil
	}
	if err := r.x.FilterStream(newTextStream(r.x, redactor)); err != nil {
		return fmt.Errorf("redact: %w", err)
	}
	return nil
}

// checkStreamed refuses what a decision that allows cannot do to a stream.
func checkStreamed(d *opa.Decision) error {
	switch {
	case d.Models != nil:
		return errLateModels
	case len(d.Patch) > 0:
		return errPatchStream
	default:
		return nil
	}
}

// regoStream has each window of a stream's texts decided about.
type regoStream struct {
	wire.TextRewriter

	r       *ruling
	ctx     context.Context //nolint:containedctx // of the exchange that the stream belongs to
	windows *content.Windows
}

func newRegoStream(ctx context.Context, r *ruling) *regoStream {
	s := &regoStream{r: r, ctx: ctx}
	s.windows = content.NewWindows(r.a.window, wire.AllTextKinds, s.decide)
	s.Reset(r.x.Request.API, r.x.Request.Framing, s.windows)
	return s
}

// Event appends what the client gets for one event.
func (s *regoStream) Event(dst []byte, ev *wire.Event) ([]byte, error) {
	dst, err := s.TextRewriter.Event(dst, ev)
	if err != nil {
		return dst, contentFailure(err)
	}
	return dst, nil
}

// End appends what was held back. A stream that said nothing is decided about then: a policy that refuses everything
// refuses that too.
func (s *regoStream) End(dst []byte) ([]byte, error) {
	kept := len(dst)
	dst, err := s.TextRewriter.End(dst)
	if err == nil && s.windows.Count() == 0 {
		_, err = s.decide(content.TextWindow{Kind: wire.TextAssistant, Final: true})
	}
	if err != nil {
		return dst[:kept], contentFailure(err)
	}
	return dst, nil
}

// decide gives what leaves of a window.
func (s *regoStream) decide(w content.TextWindow) (string, error) {
	r := s.r
	d, err := r.ask(s.ctx, r.x, &opa.Window{Text: w.Text, Kind: w.Kind.String(), Index: w.Index, Final: w.Final})
	if err == nil && d.Allow {
		err = checkStreamed(d)
	}
	edited := w.Text
	if err == nil && d.Allow {
		edited, err = r.redactWindow(d, w)
	}
	if err == nil {
		err = r.judge(d, edited != w.Text)
	} else {
		err = r.failWindow(err)
		edited = w.Text
	}
	return edited, err
}

// redactWindow redacts the text of a window.
func (r *ruling) redactWindow(d *opa.Decision, w content.TextWindow) (string, error) {
	redactor, err := r.a.redacted.redactor(d.Redact)
	if err != nil || redactor == nil {
		return w.Text, err
	}
	edited, err := redactor.ReplaceAll(w.Kind, w.Text)
	if err != nil {
		return "", fmt.Errorf("redact: %w", err)
	}
	return edited, nil
}

// judge ends a stream that a decision refuses.
func (r *ruling) judge(d *opa.Decision, changed bool) error {
	switch {
	case !d.Allow:
		r.settle(engine.EffectRefused, nil)
		e := refusalBy(d)
		e.Refusal = r.a.refusal
		return e
	case changed:
		r.settle(engine.EffectRewrote, nil)
		if r.shadow {
			r.note("would rewrite")
		}
	default:
		r.settle(engine.EffectAllowed, nil)
	}
	return nil
}

// failWindow ends a stream that could not be decided about, or lets the text pass where the rule goes on.
func (r *ruling) failWindow(cause error) error {
	r.settle(engine.EffectFailed, cause)
	if r.at.OnError == engine.OnErrorContinue {
		r.note("failed, continued: " + cause.Error())
		return nil
	}
	return &engine.Error{
		Code: engine.CodePolicyFailed, Message: "a policy rule could not be evaluated",
		Cause: fmt.Errorf("rule %q action %q: %w", r.at.Rule, r.at.Action, cause),
	}
}
