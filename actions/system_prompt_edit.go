package actions

import (
	"slices"
	"strconv"

	"weir/engine"
	"weir/engine/wire"
)

// promptEdit collects the operations that put a text into a body.
type promptEdit struct {
	text     string
	position string
	doc      *wire.Doc
	prefix   string
	ops      []wire.PatchOp
}

func (p *promptEdit) op(op, path string, value []byte) {
	p.ops = append(p.ops, wire.PatchOp{Op: op, Path: p.prefix + path, Value: value})
}

// merged is the text together with what the client says.
func (p *promptEdit) merged(client string) []byte {
	const between = "\n\n"
	switch {
	case p.position == promptReplace, client == "":
		return wire.AppendString(nil, p.text)
	case p.position == promptAppend:
		return wire.AppendString(nil, client+between+p.text)
	default:
		return wire.AppendString(nil, p.text+between+client)
	}
}

// part is a block of text, of which the API's own has a type in front.
func (p *promptEdit) part(typed string) []byte {
	return append(wire.AppendString(append([]byte{'{'}, typed+`"text":`...), p.text), '}')
}

// into puts the text into a value that is a text or a list of blocks; a block of it begins with typed.
func (p *promptEdit) into(path string, m wire.Member, doc *wire.Doc, typed string) error {
	switch m.Kind {
	case wire.KindString:
		client, _ := doc.Str(m)
		p.op("replace", path, p.merged(client))
	case wire.KindArray:
		if p.position == promptAppend {
			p.op("add", path+"/-", p.part(typed))
		} else {
			p.op("add", path+"/0", p.part(typed))
		}
	case wire.KindNone, wire.KindNull:
		p.op("add", path, wire.AppendString(nil, p.text))
	default:
		return errPromptShape
	}
	return nil
}

// anthropic puts the text into system. Blocks keep what they say of caching.
func (p *promptEdit) anthropic() error {
	m, _ := p.doc.Lookup("system")
	if p.position == promptReplace {
		p.op("add", "/system", wire.AppendString(nil, p.text))
		return nil
	}
	return p.into("/system", m, p.doc, `"type":"text",`)
}

// responses puts the text into instructions; those that stand in the input go where the text is in their place.
func (p *promptEdit) responses() error {
	m, _ := p.doc.Lookup("instructions")
	if p.position == promptReplace {
		p.op("add", "/instructions", wire.AppendString(nil, p.text))
		return p.withoutInstructions("input")
	}
	if m.Kind == wire.KindArray { // of items, as the API answers with
		at := "/instructions/0"
		if p.position == promptAppend {
			at = "/instructions/-"
		}
		p.op("add", at, append(wire.AppendString([]byte(`{"role":"developer","content":`), p.text), '}'))
		return nil
	}
	return p.into("/instructions", m, p.doc, "")
}

// withoutInstructions removes the messages of a list that instruct.
func (p *promptEdit) withoutInstructions(list string) error {
	messages, err := p.messages(list)
	if err != nil {
		return err
	}
	for i, m := range slices.Backward(messages) { // so that the places of those before stay true
		if m.instructs {
			p.op("remove", "/"+list+"/"+strconv.Itoa(i), nil)
		}
	}
	return nil
}

// promptMessage is what counts of one message.
type promptMessage struct {
	instructs bool
	role      string
	content   wire.Member
	doc       *wire.Doc
}

// messages reads who speaks in the messages of a list.
func (p *promptEdit) messages(list string) ([]promptMessage, error) {
	m, ok := p.doc.Lookup(list)
	if !ok || m.Kind != wire.KindArray {
		return nil, nil // a text, or nothing: nobody instructs in it
	}
	items := rawItems(p.doc.Raw(m))
	out := make([]promptMessage, len(items))
	for i, item := range items {
		doc := &wire.Doc{}
		if len(item) == 0 || item[0] != '{' {
			continue
		}
		if problem := doc.Scan(item); problem != nil {
			return nil, &engine.Error{Code: engine.CodeBadRequest, Message: problem.Error(), Param: list}
		}
		if role, ok := doc.Lookup("role"); ok {
			out[i].role, _ = doc.Str(role)
		}
		out[i].content, _ = doc.Lookup("content")
		out[i].doc, out[i].instructs = doc, out[i].role == "system" || out[i].role == "developer"
	}
	return out, nil
}

// chat puts the text into the instructions that the messages begin with: many models take one message of them only.
func (p *promptEdit) chat() error {
	messages, err := p.messages("messages")
	if err != nil {
		return err
	}
	leading := 0
	for leading < len(messages) && messages[leading].instructs {
		leading++
	}
	role := "system"
	if leading > 0 {
		role = messages[0].role
	}
	own := append(wire.AppendString(append(wire.AppendString([]byte(`{"role":`), role), `,"content":`...), p.text), '}')
	at := 0
	if p.position == promptAppend {
		at = leading - 1
	}
	switch {
	case p.position == promptReplace:
		if err := p.withoutInstructions("messages"); err != nil {
			return err
		}
		fallthrough
	case leading == 0:
		p.op("add", "/messages/0", own)
		return nil
	default:
		path := "/messages/" + strconv.Itoa(at) + "/content"
		return p.into(path, messages[at].content, messages[at].doc, `"type":"text",`)
	}
}

// completions puts the text before the prompt, whatever the position: what stands at its end is gone on with.
func (p *promptEdit) completions() error {
	m, _ := p.doc.Lookup("prompt")
	before := promptEdit{text: p.text, position: promptPrepend}
	switch m.Kind {
	case wire.KindString:
		client, _ := p.doc.Str(m)
		p.op("replace", "/prompt", before.merged(client))
	case wire.KindArray:
		for i, item := range rawItems(p.doc.Raw(m)) {
			doc := &wire.Doc{}
			if item[0] != '"' {
				return errNoPrompt
			}
			if problem := doc.Scan(append(append([]byte(`{"a":`), item...), '}')); problem != nil {
				return &engine.Error{Code: engine.CodeBadRequest, Message: problem.Error(), Param: "prompt"}
			}
			text, _ := doc.Lookup("a")
			client, _ := doc.Str(text)
			p.op("replace", "/prompt/"+strconv.Itoa(i), before.merged(client))
		}
	default:
		return errPromptShape
	}
	return nil
}

// gemini puts the text into systemInstruction, which is a content, and in some clients a text.
func (p *promptEdit) gemini() error {
	path, m := "/systemInstruction", wire.Member{}
	for _, key := range [...]string{"systemInstruction", "system_instruction"} {
		if found, ok := p.doc.Lookup(key); ok {
			path, m = "/"+key, found
		}
	}
	whole := append(append([]byte(`{"parts":[`), p.part("")...), "]}"...)
	switch {
	case p.position == promptReplace, m.Kind == wire.KindNone, m.Kind == wire.KindNull:
		p.op("add", path, whole)
		return nil
	case m.Kind == wire.KindString:
		return p.into(path, m, p.doc, "")
	case m.Kind != wire.KindObject:
		return errPromptShape
	}
	content := &wire.Doc{}
	if problem := content.Scan(p.doc.Raw(m)); problem != nil {
		return &engine.Error{Code: engine.CodeBadRequest, Message: problem.Error(), Param: path[1:]}
	}
	parts, _ := content.Lookup("parts")
	switch parts.Kind {
	case wire.KindArray:
		return p.into(path+"/parts", parts, content, "")
	case wire.KindObject: // the API takes one in place of a list
		list := append(append(append(append([]byte{'['}, p.part("")...), ','), content.Raw(parts)...), ']')
		if p.position == promptAppend {
			list = append(append(append(append([]byte{'['}, content.Raw(parts)...), ','), p.part("")...), ']')
		}
		p.op("replace", path+"/parts", list)
	case wire.KindNone, wire.KindNull:
		p.op("add", path+"/parts", append(append([]byte{'['}, p.part("")...), ']'))
	default:
		return errPromptShape
	}
	return nil
}

// geminiCount puts the text into what tokens are counted of.
func (p *promptEdit) geminiCount(api wire.API) error {
	m, ok := nestedRequest(p.doc, api)
	if !ok {
		return p.gemini()
	}
	inner := &wire.Doc{}
	if problem := inner.Scan(p.doc.Raw(m)); problem != nil {
		return &engine.Error{Code: engine.CodeBadRequest, Message: problem.Error(), Param: m.Key}
	}
	p.doc, p.prefix = inner, "/"+m.Key
	return p.gemini()
}

// rawItems are the elements of an array as they stand in the body.
func rawItems(raw []byte) [][]byte {
	var items [][]byte
	wire.Elements(raw, func(m wire.Member) bool {
		items = append(items, raw[m.Start:m.End])
		return true
	})
	return items
}
