package upstream

import (
	"bytes"
	"io"
)

const (
	// maxChunkLine bounds a chunk's size line: sixteen hex digits and room for an extension, which nobody sends.
	maxChunkLine = 256
	// maxTrailer bounds the trailer, which is dropped: some gateways send a checksum or a status there.
	maxTrailer = 4 << 10
	// maxChunkDigits keeps a chunk's size below 2^60, so that it cannot overflow.
	maxChunkDigits = 15
)

type frameKind uint8

const (
	frameNone    frameKind = iota // no body, or the body is through
	frameLength                   // content-length
	frameChunked                  // transfer-encoding: chunked
	frameClose                    // until the peer closes
)

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkData
	chunkEnd
	chunkTrailer
)

// framing is where the body of the current answer stands.
type framing struct {
	kind      frameKind
	keepAlive bool
	chunk     chunkState
	left      int64 // of the body, or of the chunk; -1 until the peer closes
	trailer   int
}

// data returns the body bytes that are buffered next, errNeedMore where there are none, io.EOF after the last.
func (c *conn) data() ([]byte, error) {
	for {
		switch c.kind {
		case frameNone:
			return nil, io.EOF
		case frameLength:
			if c.left == 0 {
				c.kind = frameNone
				continue
			}
			return c.next()
		case frameClose:
			return c.next()
		case frameChunked:
			if c.chunk == chunkData && c.left > 0 {
				return c.next()
			}
			if err := c.advanceChunk(); err != nil {
				return nil, err
			}
		}
	}
}

// next returns buffered bytes up to the end of the body or chunk.
func (c *conn) next() ([]byte, error) {
	if c.r == c.w {
		return nil, errNeedMore
	}
	b := c.buf[c.r:c.w]
	if c.left >= 0 && int64(len(b)) > c.left {
		b = b[:c.left]
	}
	return b, nil
}

// take marks n bytes of what data returned as used.
func (c *conn) take(n int) {
	c.r += n
	if c.left > 0 {
		c.left -= int64(n)
	}
}

// advanceChunk reads one line of the chunked framing from the buffer.
func (c *conn) advanceChunk() error {
	if c.chunk == chunkData { // its bytes are used up
		c.chunk = chunkEnd
		c.left = 0
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	switch c.chunk {
	case chunkSize:
		size, ok := parseChunkSize(line)
		if !ok {
			return violated(stageBody, "bad chunk size")
		}
		c.left, c.chunk = size, chunkData
		if size == 0 {
			c.chunk, c.trailer = chunkTrailer, 0
		}
	case chunkEnd:
		if len(line) != 0 {
			return violated(stageBody, "chunk longer than its size")
		}
		c.chunk = chunkSize
	default:
		c.trailer += len(line)
		if c.trailer > maxTrailer {
			return violated(stageBody, "trailer too long")
		}
		if len(line) == 0 {
			c.kind = frameNone
		}
	}
	c.r += len(line) + 2
	return nil
}

// line returns the next buffered line without its CR LF, and leaves it in the buffer.
func (c *conn) line() ([]byte, error) {
	b := c.buf[c.r:c.w]
	i := bytes.IndexByte(b, '\n')
	limit := maxChunkLine
	if c.chunk == chunkTrailer {
		limit = maxTrailer - 2 // the buffer must be able to hold it
	}
	switch {
	case i > limit, i < 0 && len(b) > limit:
		return nil, violated(stageBody, "line of chunked framing too long")
	case i < 0:
		return nil, errNeedMore
	case i == 0 || b[i-1] != '\r':
		return nil, violated(stageBody, "line of chunked framing without cr lf")
	}
	return b[:i-1], nil
}

// parseChunkSize reads hexadecimal digits; an extension after them is allowed and ignored, as long as it is text.
func parseChunkSize(line []byte) (int64, bool) {
	var size int64
	digits := 0
	for digits < len(line) {
		d, ok := hexDigit(line[digits])
		if !ok {
			break
		}
		size = size<<4 | d
		digits++
		if digits > maxChunkDigits {
			return 0, false
		}
	}
	rest := bytes.TrimLeft(line[digits:], " \t")
	if digits == 0 || (len(rest) > 0 && rest[0] != ';') || !validValue(rest) {
		return 0, false
	}
	return size, true
}

func hexDigit(b byte) (int64, bool) {
	switch {
	case b >= '0' && b <= '9':
		return int64(b - '0'), true
	case b|0x20 >= 'a' && b|0x20 <= 'f':
		return int64(b|0x20-'a') + 10, true
	default:
		return 0, false
	}
}
