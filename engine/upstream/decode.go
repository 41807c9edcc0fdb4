package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/molecule-man/go-brrr"
)

const (
	// ratioFrom is the size from which the ratio counts: below it even a bomb does no harm.
	ratioFrom = 1 << 20
	// maxWindow is what RFC 9659 allows zstd on the web.
	maxWindow = 8 << 20
)

type encoding uint8

const (
	encodingGzip encoding = iota
	encodingDeflate
	encodingZstd
	encodingBrotli
	encodingCount
)

// decoders keeps decompressors between bodies: each holds a window of 32 KiB and more.
type decoders [encodingCount]sync.Pool

// decoder undoes one content encoding.
type decoder struct {
	encoding encoding
	conn     *conn
	cut      error // what ended the connection, other than the end of the body
	ended    bool  // the body ended
	in, out  int64

	buffer *bufio.Reader
	reader io.Reader // nil until the first read, since making it may read the network

	gzip   *gzip.Reader
	raw    io.ReadCloser
	zlib   io.ReadCloser
	zstd   *zstd.Decoder
	brotli *brrr.Reader
}

func (ds *decoders) get(h *head, c *conn) (*decoder, error) {
	var e encoding
	switch {
	case h.encodings > 1:
		return nil, violated(stageBody, "more than one content-encoding")
	case equalFold(h.encoding, "gzip"), equalFold(h.encoding, "x-gzip"):
		e = encodingGzip
	case equalFold(h.encoding, "deflate"):
		e = encodingDeflate
	case equalFold(h.encoding, "zstd"):
		e = encodingZstd
	case equalFold(h.encoding, "br"):
		e = encodingBrotli
	default:
		return nil, violated(stageBody, "unknown content-encoding")
	}
	d, ok := ds[e].Get().(*decoder)
	if !ok {
		d = &decoder{encoding: e}
		d.buffer = bufio.NewReader(nil)
	}
	d.conn, d.cut, d.ended, d.in, d.out, d.reader = c, nil, false, 0, 0, nil
	d.buffer.Reset((*decoderSource)(d))
	return d, nil
}

func (ds *decoders) put(d *decoder) {
	d.conn, d.cut = nil, nil
	ds[d.encoding].Put(d)
}

// decoderSource is the decoder's view of the connection.
type decoderSource decoder

func (s *decoderSource) Read(p []byte) (int, error) {
	n, err := s.conn.readBody(p)
	s.in += int64(n)
	s.ended = err == io.EOF //nolint:errorlint // only the bare value is the end
	if err != nil && !s.ended {
		s.cut = err
	}
	return n, err
}

func (d *decoder) read(p []byte, limits Options) (int, error) {
	if d.reader == nil {
		if err := d.start(); err != nil {
			return 0, d.mean(err)
		}
	}
	n, err := d.reader.Read(p)
	for n == 0 && err == nil {
		n, err = d.reader.Read(p)
	}
	d.out += int64(n)
	if d.out > limits.MaxDecoded || (d.out > ratioFrom && d.out/limits.MaxRatio > d.in) {
		return 0, fail(stageBody, ErrBodyTooLarge, errors.New("compressed body expands too far"))
	}
	if err != nil {
		err = d.mean(err)
	}
	return n, err
}

// mean tells the end and a fault of the connection from a fault of the compression.
func (d *decoder) mean(err error) error {
	switch {
	case d.cut != nil:
		return d.cut
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF): //nolint:errorlint // only the bare value is the end
		return err
	case d.ended && d.encoding == encodingBrotli: // this one has no name for it
		return io.ErrUnexpectedEOF
	default:
		return fail(stageBody, ErrProtocol, fmt.Errorf("undoing the content-encoding: %w", err))
	}
}

// start points the decompressor at the body.
func (d *decoder) start() (err error) {
	// Answers without a body can name an encoding too, and not every decompressor takes nothing for nothing.
	if _, err := d.buffer.Peek(1); err != nil {
		return err
	}
	switch d.encoding {
	case encodingGzip:
		if d.gzip == nil {
			d.gzip, err = gzip.NewReader(d.buffer)
		} else {
			err = d.gzip.Reset(d.buffer)
		}
		d.reader = d.gzip
	case encodingDeflate:
		return d.startDeflate()
	case encodingZstd:
		if d.zstd == nil {
			// One thread: it decodes in the caller's goroutine and starts none.
			d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(maxWindow))
			if err != nil {
				return err
			}
		}
		err = d.zstd.Reset(d.buffer)
		d.reader = d.zstd
	default:
		if d.brotli == nil {
			d.brotli = brrr.NewReader(d.buffer)
		} else {
			d.brotli.Reset(d.buffer)
		}
		d.reader = d.brotli
	}
	if err != nil {
		d.reader, d.gzip = nil, nil
	}
	return err
}

// startDeflate tells the zlib form, which the standard means, from the bare one, which some servers send.
func (d *decoder) startDeflate() error {
	first, err := d.buffer.Peek(2)
	if err != nil {
		if len(first) > 0 && err == io.EOF { //nolint:errorlint // bufio gives the bare value
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	if first[0]&0x0f != 8 || (int(first[0])<<8|int(first[1]))%31 != 0 {
		if d.raw == nil {
			d.raw = flate.NewReader(d.buffer)
		} else if err := reset(d.raw, d.buffer); err != nil {
			return err
		}
		d.reader = d.raw
		return nil
	}
	if d.zlib == nil {
		d.zlib, err = zlib.NewReader(d.buffer)
	} else {
		err = reset(d.zlib, d.buffer)
	}
	if err != nil {
		d.zlib = nil
		return err
	}
	d.reader = d.zlib
	return nil
}

// reset works for flate and zlib, whose Resetters are the same.
func reset(r, src io.Reader) error {
	resetter, ok := r.(flate.Resetter)
	if !ok {
		return errors.New("decompressor cannot be reset")
	}
	return resetter.Reset(src, nil)
}
