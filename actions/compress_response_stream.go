package actions

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	brrr "github.com/molecule-man/go-brrr"

	"weir/engine"
)

const (
	// levelFlate is the level from which on gzip costs much more than it saves on JSON.
	levelFlate = 4
	// levelBrotli is as fast as levelFlate and still smaller.
	levelBrotli = 3
	// brotliWindow holds what an answer of a model repeats, in 256 KiB; the default of 4 MiB is for files.
	brotliWindow = 18
	// compressPiece is read of an answer at once: one write of the connection.
	compressPiece = 16 << 10
	// keepEncoded is the largest buffer that stays with a pooled encoder.
	keepEncoded = 256 << 10
)

// encoder compresses into out.
type encoder struct {
	name string
	out  bytes.Buffer
	buf  []byte // one read of the answer
	w    interface {
		io.WriteCloser
		Flush() error
		Reset(w io.Writer)
	}
}

// compressors keeps encoders between answers: each holds some hundred KiB of tables.
type compressors struct{ gzip, deflate, brotli sync.Pool }

func (c *compressors) pool(name string) *sync.Pool {
	switch name {
	case encodingGzip:
		return &c.gzip
	case encodingDeflate:
		return &c.deflate
	default:
		return &c.brotli
	}
}

func (c *compressors) get(name string) *encoder {
	e, ok := c.pool(name).Get().(*encoder)
	if !ok {
		return newEncoder(name)
	}
	e.w.Reset(&e.out)
	return e
}

// put takes an encoder back. Nobody may hold what it wrote.
func (c *compressors) put(e *encoder) {
	if e.out.Cap() > keepEncoded {
		e.out = bytes.Buffer{}
	}
	e.out.Reset()
	c.pool(e.name).Put(e)
}

// newEncoder makes an encoder. The levels are ones that the libraries have, which is all that their errors are about.
func newEncoder(name string) *encoder {
	e := &encoder{name: name, buf: make([]byte, compressPiece)}
	switch name {
	case encodingGzip:
		e.w, _ = gzip.NewWriterLevel(&e.out, levelFlate)
	case encodingDeflate:
		e.w, _ = zlib.NewWriterLevel(&e.out, levelFlate)
	default:
		e.w, _ = brrr.NewWriterOptions(&e.out, levelBrotli, brrr.WriterOptions{LGWin: brotliWindow})
	}
	return e
}

// compressedStream is an answer on its way through an encoder. A whole answer stays in the reply's body until it is
// sent, so that rules after this one still read and change it.
type compressedStream struct {
	x       *engine.Exchange
	from    engine.Stream // nil for a whole answer
	pools   *compressors
	encoder *encoder // nil once it is given back
	done    error
	begun   bool // the client has been told how the answer is encoded
}

// Read gives the next compressed bytes: of a stream what one piece of it became, so that nothing waits for more.
func (s *compressedStream) Read(p []byte) (int, error) {
	s.begun = true
	for {
		if s.encoder != nil && s.encoder.out.Len() > 0 {
			return s.encoder.out.Read(p) //nolint:wrapcheck // a buffer that holds bytes does not fail
		}
		if s.done != nil {
			s.giveBack()
			return 0, s.done
		}
		s.done = s.fill()
	}
}

// fill compresses the next piece; the error is what Read says once it is sent.
func (s *compressedStream) fill() error {
	e := s.encoder
	if e == nil {
		return io.ErrClosedPipe
	}
	if s.from == nil {
		if _, err := e.w.Write(s.x.Reply.Body); err != nil {
			return err //nolint:wrapcheck // it cuts the answer, which is all that happens to it
		}
		return s.end(io.EOF)
	}
	n, err := s.from.Read(e.buf)
	if n > 0 {
		if _, err := e.w.Write(e.buf[:n]); err != nil {
			return err //nolint:wrapcheck // as above
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return s.end(io.EOF)
	case err != nil:
		// What came before the cut is sent; the stream stays without its end, and the connection is cut behind it.
		if flushErr := e.w.Flush(); flushErr != nil {
			return flushErr //nolint:wrapcheck // as above
		}
		return err //nolint:wrapcheck // the relay's own
	case n > 0:
		return e.w.Flush() //nolint:wrapcheck // as above
	default:
		return nil
	}
}

func (s *compressedStream) end(clean error) error {
	if err := s.encoder.w.Close(); err != nil {
		return err //nolint:wrapcheck // it cuts the answer
	}
	return clean
}

func (s *compressedStream) giveBack() {
	if s.encoder != nil {
		s.pools.put(s.encoder)
		s.encoder = nil
	}
}

// Close ends the answer. Where an error takes its place before a byte of it was sent, that is not compressed.
func (s *compressedStream) Close() error {
	s.giveBack()
	if !s.begun {
		s.x.Reply.Headers.Del("content-encoding")
	}
	if s.done == nil {
		s.done = io.ErrClosedPipe
	}
	if s.from == nil {
		return nil
	}
	return s.from.Close() //nolint:wrapcheck // the relay's own
}
