package upstream

import (
	"bytes"
	"io"
)

const (
	// maxHead bounds a response head. Providers send 1 to 3 KiB, content-security policies and cookies of a proxy in
	// between some more; 64 KiB is four times what common proxies pass on at all.
	maxHead = 64 << 10
	// maxInterim bounds the 1xx answers before the real one: one 100 and a few 103 are usual, a stream of them is an attack.
	maxInterim = 8
)

// field is one header of an answer.
type field struct{ name, value []byte }

// head is a parsed response head. Its bytes are a copy, so that reading the body does not touch them.
type head struct {
	raw    []byte
	fields []field
	status int

	http10      bool
	chunked     bool
	close, keep bool  // tokens of connection
	length      int64 // -1 where not given
	contentType []byte
	encoding    []byte
	encodings   int
	connHeaders int
}

func (h *head) reset() {
	*h = head{raw: h.raw[:0], fields: h.fields[:0], length: -1}
}

// readHead reads heads until one is not interim.
func (c *conn) readHead(h *head) error {
	for range maxInterim {
		end, err := c.headEnd()
		if err != nil {
			return err
		}
		h.reset()
		h.raw = append(h.raw, c.buf[c.r:end]...)
		c.r = end
		if err := h.parse(); err != nil {
			return err
		}
		switch {
		case h.status == 101:
			return violated(stageHead, "switched protocols unasked")
		case h.status >= 200:
			return nil
		}
	}
	return violated(stageHead, "too many interim answers")
}

// headEnd reads until the buffer holds a whole head and returns where it ends.
func (c *conn) headEnd() (int, error) {
	seen := 0 // bytes of the head known to hold no end
	for {
		b := c.buf[c.r:c.w]
		for {
			i := bytes.IndexByte(b[seen:], '\n')
			if i < 0 {
				break
			}
			line := b[seen : seen+i]
			seen += i + 1
			if len(line) == 0 || (len(line) == 1 && line[0] == '\r') {
				return c.r + seen, nil
			}
		}
		if c.w-c.r == len(c.buf) {
			if len(c.buf) >= maxHead {
				return 0, violated(stageHead, "response head larger than 64 KiB")
			}
			c.buf = append(make([]byte, 0, 4*len(c.buf)), c.buf[c.r:c.w]...)
			c.r, c.w = 0, len(c.buf)
			c.buf = c.buf[:cap(c.buf)]
		}
		if err := c.fill(); err != nil {
			if err == io.EOF && c.got { //nolint:errorlint // only the bare value is a clean end
				return 0, fail(stageHead, ErrReset, io.ErrUnexpectedEOF)
			}
			return 0, err
		}
	}
}

// parse reads h.raw, strictly: what two readers could read in two ways is refused.
func (h *head) parse() error {
	line, rest := cutLine(h.raw)
	if err := h.parseStatus(line); err != nil {
		return err
	}
	for {
		line, rest = cutLine(rest)
		if len(line) == 0 {
			break
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || !validToken(alias(line[:colon])) {
			return violated(stageHead, "bad header name") // also folded lines
		}
		f := field{name: line[:colon], value: bytes.Trim(line[colon+1:], " \t")}
		if !validValue(f.value) {
			return violated(stageHead, "control character in a header")
		}
		h.fields = append(h.fields, f)
		if err := h.note(f); err != nil {
			return err
		}
	}
	switch {
	case h.chunked && h.length >= 0:
		return violated(stageHead, "content-length beside transfer-encoding")
	case h.chunked && h.http10:
		return violated(stageHead, "transfer-encoding in HTTP/1.0")
	}
	return nil
}

// parseStatus reads "HTTP/1.1 200 OK".
func (h *head) parseStatus(line []byte) error {
	const size = len("HTTP/1.1 200")
	if len(line) < size || string(line[:7]) != "HTTP/1." || line[8] != ' ' || (len(line) > size && line[size] != ' ') {
		return violated(stageHead, "not a status line of HTTP/1.1")
	}
	switch line[7] {
	case '0':
		h.http10 = true
	case '1':
	default:
		return violated(stageHead, "unknown version of HTTP")
	}
	for _, digit := range line[9:size] {
		if digit < '0' || digit > '9' {
			return violated(stageHead, "bad status code")
		}
		h.status = h.status*10 + int(digit-'0')
	}
	if h.status < 100 || h.status > 599 {
		return violated(stageHead, "status code out of range")
	}
	return nil
}

// note keeps the headers that this package acts on.
func (h *head) note(f field) error {
	switch {
	case equalFold(f.name, "content-length"):
		n, ok := parseLength(f.value)
		if !ok || (h.length >= 0 && h.length != n) {
			return violated(stageHead, "bad content-length")
		}
		h.length = n
	case equalFold(f.name, "transfer-encoding"):
		if h.chunked || !equalFold(f.value, "chunked") {
			return violated(stageHead, "unknown transfer-encoding")
		}
		h.chunked = true
	case equalFold(f.name, "connection"):
		h.connHeaders++
		h.close = h.close || hasToken(f.value, "close")
		h.keep = h.keep || hasToken(f.value, "keep-alive")
	case equalFold(f.name, "content-type"):
		h.contentType = f.value
	case equalFold(f.name, "content-encoding"):
		h.encodings++
		h.encoding = f.value
	}
	return nil
}

// frame sets how the body of this head's answer is read.
func (h *head) frame(c *conn, headRequest bool) {
	c.framing = framing{keepAlive: !h.close && (!h.http10 || h.keep)}
	bodiless := h.status == 204 || h.status == 304
	switch {
	case headRequest:
	case bodiless:
		// A body after these would be read as the next answer.
		c.keepAlive = c.keepAlive && !h.chunked && (h.length <= 0 || h.status == 304)
	case h.chunked:
		c.kind = frameChunked
	case h.length >= 0:
		c.kind, c.left = frameLength, h.length
	default:
		c.kind, c.left, c.keepAlive = frameClose, -1, false
	}
}

func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil, nil
	}
	line, rest = b[:i], b[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest
}

func parseLength(b []byte) (int64, bool) {
	// Eighteen digits cannot overflow and are more than any body has.
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, digit := range b {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		n = n*10 + int64(digit-'0')
	}
	return n, true
}

// hasToken looks for a token in a comma-separated list.
func hasToken(list []byte, token string) bool {
	for len(list) > 0 {
		item := list
		if i := bytes.IndexByte(list, ','); i >= 0 {
			item, list = list[:i], list[i+1:]
		} else {
			list = nil
		}
		if equalFold(bytes.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}
