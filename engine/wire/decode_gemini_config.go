package wire

// geminiTool reads an entry of tools: any number of functions, and built-in tools by the member they stand under.
func (d *decoder) geminiTool(c *Conversation, e Member, index int) {
	o, ok := d.openGemini(e, index, "functionDeclarations")
	if !ok || !d.item(e) {
		return
	}
	defer d.close()
	for i := range o.count() {
		m := o.member(i)
		if m.Key != "functionDeclarations" {
			c.Tools = append(c.Tools, Tool{Kind: m.Key, Name: m.Key, Raw: d.raw(e)})
			continue
		}
		d.optional(m, func(e Member, index int) { d.geminiFunction(c, e, index) })
	}
}

func (d *decoder) geminiFunction(c *Conversation, e Member, index int) {
	o, ok := d.openGemini(e, index, "name", "description", "parameters", "parametersJsonSchema")
	if !ok || !d.item(e) {
		return
	}
	defer d.close()
	t := Tool{
		Kind: "function", Name: d.needStr(o.lookup("name")), Description: d.str(o.lookup("description")), Raw: d.raw(e),
		Schema: d.schema(o.lookup("parametersJsonSchema")), Rest: o.others(d, "name", "description", "parameters", "parametersJsonSchema"),
	}
	if t.Schema == nil {
		t.Schema = d.schema(o.lookup("parameters"))
	}
	c.Tools = append(c.Tools, t)
}

func (d *decoder) geminiToolConfig(c *Conversation, m Member) {
	if absent(m) {
		return
	}
	o, ok := d.openGemini(m, 0, "functionCallingConfig")
	if !ok {
		return
	}
	defer d.close()
	inner := o.lookup("functionCallingConfig")
	if absent(inner) {
		c.Rest = d.keep(c.Rest, m)
		return
	}
	f, ok := d.openGemini(inner, 0, "mode", "allowedFunctionNames")
	if !ok {
		return
	}
	defer d.close()
	s := &c.Settings
	names := d.strs(f.lookup("allowedFunctionNames"))
	switch d.str(f.lookup("mode")) {
	case "", "MODE_UNSPECIFIED":
	case "AUTO":
		s.ToolMode = ToolModeAuto
	case "NONE":
		s.ToolMode = ToolModeNone
	case "ANY":
		s.ToolMode = ToolModeRequired
		if len(names) == 1 {
			s.ToolMode, s.ToolName = ToolModeNamed, names[0]
		}
	default:
		s.ToolMode = ToolModeOther
	}
	if s.ToolMode == ToolModeOther || len(names) > 1 {
		c.Rest = d.keep(c.Rest, m)
	}
}

func (d *decoder) geminiConfig(c *Conversation, m Member) {
	if absent(m) {
		return
	}
	o, ok := d.openGemini(m, 0, "temperature", "topP", "topK", "seed", "candidateCount", "maxOutputTokens", "stopSequences",
		"frequencyPenalty", "presencePenalty", "responseMimeType", "responseSchema", "responseJsonSchema", "thinkingConfig")
	if !ok {
		return
	}
	defer d.close()
	s := &c.Settings
	for i := range o.count() {
		m := o.member(i)
		switch m.Key {
		case "temperature":
			s.Temperature = d.number(m)
		case "topP":
			s.TopP = d.number(m)
		case "topK":
			s.TopK = d.number(m)
		case "seed":
			s.Seed = d.number(m)
		case "candidateCount":
			s.Choices = d.number(m)
		case "maxOutputTokens":
			s.MaxOutputTokens = d.number(m)
		case "frequencyPenalty":
			s.FrequencyPenalty = d.number(m)
		case "presencePenalty":
			s.PresencePenalty = d.number(m)
		case "stopSequences":
			s.Stop = d.strs(m)
		case "responseMimeType":
			d.geminiMIME(s, m)
		case "responseSchema", "responseJsonSchema", "_responseJsonSchema":
			if schema := d.schema(m); schema != nil {
				s.Format, s.FormatSchema = FormatSchema, schema
			}
		case "thinkingConfig":
			d.geminiThinking(c, m)
		default:
			c.Rest = d.keep(c.Rest, o.object.member(i))
		}
	}
}

func (d *decoder) geminiMIME(s *Settings, m Member) {
	switch mime := d.str(m); {
	case s.Format == FormatSchema, mime == "", mime == "text/plain":
	case mime == "application/json":
		s.Format = FormatJSON
	default: // text/x.enum
		s.Format = FormatOther
	}
}

func (d *decoder) geminiThinking(c *Conversation, m Member) {
	if absent(m) {
		return
	}
	o, ok := d.openGemini(m, 0, "thinkingBudget", "thinkingLevel")
	if !ok {
		return
	}
	defer d.close()
	c.Settings.ThinkingBudget = d.number(o.lookup("thinkingBudget"))
	c.Settings.Effort = d.str(o.lookup("thinkingLevel"))
	c.Rest = d.keep(c.Rest, m)
}
