package server

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/molecule-man/go-brrr"

	"weir/engine"
)

const (
	// inflateWindow is what RFC 9659 allows zstd on the web; a larger one costs memory before a byte is out.
	inflateWindow = 8 << 20
	// ratioFrom is the size from which the ratio counts: short repetitive texts compress far better than real bodies.
	ratioFrom = 1 << 20
)

// errTooLarge says that a body is over a limit.
func errTooLarge(message string) *engine.Error {
	return &engine.Error{Code: engine.CodeBodyTooLarge, Message: message}
}

// inflater undoes one content encoding; its parts are kept for the next body.
type inflater struct {
	gzip   *gzip.Reader
	zlib   io.ReadCloser
	zstd   *zstd.Decoder
	brotli *brrr.Reader
}

// inflaters is a pool of them, so that decompressors of 32 KiB and more are not built for each body.
type inflaters struct{ pool sync.Pool }

func (p *inflaters) get() *inflater {
	if in, ok := p.pool.Get().(*inflater); ok {
		return in
	}
	return &inflater{}
}

// knownEncoding tells the one content encoding of a body from a stack of several or an unknown one.
func knownEncoding(value string) (name string, err error) {
	switch {
	case value == "", strings.EqualFold(value, "identity"):
		return "", nil
	case strings.EqualFold(value, "gzip"), strings.EqualFold(value, "x-gzip"):
		return "gzip", nil
	case strings.EqualFold(value, "deflate"):
		return "deflate", nil
	case strings.EqualFold(value, "br"):
		return "br", nil
	case strings.EqualFold(value, "zstd"):
		return "zstd", nil
	default:
		return "", &engine.Error{
			Code:    engine.CodeUnsupportedMedia,
			Message: "content-encoding must be one of gzip, deflate, br, zstd, and only one",
		}
	}
}

// open points a decompressor at the body.
func (in *inflater) open(encoding string, src io.Reader) (r io.Reader, err error) {
	switch encoding {
	case "gzip":
		if in.gzip == nil {
			in.gzip = new(gzip.Reader)
		}
		err = in.gzip.Reset(src)
		r = in.gzip
	case "deflate":
		if resetter, ok := in.zlib.(zlib.Resetter); ok {
			err = resetter.Reset(src, nil)
		} else {
			in.zlib, err = zlib.NewReader(src)
		}
		r = in.zlib
	case "zstd":
		if in.zstd == nil {
			// One thread: it decodes in the caller's goroutine and starts none.
			in.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(inflateWindow))
			if err != nil {
				return nil, fmt.Errorf("making a zstd decoder: %w", err)
			}
		}
		err = in.zstd.Reset(src)
		r = in.zstd
	default:
		if in.brotli == nil {
			in.brotli = brrr.NewReader(src)
		} else {
			in.brotli.Reset(src)
		}
		r = in.brotli
	}
	return r, err //nolint:wrapcheck // the caller says what it was doing
}

// inflate decompresses the body that was read into plain, within the limits of size and ratio.
func (v *visit) inflate(encoding string, src io.Reader, packed int64) error {
	in := v.g.inflaters.get()
	r, err := in.open(encoding, src)
	if err == nil {
		err = v.fill(&v.plain, r, -1, func(n int64) error {
			if n > ratioFrom && n/v.g.limits.Ratio > packed {
				return errTooLarge("the compressed body expands too far")
			}
			return nil
		})
	}
	v.g.inflaters.pool.Put(in)
	var known *engine.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &engine.Error{
		Code: engine.CodeBadRequest, Message: "the body is not what its content-encoding says", Cause: err,
	}
}
