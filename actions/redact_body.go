package actions

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"weir/engine"
	"weir/engine/wire"
)

// editRequest edits the texts of the client's body: those that its API names, in free JSON all, in anything else the
// whole as one.
func editRequest(x *engine.Exchange, body []byte, edit wire.TextEdit) (edited []byte, changed bool, err error) {
	switch {
	case x.Request.API == wire.APIUnknown:
		if bytesMedia(x.Request.Headers.First("content-type")) {
			return nil, false, nil
		}
		return editFree(body, edit)
	case x.Request.Form != nil:
		return editFormTexts(x.Request.Form, body, edit)
	default:
		fields, err := wire.AppendRequestTexts(nil, x.Request.API, body)
		if err != nil {
			return nil, false, fmt.Errorf("reading the texts of the body: %w", err)
		}
		return wire.EditTexts(nil, body, fields, edit) //nolint:wrapcheck // the caller says what it means
	}
}

// bytesMedia reports whether a content type is that of sound, pictures or a file, none of which holds text.
func bytesMedia(contentType string) bool {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	media = strings.TrimSpace(media)
	kind, _, _ := strings.Cut(media, "/")
	return kind == "audio" || kind == "image" || kind == "video" || media == "application/octet-stream"
}

// editAnswer edits the texts of a whole answer.
func editAnswer(x *engine.Exchange, body []byte, edit wire.TextEdit) (edited []byte, changed bool, err error) {
	if x.Request.API == wire.APIUnknown || x.Reply.Synthetic && x.Failure() == nil {
		if bytesMedia(x.Reply.Headers.First("content-type")) {
			return nil, false, nil
		}
		return editFree(body, edit)
	}
	fields, err := wire.AppendAnswerTexts(nil, x.Request.API, body)
	switch {
	case errors.Is(err, wire.ErrTextMalformed) && !x.Request.API.AnswersJSON(): // a transcript as plain text
		return editFree(body, edit)
	case err != nil:
		return nil, false, fmt.Errorf("reading the texts of the answer: %w", err)
	}
	return wire.EditTexts(nil, body, fields, edit) //nolint:wrapcheck // the caller says what it means
}

// editFree edits what no API explains: of JSON every name, string and number, so that it stays JSON; of anything else
// the whole as one text.
func editFree(body []byte, edit wire.TextEdit) (edited []byte, changed bool, err error) {
	if !utf8.Valid(body) {
		return nil, false, errUnread
	}
	text := string(body)
	if !json.Valid(body) {
		out, err := edit(wire.TextOther, text)
		return []byte(out), err == nil && out != text, err
	}
	// As a string that holds JSON, which is what the arguments of tools are.
	quoted := wire.AppendString(make([]byte, 0, len(text)+len(text)/8+2), text)
	fields := []wire.TextField{{Kind: wire.TextOther, Form: wire.TextJSON, End: len(quoted)}}
	edited, changed, err = wire.EditTexts(nil, quoted, fields, edit)
	if err != nil || !changed {
		return nil, false, err //nolint:wrapcheck // the caller says what it means
	}
	if err := json.Unmarshal(edited, &text); err != nil {
		return nil, false, fmt.Errorf("reading what was edited: %w", err)
	}
	return []byte(text), true, nil
}

// editFormTexts edits the fields of a form that a model reads or that name a person; files and settings stay as they are.
func editFormTexts(form *wire.Multipart, body []byte, edit wire.TextEdit) (edited []byte, changed bool, err error) {
	kinds := map[string]wire.TextKind{"prompt": wire.TextUser, "input": wire.TextUser, "instructions": wire.TextSystem, "user": wire.TextOther}
	from := 0
	for i := range form.Parts {
		p := &form.Parts[i]
		kind, reads := kinds[p.Name]
		if p.File || !reads {
			continue
		}
		text := string(body[p.Start:p.End])
		out, err := edit(kind, text)
		if err != nil {
			return nil, false, err
		}
		if out != text {
			edited = append(append(edited, body[from:p.Start]...), out...)
			from, changed = p.End, true
		}
	}
	if !changed {
		return nil, false, nil
	}
	return append(edited, body[from:]...), true, nil
}
