package actions

import (
	"context"
	_ "embed" // the page
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
	"weir/engine/wire"
)

//go:embed limit_content.md
var limitContentDoc string

// maxContentLimit bounds what a limit may be set to: larger than the size in bytes of any body that the gateway takes, so
// that a higher one could never be reached.
const maxContentLimit = 1 << 30

func init() {
	limit := func(name, doc string) engine.Field {
		return engine.Field{Name: name, Type: engine.FieldInt, Min: 0, Max: maxContentLimit, Doc: doc}
	}
	register(engine.ActionSpec{
		Name: "limit-content", Phases: vars.PhaseRequest, Guards: true, Doc: limitContentDoc, New: newLimitContent,
		Fields: []engine.Field{
			limit("max_messages", "How many messages a request may have, instructions aside."),
			limit("max_text", "How many characters all texts of a request may have together."),
			limit("max_message_text", "How many characters the texts of one message may have."),
			limit("max_images", "How many images a request may have."),
			limit("max_attachments", "How many files, recordings and videos a request may have."),
			limit("max_media_bytes", "How large one image or attachment may be that comes within the request."),
			limit("max_tools", "How many tools a request may offer to the model."),
			limit("max_tool_calls", "How many earlier calls of tools a request may tell of."),
			limit("max_choices", "How many answers a request may ask for."),
			{Name: "status_code", Type: engine.FieldInt, Default: "413", Min: 400, Max: 499, Doc: "The HTTP status of the refusal."},
			{Name: "message", Type: engine.FieldString, Template: true, Doc: "What the client is told; without it, what is too many, how many there are and how many may be."},
		},
	})
}

// contentLimit is one limit of the action.
type contentLimit struct {
	field string
	max   int64
	what  string // as the client is told
	count func(*contentCounts) int64
}

// contentCounts is what a request holds.
type contentCounts struct {
	messages, text, longest, images, attachments, media, tools, calls, choices int64
}

func contentLimits() []contentLimit {
	return []contentLimit{
		{field: "max_messages", what: "messages", count: func(n *contentCounts) int64 { return n.messages }},
		{field: "max_text", what: "characters of text", count: func(n *contentCounts) int64 { return n.text }},
		{field: "max_message_text", what: "characters of text in one message", count: func(n *contentCounts) int64 { return n.longest }},
		{field: "max_images", what: "images", count: func(n *contentCounts) int64 { return n.images }},
		{field: "max_attachments", what: "attachments", count: func(n *contentCounts) int64 { return n.attachments }},
		{field: "max_media_bytes", what: "bytes in one image or attachment", count: func(n *contentCounts) int64 { return n.media }},
		{field: "max_tools", what: "tools", count: func(n *contentCounts) int64 { return n.tools }},
		{field: "max_tool_calls", what: "calls of tools", count: func(n *contentCounts) int64 { return n.calls }},
		{field: "max_choices", what: "answers", count: func(n *contentCounts) int64 { return n.choices }},
	}
}

// limitContent refuses requests that hold too much.
type limitContent struct {
	limits  []contentLimit
	status  int
	message *expr.Template // nil = the action's own words
}

// limitContentResult is the action's name in the log.
const limitContentResult = "limit_content"

func newLimitContent(c *engine.Config) engine.Action {
	a := &limitContent{status: int(c.Int("status_code")), message: c.Template("message")}
	for _, l := range contentLimits() {
		if c.Node(l.field) != nil {
			l.max = c.Int(l.field)
			a.limits = append(a.limits, l)
		}
	}
	if len(a.limits) == 0 {
		c.Errorf(nil, "missing_field", "limit-content needs a limit: nothing is counted without")
	}
	return a
}

// Do refuses a request that goes over a limit.
func (a *limitContent) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	over, n, err := a.exceeded(x)
	if err != nil || over == nil {
		return verdictOf(err), err
	}
	message := fmt.Sprintf("the request has %d %s, the policy allows %d", n, over.what, over.max)
	if a.message != nil {
		if message, err = a.message.String(x); err != nil {
			return engine.VerdictDeny, fmt.Errorf("limit-content: evaluating message: %w", err)
		}
	}
	x.AddLog(limitContentResult, map[string]any{"limit": over.field, "found": n})
	x.Deny(a.status, engine.CodeContentBlocked, message)
	return engine.VerdictDeny, nil
}

// DoShadow says which limit Do would have refused for.
func (a *limitContent) DoShadow(_ context.Context, x *engine.Exchange) error {
	over, n, err := a.exceeded(x)
	if err == nil && over != nil {
		x.Note(x.Site(), fmt.Sprintf("would deny: %s is %d, there are %d", over.field, over.max, n))
	}
	return err
}

// exceeded finds the first limit that a request goes over, nil where it keeps them all.
func (a *limitContent) exceeded(x *engine.Exchange) (over *contentLimit, n int64, err error) {
	counts, err := countContent(x)
	if err != nil {
		return nil, 0, err
	}
	for i := range a.limits {
		if n := a.limits[i].count(counts); n > a.limits[i].max {
			return &a.limits[i], n, nil
		}
	}
	return nil, 0, nil
}

func verdictOf(err error) engine.Verdict {
	if err != nil {
		return engine.VerdictDeny
	}
	return engine.VerdictContinue
}

// countContent counts what a request holds.
func countContent(x *engine.Exchange) (*contentCounts, error) {
	n := &contentCounts{}
	body, err := x.Body()
	if err != nil || len(body) == 0 {
		return n, err //nolint:wrapcheck // what the client is told of its body
	}
	if form := x.Request.Form; form != nil {
		n.form(form, body)
		return n, nil
	}
	c, err := conversationOf(x, body)
	if err != nil {
		return nil, err
	}
	for i := range c.Messages {
		n.message(&c.Messages[i])
	}
	n.tools = int64(len(c.Tools))
	if c.Settings.Choices != "" { // a number that is no whole one asks for as many as the next
		choices, err := strconv.ParseFloat(string(c.Settings.Choices), 64)
		if err != nil {
			return nil, engine.Errorf(engine.CodeBadRequest, "the number of answers is out of range")
		}
		n.choices = int64(min(choices+0.999, maxContentLimit+1))
	}
	return n, nil
}

// conversationOf reads a body in the form that all APIs share.
func conversationOf(x *engine.Exchange, body []byte) (*wire.Conversation, error) {
	if x.Request.API == wire.APIUnknown || x.Request.Operation != engine.OpCreate {
		return &wire.Conversation{}, nil
	}
	c, problem := wire.DecodeConversation(x.Request.API, body)
	if problem != nil {
		return nil, &engine.Error{Code: engine.CodeBadRequest, Message: problem.Error(), Param: problem.Param}
	}
	return c, nil
}

func (n *contentCounts) message(m *wire.Message) {
	if m.Role != wire.RoleSystem {
		n.messages++
	}
	before := n.text
	for i := range m.Blocks {
		n.block(&m.Blocks[i])
	}
	n.longest = max(n.longest, n.text-before)
}

func (n *contentCounts) block(b *wire.Block) {
	n.text += int64(utf8.RuneCountInString(b.Text))
	switch b.Kind {
	case wire.BlockImage:
		n.images++
	case wire.BlockAudio, wire.BlockVideo, wire.BlockFile:
		n.attachments++
	case wire.BlockToolCall:
		n.calls++
		n.text += int64(utf8.RuneCountInString(b.Call.Arguments))
	case wire.BlockToolResult:
		for i := range b.Result.Blocks {
			n.block(&b.Result.Blocks[i])
		}
	case wire.BlockOther: // what it is, only its vendor knows: all of it counts
		if b.Text == "" {
			n.text += int64(utf8.RuneCount(b.Raw))
		}
	case wire.BlockText, wire.BlockThinking, wire.BlockRefusal:
	}
	if m := b.Media; m != nil {
		data := m.Data
		if data == "" && len(m.URL) > 5 && strings.EqualFold(m.URL[:5], "data:") {
			data = m.URL
		}
		if at := strings.IndexByte(data, ','); at >= 0 { // of a data URL, also where the API wants plain base64
			data = data[at+1:]
		}
		n.media = max(n.media, int64(len(data))/4*3)
	}
}

// form counts the parts of a form: files, and texts.
func (n *contentCounts) form(form *wire.Multipart, body []byte) {
	for i := range form.Parts {
		p := &form.Parts[i]
		switch {
		case p.File && (strings.HasPrefix(p.Name, "image") || p.Name == "mask"):
			n.images++
		case p.File:
			n.attachments++
		case p.Name == "n":
			if choices, err := strconv.ParseInt(string(body[p.Start:p.End]), 10, 64); err == nil {
				n.choices = max(n.choices, choices)
			}
		case p.Name == "prompt", p.Name == "input", p.Name == "instructions":
			text := int64(utf8.RuneCount(body[p.Start:p.End]))
			n.text, n.longest, n.messages = n.text+text, max(n.longest, text), n.messages+1
		}
		if p.File {
			n.media = max(n.media, int64(p.End-p.Start))
		}
	}
}
