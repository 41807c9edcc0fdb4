package wire

// openAIBlock reads a block of the chat and Responses APIs; they agree where they share a name.
func (d *decoder) openAIBlock(blocks []Block, e Member, index int) []Block {
	o, ok := d.open(e, index, "type", "text", "image_url", "input_audio", "video_url", "file", "refusal", "file_id", "file_url",
		"file_data", "filename", "thinking")
	if !ok {
		return blocks
	}
	defer d.close()
	return append(blocks, d.blockOf(o, d.raw(e)))
}

// blockOf reads a block that is open.
func (d *decoder) blockOf(o object, raw []byte) Block {
	p := Block{Raw: raw}
	read := []string{"type", ""} // the members that the kind is about
	switch d.needStr(o.lookup("type")) {
	case "text", "input_text", "output_text", "summary_text", "reasoning_text":
		read[1], p.Kind, p.Text = "text", BlockText, d.needStr(o.lookup("text"))
	case "refusal":
		read[1], p.Kind, p.Text = "refusal", BlockRefusal, d.needStr(o.lookup("refusal"))
	case "thinking": // vendors that answer with their thinking as a part
		read[1], p.Kind = "thinking", BlockThinking
		if m := o.lookup("thinking"); m.Kind == KindArray {
			p.Text = d.joined(m)
		} else {
			p.Text = d.needStr(m)
		}
	case "image_url", "input_image", "computer_screenshot":
		read = append(read, "image_url", "file_id")
		p.Kind, p.Media = BlockImage, d.imageURL(o)
	case "input_audio":
		read[1], p.Kind, p.Media = "input_audio", BlockAudio, d.audio(o)
	case "video_url":
		read[1], p.Kind, p.Media = "video_url", BlockVideo, &Media{URL: d.urlOf(o.lookup("video_url"))}
	case "file", "input_file":
		read = append(read, "file", "file_url", "file_data", "file_id", "filename")
		p.Kind, p.Media = BlockFile, d.file(o)
	}
	p.Rest = d.others(o, read...)
	return p
}

// joined is the text of an array of text blocks.
func (d *decoder) joined(m Member) string {
	msg := Message{Blocks: d.content(nil, m)}
	return msg.Text()
}

// urlOf reads a URL that stands alone or as the url of an object.
func (d *decoder) urlOf(m Member) string {
	if m.Kind == KindObject {
		return d.inside(m, "url")
	}
	return d.str(m)
}

func (d *decoder) imageURL(o object) *Media {
	return &Media{URL: d.urlOf(o.lookup("image_url")), ID: d.str(o.lookup("file_id"))}
}

func (d *decoder) audio(o object) *Media {
	m := o.lookup("input_audio")
	inner, ok := d.open(m, 0, "data", "format")
	if !ok {
		return &Media{}
	}
	defer d.close()
	media := &Media{Data: d.str(inner.lookup("data"))}
	if format := d.str(inner.lookup("format")); format != "" {
		media.MIME = "audio/" + format
	}
	return media
}

// file reads a file: in an object of its own in the chat API, flat in the Responses API.
func (d *decoder) file(o object) *Media {
	if m := o.lookup("file"); !absent(m) {
		inner, ok := d.open(m, 0, "file_id", "file_data", "filename")
		if !ok {
			return &Media{}
		}
		defer d.close()
		o = inner
	}
	return &Media{
		URL: d.str(o.lookup("file_url")), Data: d.str(o.lookup("file_data")), ID: d.str(o.lookup("file_id")),
		Name: d.str(o.lookup("filename")),
	}
}

// prompt reads the APIs whose input is a text or a list of texts; each text is a message of the user. Lists of token
// numbers are kept as they are: nothing here can read them.
func (d *decoder) prompt(c *Conversation, input, more string) {
	o, ok := d.root(input, more, "max_tokens", "temperature", "top_p", "stop", "seed", "n", "presence_penalty", "frequency_penalty")
	if !ok {
		return
	}
	for i := range o.count() {
		m := o.member(i)
		switch m.Key {
		case input:
			d.inputs(c, m)
		case more:
			d.said(c, d.plain(nil, BlockText, m))
		default:
			if !d.sampling(&c.Settings, m) {
				c.Rest = d.keep(c.Rest, m)
			}
		}
	}
}

// said appends a message of the user.
func (d *decoder) said(c *Conversation, blocks []Block) {
	if len(blocks) > 0 && d.problem == nil {
		c.Messages = append(c.Messages, Message{Role: RoleUser, Blocks: blocks})
	}
}

func (d *decoder) inputs(c *Conversation, m Member) {
	switch m.Kind {
	case KindNull:
	case KindString:
		d.said(c, d.plain(nil, BlockText, m))
	case KindArray:
		tokens := false
		d.each(m, func(e Member, index int) {
			switch e.Kind {
			case KindNumber:
				tokens = true
			case KindArray: // one input as tokens
				d.said(c, []Block{{Kind: BlockOther, Raw: d.raw(e)}})
				d.item(e)
			case KindString:
				d.said(c, d.plain(nil, BlockText, e))
			case KindObject:
				if d.item(e) {
					d.said(c, d.openAIBlock(nil, e, index))
				}
			default:
				d.down(e, index)
				d.wrong(e, "a string")
				d.up()
			}
		})
		if tokens {
			d.said(c, []Block{{Kind: BlockOther, Raw: d.raw(m)}})
		}
	default:
		d.wrong(m, "a string or an array")
	}
}

// rerank reads a query and the documents to be ordered by it.
func (d *decoder) rerank(c *Conversation) {
	o, ok := d.root("query", "documents")
	if !ok {
		return
	}
	for i := range o.count() {
		m := o.member(i)
		switch m.Key {
		case "query":
			d.said(c, d.content(nil, m))
		case "documents":
			d.optional(m, func(e Member, index int) { d.document(c, e, index) })
		default:
			c.Rest = d.keep(c.Rest, m)
		}
	}
}

func (d *decoder) document(c *Conversation, e Member, index int) {
	if e.Kind == KindString {
		d.said(c, d.plain(nil, BlockText, e))
		return
	}
	if e.Kind != KindObject {
		d.down(e, index)
		d.wrong(e, "a string or an object")
		d.up()
		return
	}
	if d.item(e) {
		d.said(c, []Block{{Kind: BlockOther, Raw: d.raw(e)}})
	}
}
