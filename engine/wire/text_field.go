package wire

import "errors"

// ErrTextMalformed says that what should carry text is not JSON. Under a content rule it is refused: what cannot be
// read cannot be checked.
var ErrTextMalformed = errors.New("the text of a body that is not JSON cannot be read")

// TextKind says whose text a field holds.
type TextKind uint8

// The kinds of text. TextKey is a member's name in free JSON, which tool arguments and results are; TextOther is what
// stands beside the conversation: titles, file names, links, descriptions of tools, metadata.
const (
	TextOther TextKind = iota
	TextSystem
	TextUser
	TextAssistant
	TextToolArguments
	TextToolResult
	TextReasoning
	TextRefusal
	TextKey
	textKindCount
)

// String names the kind as policies spell it.
func (k TextKind) String() string {
	names := [textKindCount]string{
		"other", "system", "user", "assistant", "tool_arguments", "tool_result", "reasoning", "refusal", "key",
	}
	if k < textKindCount {
		return names[k]
	}
	return names[TextOther]
}

// TextKinds is a set of kinds.
type TextKinds uint16

// AllTextKinds is every kind.
const AllTextKinds TextKinds = 1<<textKindCount - 1

// Of is the set with the given kinds.
func (s TextKinds) Of(kinds ...TextKind) TextKinds {
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has reports whether the set holds the kind.
func (s TextKinds) Has(k TextKind) bool {
	return s&(1<<k) != 0
}

// TextForm is how a field holds its text.
type TextForm uint8

// The forms. TextPlain is a JSON string, or in free JSON a number. TextJSON is a string that itself holds JSON, as
// OpenAI's tool arguments do. TextRepeat is a value of any kind that repeats text of the same body piece by piece, such
// as log probabilities: it cannot be edited, only removed.
const (
	TextPlain TextForm = iota
	TextJSON
	TextRepeat
)

// TextField is one value of a body that carries text. The offsets are those of the raw value, quotes included.
type TextField struct {
	Kind       TextKind
	Form       TextForm
	Start, End int
}

// AppendRequestTexts appends every field of a request body that carries text, in the order of the body.
func AppendRequestTexts(dst []TextField, api API, body []byte) ([]TextField, error) {
	return appendTexts(dst, api, body, shapeRequest)
}

// AppendAnswerTexts appends every field of a whole answer that carries text or repeats it, in the order of the body.
func AppendAnswerTexts(dst []TextField, api API, body []byte) ([]TextField, error) {
	return appendTexts(dst, api, body, shapeAnswer)
}

func appendTexts(dst []TextField, api API, body []byte, shape textShape) ([]TextField, error) {
	w := fieldWalk{g: cursor{b: body}, api: api, fields: dst}
	if w.g.peek() == '[' && api == GeminiGenerate { // a stream read as a whole
		for ok := w.g.open('['); ok; ok = w.g.more('[') {
			w.value(shape, TextOther)
		}
	} else {
		w.value(shape, TextOther)
	}
	if !w.g.done() {
		return dst, ErrTextMalformed
	}
	return w.fields, nil
}

// fieldWalk finds the fields of one value.
type fieldWalk struct {
	g      cursor
	api    API
	fields []TextField
}

// value walks over the value that the cursor stands on.
func (w *fieldWalk) value(shape textShape, kind TextKind) {
	c := w.g.peek()
	switch {
	case shape == shapeNone:
		w.g.skip()
	case shape == shapeRepeat:
		w.field(kind, TextRepeat)
	case c == '"':
		w.text(shape, kind)
	case c == '[':
		for ok := w.g.open('['); ok; ok = w.g.more('[') {
			w.value(shape, kind)
		}
	case c == '{' && shape == shapeJSON: // some vendors send the arguments as they are
		w.tree(kind)
	case c == '{':
		w.object(shape, kind)
	case shape == shapeTree && (c == '-' || c-'0' <= 9):
		w.field(kind, TextPlain)
	default:
		w.g.skip()
	}
}

func (w *fieldWalk) text(shape textShape, kind TextKind) {
	switch shape {
	case shapeText, shapeTree, shapeValues, shapeMessage, shapePart, shapeSource:
		w.field(kind, TextPlain)
	case shapeJSON:
		w.field(kind, TextJSON)
	default:
		w.g.skip()
	}
}

// field notes the value that the cursor stands on; null repeats nothing.
func (w *fieldWalk) field(kind TextKind, form TextForm) {
	m, ok := w.g.take()
	if ok && m.Kind != KindNull {
		w.fields = append(w.fields, TextField{Kind: kind, Form: form, Start: m.Start, End: m.End})
	}
}

func (w *fieldWalk) object(shape textShape, kind TextKind) {
	if shape == shapeTree {
		w.tree(kind)
		return
	}
	o := textObject{shape: shape, api: w.api, kind: kind}
	switch shape { //nolint:exhaustive // the others do not depend on what the object says of itself
	case shapeText, shapeMessage, shapePart, shapeSource:
		o.learn(w.g.b[w.g.i:])
	}
	for ok := w.g.open('{'); ok; ok = w.g.more('{') {
		shape, kind := o.member(scanAlias(w.g.key()))
		w.value(shape, kind)
	}
}

// tree walks over free JSON: its names, strings and numbers.
func (w *fieldWalk) tree(kind TextKind) {
	for ok := w.g.open('{'); ok; ok = w.g.more('{') {
		w.g.i = scanSpace(w.g.b, w.g.i)
		start := w.g.i
		if end := w.g.keyEnd(); !w.g.bad {
			w.fields = append(w.fields, TextField{Kind: TextKey, Start: start, End: end})
		}
		w.value(shapeTree, kind)
	}
}

// keyEnd reads a member's name and its colon and gives the offset behind the name's quote.
func (g *cursor) keyEnd() int {
	if g.peek() != '"' {
		g.fail()
		return 0
	}
	g.quoted()
	end := g.i
	if g.peek() != ':' {
		g.fail()
		return 0
	}
	g.i++
	return end
}
