package server

import (
	"bytes"
	"strings"

	"weir/engine"
)

// head is what the fields of a request head say about its framing, its sender and its connection.
type head struct {
	length      int64 // of the body, -1 where content-length is missing
	chunked     bool
	expects     bool // 100-continue
	wantsClose  bool
	keepsAlive  bool // said so; of use to HTTP/1.0 only
	host        string
	hasHost     bool
	origin      string
	contentType string
	encoding    string
}

// hasBody reports whether a body follows the head.
func (h *head) hasBody() bool { return h.chunked || h.length > 0 }

// maxLength is the length from which a content-length cannot be meant: parsing stops short of overflow.
const maxLength = 1 << 50

// errHead is a head that two readers could read differently. It is refused, and the connection closed, since nobody knows
// where the next request begins.
func errHead(message string) *engine.Error {
	return &engine.Error{Code: engine.CodeBadRequest, Message: message}
}

// parseHead reads the raw fields of a request strictly, into fields that alias it.
func parseHead(raw []byte, fields *engine.Headers, h *head) *engine.Error {
	*h = head{length: -1}
	for len(raw) > 0 {
		end := bytes.IndexByte(raw, '\n')
		if end < 1 || raw[end-1] != '\r' {
			return errHead("a header line does not end in CR LF")
		}
		line := raw[:end-1]
		raw = raw[end+1:]
		if len(line) == 0 {
			if len(raw) > 0 {
				return errHead("the header block does not end where it says")
			}
			return nil
		}
		name, value, err := parseField(line)
		if err != nil {
			return err
		}
		if err := h.note(name, value); err != nil {
			return err
		}
		fields.Add(name, value)
	}
	return nil
}

// parseField splits one line into a name of token characters and a value without control characters.
func parseField(line []byte) (name, value string, err *engine.Error) {
	if line[0] == ' ' || line[0] == '\t' {
		return "", "", errHead("a header is folded over two lines")
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 1 {
		return "", "", errHead("a header line has no name")
	}
	for _, c := range line[:colon] {
		if !tokenByte[c] {
			return "", "", errHead("a header name has a character that names may not have, such as a space before the colon")
		}
	}
	v := line[colon+1:]
	for len(v) > 0 && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	for _, c := range v {
		if (c < ' ' && c != '\t') || c == 0x7f {
			return "", "", errHead("a header value has a control character")
		}
	}
	return view(line[:colon]), view(v), nil
}

// tokenByte marks the characters of header names.
var tokenByte = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()

// note keeps what the field says about framing. The switch on the length costs the many other fields one comparison.
func (h *head) note(name, value string) *engine.Error {
	switch len(name) {
	case len("host"):
		if strings.EqualFold(name, "host") {
			return h.noteHost(value)
		}
	case len("origin"): // and expect
		if strings.EqualFold(name, "origin") {
			h.origin = value
		} else if strings.EqualFold(name, "expect") {
			return h.noteExpect(value)
		}
	case len("trailer"):
		if strings.EqualFold(name, "trailer") {
			return errHead("trailers are not taken")
		}
	case len("connection"):
		if strings.EqualFold(name, "connection") {
			h.noteConnection(value)
		}
	case len("content-type"):
		if strings.EqualFold(name, "content-type") {
			return once(&h.contentType, value, "content-type")
		}
	case len("content-length"):
		if strings.EqualFold(name, "content-length") {
			return h.noteLength(value)
		}
	case len("content-encoding"):
		if strings.EqualFold(name, "content-encoding") {
			return once(&h.encoding, value, "content-encoding")
		}
	case len("transfer-encoding"):
		if strings.EqualFold(name, "transfer-encoding") {
			return h.noteTransfer(value)
		}
	}
	return nil
}

func once(into *string, value, name string) *engine.Error {
	if *into != "" {
		return errHead(name + " is given twice")
	}
	*into = value
	return nil
}

func (h *head) noteHost(value string) *engine.Error {
	if h.hasHost {
		return errHead("host is given twice")
	}
	h.host, h.hasHost = value, true
	for i := range len(value) {
		switch c := value[i]; {
		case c == '@':
			return errHead("host holds user information")
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~:[]", c) >= 0:
		default:
			return errHead("host has a character that host names do not have")
		}
	}
	return nil
}

func (h *head) noteExpect(value string) *engine.Error {
	if !strings.EqualFold(value, "100-continue") {
		err := errHead("only 100-continue can be expected")
		err.Status = 417
		return err
	}
	h.expects = true
	return nil
}

func (h *head) noteConnection(value string) {
	for value != "" {
		var word string
		word, value, _ = strings.Cut(value, ",")
		word = strings.TrimSpace(word)
		h.wantsClose = h.wantsClose || strings.EqualFold(word, "close")
		h.keepsAlive = h.keepsAlive || strings.EqualFold(word, "keep-alive")
	}
}

func (h *head) noteLength(value string) *engine.Error {
	if h.length >= 0 {
		return errHead("content-length is given twice")
	}
	if h.chunked {
		return errHead("content-length and transfer-encoding are given together")
	}
	if value == "" {
		return errHead("content-length is empty")
	}
	n := int64(0)
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' || n > maxLength {
			return errHead("content-length is not a number")
		}
		n = n*10 + int64(value[i]-'0')
	}
	h.length = n
	return nil
}

func (h *head) noteTransfer(value string) *engine.Error {
	switch {
	case h.chunked:
		return errHead("transfer-encoding is given twice")
	case h.length >= 0:
		return errHead("content-length and transfer-encoding are given together")
	case !strings.EqualFold(value, "chunked"):
		return errHead("the only transfer coding is chunked")
	}
	h.chunked = true
	return nil
}

// expectsContinue looks for an expect field in raw fields; it runs before the strict reading, on every request.
func expectsContinue(raw []byte) bool {
	const field = "expect:"
	for len(raw) > len(field) {
		if raw[0]|0x20 == 'e' && strings.EqualFold(view(raw[:len(field)]), field) {
			return true
		}
		end := bytes.IndexByte(raw, '\n')
		if end < 0 {
			return false
		}
		raw = raw[end+1:]
	}
	return false
}
