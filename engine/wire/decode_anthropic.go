package wire

// anthropic reads a request of the Messages API: system is a message of RoleSystem in front of the others, and results of
// tools, which stand in the user's messages there, are messages of RoleTool.
func (d *decoder) anthropic(c *Conversation) {
	o, ok := d.root("messages", "system", "tools", "tool_choice", "thinking", "output_config", "output_format", "max_tokens",
		"temperature", "top_p", "top_k", "stop_sequences")
	if !ok {
		return
	}
	if system := d.anthropicContent(o.lookup("system")); len(system) > 0 {
		c.Messages = append(c.Messages, Message{Role: RoleSystem, Blocks: system})
	}
	for i := range o.count() {
		m := o.member(i)
		switch m.Key {
		case "system":
		case "messages":
			d.each(m, func(e Member, index int) { d.anthropicMessage(c, e, index) })
		case "tools":
			d.optional(m, func(e Member, index int) { d.anthropicTool(c, e, index) })
		case "tool_choice":
			d.anthropicChoice(c, m)
		case "thinking":
			d.thinking(c, m)
		case "output_config":
			d.outputConfig(c, m)
		case "output_format":
			d.format(c, m)
		default:
			if !d.sampling(&c.Settings, m) {
				c.Rest = d.keep(c.Rest, m)
			}
		}
	}
}

func (d *decoder) anthropicMessage(c *Conversation, e Member, index int) {
	o, ok := d.open(e, index, "role", "content")
	if !ok || !d.item(e) {
		return
	}
	defer d.close()
	role := d.role(o.lookup("role"))
	splitResults(c, role, d.anthropicContent(o.lookup("content")), d.others(o, "role", "content"))
}

// splitResults appends a message, or where it holds results of tools several: a run of results is a message of RoleTool.
func splitResults(c *Conversation, role string, blocks []Block, rest []Field) {
	as := func(b *Block) string {
		if b.Kind == BlockToolResult && role != RoleAssistant {
			return RoleTool
		}
		return role
	}
	for len(blocks) > 0 {
		n, who := 1, as(&blocks[0])
		for n < len(blocks) && as(&blocks[n]) == who {
			n++
		}
		c.Messages = append(c.Messages, Message{Role: who, Blocks: blocks[:n:n], Rest: rest})
		blocks, rest = blocks[n:], nil
		if len(blocks) == 0 {
			return
		}
	}
	c.Messages = append(c.Messages, Message{Role: role, Rest: rest})
}

func (d *decoder) anthropicContent(m Member) []Block {
	switch m.Kind {
	case KindNone, KindNull:
		return nil
	case KindString:
		return d.plain(nil, BlockText, m)
	case KindArray:
	default:
		d.wrong(m, "a string or an array of blocks")
		return nil
	}
	var out []Block
	d.each(m, func(e Member, index int) {
		if d.item(e) {
			out = d.anthropicBlock(out, e, index)
		}
	})
	return out
}

func (d *decoder) anthropicBlock(out []Block, e Member, index int) []Block {
	o, ok := d.open(e, index, "type", "text", "thinking", "source", "id", "name", "input", "tool_use_id", "content", "is_error", "title",
		"context")
	if !ok {
		return out
	}
	defer d.close()
	b := Block{Raw: d.raw(e)}
	kind := d.needStr(o.lookup("type"))
	switch kind {
	case "text":
		b.Kind, b.Text = BlockText, d.needStr(o.lookup("text"))
		b.Rest = d.others(o, "type", "text")
	case "thinking":
		b.Kind, b.Text = BlockThinking, d.needStr(o.lookup("thinking"))
		b.Rest = d.others(o, "type", "thinking")
	case "redacted_thinking": // nothing in it can be read
		b.Kind, b.Rest = BlockThinking, d.others(o, "type")
	case "image":
		b.Kind = BlockImage
		b.Media, _ = d.source(o.lookup("source"))
		b.Rest = d.others(o, "type", "source")
	case "document":
		b.Kind = BlockFile
		b.Media, b.Text = d.source(o.lookup("source"))
		b.Media.Name = d.str(o.lookup("title"))
		b.Text = lines(b.Media.Name, d.str(o.lookup("context")), b.Text)
		b.Rest = d.others(o, "type", "source", "title")
	case "tool_use":
		b.Kind, b.Call = BlockToolCall, &ToolCall{ID: d.str(o.lookup("id")), Name: d.str(o.lookup("name"))}
		if m := o.lookup("input"); !absent(m) {
			b.Call.Arguments = scanAlias(d.raw(m))
		}
		b.Rest = d.others(o, "type", "id", "name", "input")
	case "tool_result":
		b.Kind, b.Result = BlockToolResult, &ToolResult{
			ID: d.str(o.lookup("tool_use_id")), Error: d.flag(o.lookup("is_error")), Blocks: d.anthropicContent(o.lookup("content")),
		}
		b.Rest = d.others(o, "type", "tool_use_id", "is_error", "content")
	default:
		b.Rest = d.others(o, "type")
	}
	return append(out, b)
}

func lines(texts ...string) string {
	msg := Message{}
	for _, s := range texts {
		if s != "" {
			msg.Blocks = append(msg.Blocks, Block{Kind: BlockText, Text: s})
		}
	}
	return msg.Text()
}

// source reads where the content of an image or a document is, and its text where that can be read.
func (d *decoder) source(m Member) (media *Media, text string) {
	media = &Media{}
	o, ok := d.open(m, 0, "type", "media_type", "data", "url", "file_id", "content")
	if !ok {
		return media, ""
	}
	defer d.close()
	media.MIME = d.str(o.lookup("media_type"))
	switch d.needStr(o.lookup("type")) {
	case "base64":
		media.Data = d.needStr(o.lookup("data"))
	case "text":
		return media, d.needStr(o.lookup("data"))
	case "content":
		msg := Message{Blocks: d.anthropicContent(o.lookup("content"))}
		return media, msg.Text()
	case "url":
		media.URL = d.needStr(o.lookup("url"))
	case "file":
		media.ID = d.needStr(o.lookup("file_id"))
	}
	return media, ""
}

func (d *decoder) anthropicTool(c *Conversation, e Member, index int) {
	o, ok := d.open(e, index, "type", "name", "description", "input_schema")
	if !ok || !d.item(e) {
		return
	}
	defer d.close()
	t := Tool{
		Kind: d.str(o.lookup("type")), Name: d.str(o.lookup("name")), Description: d.str(o.lookup("description")),
		Schema: d.schema(o.lookup("input_schema")), Raw: d.raw(e), Rest: d.others(o, "type", "name", "description", "input_schema"),
	}
	if t.Kind == "" || t.Kind == "custom" {
		t.Kind = "function"
	}
	c.Tools = append(c.Tools, t.named())
}

func (d *decoder) anthropicChoice(c *Conversation, m Member) {
	if absent(m) {
		return
	}
	o, ok := d.open(m, 0, "type", "name", "disable_parallel_tool_use")
	if !ok {
		return
	}
	defer d.close()
	s := &c.Settings
	s.NoParallelTools = d.flag(o.lookup("disable_parallel_tool_use"))
	switch d.needStr(o.lookup("type")) {
	case "auto":
		s.ToolMode = ToolModeAuto
	case "any":
		s.ToolMode = ToolModeRequired
	case "none":
		s.ToolMode = ToolModeNone
	case "tool":
		s.ToolMode, s.ToolName = ToolModeNamed, d.needStr(o.lookup("name"))
	default:
		s.ToolMode, c.Rest = ToolModeOther, d.keep(c.Rest, m)
	}
}

func (d *decoder) thinking(c *Conversation, m Member) {
	if absent(m) {
		return
	}
	o, ok := d.open(m, 0, "type", "budget_tokens")
	if !ok {
		return
	}
	defer d.close()
	c.Settings.ThinkingBudget = d.number(o.lookup("budget_tokens"))
	c.Rest = d.keep(c.Rest, m)
}

func (d *decoder) outputConfig(c *Conversation, m Member) {
	if absent(m) {
		return
	}
	o, ok := d.open(m, 0, "effort", "format")
	if !ok {
		return
	}
	defer d.close()
	for i := range o.count() {
		switch m := o.member(i); m.Key {
		case "effort":
			c.Settings.Effort = d.str(m)
		case "format":
			d.format(c, m)
		default:
			c.Rest = d.keep(c.Rest, m)
		}
	}
}
