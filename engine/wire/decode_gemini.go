package wire

import "strings"

// geminiName is the JSON name of a member, which the Gemini API also takes under the name of the field.
func geminiName(key string) string {
	if strings.IndexByte(key, '_') <= 0 {
		return key
	}
	var b strings.Builder
	upper := false
	for i := range len(key) {
		c := key[i]
		switch {
		case c == '_':
			upper = true
			continue
		case upper && c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		upper = false
		b.WriteByte(c)
	}
	return b.String()
}

// geminiObject gives every member its JSON name. A member under both names stands twice.
type geminiObject struct {
	object
	names []string
}

func (o geminiObject) member(i int) Member {
	m := o.object.member(i)
	m.Key = o.names[i]
	return m
}

func (o geminiObject) lookup(key string) Member {
	for i, name := range o.names {
		if name == key {
			return o.member(i)
		}
	}
	return Member{Key: key, Start: o.base, End: o.base}
}

// others keeps the members that are not read, under the names that they came with.
func (o geminiObject) others(d *decoder, read ...string) []Field {
	var rest []Field
next:
	for i, name := range o.names {
		for _, key := range read {
			if name == key {
				continue next
			}
		}
		rest = d.keep(rest, o.object.member(i))
	}
	return rest
}

func (d *decoder) geminiNames(o object) (geminiObject, bool) {
	g := geminiObject{object: o, names: make([]string, o.count())}
	for i := range g.names {
		key := o.doc.members[i].Key
		g.names[i] = geminiName(key)
		if g.names[i] == key {
			continue
		}
		if _, twice := o.doc.Lookup(g.names[i]); twice {
			d.fail(o.base+o.doc.members[i].KeyStart, key, "stands twice, also as "+g.names[i])
			return g, false
		}
	}
	return g, true
}

func (d *decoder) openGemini(m Member, index int, known ...string) (geminiObject, bool) {
	o, ok := d.open(m, index, known...)
	if !ok {
		return geminiObject{}, false
	}
	g, ok := d.geminiNames(o)
	if !ok {
		d.close()
	}
	return g, ok
}

// gemini reads a request of the Gemini APIs: systemInstruction is a message of RoleSystem in front of the others, and
// results of functions are messages of RoleTool.
func (d *decoder) gemini(c *Conversation) {
	o, ok := d.root(geminiMembers()...)
	if !ok {
		return
	}
	if g, ok := d.geminiNames(o); ok {
		d.geminiBody(c, g)
	}
}

func geminiMembers() []string {
	return []string{
		"contents", "content", "systemInstruction", "tools", "toolConfig", "generationConfig", "requests", "generateContentRequest", "title",
	}
}

func (d *decoder) geminiBody(c *Conversation, o geminiObject) {
	if m := o.lookup("systemInstruction"); !absent(m) {
		c.Messages = append(c.Messages, Message{Role: RoleSystem, Blocks: d.geminiSystem(m)})
	}
	for i := range o.count() {
		m := o.member(i)
		switch m.Key {
		case "systemInstruction":
		case "contents":
			if m.Kind == KindObject { // the API takes one in place of a list
				d.geminiContent(c, m, 0)
				continue
			}
			d.each(m, func(e Member, index int) { d.geminiContent(c, e, index) })
		case "content":
			d.geminiContent(c, m, 0)
		case "title":
			d.said(c, d.plain(nil, BlockText, m))
		case "requests":
			d.each(m, func(e Member, index int) { d.geminiNested(c, e, index) })
		case "generateContentRequest":
			d.geminiNested(c, m, 0)
		case "tools":
			d.optional(m, func(e Member, index int) { d.geminiTool(c, e, index) })
		case "toolConfig":
			d.geminiToolConfig(c, m)
		case "generationConfig":
			d.geminiConfig(c, m)
		default:
			c.Rest = d.keep(c.Rest, o.object.member(i))
		}
	}
}

// geminiNested reads a request inside the request.
func (d *decoder) geminiNested(c *Conversation, m Member, index int) {
	o, ok := d.openGemini(m, index, geminiMembers()...)
	if !ok || !d.item(m) {
		return
	}
	defer d.close()
	d.geminiBody(c, o)
}

func (d *decoder) geminiSystem(m Member) []Block {
	if m.Kind == KindString {
		return d.plain(nil, BlockText, m)
	}
	inner := &Conversation{}
	d.geminiContent(inner, m, 0)
	var out []Block
	for i := range inner.Messages {
		out = append(out, inner.Messages[i].Blocks...)
	}
	return out
}

func (d *decoder) geminiContent(c *Conversation, e Member, index int) {
	o, ok := d.openGemini(e, index, "role", "parts")
	if !ok || !d.item(e) {
		return
	}
	defer d.close()
	role := RoleUser
	if m := o.lookup("role"); !absent(m) {
		role = d.role(m)
	}
	var blocks []Block
	if m := o.lookup("parts"); m.Kind == KindObject {
		blocks = d.geminiPart(blocks, m, 0)
	} else {
		d.optional(m, func(e Member, index int) {
			if d.item(e) {
				blocks = d.geminiPart(blocks, e, index)
			}
		})
	}
	splitResults(c, role, blocks, o.others(d, "role", "parts"))
}

func (d *decoder) geminiPart(out []Block, e Member, index int) []Block {
	o, ok := d.openGemini(e, index, "text", "thought", "inlineData", "fileData", "functionCall", "functionResponse")
	if !ok {
		return out
	}
	defer d.close()
	b := Block{Raw: d.raw(e)}
	read := "text"
	switch {
	case !absent(o.lookup("text")):
		b.Kind, b.Text = BlockText, d.needStr(o.lookup("text"))
		if d.flag(o.lookup("thought")) {
			b.Kind = BlockThinking
		}
	case !absent(o.lookup("inlineData")):
		read = "inlineData"
		d.geminiMedia(&b, o.lookup(read))
	case !absent(o.lookup("fileData")):
		read = "fileData"
		d.geminiMedia(&b, o.lookup(read))
	case !absent(o.lookup("functionCall")):
		read = "functionCall"
		d.geminiCall(&b, o.lookup(read))
	case !absent(o.lookup("functionResponse")):
		read = "functionResponse"
		d.geminiResult(&b, o.lookup(read))
	}
	b.Rest = o.others(d, read, "thought")
	return append(out, b)
}

func (d *decoder) geminiMedia(b *Block, m Member) {
	b.Kind, b.Media = BlockFile, &Media{}
	o, ok := d.openGemini(m, 0, "mimeType", "data", "fileUri", "displayName")
	if !ok {
		return
	}
	defer d.close()
	b.Media = &Media{
		MIME: d.str(o.lookup("mimeType")), Data: d.str(o.lookup("data")), URL: d.str(o.lookup("fileUri")), Name: d.str(o.lookup("displayName")),
	}
	kind, _, _ := strings.Cut(b.Media.MIME, "/")
	switch strings.ToLower(kind) {
	case "image":
		b.Kind = BlockImage
	case "audio":
		b.Kind = BlockAudio
	case "video":
		b.Kind = BlockVideo
	}
}

func (d *decoder) geminiCall(b *Block, m Member) {
	b.Kind, b.Call = BlockToolCall, &ToolCall{}
	o, ok := d.openGemini(m, 0, "id", "name", "args")
	if !ok {
		return
	}
	defer d.close()
	b.Call.ID, b.Call.Name = d.str(o.lookup("id")), d.str(o.lookup("name"))
	if args := o.lookup("args"); !absent(args) {
		b.Call.Arguments = scanAlias(d.raw(args))
	}
}

func (d *decoder) geminiResult(b *Block, m Member) {
	b.Kind, b.Result = BlockToolResult, &ToolResult{}
	o, ok := d.openGemini(m, 0, "id", "name", "response", "parts")
	if !ok {
		return
	}
	defer d.close()
	b.Result.ID, b.Result.Name = d.str(o.lookup("id")), d.str(o.lookup("name"))
	if r := o.lookup("response"); !absent(r) {
		b.Result.Blocks = append(b.Result.Blocks, Block{Kind: BlockText, Text: scanAlias(d.raw(r))})
	}
	d.optional(o.lookup("parts"), func(e Member, index int) {
		if d.item(e) {
			b.Result.Blocks = d.geminiPart(b.Result.Blocks, e, index)
		}
	})
}
