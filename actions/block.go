package actions

import (
	"context"
	_ "embed" // the page
	"errors"
	"fmt"
	"strconv"

	"weir/engine"
	"weir/engine/content"
	"weir/engine/expr"
	"weir/engine/vars"
	"weir/engine/wire"
)

//go:embed block.md
var blockDoc string

func init() {
	register(engine.ActionSpec{
		Name: "block", Phases: vars.PhaseRequest | vars.PhaseResponse, Guards: true, ContentRule: true, Doc: blockDoc, New: newBlock,
		Fields: append([]engine.Field{
			{Name: "phrases", Type: engine.FieldStrings, Min: 1, Max: maxBlockPhrases, Doc: "Words and phrases that no text may hold."},
			{Name: "files", Type: engine.FieldStrings, Min: 1, Max: maxBlockFiles, Doc: "Files of more phrases, one a line; lines that begin with `#` are comments."},
			{Name: "patterns", Type: engine.FieldObjects, Min: 1, Max: maxBlockPatterns, Doc: "Regular expressions that no text may match.", Fields: []engine.Field{
				{Name: "pattern", Type: engine.FieldString, Required: true, Doc: "A regular expression (RE2)."},
				{Name: "max_length", Type: engine.FieldInt, Min: 1, Max: content.MaxMaxLength, Doc: "The longest match in a stream, in characters, where the pattern has none."},
			}},
			{Name: "words", Type: engine.FieldBool, Default: "true", Doc: "Whether phrases are found as whole words only."},
			{Name: "ignore_case", Type: engine.FieldBool, Default: "true", Doc: "Whether phrases are found in upper and lower case."},
			{Name: "where", Type: engine.FieldStrings, Min: 1, Max: int64(len(redactPlaces())), Doc: "Whose texts are looked into; else all of the phase."},
		}, blockRefusalFields("the request or answer holds what is not allowed here")...),
	})
}

// blockRefusalFields are the fields about the refusal, and about streams, of actions that block content.
func blockRefusalFields(message string) []engine.Field {
	return []engine.Field{
		{Name: "status_code", Type: engine.FieldInt, Default: "403", Min: 400, Max: 599, Doc: "The HTTP status of the refusal."},
		{Name: "code", Type: engine.FieldString, Default: string(engine.CodeContentBlocked), Doc: "The code of the refusal."},
		{Name: "message", Type: engine.FieldString, Template: true, Default: message, Doc: "What the client is told."},
		{
			Name: "on_block", Type: engine.FieldEnum, Default: onBlockError, Enum: []string{onBlockError, onBlockRefusal},
			Doc: "How a stream ends that is blocked when it has begun: with an `error` of the API, or with its own `refusal`.",
		},
		onStreamField(),
	}
}

// blockRefusal is how an action that blocks content refuses.
type blockRefusal struct {
	status  int
	code    engine.Code
	message *expr.Template
	refuses bool // streams that have begun end with the API's own refusal
}

func newBlockRefusal(c *engine.Config) blockRefusal {
	r := blockRefusal{
		status: int(c.Int("status_code")), code: engine.Code(c.String("code")), message: c.Template("message"),
		refuses: c.String("on_block") == onBlockRefusal,
	}
	if !validRedactName(string(r.code)) || r.code == engine.CodePolicyFailed || r.code == engine.CodeInternal {
		c.Errorf(c.Node("code"), "bad_value", "\"code\" is a word of small letters, digits and underscores, and not one of the gateway's own failures, got %q", r.code)
	}
	if c.Phase == vars.PhaseRequest {
		for _, name := range [...]string{"on_block", "on_stream"} {
			if n := c.Node(name); n != nil {
				c.Errorf(n, "wrong_phase", "%q is for answers: requests come whole", name)
			}
		}
	}
	return r
}

// error is the refusal of an exchange. It says nothing of what was found.
func (r *blockRefusal) error(x *engine.Exchange) (*engine.Error, error) {
	message, err := r.message.String(x)
	if err != nil {
		return nil, fmt.Errorf("evaluating message: %w", err)
	}
	return &engine.Error{Status: r.status, Code: r.code, Message: message, Refusal: r.refuses}, nil
}

// block refuses texts by lists.
type block struct {
	blockRefusal
	phrases  *content.Phrases // nil = none
	patterns []*content.Pattern
	sources  blockSources
	kinds    wire.TextKinds
	request  bool
	onStream streamMode
}

// blockResult is the action's name in results and in the log.
const blockResult = "block"

// Do refuses what holds anything of the lists: a request before anything is sent, a whole answer at once, a streamed one as
// it comes.
func (a *block) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	refusal, err := a.error(x)
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("block: %w", err)
	}
	screen := content.NewScreen(a.phrases, a.patterns, a.kindsOf(x))
	if !a.request && a.streams(x) {
		if err := a.filter(x, screen, refusal); err != nil {
			return engine.VerdictDeny, fmt.Errorf("block: %w", err)
		}
		a.publish(x, screen)
		return engine.VerdictContinue, nil
	}
	err = a.whole(x, screen)
	a.publish(x, screen)
	switch {
	case err != nil:
		return engine.VerdictDeny, fmt.Errorf("block: %w", err)
	case !screen.Found().Any():
		return engine.VerdictContinue, nil
	}
	x.Deny(refusal.Status, refusal.Code, refusal.Message)
	return engine.VerdictDeny, nil
}

// kindsOf are the texts of an exchange that are looked into: where no API says whose a text is, all of them.
func (a *block) kindsOf(x *engine.Exchange) wire.TextKinds {
	if x.Request.API == wire.APIUnknown || x.Reply.Synthetic && x.Failure() == nil {
		return wire.AllTextKinds
	}
	return a.kinds
}

// streams reports whether the answer comes event by event and is to be looked at so.
func (a *block) streams(x *engine.Exchange) bool {
	return x.Failure() == nil && len(x.Reply.Body) == 0 && x.IsEventStream() && a.onStream != streamSkip
}

// whole looks at a request, or at an answer that is there at once.
func (a *block) whole(x *engine.Exchange, screen *content.Screen) error {
	if a.request {
		body, err := x.Body()
		if err != nil || len(body) == 0 {
			return err //nolint:wrapcheck // what the client is told of its body
		}
		_, _, err = editRequest(x, body, screen.Check)
		return redactFailure(err)
	}
	body := x.Reply.Body // compressing leaves the body there, beside the stream that it will be sent as
	switch f := x.Failure(); {
	case f != nil: // the provider's own words in an error may repeat what it was asked
		body = f.Upstream
	case len(body) > 0, x.Reply.Stream == nil, a.onStream == streamSkip, holdsBytes(x):
	default:
		return contentFailure(errUnread)
	}
	if len(body) == 0 {
		return nil
	}
	_, _, err := editAnswer(x, body, screen.Check)
	return contentFailure(err)
}

// filter puts the screen on a streamed answer.
func (a *block) filter(x *engine.Exchange, screen *content.Screen, refusal *engine.Error) error {
	if a.refuses {
		x.KeepRefusal()
	}
	s := newBlockStream(x, a.screened(screen), func(err error) error {
		if !errors.Is(err, content.ErrFound) {
			return refused(contentFailure(err), a.refuses)
		}
		a.publish(x, screen)
		return refusal
	})
	return x.FilterStream(s) //nolint:wrapcheck // Do names the action
}

// screened is the screen as on_stream wants it.
func (a *block) screened(screen *content.Screen) wire.TextFilter {
	if a.onStream == streamBuffer {
		return &redactWhole{run: &redactRun{}, edit: func(kind wire.TextKind, text string) (string, error) {
			if _, err := screen.Check(kind, text); err != nil || !screen.Found().Any() {
				return text, err //nolint:wrapcheck // the stream says what it means
			}
			return "", content.ErrFound
		}}
	}
	return screen
}

// publish tells what was found: how often and by which entry, never what.
func (a *block) publish(x *engine.Exchange, screen *content.Screen) {
	found := screen.Found()
	if x.WantsResult(blockResult) {
		x.SetResult(blockResult, map[string]any{"matches": int64(found.Phrases + found.Patterns)})
	}
	if found.Any() {
		x.AddLog(blockResult, map[string]any{"matches": found.Phrases + found.Patterns, "first": a.sources.name(found)})
	}
}

// DoShadow says what Do would have refused.
func (a *block) DoShadow(_ context.Context, x *engine.Exchange) error {
	screen, site := content.NewScreen(a.phrases, a.patterns, a.kindsOf(x)), x.Site()
	if !a.request && a.streams(x) {
		s := newBlockStream(x, a.screened(screen), func(err error) error { return err })
		return x.FilterStream(newShadowStream(s, func(err error) { //nolint:wrapcheck // the note names the action
			x.Note(site, "would end the stream: "+a.told(screen, err))
		}))
	}
	if err := a.whole(x, screen); err != nil {
		return err
	}
	if screen.Found().Any() {
		x.Note(site, "would block: "+a.told(screen, nil))
	}
	return nil
}

func (a *block) told(screen *content.Screen, err error) string {
	found := screen.Found()
	if !found.Any() {
		return err.Error()
	}
	return a.sources.name(found) + ", matches: " + strconv.Itoa(found.Phrases+found.Patterns)
}

// refused has an error end a stream with the API's own refusal.
func refused(err error, refuses bool) error {
	own, ok := errors.AsType[*engine.Error](err)
	if !ok || !refuses {
		return err
	}
	out := *own
	out.Refusal = true
	return &out
}

// blockStream is a stream filter that ends the stream where its text filter finds something.
type blockStream struct {
	wire.TextRewriter
	explain func(error) error
}

func newBlockStream(x *engine.Exchange, f wire.TextFilter, explain func(error) error) *blockStream {
	s := &blockStream{explain: explain}
	s.Reset(x.Request.API, x.Request.Framing, f)
	return s
}

// Event appends what the client gets for one event.
func (s *blockStream) Event(dst []byte, ev *wire.Event) ([]byte, error) {
	dst, err := s.TextRewriter.Event(dst, ev)
	if err != nil {
		return dst, s.explain(err)
	}
	return dst, nil
}

// End appends what was held back.
func (s *blockStream) End(dst []byte) ([]byte, error) {
	dst, err := s.TextRewriter.End(dst)
	if err != nil {
		return dst, s.explain(err)
	}
	return dst, nil
}
