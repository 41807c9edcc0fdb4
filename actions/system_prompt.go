package actions

import (
	"context"
	_ "embed" // the page
	"errors"
	"fmt"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
	"weir/engine/wire"
)

//go:embed system_prompt.md
var systemPromptDoc string

// maxSystemPrompt bounds the text: longer than any house rules, and shorter than the smallest window of a model in use.
const maxSystemPrompt = 64 << 10

func init() {
	register(engine.ActionSpec{
		Name: "system-prompt", Phases: vars.PhaseRequest, Guards: true, Doc: systemPromptDoc, New: newSystemPrompt,
		Fields: []engine.Field{
			{Name: "text", Type: engine.FieldString, Required: true, Template: true, Doc: "The instructions."},
			{
				Name: "position", Type: engine.FieldEnum, Default: promptPrepend, Enum: []string{promptPrepend, promptAppend, promptReplace},
				Doc: "Where the text stands: before the client's instructions (`prepend`), behind them (`append`), or in their place (`replace`).",
			},
		},
	})
}

// The words of position.
const (
	promptPrepend = "prepend"
	promptAppend  = "append"
	promptReplace = "replace"
)

// systemPrompt puts text into the instructions of requests.
type systemPrompt struct {
	text     *expr.Template
	position string
}

var (
	errEmptyPrompt = errors.New("the text is empty")
	errLongPrompt  = fmt.Errorf("the text has more than %d bytes", maxSystemPrompt)
	errPromptShape = &engine.Error{Code: engine.CodeBadRequest, Message: "the instructions of the request are of no known form"}
	errNoPrompt    = &engine.Error{Code: engine.CodeContentBlocked, Message: "a prompt of token numbers takes no instructions, which the policy wants"}
)

func newSystemPrompt(c *engine.Config) engine.Action {
	a := &systemPrompt{text: c.Template("text"), position: c.String("position")}
	if a.text == nil {
		return nil
	}
	if text, ok := a.text.Literal(); ok {
		if err := checkPrompt(text); err != nil {
			c.Errorf(c.Node("text"), "bad_value", "%v", err)
		}
	}
	return a
}

func checkPrompt(text string) error {
	switch {
	case text == "":
		return errEmptyPrompt
	case len(text) > maxSystemPrompt:
		return errLongPrompt
	default:
		return nil
	}
}

// Do puts the text into the request.
func (a *systemPrompt) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	edited, changed, err := a.edited(x)
	if err == nil && changed {
		err = x.ReplaceBody(edited)
	}
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("system-prompt: %w", err)
	}
	return engine.VerdictContinue, nil
}

// DoShadow finds out whether Do would fail.
func (a *systemPrompt) DoShadow(_ context.Context, x *engine.Exchange) error {
	_, changed, err := a.edited(x)
	if err == nil && changed {
		x.Note(x.Site(), "would change the instructions")
	}
	return err
}

// edited is the body with the text in it.
func (a *systemPrompt) edited(x *engine.Exchange) (edited []byte, changed bool, err error) {
	text, err := a.text.String(x)
	if err != nil {
		return nil, false, fmt.Errorf("evaluating text: %w", err)
	}
	if err := checkPrompt(text); err != nil {
		return nil, false, err
	}
	body, err := x.Body()
	if err != nil {
		return nil, false, err //nolint:wrapcheck // what the client is told of its body
	}
	if len(body) == 0 || x.Request.Form != nil || x.Request.Operation != engine.OpCreate {
		return nil, false, nil
	}
	p := promptEdit{text: text, position: a.position, doc: &x.Request.Peek.Doc}
	switch x.Request.API {
	case wire.OpenAIChat:
		err = p.chat()
	case wire.OpenAIResponses:
		err = p.responses()
	case wire.OpenAICompletions:
		err = p.completions()
	case wire.AnthropicMessages, wire.AnthropicCountTokens:
		err = p.anthropic()
	case wire.GeminiGenerate:
		err = p.gemini()
	case wire.GeminiCountTokens:
		err = p.geminiCount(x.Request.API)
	default:
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	edited, err = wire.ApplyPatch(nil, body, p.ops)
	if err != nil {
		return nil, false, fmt.Errorf("changing the instructions: %w", err)
	}
	return edited, true, nil
}
