package wire

import (
	"strings"
)

// textKeepScratch is the room for decoding that a reused Peek keeps; one message of a long conversation fits.
const textKeepScratch = 64 << 10

// Texts calls yield with each text of the body that a model will read, in the order of the body, until yield returns
// false: messages, prompts and instructions decoded, definitions of tools and schemas as the JSON they are. Images,
// audio and files are not text. Where a caller repeats a nested key every one of its values counts. A text is valid
// only during the call of yield.
func (p *Peek) Texts(api API, yield func(text string) bool) {
	w := textWalk{cursor: cursor{b: p.Doc.body}, scratch: p.scratch[:0], yield: yield}
	w.body(api, p.Doc.members)
	p.scratch = w.scratch[:0]
}

// Images counts the images among what the model will read.
func (p *Peek) Images(api API) int {
	w := textWalk{cursor: cursor{b: p.Doc.body}}
	w.body(api, p.Doc.members)
	return w.images
}

// textRole is what a value means to the model.
type textRole uint8

const (
	textSkip   textRole = iota // not read as text
	textRead                   // strings are text; arrays and objects hold parts
	textRaw                    // read as the JSON it is
	textKind                   // the type of a part
	textImage                  // an image, whatever form it has
	textMedia                  // inline or stored bytes with a MIME type
	textSource                 // where a part's content comes from
	textNested                 // an object or array of objects with the members of a body
)

type textWalk struct {
	cursor  cursor
	scratch []byte
	yield   func(string) bool // nil when only images are counted
	images  int
	done    bool
}

func (w *textWalk) body(api API, members []Member) {
	for i := range members {
		if w.done {
			return
		}
		m := &members[i]
		w.cursor.i = m.Start
		w.value(textBodyRole(api, m.Key), api)
	}
}

// textBodyRole is the table of the members of request bodies.
func textBodyRole(api API, key string) textRole {
	if api.Dialect() == DialectGemini {
		switch key {
		case "contents", "content", "systemInstruction", "system_instruction", "title":
			return textRead
		case "tools", "responseSchema", "response_schema", "responseJsonSchema", "response_json_schema",
			"_responseJsonSchema":
			return textRaw
		case "requests", "generateContentRequest", "generate_content_request", "generationConfig", "generation_config":
			return textNested
		default:
			return textSkip
		}
	}
	switch key {
	case "messages", "system", "input", "instructions", "query", "documents", "suffix":
		return textRead
	case "prompt": // a text, texts, token numbers, or in the Responses API a stored template and its variables
		return textRead
	case "tools", "functions", "response_format", "text", "output_config", "output_format":
		return textRaw
	default:
		return textSkip
	}
}

// textPartRole is the table of the members of messages, items and parts, of all APIs together: they agree where they
// share a name.
func textPartRole(key string) textRole {
	switch key {
	case "content", "text", "thinking", "reasoning", "reasoning_content", "reasoning_details", "refusal", "summary",
		"parts", "title", "context", "output", "transcript", "name", "arguments", "tool_calls", "function",
		"function_call", "custom", "code", "output_text", "input_text", "functionResponse", "function_response":
		return textRead
	case "input", "functionCall", "response", "executableCode", "executable_code",
		"codeExecutionResult", "code_execution_result", "action", "queries", "results", "tools", "variables":
		return textRaw
	case "type":
		return textKind
	case "image_url":
		return textImage
	case "inlineData", "inline_data", "fileData", "file_data":
		return textMedia
	case "source":
		return textSource
	default:
		return textSkip
	}
}

// value consumes the value that the cursor stands on.
func (w *textWalk) value(role textRole, api API) {
	kind := scanKind(w.cursor.peek())
	switch {
	case role == textRead && kind == KindString, role == textRaw && kind == KindString:
		w.text()
	case role == textRead && kind == KindArray:
		w.array(role, api)
	case role == textRead && kind == KindObject:
		w.part(api)
	case role == textNested && kind == KindArray:
		w.array(role, api)
	case role == textNested && kind == KindObject:
		w.nestedBody(api)
	case role == textRaw && (kind == KindArray || kind == KindObject):
		w.raw()
	default:
		w.cursor.skip()
	}
}

func (w *textWalk) array(role textRole, api API) {
	for ok := w.cursor.open('['); ok && !w.done; ok = w.cursor.more('[') {
		w.value(role, api)
	}
}

func (w *textWalk) nestedBody(api API) {
	for ok := w.cursor.open('{'); ok && !w.done; ok = w.cursor.more('{') {
		w.value(textBodyRole(api, scanAlias(w.cursor.key())), api)
	}
}

// part reads a message, an item or a part; one part is at most one image, however many of its members say so.
func (w *textWalk) part(api API) {
	image := false
	for ok := w.cursor.open('{'); ok && !w.done; ok = w.cursor.more('{') {
		switch role := textPartRole(scanAlias(w.cursor.key())); role {
		case textKind:
			image = w.imageKind() || image
		case textImage:
			image = true
			w.cursor.skip()
		case textMedia:
			image = w.imageMedia() || image
		case textSource:
			w.source(api)
		default:
			w.value(role, api)
		}
	}
	if image {
		w.images++
	}
}

func (w *textWalk) imageKind() bool {
	s, _ := scanDecode(w.cursor.span())
	switch s {
	case "image", "image_url", "input_image", "computer_screenshot":
		return true
	default:
		return false
	}
}

func (w *textWalk) imageMedia() bool {
	mime := look(w.cursor.span(), "mimeType", "mime_type")
	return len(mime) > 6 && strings.EqualFold(mime[:6], "image/")
}

// source reads where Anthropic's parts take their content from: a citation, plain text, or parts of their own. Every
// other source is bytes or a reference.
func (w *textWalk) source(api API) {
	switch w.cursor.peek() {
	case '"':
		w.text()
		return
	case '{':
	default:
		w.cursor.skip()
		return
	}
	plain := look(w.cursor.b[w.cursor.i:], "type", "") == "text"
	for ok := w.cursor.open('{'); ok && !w.done; ok = w.cursor.more('{') {
		if key := scanAlias(w.cursor.key()); key == "content" || (key == "data" && plain) {
			w.value(textRead, api)
		} else {
			w.cursor.skip()
		}
	}
}

// look finds a string member of the object that b begins with, under one of two spellings.
func look(b []byte, key, other string) string {
	found := ""
	c := cursor{b: b}
	for ok := c.open('{'); ok; ok = c.more('{') {
		if k := scanAlias(c.key()); k == key || k == other {
			found, _ = scanDecode(c.span())
		} else {
			c.skip()
		}
	}
	return found
}

// text yields the string that the cursor stands on.
func (w *textWalk) text() {
	inner, escaped := w.cursor.quoted()
	if w.yield == nil || w.cursor.bad {
		return
	}
	if escaped {
		w.scratch = scanUnescape(w.scratch[:0], inner)
		inner = w.scratch
	}
	w.done = !w.yield(scanAlias(inner))
}

func (w *textWalk) raw() {
	if span := w.cursor.span(); w.yield != nil && !w.cursor.bad {
		w.done = !w.yield(scanAlias(span))
	}
}
