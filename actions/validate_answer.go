package actions

import (
	"context"
	_ "embed" // the page
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"weir/engine"
	"weir/engine/vars"
	"weir/engine/wire"
)

//go:embed validate_answer.md
var validateAnswerDoc string

func init() {
	fields := blockRefusalFields("the model's answer does not have the form that is wanted")
	for i := range fields {
		switch f := &fields[i]; f.Name {
		case "status_code":
			f.Default = "502"
		case "code":
			f.Default = string(engine.CodeAnswerInvalid)
		case "on_stream":
			f.Default = "" // streams need a word of the author's
			f.Enum = []string{string(streamBuffer), string(streamSkip)}
			f.Doc = "What becomes of streamed answers: held back whole until they are validated (`buffer`), or left as they are (`skip`)."
		}
	}
	register(engine.ActionSpec{
		Name: "validate-answer", Phases: vars.PhaseResponse, Guards: true, ContentRule: true, Doc: validateAnswerDoc, New: newValidateAnswer,
		Fields: append([]engine.Field{
			{Name: "schema", Type: engine.FieldAny, Doc: "The JSON Schema that answers must fit."},
			{Name: "schema_file", Type: engine.FieldString, Doc: "A file that holds the schema."},
			{Name: "from_request", Type: engine.FieldBool, Default: "false", Doc: "Whether answers must fit the schema that the client asked for; without one nothing is validated."},
		}, fields...),
	})
}

// validateAnswer refuses structured answers that do not fit their schema.
type validateAnswer struct {
	blockRefusal
	schema   *answerSchema // nil = the client's
	last     atomic.Pointer[answerSchema]
	onStream streamMode
}

// validateAnswerResult is the action's name in results and in the log.
const validateAnswerResult = "validate_answer"

func newValidateAnswer(c *engine.Config) engine.Action {
	a := &validateAnswer{blockRefusal: newBlockRefusal(c), onStream: streamMode(c.String("on_stream"))}
	inline, file, client := c.Node("schema"), c.Node("schema_file"), c.Bool("from_request")
	if a.onStream == "" {
		c.Errorf(nil, "missing_field", "validate-answer needs \"on_stream\": buffer waits for the whole answer, skip lets streams pass")
	}
	given := 0
	for _, is := range [...]bool{inline != nil, file != nil, client} {
		if is {
			given++
		}
	}
	switch {
	case given == 0:
		c.Errorf(nil, "missing_field", "validate-answer needs \"schema\", \"schema_file\" or \"from_request: true\": nothing is validated without")
	case given > 1:
		c.Errorf(inline, "conflicting_fields", "\"schema\", \"schema_file\" and \"from_request\" exclude each other: an answer has one schema")
	case inline != nil:
		a.compile(c, inline, func() (*answerSchema, error) { return compileSchema(nodeValue(inline)) })
	case file != nil:
		a.compile(c, file, func() (*answerSchema, error) {
			text, err := readPolicyFile(c, file)
			if err != nil {
				return nil, err
			}
			return parseSchema(text, plainSchema)
		})
	}
	return a
}

func (a *validateAnswer) compile(c *engine.Config, at *engine.Node, compile func() (*answerSchema, error)) {
	schema, err := compile()
	if err != nil {
		c.Errorf(at, "bad_schema", "%v", err)
	}
	a.schema = schema
}

// nodeValue is a value of a policy as JSON has it.
func nodeValue(n *engine.Node) any {
	switch n.Kind {
	case engine.NodeList:
		list := make([]any, len(n.Items))
		for i, item := range n.Items {
			list[i] = nodeValue(item)
		}
		return list
	case engine.NodeMap:
		m := make(map[string]any, len(n.Keys))
		for i, key := range n.Keys {
			m[key.Text.Value] = nodeValue(n.Items[i])
		}
		return m
	default:
		return n.Value
	}
}

// Do refuses an answer that does not fit.
func (a *validateAnswer) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	refusal, err := a.error(x)
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("validate-answer: %w", err)
	}
	schema, err := a.wanted(x)
	switch {
	case err != nil:
		return engine.VerdictDeny, fmt.Errorf("validate-answer: %w", err)
	case schema == nil, x.Failure() != nil, x.Reply.Synthetic:
		return engine.VerdictContinue, nil
	case len(x.Reply.Body) == 0 && x.Reply.Stream != nil:
		if err := a.stream(x, schema, refusal); err != nil {
			return engine.VerdictDeny, fmt.Errorf("validate-answer: %w", err)
		}
		return engine.VerdictContinue, nil
	}
	if err := schema.answer(x.Request.API, x.Reply.Body); err != nil {
		if !errors.Is(err, errInvalidAnswer) {
			return engine.VerdictDeny, fmt.Errorf("validate-answer: %w", contentFailure(err))
		}
		a.tell(x, err)
		x.Deny(refusal.Status, refusal.Code, refusal.Message)
		return engine.VerdictDeny, nil
	}
	return engine.VerdictContinue, nil
}

// tell logs where an answer does not fit, never what stands there.
func (a *validateAnswer) tell(x *engine.Exchange, err error) {
	what := strings.TrimPrefix(err.Error(), errInvalidAnswer.Error()+": ")
	x.AddLog(validateAnswerResult, map[string]any{"invalid": what})
}

// stream holds a streamed answer back until all of it is there.
func (a *validateAnswer) stream(x *engine.Exchange, schema *answerSchema, refusal *engine.Error) error {
	switch {
	case a.onStream == streamSkip, !x.IsEventStream() && holdsBytes(x):
		return nil
	case !x.IsEventStream():
		return contentFailure(errUnread)
	}
	if a.refuses {
		x.KeepRefusal()
	}
	return x.FilterStream(newAnswerStream(x, schema, func(err error) error { //nolint:wrapcheck // Do names the action
		if !errors.Is(err, errInvalidAnswer) {
			return refused(contentFailure(err), a.refuses)
		}
		a.tell(x, err)
		return refusal
	}))
}

// DoShadow says what Do would have refused.
func (a *validateAnswer) DoShadow(_ context.Context, x *engine.Exchange) error {
	site := x.Site()
	schema, err := a.wanted(x)
	if err != nil || schema == nil || x.Failure() != nil || x.Reply.Synthetic {
		return err
	}
	if len(x.Reply.Body) == 0 && x.Reply.Stream != nil {
		if a.onStream == streamSkip || !x.IsEventStream() {
			return nil
		}
		look := newAnswerStream(x, schema, func(err error) error { return err })
		return x.FilterStream(newShadowStream(look, func(err error) { x.Note(site, "would end the stream: "+err.Error()) })) //nolint:wrapcheck // the note names the action
	}
	if err := schema.answer(x.Request.API, x.Reply.Body); err != nil {
		x.Note(site, "would deny: "+err.Error())
	}
	return nil
}

// wanted is the schema that the answer must fit, nil where there is none.
func (a *validateAnswer) wanted(x *engine.Exchange) (*answerSchema, error) {
	if a.schema != nil {
		return a.schema, nil
	}
	body, err := x.Body()
	if err != nil || len(body) == 0 || x.Request.Form != nil {
		return nil, err //nolint:wrapcheck // what the client is told of its body
	}
	c, err := conversationOf(x, body)
	if err != nil || c.Settings.FormatSchema == nil {
		return nil, err
	}
	form := plainSchema
	if x.Request.API.Dialect() == wire.DialectGemini {
		form = geminiSchema
	}
	if last := a.last.Load(); last != nil && last.source == string(c.Settings.FormatSchema) && last.form == form {
		return last, nil
	}
	schema, err := parseSchema(append([]byte(nil), c.Settings.FormatSchema...), form) // it outlives the exchange
	if err != nil {
		return nil, &engine.Error{Code: engine.CodeBadRequest, Message: "the schema of the answer: " + err.Error()}
	}
	a.last.Store(schema)
	return schema, nil
}
