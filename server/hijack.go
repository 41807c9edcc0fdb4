package server

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
)

// fasthttp reads the first byte of a body before it calls the handler, and answers 100-continue before that. An exchange
// that expects 100-continue therefore leaves fasthttp's loop: its body is hidden from fasthttp, and read here once the
// rules on headers let it in. The connection closes afterwards; clients that expect it send large bodies, for which a
// connection costs little.

// sentBody reads a body from what follows the head.
func sentBody(h *head, r io.Reader) io.Reader {
	if h.chunked {
		return &chunkedBody{r: bufio.NewReader(r)}
	}
	return io.LimitReader(r, h.length)
}

// maxChunkLine bounds the line that gives a chunk's size: sixteen digits and some room for an extension.
const maxChunkLine = 256

var (
	errChunk    = errors.New("broken chunk")
	errTrailers = errors.New("the body has trailers")
)

// chunkedBody undoes the chunked coding, strictly.
type chunkedBody struct {
	r    *bufio.Reader
	left int64
	done bool
}

// Read gives the bytes of the chunks.
func (c *chunkedBody) Read(p []byte) (int, error) {
	if c.done {
		return 0, io.EOF
	}
	if c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
		if c.done {
			return 0, io.EOF
		}
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err != nil {
		return n, noEOF(err)
	}
	if c.left == 0 {
		if line, lineErr := c.line(); lineErr != nil || line != "" {
			return n, errors.Join(errChunk, lineErr)
		}
	}
	return n, nil
}

func (c *chunkedBody) next() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	digits, _, _ := strings.Cut(line, ";")
	size, err := strconv.ParseUint(digits, 16, 40)
	if err != nil {
		return errChunk
	}
	if c.left = int64(size); size > 0 { // of 40 bits
		return nil
	}
	end, err := c.line()
	switch {
	case err != nil:
		return err
	case end != "":
		return errTrailers
	}
	c.done = true
	return nil
}

// line reads up to CR LF.
func (c *chunkedBody) line() (string, error) {
	line, err := c.r.ReadSlice('\n')
	switch {
	case err != nil:
		return "", noEOF(err)
	case len(line) > maxChunkLine || len(line) < 2 || line[len(line)-2] != '\r':
		return "", errChunk
	}
	return string(line[:len(line)-2]), nil
}

// noEOF keeps an early end from looking like the end of the body.
func noEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // only the bare value is the end
		return io.ErrUnexpectedEOF
	}
	return err
}

// hijack moves the rest of the exchange to a goroutine of its own, out of fasthttp's loop.
func (v *visit) hijack(rest func(io.Reader, *bufio.Writer)) {
	v.ctx.HijackSetNoResponse(true)
	v.ctx.Hijack(func(c net.Conn) {
		w := bufio.NewWriterSize(v.conn, streamBuffer)
		rest(c, w)
		_ = w.Flush() // a client that went away needs no answer
	})
}

// serveExpected serves an exchange that expects 100-continue.
func (v *visit) serveExpected(err error) {
	v.hijack(func(r io.Reader, w *bufio.Writer) {
		v.input = sentBody(&v.head, r)
		v.serve(err, w)
	})
}
