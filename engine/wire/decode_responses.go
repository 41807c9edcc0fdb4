package wire

// responses reads a request of the Responses API: instructions are a message of RoleSystem in front of the input.
func (d *decoder) responses(c *Conversation) {
	o, ok := d.root("input", "instructions", "tools", "tool_choice", "text", "reasoning", "prompt", "parallel_tool_calls",
		"max_output_tokens", "temperature", "top_p")
	if !ok {
		return
	}
	if text := d.blocks(o.lookup("instructions")); len(text) > 0 {
		c.Messages = append(c.Messages, Message{Role: RoleSystem, Blocks: text})
	}
	for i := range o.count() {
		m := o.member(i)
		switch m.Key {
		case "instructions":
		case "input":
			d.responsesInput(c, m)
		case "tools":
			d.chatTools(c, m)
		case "tool_choice":
			d.toolChoice(c, m)
		case "text":
			d.responsesText(c, m)
		case "reasoning":
			d.reasoning(c, m)
		case "prompt": // a stored template: its variables are all that can be read
			c.Rest = d.keep(c.Rest, m)
			d.stored(c, m)
		default:
			if !d.sampling(&c.Settings, m) {
				c.Rest = d.keep(c.Rest, m)
			}
		}
	}
}

// blocks reads a text, or an array of blocks or items whose texts count.
func (d *decoder) blocks(m Member) []Block {
	if m.Kind != KindArray {
		return d.content(nil, m)
	}
	inner := &Conversation{}
	d.responsesInput(inner, m)
	var out []Block
	for i := range inner.Messages {
		out = append(out, inner.Messages[i].Blocks...)
	}
	return out
}

func (d *decoder) stored(c *Conversation, m Member) {
	if absent(m) {
		return
	}
	o, ok := d.open(m, 0, "id", "variables")
	if !ok {
		return
	}
	defer d.close()
	if v := o.lookup("variables"); v.Kind == KindObject {
		d.said(c, []Block{{Kind: BlockOther, Raw: d.raw(v)}})
	}
}

func (d *decoder) responsesText(c *Conversation, m Member) {
	if absent(m) {
		return
	}
	o, ok := d.open(m, 0, "format")
	if !ok {
		return
	}
	defer d.close()
	for i := range o.count() {
		if m := o.member(i); m.Key == "format" {
			d.format(c, m)
		} else {
			c.Rest = d.keep(c.Rest, m)
		}
	}
}

func (d *decoder) reasoning(c *Conversation, m Member) {
	if absent(m) {
		return
	}
	o, ok := d.open(m, 0, "effort")
	if !ok {
		return
	}
	defer d.close()
	c.Settings.Effort = d.str(o.lookup("effort"))
	if o.count() > 1 {
		c.Rest = d.keep(c.Rest, m)
	}
}

func (d *decoder) responsesInput(c *Conversation, m Member) {
	switch m.Kind {
	case KindNone, KindNull:
	case KindString:
		d.said(c, d.plain(nil, BlockText, m))
	case KindArray:
		d.each(m, func(e Member, index int) {
			if msg, ok := d.responsesItem(e, index); ok && d.item(e) {
				c.Messages = append(c.Messages, msg)
			}
		})
	default:
		d.wrong(m, "a string or an array of items")
	}
}

// responsesItem reads an item of the input or of the output as a message of its own.
func (d *decoder) responsesItem(e Member, index int) (Message, bool) {
	o, ok := d.open(e, index, "type", "role", "content", "id", "call_id", "name", "arguments", "input", "output", "summary",
		"text", "image_url", "file_id", "file_url", "file_data")
	if !ok {
		return Message{}, false
	}
	defer d.close()
	kind := d.str(o.lookup("type"))
	if kind == "" {
		kind = "message"
	}
	b := Block{Raw: d.raw(e)}
	switch kind {
	case "message":
		return d.responsesMessage(o), true
	case "input_text", "output_text", "input_image", "input_file", "input_audio", "refusal": // a block without its message
		return Message{Role: RoleUser, Blocks: []Block{d.blockOf(o, b.Raw)}}, true
	case "function_call", "custom_tool_call":
		b.Kind, b.Call = BlockToolCall, &ToolCall{ID: d.str(o.lookup("call_id")), Name: d.str(o.lookup("name"))}
		b.Call.Arguments = d.str(o.lookup("arguments"))
		if b.Call.Arguments == "" {
			b.Call.Arguments = d.str(o.lookup("input"))
		}
		b.Rest = d.others(o, "type", "call_id", "name", "arguments", "input")
	case "function_call_output", "custom_tool_call_output", "computer_call_output":
		b.Kind, b.Result = BlockToolResult, &ToolResult{ID: d.str(o.lookup("call_id")), Blocks: d.resultOf(o.lookup("output"))}
		b.Rest = d.others(o, "type", "call_id", "output")
		return Message{Role: RoleTool, Blocks: []Block{b}}, true
	case "reasoning":
		b.Kind = BlockThinking
		for _, key := range [...]string{"summary", "content"} {
			if m := o.lookup(key); !absent(m) && b.Text == "" {
				b.Text = d.joined(m)
			}
		}
		b.Rest = d.others(o, "type", "summary", "content")
	default:
		b.Rest = d.others(o, "type")
		if len(kind) > 7 && kind[len(kind)-7:] == "_output" {
			return Message{Role: RoleTool, Blocks: []Block{{Kind: BlockToolResult, Result: &ToolResult{
				ID: d.str(o.lookup("call_id")), Blocks: []Block{b},
			}, Raw: b.Raw}}}, true
		}
	}
	return Message{Role: RoleAssistant, Blocks: []Block{b}}, true
}

func (d *decoder) responsesMessage(o object) Message {
	return Message{
		Role: d.role(o.lookup("role")), Blocks: d.content(nil, o.lookup("content")), Rest: d.others(o, "type", "role", "content"),
	}
}

// resultOf reads what a tool gave back: a text, blocks, or an object that only its kind knows.
func (d *decoder) resultOf(m Member) []Block {
	if m.Kind != KindObject {
		return d.content(nil, m)
	}
	return d.openAIBlock(nil, m, 0)
}

// others keeps the members that are not read.
func (d *decoder) others(o object, read ...string) []Field {
	var rest []Field
next:
	for i := range o.count() {
		m := o.member(i)
		for _, key := range read {
			if m.Key == key {
				continue next
			}
		}
		rest = d.keep(rest, m)
	}
	return rest
}
