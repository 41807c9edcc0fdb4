package wire

// DecodeReply reads a whole answer of an API that answers with text. An answer of another API has no choices. A problem
// tells the path of what is malformed.
func DecodeReply(api API, body []byte) (*Reply, *Problem) {
	d := &decoder{body: body}
	r := &Reply{}
	switch api {
	case OpenAIChat, OpenAICompletions:
		d.chatReply(r)
	case OpenAIResponses:
		d.responsesReply(r)
	case AnthropicMessages:
		d.anthropicReply(r)
	case GeminiGenerate:
		d.geminiReply(r)
	default:
		return r, nil
	}
	if d.problem != nil {
		return nil, d.problem
	}
	return r, nil
}

func (d *decoder) chatReply(r *Reply) {
	o, ok := d.root("id", "model", "choices")
	if !ok {
		return
	}
	r.ID, r.Model = d.str(o.lookup("id")), d.str(o.lookup("model"))
	d.each(o.lookup("choices"), func(e Member, index int) { d.chatChoice(r, e, index) })
	r.Rest = d.others(o, "id", "model", "choices")
}

func (d *decoder) chatChoice(r *Reply, e Member, index int) {
	o, ok := d.open(e, index, "message", "text", "finish_reason")
	if !ok || !d.item(e) {
		return
	}
	defer d.close()
	c := Choice{Message: Message{Role: RoleAssistant}, Finish: d.str(o.lookup("finish_reason"))}
	if m := o.lookup("message"); !absent(m) {
		inner := &Conversation{}
		d.chatMessage(inner, m, 0)
		if len(inner.Messages) == 1 {
			c.Message = inner.Messages[0]
		}
	}
	c.Message.Blocks = d.plain(c.Message.Blocks, BlockText, o.lookup("text"))
	c.Rest = d.others(o, "message", "text", "finish_reason")
	r.Choices = append(r.Choices, c)
}

// responsesReply makes one choice of all items of the output.
func (d *decoder) responsesReply(r *Reply) {
	o, ok := d.root("id", "model", "output", "status", "incomplete_details")
	if !ok {
		return
	}
	r.ID, r.Model = d.str(o.lookup("id")), d.str(o.lookup("model"))
	c := Choice{Message: Message{Role: RoleAssistant}, Finish: d.str(o.lookup("status"))}
	if m := o.lookup("incomplete_details"); !absent(m) {
		if reason := d.inside(m, "reason"); reason != "" {
			c.Finish = reason
		}
	}
	d.each(o.lookup("output"), func(e Member, index int) {
		if msg, ok := d.responsesItem(e, index); ok && d.item(e) {
			c.Message.Blocks = append(c.Message.Blocks, msg.Blocks...)
			c.Message.Rest = append(c.Message.Rest, msg.Rest...)
		}
	})
	r.Choices = []Choice{c}
	r.Rest = d.others(o, "id", "model", "output", "status", "incomplete_details")
}

func (d *decoder) anthropicReply(r *Reply) {
	o, ok := d.root("id", "model", "content", "stop_reason")
	if !ok {
		return
	}
	r.ID, r.Model = d.str(o.lookup("id")), d.str(o.lookup("model"))
	content := o.lookup("content")
	if content.Kind != KindArray {
		d.wrong(content, "an array")
		return
	}
	r.Choices = []Choice{{
		Message: Message{Role: RoleAssistant, Blocks: d.anthropicContent(content)}, Finish: d.str(o.lookup("stop_reason")),
	}}
	r.Rest = d.others(o, "id", "model", "content", "stop_reason", "role", "type")
}

// geminiReply reads the candidates; an answer whose prompt was blocked has none.
func (d *decoder) geminiReply(r *Reply) {
	o, ok := d.root("candidates", "modelVersion", "responseId")
	if !ok {
		return
	}
	g, ok := d.geminiNames(o)
	if !ok {
		return
	}
	r.ID, r.Model = d.str(g.lookup("responseId")), d.str(g.lookup("modelVersion"))
	d.optional(g.lookup("candidates"), func(e Member, index int) { d.candidate(r, e, index) })
	r.Rest = g.others(d, "candidates", "modelVersion", "responseId")
}

func (d *decoder) candidate(r *Reply, e Member, index int) {
	o, ok := d.openGemini(e, index, "content", "finishReason")
	if !ok || !d.item(e) {
		return
	}
	defer d.close()
	c := Choice{Message: Message{Role: RoleAssistant}, Finish: d.str(o.lookup("finishReason"))}
	if m := o.lookup("content"); !absent(m) {
		c.Message.Blocks = d.geminiSystem(m)
	}
	c.Rest = o.others(d, "content", "finishReason")
	r.Choices = append(r.Choices, c)
}
