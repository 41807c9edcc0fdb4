package actions

import (
	"context"
	_ "embed" // the page
	"errors"
	"fmt"

	"weir/engine"
	"weir/engine/content"
	"weir/engine/expr"
	"weir/engine/vars"
	"weir/engine/wire"
)

//go:embed redact.md
var redactDoc string

func init() {
	register(engine.ActionSpec{
		Name: "redact", Phases: vars.PhaseRequest | vars.PhaseResponse, Guards: true, ContentRule: true, Doc: redactDoc, New: newRedact,
		Fields: []engine.Field{
			{Name: "entities", Type: engine.FieldAny, Doc: "What is looked for: a list of names, or of mappings with `entity`, `mode` and `replace`."},
			{Name: "patterns", Type: engine.FieldObjects, Min: 1, Max: maxRedactPatterns, Doc: "What else is looked for: regular expressions with a name each.", Fields: redactPatternFields()},
			{Name: "mode", Type: engine.FieldEnum, Default: string(redactMask), Enum: redactModes(), Doc: "What takes the place of what was found, unless its entity says otherwise."},
			{Name: "replace", Type: engine.FieldString, Doc: "The text that `mask` puts there; else the name of the entity in brackets, as in `[EMAIL]`."},
			{Name: "salt", Type: engine.FieldString, Template: true, Secret: true, Doc: "The key of `hash`, at least 16 bytes; else a random one that lasts until the gateway ends."},
			{Name: "where", Type: engine.FieldStrings, Min: 1, Max: int64(len(redactPlaces())), Doc: "Whose texts are looked into; else all of the phase."},
			{Name: "restore", Type: engine.FieldBool, Default: "false", Doc: "Whether what `tokenise` took out of the request is put back into the answer."},
			onStreamField(),
			{Name: "undecided", Type: engine.FieldEnum, Default: "mask", Enum: []string{"mask", "block"}, Doc: "What becomes of text of a stream that is longer than what is looked for may be, and may still be it."},
		},
	})
}

// redactResult is the action's name in results.
const redactResult = "redact"

type redact struct {
	detector *content.Detector
	classes  map[string]*redactClass
	kinds    wire.TextKinds
	salt     *expr.Template // nil = the gateway's own
	hashes   bool
	restore  bool
	request  bool
	onStream streamMode
	book     *redactBook
}

// Do redacts the request before anything is sent, or the answer: a whole one at once, a streamed one as it comes.
func (a *redact) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	run, err := a.begin(x)
	if err == nil {
		if a.request {
			err = a.redactRequest(run)
		} else {
			err = a.redactAnswer(run)
		}
	}
	if err != nil {
		return engine.VerdictDeny, a.failed(x, err)
	}
	return engine.VerdictContinue, nil
}

// begin begins a run of the action.
func (a *redact) begin(x *engine.Exchange) (*redactRun, error) {
	run := &redactRun{action: a, x: x}
	if !a.hashes {
		return run, nil
	}
	if a.salt == nil {
		run.key = a.book.salt[:]
		return run, nil
	}
	salt, err := a.salt.String(x)
	if err != nil {
		return nil, fmt.Errorf("evaluating salt: %w", err)
	}
	if len(salt) < minRedactSalt {
		return nil, errShortSalt
	}
	run.key = []byte(salt)
	return run, nil
}

func (a *redact) redactRequest(run *redactRun) error {
	x := run.x
	body, err := x.Body()
	if err != nil {
		return err //nolint:wrapcheck // what the client is told of its body
	}
	if len(body) > 0 {
		edited, changed, err := editRequest(x, body, run.edit(a.kindsOf(x)))
		if err != nil {
			return redactFailure(err)
		}
		if changed {
			if err := x.ReplaceBody(edited); err != nil {
				return err //nolint:wrapcheck // failed names the action
			}
		}
	}
	if run.restores {
		run.shared.restoreLater(x)
	}
	run.publish()
	return nil
}

func (a *redact) redactAnswer(run *redactRun) error {
	x := run.x
	edit := run.edit(a.kindsOf(x))
	switch {
	case x.Failure() != nil: // the provider's own words in an error may repeat what it was asked
		f := x.Failure()
		if f.Upstream != nil {
			edited, changed, err := editAnswer(x, f.Upstream, edit)
			if err != nil {
				return contentFailure(err)
			}
			if changed {
				f.Upstream = edited
			}
		}
	case len(x.Reply.Body) > 0: // compressing leaves the body there, beside the stream that it will be sent as
		edited, changed, err := editAnswer(x, x.Reply.Body, edit)
		if err != nil {
			return contentFailure(err)
		}
		if changed {
			x.Reply.Body = edited
		}
	case x.Reply.Stream == nil, a.onStream == streamSkip, !x.IsEventStream() && holdsBytes(x):
	case !x.IsEventStream():
		return contentFailure(errUnread)
	default:
		if err := x.FilterStream(newTextStream(x, run.filter())); err != nil {
			return fmt.Errorf("filtering the stream: %w", err)
		}
		(&redactRun{action: a, x: x}).publish() // what is found is known at the end only; until then there is nothing
		x.OnEnd(func(*engine.Exchange) { run.publish() })
		return nil
	}
	run.publish()
	return nil
}

// kindsOf are the texts of an exchange that are looked into: where no API says whose a text is, all of them.
func (a *redact) kindsOf(x *engine.Exchange) wire.TextKinds {
	if x.Request.API == wire.APIUnknown || x.Reply.Synthetic && x.Failure() == nil {
		return wire.AllTextKinds
	}
	return a.kinds
}

// failed leaves what went wrong for later expressions, and says it with the action's name. No error of redacting holds
// what was found.
func (a *redact) failed(x *engine.Exchange, err error) error {
	if x.WantsResult(redactResult) {
		code := engine.CodePolicyFailed
		if own, ok := errors.AsType[*engine.Error](err); ok {
			code = own.Code
		}
		x.SetResult(redactResult, map[string]any{
			"count": int64(0), "entities": map[string]any{},
			"error": map[string]any{"code": string(code), "message": err.Error()},
		})
	}
	return fmt.Errorf("redact: %w", err)
}

// redactFailure turns what redacting a request failed with into what the client is told.
func redactFailure(err error) error {
	switch {
	case errors.Is(err, content.ErrUndecided):
		return blockedByContent("the request holds a text that a rule on content cannot decide about", err)
	case errors.Is(err, wire.ErrTextUnknown), errors.Is(err, wire.ErrTextMalformed), errors.Is(err, errUnread):
		return blockedByContent("the request holds what the rules on content cannot read", err)
	case errors.Is(err, content.ErrTooLong):
		return blockedByContent("the request holds a text that is too long for the rules on content", err)
	case errors.Is(err, errPlaceholders):
		return blockedByContent("the request holds more than the rules on content can put placeholders for", err)
	default:
		return err
	}
}
