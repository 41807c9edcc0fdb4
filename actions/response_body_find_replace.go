package actions

import (
	"context"
	_ "embed" // the page

	"weir/engine"
	"weir/engine/content"
	"weir/engine/vars"
	"weir/engine/wire"
)

//go:embed response_body_find_replace.md
var responseBodyFindReplaceDoc string

func init() {
	register(engine.ActionSpec{
		Name: "response-body-find-replace", Phases: vars.PhaseResponse, Guards: true, ContentRule: true,
		Doc: responseBodyFindReplaceDoc, New: newResponseBodyFindReplace,
		Fields: []engine.Field{
			{
				Name: "replacements", Type: engine.FieldObjects, Required: true, Min: 1, Max: maxReplacements, Fields: replacementFields(windowFields()...),
				Doc: "What is replaced by what, one after another on the result of the one before.",
			},
			{Name: "raw", Type: engine.FieldBool, Default: "false", Doc: "Whether patterns are matched against the body as it is, with its JSON syntax, in place of the texts in it; of a stream against the data of each event by itself."},
			onStreamField(),
		},
	})
}

type responseBodyFindReplace struct {
	find     *findReplace
	raw      bool
	onStream streamMode
}

func newResponseBodyFindReplace(c *engine.Config) engine.Action {
	f := newFindReplace(c, "response_body_find_replace")
	if f == nil {
		return nil
	}
	return &responseBodyFindReplace{find: f, raw: c.Bool("raw"), onStream: streamMode(c.String("on_stream"))}
}

// Do edits the answer: a whole one at once, a streamed one as it comes.
func (a *responseBodyFindReplace) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	if err := a.do(x); err != nil {
		return engine.VerdictDeny, a.find.failed(x, contentFailure(err))
	}
	return engine.VerdictContinue, nil
}

func (a *responseBodyFindReplace) do(x *engine.Exchange) error {
	switch {
	case x.Failure() != nil:
		return a.refusal(x, x.Failure())
	case len(x.Reply.Body) > 0: // compressing leaves the body there, beside the stream that it will be sent as
		return a.whole(x)
	case x.Reply.Stream == nil, a.onStream == streamSkip, !x.IsEventStream() && holdsBytes(x):
		a.find.publish(x, nil)
		return nil
	case !x.IsEventStream():
		return errUnread
	default:
		patterns, err := a.find.patterns(x)
		if err != nil {
			return err
		}
		if a.raw {
			return a.find.install(x, a.onStream, rawParts(patterns, nil))
		}
		return a.find.install(x, a.onStream, textParts(patterns, nil))
	}
}

func (a *responseBodyFindReplace) whole(x *engine.Exchange) error {
	r, err := a.find.replacer(x)
	if err != nil {
		return err
	}
	edited, changed, err := a.edit(x, x.Reply.Body, r)
	if err != nil {
		return err
	}
	if changed {
		x.Reply.Body = edited
	}
	a.find.publish(x, r.Matches())
	return nil
}

// refusal edits the provider's own words in an error, which may repeat what it was asked.
func (a *responseBodyFindReplace) refusal(x *engine.Exchange, f *engine.Error) error {
	if f.Upstream == nil {
		a.find.publish(x, nil)
		return nil
	}
	r, err := a.find.replacer(x)
	if err != nil {
		return err
	}
	edited, changed, err := a.edit(x, f.Upstream, r)
	if err != nil {
		return err
	}
	if changed {
		f.Upstream = edited
	}
	a.find.publish(x, r.Matches())
	return nil
}

// edit edits the texts of an API's answer where there is one, and everything else as one text.
func (a *responseBodyFindReplace) edit(x *engine.Exchange, body []byte, r *content.Replacer) (edited []byte, changed bool, err error) {
	if a.raw || x.Request.API == wire.APIUnknown || x.Reply.Synthetic && x.Failure() == nil {
		return editRaw(body, r)
	}
	return editAnswer(x, body, r.ReplaceAll)
}
