package wire

import "strconv"

// refusalItem is the id of the output item that holds a refusal; the provider's own are random.
const refusalItem = "msg_refusal"

// appendResponse tells the refusal in an item of its own, since the one that was cut short may be of any type, and ends
// the response as incomplete.
func (r *Refusal) appendResponse(dst []byte, message string) []byte {
	const place = `,"item_id":"` + refusalItem + `","content_index":0`
	dst = append(r.appendHead(dst, "response.output_item.added"), `,"item":`...)
	dst = append(appendRefusalItem(dst, "in_progress", nil), "}\n\n"...)
	dst = append(r.appendHead(dst, "response.content_part.added"), place...)
	dst = append(dst, ",\"part\":{\"type\":\"refusal\",\"refusal\":\"\"}}\n\n"...)
	dst = append(r.appendHead(dst, "response.refusal.delta"), place...)
	dst = append(AppendString(append(dst, `,"delta":`...), message), "}\n\n"...)
	dst = append(r.appendHead(dst, "response.refusal.done"), place...)
	dst = append(AppendString(append(dst, `,"refusal":`...), message), "}\n\n"...)
	dst = append(r.appendHead(dst, "response.content_part.done"), place...)
	dst = append(AppendString(append(dst, `,"part":{"type":"refusal","refusal":`...), message), "}}\n\n"...)
	dst = append(r.appendHead(dst, "response.output_item.done"), `,"item":`...)
	dst = append(appendRefusalItem(dst, "completed", &message), "}\n\n"...)
	dst = append(r.appendType(dst, "response.incomplete"), `,"response":`...)
	return append(r.appendIncomplete(dst, message), "}\n\n"...)
}

// appendHead begins an event about the refusal's item.
func (r *Refusal) appendHead(dst []byte, kind string) []byte {
	return strconv.AppendInt(append(r.appendType(dst, kind), `,"output_index":`...), r.items, 10)
}

func (r *Refusal) appendType(dst []byte, kind string) []byte {
	dst = append(append(dst, "event: "...), kind...)
	dst = append(append(append(dst, "\ndata: {\"type\":\""...), kind...), '"')
	if r.numbered {
		dst = strconv.AppendInt(append(dst, `,"sequence_number":`...), r.sequence, 10)
		r.sequence++
	}
	return dst
}

// appendRefusalItem appends the item, without content where there is no message yet.
func appendRefusalItem(dst []byte, status string, message *string) []byte {
	dst = append(append(append(dst, `{"id":"`+refusalItem+`","type":"message","status":"`...), status...), `","role":"assistant","content":[`...)
	if message != nil {
		dst = append(AppendString(append(dst, `{"type":"refusal","refusal":`...), *message), '}')
	}
	return append(dst, "]}"...)
}

// appendIncomplete appends the response that the stream began with, as it ends. Of the output the refusal is all that
// a client is to keep.
func (r *Refusal) appendIncomplete(dst []byte, message string) []byte {
	dst = append(dst, `{"status":"incomplete","incomplete_details":{"reason":"content_filter"},"output":[`...)
	dst = append(appendRefusalItem(dst, "completed", &message), ']')
	g := cursor{b: r.kept}
	for ok := g.open('{'); ok; ok = g.more('{') {
		name := scanAlias(g.key())
		value := g.span()
		switch name {
		case "status", "incomplete_details", "output", "output_text":
			continue
		}
		if !g.bad {
			dst = AppendString(append(dst, ','), name)
			dst = append(append(dst, ':'), value...)
		}
	}
	return append(dst, '}')
}
