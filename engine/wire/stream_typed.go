package wire

import "bytes"

// typedEvent is the top level of an event that says what it is in its type: the spans of the members that matter.
type typedEvent struct {
	kind                                                  []byte
	delta, response, item, part, block, message, err, use []byte
	shown                                                 bool // a member that is content by itself is filled
}

// readTyped walks over the event once and keeps where its members are. name stands in for a type that is missing.
func (o *Observer) readTyped(g *cursor, name string) (e typedEvent) {
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "type":
			e.kind = g.text()
		case "delta":
			e.delta = g.span()
		case "response":
			e.response = g.span()
		case "item":
			e.item = g.span()
		case "part":
			e.part = g.span()
		case "content_block":
			e.block = g.span()
		case "message":
			e.message = g.span()
		case "error":
			e.err = g.span()
		case "usage":
			e.use = g.span()
		case "text", "command", "b64_json", "partial_image_b64", "annotation":
			e.shown = g.filled() || e.shown
		default:
			g.skip()
		}
	}
	if len(e.kind) == 0 && name != "" {
		o.kind = append(o.kind[:0], name...)
		e.kind = o.kind
	}
	return e
}

// getFilled reports whether a span carries anything.
func getFilled(span []byte) bool {
	g := cursor{b: span}
	return len(span) > 0 && g.filled()
}

// typed reads an event of OpenAI Responses, or of a streamed image, speech or transcription.
func (o *Observer) typed(g *cursor, name string) Signal {
	e := o.readTyped(g, name)
	switch string(e.kind) {
	case "response.completed", "response.incomplete":
		o.response(e.response)
		o.ended = !g.bad
		return SignalEnd
	case "response.created", "response.in_progress", "response.queued":
		o.response(e.response)
		return SignalPreamble
	case "response.failed":
		o.response(e.response)
		return o.fail(g.b)
	case "error":
		return o.fail(g.b)
	case "keepalive", "ping":
		return SignalPreamble
	case "response.output_item.added":
		return o.shownIf(responseItem(e.item))
	case "response.output_item.done":
		o.itemDone(e.item)
		return SignalContent
	case "response.content_part.added", "response.reasoning_summary_part.added":
		return o.shownIf(partFilled(e.part))
	case "response.content_part.done", "response.reasoning_summary_part.done",
		"response.output_text.annotation.added", "response.image_generation_call.partial_image",
		"transcript.text.segment":
		return SignalContent
	case "transcript.text.done", "speech.audio.done", "image_generation.completed", "image_edit.completed":
		o.readUsageSpan(e.use)
		if o.api == OpenAIImages {
			o.usage.images++
		}
		o.ended = !g.bad
		if e.shown {
			return SignalContent
		}
		return SignalEnd
	}
	switch {
	case getFilled(e.err):
		return o.fail(g.b)
	case bytes.HasSuffix(e.kind, []byte(".delta")):
		if !bytes.Contains(e.kind, []byte("audio.")) {
			o.weighSpan(e.delta)
		}
		// audio of speech travels in a member of that name; it never comes empty
		return o.shownIf(len(e.delta) == 0 || getFilled(e.delta))
	case e.shown:
		return SignalContent
	case bytes.HasSuffix(e.kind, []byte(".done")) && bytes.HasPrefix(e.kind, []byte("response.")):
		return SignalContent // it repeats a text, or holds one that no delta told
	default:
		return SignalOther
	}
}

func (o *Observer) shownIf(content bool) Signal {
	if content {
		return SignalContent
	}
	return SignalPreamble
}

// response reads the response object that the first and last events of OpenAI Responses carry.
func (o *Observer) response(span []byte) {
	g := cursor{b: span}
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "id":
			streamNote(&o.id, g.text())
		case "model":
			streamNote(&o.model, g.text())
		case "usage":
			o.readUsage(&g)
		case "service_tier":
			o.usage.readTier(g.text())
		case "output":
			o.usage.readOutput(&g)
		case "status":
			if status := g.text(); string(status) != "in_progress" && string(status) != "queued" && len(o.finish) == 0 {
				o.note(status)
			}
		case "incomplete_details":
			for ok := g.open('{'); ok; ok = g.more('{') {
				if string(g.key()) == "reason" {
					o.note(g.text())
				} else {
					g.skip()
				}
			}
		default:
			g.skip()
		}
	}
}

// responseItem reports whether an output item shows something when it is added: a tool call has its name, while
// messages and reasoning begin empty and tools that run on the vendor's side show nothing yet.
func responseItem(span []byte) (shown bool) {
	g := cursor{b: span}
	quiet := false
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "type":
			switch string(g.text()) {
			case "message", "reasoning", "web_search_call", "file_search_call", "code_interpreter_call",
				"image_generation_call", "mcp_list_tools":
				quiet = true
			}
		case "content", "summary", "encrypted_content", "result":
			shown = g.filled() || shown
		default:
			g.skip()
		}
	}
	return shown || !quiet
}

// partFilled reports whether a part or block that begins has content already.
func partFilled(span []byte) (filled bool) {
	g := cursor{b: span}
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "type", "annotations", "logprobs", "citations":
			g.skip()
		default:
			filled = g.filled() || filled
		}
	}
	return filled
}

// anthropic reads an event of Anthropic messages.
func (o *Observer) anthropic(g *cursor, name string) Signal {
	e := o.readTyped(g, name)
	switch string(e.kind) {
	case "content_block_delta":
		o.weighBlock(e.delta)
		return o.shownIf(partFilled(e.delta))
	case "content_block_start":
		o.weighBlock(e.block)
		return o.shownIf(partFilled(e.block))
	case "ping":
		return SignalPreamble
	case "message_start":
		o.messageStart(e.message)
		return SignalPreamble
	case "message_delta":
		o.readUsageSpan(e.use)
		d := cursor{b: e.delta}
		for ok := d.open('{'); ok; ok = d.more('{') {
			if string(d.key()) == "stop_reason" {
				o.note(d.text())
			} else {
				d.skip()
			}
		}
		return SignalOther
	case "message_stop":
		o.ended = !g.bad
		return SignalEnd
	case "error":
		return o.fail(g.b)
	}
	if getFilled(e.err) {
		return o.fail(g.b)
	}
	return SignalOther
}

func (o *Observer) messageStart(span []byte) {
	g := cursor{b: span}
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "id":
			streamNote(&o.id, g.text())
		case "model":
			streamNote(&o.model, g.text())
		case "usage":
			o.readUsage(&g)
		default:
			g.skip()
		}
	}
}
