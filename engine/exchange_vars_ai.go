package engine

import (
	"strconv"
	"strings"

	"weir/engine/price"
	"weir/engine/vars"
	"weir/engine/wire"
)

// conversation is the request in the form that all APIs share. One that is malformed fails the rule that reads it.
func (x *Exchange) conversation() *wire.Conversation {
	d := x.derive()
	if x.needBody() != nil {
		return &wire.Conversation{}
	}
	if d.conversation != nil && sameBytes(d.body, x.Request.Body) {
		return d.conversation
	}
	d.body, d.conversation, d.messages, d.tools = x.Request.Body, &wire.Conversation{}, nil, nil
	if len(x.Request.Body) == 0 || x.Request.Operation != OpCreate {
		return d.conversation
	}
	c, problem := wire.DecodeConversation(x.Request.API, x.Request.Body)
	if problem != nil {
		x.bodyProblem(problem)
		return d.conversation
	}
	d.conversation = c
	return c
}

func (x *Exchange) settings() *wire.Settings { return &x.conversation().Settings }

// messageList is ai.request.messages.
func (x *Exchange) messageList() []any {
	c := x.conversation()
	d := x.derive()
	if d.messages == nil {
		d.messages = make([]any, len(c.Messages))
		for i := range c.Messages {
			m := &c.Messages[i]
			images := int64(0)
			for k := range m.Blocks {
				images += imagesIn(&m.Blocks[k])
			}
			d.messages[i] = map[string]any{
				"role": m.Role, "text": m.Text(), "name": m.Name, "tool_calls": callList(nil, m.Blocks), "images": images,
			}
		}
	}
	return d.messages
}

func imagesIn(b *wire.Block) int64 {
	switch {
	case b.Kind == wire.BlockImage:
		return 1
	case b.Result == nil:
		return 0
	}
	n := int64(0)
	for i := range b.Result.Blocks {
		n += imagesIn(&b.Result.Blocks[i])
	}
	return n
}

// callList appends the calls of tools among blocks.
func callList(out []any, blocks []wire.Block) []any {
	if out == nil {
		out = []any{}
	}
	for i := range blocks {
		if call := blocks[i].Call; call != nil {
			out = append(out, map[string]any{"id": call.ID, "name": call.Name, "arguments": call.Arguments})
		}
	}
	return out
}

// toolList is ai.request.tools.
func (x *Exchange) toolList() []any {
	c := x.conversation()
	d := x.derive()
	if d.tools == nil {
		d.tools = make([]any, len(c.Tools))
		for i := range c.Tools {
			t := &c.Tools[i]
			d.tools[i] = map[string]any{"name": t.Name, "description": t.Description, "kind": t.Kind}
		}
	}
	return d.tools
}

// numberValue is a number of the client's as a value; null where there is none.
func numberValue(n wire.Number) vars.Value {
	if n == "" {
		return vars.Null()
	}
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return vars.Int(i)
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil {
		return vars.Null() // a scan lets none pass that does not fit
	}
	return vars.Double(f)
}

// choices is how many answers the client asked for.
func (x *Exchange) choices() int64 {
	switch v := numberValue(x.settings().Choices); v.Kind {
	case vars.KindInt:
		return v.Int
	case vars.KindDouble:
		return int64(v.Num)
	default:
		return 1
	}
}

// answeredWhole reports whether a provider's whole answer stands in the reply.
func (x *Exchange) answeredWhole() bool {
	r := &x.Reply
	return r.Stream == nil && !r.Synthetic && x.failed == nil && r.Status >= 200 && r.Status < 300 && len(r.Body) > 0
}

// reply is a whole answer in the form that all APIs share, empty for streams and for what no provider answered. One that
// is malformed fails the rule that reads it.
func (x *Exchange) reply() *wire.Reply {
	if !x.answeredWhole() || (x.Request.Operation != OpCreate && x.Request.Operation != OpGet) {
		return &wire.Reply{}
	}
	d := x.derive()
	if d.reply != nil && sameBytes(d.answer, x.Reply.Body) {
		return d.reply
	}
	d.answer, d.reply = x.Reply.Body, &wire.Reply{}
	r, problem := wire.DecodeReply(x.Request.API, x.Reply.Body)
	if problem != nil {
		x.answerProblem(problem)
		return d.reply
	}
	d.reply = r
	return r
}

// replyText is the text that a user sees: of every choice, without thinking.
func (x *Exchange) replyText() string {
	var b strings.Builder
	r := x.reply()
	for i := range r.Choices {
		blocks := r.Choices[i].Message.Blocks
		for k := range blocks {
			if blocks[k].Kind == wire.BlockText || blocks[k].Kind == wire.BlockRefusal {
				blocks[k].AppendText(&b)
			}
		}
	}
	return b.String()
}

func (x *Exchange) replyCalls() []any {
	out := []any{}
	r := x.reply()
	for i := range r.Choices {
		out = callList(out, r.Choices[i].Message.Blocks)
	}
	return out
}

// finishReason is why the answer ended, in the provider's word.
func (x *Exchange) finishReason() string {
	if x.finish != "" {
		return x.finish
	}
	if r := x.reply(); len(r.Choices) > 0 {
		return r.Choices[0].Finish
	}
	return ""
}

// cost is what the answer costs in USD; known is false without usage or without a price.
func (x *Exchange) cost() (usd float64, known bool) {
	if x.chosen == nil {
		return 0, false
	}
	c := price.Of(&x.chosen.cat.Pricing, &x.usage)
	return dollars(c.USD), c.Known
}

func (x *Exchange) costValue() vars.Value {
	usd, known := x.cost()
	if !known {
		return vars.Null()
	}
	return vars.Double(usd)
}
