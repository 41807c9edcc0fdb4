package actions

import (
	"context"
	_ "embed" // the page
	"fmt"

	"weir/engine"
	"weir/engine/content"
	"weir/engine/vars"
)

//go:embed sse_find_replace.md
var sseFindReplaceDoc string

func init() {
	register(engine.ActionSpec{
		Name: "sse-find-replace", Phases: vars.PhaseResponse | vars.PhaseEvent, Guards: true, ContentRule: true,
		Doc: sseFindReplaceDoc, New: newSSEFindReplace,
		Fields: []engine.Field{
			{
				Name: "replacements", Type: engine.FieldObjects, Required: true, Min: 1, Max: maxReplacements,
				Fields: replacementFields(append(windowFields(), engine.Field{
					Name: "field", Type: engine.FieldString, Template: true, Default: fieldData, Doc: "Which field of the events is looked into: `data` or `retry`.",
				})...),
				Doc: "What is replaced by what, one after another on the result of the one before.",
			},
			{Name: "per_message", Type: engine.FieldBool, Default: "false", Doc: "Whether patterns are matched against the raw data of each event by itself, in place of the texts that run through the events."},
			onStreamField(),
		},
	})
}

// The fields of a server-sent event that can be looked into.
const (
	fieldData  = "data"
	fieldRetry = "retry"
)

type sseFindReplace struct {
	find       *findReplace
	perMessage bool
	onStream   streamMode
}

func newSSEFindReplace(c *engine.Config) engine.Action {
	f := newFindReplace(c, "sse_find_replace")
	if f == nil {
		return nil
	}
	for i, item := range c.Node("replacements").Items {
		if i >= len(f.rules) || f.rules[i].field == nil {
			continue
		}
		if word, ok := f.rules[i].field.Literal(); ok {
			if _, err := messageField(word); err != nil {
				c.Errorf(item.Get("field"), "bad_value", "%v", err)
			}
		}
	}
	return &sseFindReplace{find: f, perMessage: c.Bool("per_message"), onStream: streamMode(c.String("on_stream"))}
}

func messageField(word string) (content.MessageField, error) {
	switch word {
	case fieldData:
		return content.MessageData, nil
	case fieldRetry:
		return content.MessageRetry, nil
	default:
		return content.MessageData, fmt.Errorf("\"field\" is data or retry, got %q", word)
	}
}

// Do puts the replacements on a stream of events; other answers stay as they are.
func (a *sseFindReplace) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	if err := a.do(x); err != nil {
		return engine.VerdictDeny, a.find.failed(x, contentFailure(err))
	}
	return engine.VerdictContinue, nil
}

func (a *sseFindReplace) do(x *engine.Exchange) error {
	switch {
	case a.onStream == streamSkip, x.Reply.Synthetic, !x.IsEventStream() && !holdsEvents(x):
		a.find.publish(x, nil)
		return nil
	case !x.IsEventStream():
		return errUnread
	}
	patterns, err := a.find.patterns(x)
	if err != nil {
		return err
	}
	fields := make([]content.MessageField, len(patterns))
	for i, r := range a.find.rules {
		if fields[i], err = r.messageField(x); err != nil {
			return err
		}
	}
	if a.perMessage {
		return a.find.install(x, a.onStream, rawParts(patterns, fields))
	}
	return a.find.install(x, a.onStream, textParts(patterns, fields))
}

// messageField is the field that a replacement works on in an exchange.
func (r *replacement) messageField(x *engine.Exchange) (content.MessageField, error) {
	if r.field == nil {
		return content.MessageData, nil
	}
	word, err := r.field.String(x)
	if err != nil {
		return content.MessageData, fmt.Errorf("evaluating field: %w", err)
	}
	return messageField(word)
}
