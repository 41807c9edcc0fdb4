package wire

// DecodeConversation reads a request body of an API whose input a model reads. A body of another API has no messages. A
// problem tells the path of what is malformed.
func DecodeConversation(api API, body []byte) (*Conversation, *Problem) {
	d := &decoder{body: body}
	c := &Conversation{}
	switch api {
	case OpenAIChat:
		d.chat(c)
	case OpenAICompletions, OpenAIImages:
		d.prompt(c, "prompt", "suffix")
	case OpenAIEmbeddings, OpenAIModerations, OpenAISpeech:
		d.prompt(c, "input", "instructions")
	case OpenAIRerank:
		d.rerank(c)
	case OpenAIResponses:
		d.responses(c)
	case AnthropicMessages, AnthropicCountTokens:
		d.anthropic(c)
	case GeminiGenerate, GeminiCountTokens, GeminiEmbed, GeminiBatchEmbed:
		d.gemini(c)
	default:
		return c, nil
	}
	if d.problem != nil {
		return nil, d.problem
	}
	return c, nil
}

func (d *decoder) chat(c *Conversation) {
	o, ok := d.root("messages", "tools", "functions", "tool_choice", "function_call", "response_format", "reasoning_effort", "documents",
		"parallel_tool_calls", "max_completion_tokens", "max_tokens", "stop", "temperature", "top_p", "top_k", "seed", "n",
		"frequency_penalty", "presence_penalty")
	if !ok {
		return
	}
	for i := range o.count() {
		m := o.member(i)
		switch m.Key {
		case "messages":
			d.each(m, func(e Member, index int) { d.chatMessage(c, e, index) })
		case "tools":
			d.chatTools(c, m)
		case "functions": // the older form of tools
			d.optional(m, func(e Member, index int) {
				if d.item(e) {
					t := Tool{Kind: "function", Raw: d.raw(e)}
					d.function(&t, e, index)
					c.Tools = append(c.Tools, t)
				}
			})
		case "tool_choice", "function_call":
			d.toolChoice(c, m)
		case "documents": // local servers put them into the prompt
			d.optional(m, func(e Member, index int) { d.document(c, e, index) })
		case "response_format":
			d.format(c, m)
		case "reasoning_effort":
			c.Settings.Effort = d.str(m)
		default:
			if !d.sampling(&c.Settings, m) {
				c.Rest = d.keep(c.Rest, m)
			}
		}
	}
}

// optional is each for a member that may be null.
func (d *decoder) optional(m Member, f func(e Member, index int)) {
	if !absent(m) {
		d.each(m, f)
	}
}

// sampling reads the settings that the OpenAI and Anthropic APIs spell alike.
func (d *decoder) sampling(s *Settings, m Member) bool {
	switch m.Key {
	case "temperature":
		s.Temperature = d.number(m)
	case "top_p":
		s.TopP = d.number(m)
	case "top_k":
		s.TopK = d.number(m)
	case "seed":
		s.Seed = d.number(m)
	case "frequency_penalty":
		s.FrequencyPenalty = d.number(m)
	case "presence_penalty":
		s.PresencePenalty = d.number(m)
	case "n":
		s.Choices = d.number(m)
	case "max_completion_tokens", "max_output_tokens":
		s.MaxOutputTokens = d.number(m)
	case "max_tokens":
		if n := d.number(m); s.MaxOutputTokens == "" {
			s.MaxOutputTokens = n
		}
	case "stop", "stop_sequences":
		s.Stop = d.strs(m)
	case "parallel_tool_calls":
		s.NoParallelTools = !absent(m) && !d.flag(m)
	default:
		return false
	}
	return true
}

func (d *decoder) chatMessage(c *Conversation, e Member, index int) {
	o, ok := d.open(e, index, "role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "reasoning_content",
		"reasoning", "reasoning_details", "audio")
	if !ok || !d.item(e) {
		return
	}
	defer d.close()
	msg := Message{Role: d.role(o.lookup("role")), Name: d.str(o.lookup("name"))}
	result := ToolResult{ID: d.str(o.lookup("tool_call_id")), Name: msg.Name}
	for i := range o.count() {
		m := o.member(i)
		switch m.Key {
		case "role", "name", "tool_call_id":
		case "reasoning_content", "reasoning":
			msg.Blocks = d.plain(msg.Blocks, BlockThinking, m)
		case "content":
			msg.Blocks = d.content(msg.Blocks, m)
		case "refusal":
			msg.Blocks = d.plain(msg.Blocks, BlockRefusal, m)
		case "tool_calls":
			d.optional(m, func(e Member, index int) { msg.Blocks = d.chatCall(msg.Blocks, e, index) })
		case "function_call":
			if !absent(m) {
				call := &ToolCall{}
				d.callOf(call, m, 0)
				msg.Blocks = append(msg.Blocks, Block{Kind: BlockToolCall, Call: call, Raw: d.raw(m)})
			}
		case "reasoning_details": // several vendors' forms, which only they know
			if !absent(m) && d.item(m) {
				msg.Blocks = append(msg.Blocks, Block{Kind: BlockOther, Raw: d.raw(m)})
			}
		case "audio": // a reference to an earlier answer
			if !absent(m) {
				msg.Blocks = append(msg.Blocks, Block{Kind: BlockAudio, Media: &Media{ID: d.inside(m, "id")}, Raw: d.raw(m)})
			}
		default:
			msg.Rest = d.keep(msg.Rest, m)
		}
	}
	if msg.Role == RoleTool {
		result.Blocks = msg.Blocks
		msg.Blocks = []Block{{Kind: BlockToolResult, Result: &result, Raw: d.raw(e)}}
	}
	c.Messages = append(c.Messages, msg)
}

// plain appends a part that is a plain string.
func (d *decoder) plain(blocks []Block, kind BlockKind, m Member) []Block {
	if absent(m) {
		return blocks
	}
	s := d.needStr(m)
	if s == "" || !d.item(m) {
		return blocks
	}
	return append(blocks, Block{Kind: kind, Text: s})
}

// inside reads one string member of an object.
func (d *decoder) inside(m Member, key string) string {
	o, ok := d.open(m, 0, key)
	if !ok {
		return ""
	}
	defer d.close()
	return d.str(o.lookup(key))
}

// content reads a text or an array of blocks; a string in the array is a text, as some vendors take it.
func (d *decoder) content(blocks []Block, m Member) []Block {
	switch m.Kind {
	case KindNone, KindNull:
		return blocks
	case KindString:
		return d.plain(blocks, BlockText, m)
	case KindArray:
	default:
		d.wrong(m, "a string or an array of parts")
		return blocks
	}
	d.each(m, func(e Member, index int) {
		if e.Kind == KindString {
			blocks = d.plain(blocks, BlockText, e)
			return
		}
		if d.item(e) {
			blocks = d.openAIBlock(blocks, e, index)
		}
	})
	return blocks
}

func (d *decoder) chatCall(blocks []Block, e Member, index int) []Block {
	o, ok := d.open(e, index, "id", "type", "function", "custom")
	if !ok || !d.item(e) {
		return blocks
	}
	defer d.close()
	call := &ToolCall{ID: d.str(o.lookup("id"))}
	p := Block{Kind: BlockToolCall, Call: call, Raw: d.raw(e)}
	for i := range o.count() {
		switch m := o.member(i); m.Key {
		case "id", "type":
		case "function", "custom":
			d.callOf(call, m, 0)
		default:
			p.Rest = d.keep(p.Rest, m)
		}
	}
	return append(blocks, p)
}

// callOf reads name and arguments of a call.
func (d *decoder) callOf(call *ToolCall, m Member, index int) {
	o, ok := d.open(m, index, "name", "arguments", "input")
	if !ok {
		return
	}
	defer d.close()
	call.Name = d.str(o.lookup("name"))
	args := o.lookup("arguments")
	switch {
	case args.Kind == KindObject: // Ollama and those after it
		call.Arguments = scanAlias(d.raw(args))
	case args.Kind != KindNone:
		call.Arguments = d.str(args)
	default:
		call.Arguments = d.str(o.lookup("input"))
	}
}

func (d *decoder) chatTools(c *Conversation, m Member) {
	d.optional(m, func(e Member, index int) {
		o, ok := d.open(e, index, "type", "function", "custom", "name", "description", "parameters")
		if !ok || !d.item(e) {
			return
		}
		defer d.close()
		t := Tool{Kind: d.str(o.lookup("type")), Raw: d.raw(e)}
		for i := range o.count() {
			switch m := o.member(i); m.Key {
			case "type":
			case "function", "custom":
				d.function(&t, m, 0)
			case "name":
				t.Name = d.str(m)
			case "description":
				t.Description = d.str(m)
			case "parameters":
				t.Schema = d.schema(m)
			default:
				t.Rest = d.keep(t.Rest, m)
			}
		}
		c.Tools = append(c.Tools, t.named())
	})
}

// named gives a built-in tool the name of its kind.
func (t Tool) named() Tool {
	if t.Name == "" {
		t.Name = t.Kind
	}
	return t
}

// function reads the definition of a function.
func (d *decoder) function(t *Tool, m Member, index int) {
	o, ok := d.open(m, index, "name", "description", "parameters")
	if !ok {
		return
	}
	defer d.close()
	for i := range o.count() {
		switch m := o.member(i); m.Key {
		case "name":
			t.Name = d.needStr(m)
		case "description":
			t.Description = d.str(m)
		case "parameters":
			t.Schema = d.schema(m)
		default:
			t.Rest = d.keep(t.Rest, m)
		}
	}
}

func (d *decoder) schema(m Member) []byte {
	if absent(m) {
		return nil
	}
	if m.Kind != KindObject && m.Kind != KindBool {
		d.wrong(m, "a JSON schema")
	}
	return d.raw(m)
}

// toolChoice reads whether tools must be called: a word, or the name of one.
func (d *decoder) toolChoice(c *Conversation, m Member) {
	s := &c.Settings
	switch m.Kind {
	case KindNone, KindNull:
	case KindString:
		switch word := d.needStr(m); word {
		case "auto":
			s.ToolMode = ToolModeAuto
		case "none":
			s.ToolMode = ToolModeNone
		case "required", "any":
			s.ToolMode = ToolModeRequired
		default:
			s.ToolMode, c.Rest = ToolModeOther, d.keep(c.Rest, m)
		}
	case KindObject:
		o, ok := d.open(m, 0, "type", "name", "function", "custom")
		if !ok {
			return
		}
		name := d.str(o.lookup("name"))
		for _, key := range [...]string{"function", "custom"} {
			if inner := o.lookup(key); inner.Kind == KindObject {
				name = d.inside(inner, "name")
			}
		}
		d.close()
		if s.ToolMode, s.ToolName = ToolModeNamed, name; name == "" {
			s.ToolMode, c.Rest = ToolModeOther, d.keep(c.Rest, m)
		}
	default:
		d.wrong(m, "a string or an object")
	}
}

// format reads response_format, and the format in the text member of the Responses API, which is flat.
func (d *decoder) format(c *Conversation, m Member) {
	if absent(m) {
		return
	}
	o, ok := d.open(m, 0, "type", "json_schema", "name", "schema", "description")
	if !ok {
		return
	}
	defer d.close()
	s := &c.Settings
	switch d.needStr(o.lookup("type")) {
	case "text":
		s.Format = FormatText
	case "json_object":
		s.Format = FormatJSON
	case "json_schema":
		s.Format = FormatSchema
		if inner := o.lookup("json_schema"); !absent(inner) {
			if o, ok = d.open(inner, 0, "name", "schema", "description"); !ok {
				return
			}
			defer d.close()
		}
		s.FormatName, s.FormatDescription = d.str(o.lookup("name")), d.str(o.lookup("description"))
		s.FormatSchema = d.schema(o.lookup("schema"))
	default:
		s.Format, c.Rest = FormatOther, d.keep(c.Rest, m)
	}
}
