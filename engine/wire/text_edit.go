package wire

import (
	"bytes"
	"fmt"
	"slices"
)

// TextEdit gives the text that goes in place of another; a text that stays is returned as it is. The text is valid only
// during the call.
type TextEdit func(kind TextKind, text string) (string, error)

// EditTexts appends the body with the fields edited, every other byte as it came. Only strings that changed are written
// anew. Tool arguments that are JSON are edited string by string inside of it and stay JSON. What repeats text is
// removed where any text changed: arrays become empty, strings too, objects null. Where nothing changed, nothing is
// appended and changed is false.
func EditTexts(dst, body []byte, fields []TextField, edit TextEdit) (out []byte, changed bool, err error) {
	var e textEditor
	e.edit = edit
	for i := range fields {
		f := &fields[i]
		if f.Start < 0 || f.Start >= f.End || f.End > len(body) {
			return dst, false, fmt.Errorf("editing texts: field %d does not lie in the body: %w", i, ErrTextMalformed)
		}
		if f.Form == TextRepeat {
			continue
		}
		if err := e.field(body, f); err != nil {
			return dst, false, err
		}
	}
	if len(e.cuts) == 0 {
		return dst, false, nil
	}
	return e.write(dst, body, fields), true, nil
}

// textCut is a range of a body that other bytes replace.
type textCut struct {
	start, end int // of the body
	from, to   int // of the new bytes
}

// textEditor edits the fields of one body.
type textEditor struct {
	edit   TextEdit
	cuts   []textCut
	fresh  []byte // what the cuts put in
	plain  []byte // a decoded text
	nested []byte // decoded JSON of tool arguments
	inner  []TextField
}

func (e *textEditor) field(body []byte, f *TextField) error {
	raw := body[f.Start:f.End]
	if f.Form == TextJSON && raw[0] == '"' {
		return e.json(body, f)
	}
	number := raw[0] != '"'
	text := scanAlias(raw)
	if !number {
		text = e.decode(raw[1 : len(raw)-1])
	}
	edited, err := e.edit(f.Kind, text)
	if err != nil || edited == text {
		return err
	}
	e.put(f.Start, f.End, func(dst []byte) []byte {
		if number {
			return appendNumber(dst, edited)
		}
		return AppendString(dst, edited)
	})
	return nil
}

// decode gives a string's text; it is valid until the next one.
func (e *textEditor) decode(inner []byte) string {
	if bytes.IndexByte(inner, '\\') < 0 {
		return scanAlias(inner)
	}
	e.plain = scanUnescape(e.plain[:0], inner)
	return scanAlias(e.plain)
}

// json edits a string that holds JSON: the texts inside of it, so that it stays JSON. What is no JSON is a text.
func (e *textEditor) json(body []byte, f *TextField) error {
	raw := body[f.Start:f.End]
	e.nested = scanUnescape(e.nested[:0], raw[1:len(raw)-1])
	if !getValid(e.nested) {
		return e.field(body, &TextField{Kind: f.Kind, Start: f.Start, End: f.End})
	}
	w := fieldWalk{g: cursor{b: e.nested}, fields: e.inner[:0]}
	w.value(shapeTree, f.Kind)
	e.inner = w.fields
	sub := textEditor{edit: e.edit}
	for i := range e.inner {
		if err := sub.field(e.nested, &e.inner[i]); err != nil {
			return err
		}
	}
	if len(sub.cuts) == 0 {
		return nil
	}
	edited := sub.write(nil, e.nested, nil)
	e.put(f.Start, f.End, func(dst []byte) []byte { return AppendString(dst, scanAlias(edited)) })
	return nil
}

// put notes that the range is replaced by what write appends.
func (e *textEditor) put(start, end int, write func([]byte) []byte) {
	from := len(e.fresh)
	e.fresh = write(e.fresh)
	e.cuts = append(e.cuts, textCut{start: start, end: end, from: from, to: len(e.fresh)})
}

// write appends the body with the cuts made and what repeats text removed.
func (e *textEditor) write(dst, body []byte, fields []TextField) []byte {
	for i := range fields {
		if f := &fields[i]; f.Form == TextRepeat {
			e.put(f.Start, f.End, func(dst []byte) []byte { return append(dst, textRemoved(body[f.Start])...) })
		}
	}
	slices.SortFunc(e.cuts, func(a, b textCut) int { return a.start - b.start })
	return applyCuts(dst, body, e.cuts, e.fresh)
}

// textRemoved is what stays of a removed value that begins with c.
func textRemoved(c byte) string {
	switch c {
	case '[':
		return "[]"
	case '"':
		return `""`
	default:
		return "null"
	}
}

// applyCuts appends body with the cuts, which are in order, replaced.
func applyCuts(dst, body []byte, cuts []textCut, fresh []byte) []byte {
	from := 0
	for i := range cuts {
		c := &cuts[i]
		if c.start < from {
			continue // a field that lies in another one
		}
		dst = append(append(dst, body[from:c.start]...), fresh[c.from:c.to]...)
		from = c.end
	}
	return append(dst, body[from:]...)
}

// appendNumber appends the text that goes in place of a number: bare while it still is one.
func appendNumber(dst []byte, text string) []byte {
	g := cursor{b: []byte(text)}
	g.number()
	if !g.bad && g.i == len(g.b) {
		return append(dst, text...)
	}
	return AppendString(dst, text)
}
