package wire

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// multipartMaxParts bounds the parts of a form. A transcription has about fifteen fields, two of which may repeat.
	multipartMaxParts = 64
	// multipartMaxHeaders bounds the header lines of one part; senders write two or three.
	multipartMaxHeaders = 8
	// multipartMaxBoundary is the longest boundary that RFC 2046 allows.
	multipartMaxBoundary = 70
)

// Part is one part of a form; the offsets are those of its content in the body.
type Part struct {
	Name       string
	File       bool // it has a file name: readers take it for a file, not for a field
	Start, End int
}

// Multipart is what a form body says to routing. Its strings alias the body, the file in it is not copied.
type Multipart struct {
	Model  string
	Stream bool
	Parts  []Part

	body  []byte
	model int // index of the model's part
}

// ParseMultipart reads a form strictly. Form readers differ in what they forgive, so that whatever one of them could
// read in another way is refused: a second model, odd names, loose framing, encoded parts.
func ParseMultipart(contentType string, body []byte) (*Multipart, *Problem) {
	boundary, problem := multipartBoundary(contentType)
	if problem != nil {
		return nil, problem
	}
	m := &Multipart{body: body, model: -1}
	if problem := m.split([]byte("--" + boundary)); problem != nil {
		return nil, problem
	}
	if m.model < 0 {
		return nil, &Problem{Offset: len(body), Param: "model", Message: "the form needs a part named model"}
	}
	return m, nil
}

// Splice appends the body with the model replaced and every other byte as it came. A model must not hold line ends
// or the form's boundary; no catalog has such ids and ParseMultipart accepts none.
func (m *Multipart) Splice(dst []byte, model string) []byte {
	part := m.Parts[m.model]
	dst = append(dst, m.body[:part.Start]...)
	dst = append(dst, model...)
	return append(dst, m.body[part.End:]...)
}

// split walks from delimiter to delimiter. A delimiter stands at the start of a line, is followed by a line end or
// two hyphens, and occurs nowhere else.
func (m *Multipart) split(delimiter []byte) *Problem {
	b := m.body
	if !bytes.HasPrefix(b, delimiter) {
		return &Problem{Message: "the form does not start with its boundary"}
	}
	at := len(delimiter)
	for {
		switch {
		case bytes.HasPrefix(b[at:], []byte("\r\n")):
			at += 2
		case len(m.Parts) > 0 && bytes.HasPrefix(b[at:], []byte("--")):
			at += 2
			if rest := b[at:]; len(rest) > 0 && string(rest) != "\r\n" {
				return &Problem{Offset: at, Message: "the form goes on after its closing boundary"}
			}
			return nil
		default:
			return &Problem{Offset: at, Message: "a boundary of the form is not followed by a line end"}
		}
		if len(m.Parts) == multipartMaxParts {
			return &Problem{Offset: at, Message: "the form has more than " + strconv.Itoa(multipartMaxParts) + " parts"}
		}
		part, problem := multipartHead(b, at)
		if problem != nil {
			return problem
		}
		size := bytes.Index(b[part.Start:], delimiter)
		if size < 0 {
			return &Problem{Offset: len(b), Message: "the form ends without its closing boundary"}
		}
		next := part.Start + size
		part.End = next - 2
		if part.End < part.Start || string(b[part.End:next]) != "\r\n" {
			return &Problem{Offset: next, Message: "the form's boundary stands inside a line"}
		}
		if problem := m.add(part); problem != nil {
			return problem
		}
		at = next + len(delimiter)
	}
}

// add takes note of a part and reads the ones that routing needs.
func (m *Multipart) add(part Part) *Problem {
	m.Parts = append(m.Parts, part)
	wanted := ""
	for _, name := range [...]string{"model", "stream", "models", "_charset_"} {
		if strings.EqualFold(part.Name, name) {
			wanted = name
		}
	}
	switch wanted {
	case "":
		return nil
	case "models", "_charset_":
		return part.problem("must not be sent in a form")
	}
	if part.Name != wanted {
		return part.problem("must be spelled " + wanted)
	}
	for _, other := range m.Parts[:len(m.Parts)-1] {
		if other.Name == part.Name {
			return part.problem("must be sent once")
		}
	}
	if part.File {
		return part.problem("must be a field, not a file")
	}
	return m.read(part)
}

func (m *Multipart) read(part Part) *Problem {
	value := m.body[part.Start:part.End]
	if !utf8.Valid(value) || bytes.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7F }) {
		return part.problem("must be one line of plain UTF-8 text")
	}
	text := scanAlias(value)
	if part.Name == "model" {
		m.Model, m.model = text, len(m.Parts)-1
		return nil
	}
	switch text {
	case "true":
		m.Stream = true
	case "false":
	default:
		return part.problem("must be true or false")
	}
	return nil
}

func (p Part) problem(message string) *Problem {
	return &Problem{Offset: p.Start, Param: p.Name, Message: "the part " + p.Name + " " + message}
}
