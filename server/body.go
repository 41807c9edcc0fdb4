package server

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"

	"weir/engine"
	"weir/engine/wire"
)

const (
	// bodyFirst is what is reserved and allocated for a body before its bytes come, whatever its content-length claims.
	bodyFirst = 16 << 10
	// bodyKeep is the largest buffer that is kept for the next exchange: most bodies fit, and a thousand of them are
	// 256 MiB at worst.
	bodyKeep = 256 << 10
	// discardBytes bounds what is read of a body nobody wanted so that the connection can serve another request; more
	// costs more than a new connection.
	discardBytes = 256 << 10
	// discardTime bounds the same: what is there is there, a slow sender is not waited for.
	discardTime = 100 * time.Millisecond
)

// continueLine is what a client that expects it gets before its body is read.
const continueLine = "HTTP/1.1 100 Continue\r\n\r\n"

// LoadBody reads, bounds, decodes and scans the client's body; it is the engine.BodyLoader of the exchange.
func (v *visit) LoadBody(x *engine.Exchange) error {
	if err := checkContentType(x.Request.API, v.head.contentType); err != nil {
		return err
	}
	encoding, err := knownEncoding(v.head.encoding)
	if err != nil {
		return err
	}
	if err := v.readBody(); err != nil {
		return err
	}
	x.Request.Body = v.body
	if encoding != "" {
		if err := v.inflate(encoding, bytes.NewReader(v.body), int64(len(v.body))); err != nil {
			return err
		}
		x.Request.Body = v.plain
	}
	return v.scan(x)
}

// scan reads from the body what routing needs, and refuses what two readers could read differently.
func (v *visit) scan(x *engine.Exchange) error {
	if x.Request.API == wire.APIUnknown {
		return nil
	}
	var problem *wire.Problem
	if x.Request.API == wire.OpenAITranscriptions {
		if x.Request.Form, problem = wire.ParseMultipart(v.head.contentType, x.Request.Body); problem == nil {
			peek := &x.Request.Peek
			peek.Model, peek.HasModel, peek.Stream = x.Request.Form.Model, true, x.Request.Form.Stream
			return nil
		}
	} else {
		problem = x.Request.Peek.Read(x.Request.API, x.Request.Body)
	}
	if problem == nil {
		return nil
	}
	return &engine.Error{Code: engine.CodeBadRequest, Message: problem.Error(), Param: problem.Param}
}

// bodyAtOnce is how long a body may be that comes with its head, give or take a packet.
const bodyAtOnce = 8 << 10

// readBody reads the whole body as it was sent.
func (v *visit) readBody() error {
	if v.head.length > v.g.limits.Body {
		return errTooLarge("the body is over the limit of the gateway")
	}
	if !v.head.hasBody() {
		v.body = v.body[:0]
		return nil
	}
	if v.head.expects {
		if _, err := v.conn.Write([]byte(continueLine)); err != nil {
			return engine.ClientGone()
		}
	}
	if err := v.conn.SetReadDeadline(v.x.Request.Received.Add(v.g.limits.BodyTimeout)); err != nil {
		return engine.ClientGone()
	}
	if err := v.fill(&v.body, v.input, v.head.length, nil); err != nil {
		return v.readFailure(err)
	}
	if v.head.length >= 0 && int64(len(v.body)) < v.head.length {
		return v.readFailure(io.ErrUnexpectedEOF)
	}
	v.consumed = true
	if v.head.length < 0 || v.head.length > bodyAtOnce {
		v.received = time.Now()
	}
	if v.head.chunked && v.ctx.Request.Header.Len() != v.fields {
		v.mustClose = true
		return errHead("trailers are not taken")
	}
	return nil
}

// readFailure says what a failed read means. Nobody knows where the next request would begin, so the connection goes.
func (v *visit) readFailure(err error) error {
	v.mustClose = true
	var known *engine.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &engine.Error{Code: engine.CodeBadRequest, Status: 408, Message: "the body did not come in time", Retryable: true}
	default:
		return &engine.Error{Code: engine.CodeBadRequest, Message: "the body ends before it should or is framed wrongly", Cause: err}
	}
}

// fill reads r to its end into *into, growing it as bytes come. length is how many there should be, -1 where that is not
// known; more are never read. check, where not nil, sees the size reached so far.
func (v *visit) fill(into *[]byte, r io.Reader, length int64, check func(int64) error) error {
	buf := (*into)[:0]
	defer func() { *into = buf }()
	limit, most := v.g.limits.Body, v.g.limits.Body+1
	if length >= 0 {
		limit, most = length, length
	}
	held := int64(0)
	for int64(len(buf)) != length {
		if int64(len(buf)) == held {
			grown := min(most, max(2*held, bodyFirst))
			if err := v.reserve(grown - held); err != nil {
				return err
			}
			held = grown
			buf = grow(buf, held)
		}
		n, err := r.Read(buf[len(buf):held])
		buf = buf[:len(buf)+n]
		switch size := int64(len(buf)); {
		case size > limit:
			return errTooLarge("the body is over the limit of the gateway")
		case err == io.EOF: // only the bare value is the end
			return nil
		case err != nil:
			return err //nolint:wrapcheck // readFailure and inflate say what was being done
		case check != nil:
			if err := check(size); err != nil {
				return err
			}
		}
	}
	return nil
}

// grow returns buf with room for n bytes.
func grow(buf []byte, n int64) []byte {
	if int64(cap(buf)) >= n {
		return buf
	}
	bigger := make([]byte, len(buf), n)
	copy(bigger, buf)
	return bigger
}

// reserve takes n bytes of the process's budget for this exchange.
func (v *visit) reserve(n int64) error {
	if !v.g.budget.take(n) {
		return errOverloaded("the gateway holds as many bytes of bodies and answers as it may")
	}
	v.reserved += n
	return nil
}

// Take reserves bytes of an answer until the exchange is over; it is the engine.Budget of the exchange.
func (v *visit) Take(n int64) error { return v.reserve(n) }

// discard reads what is left of a body that nobody asked for, as far as that is cheap; where it is not, the connection
// closes after the answer and lingers so that the client reads it.
func (v *visit) discard() {
	if v.consumed || !v.head.hasBody() {
		return
	}
	if v.head.expects || v.mustClose || v.head.length > discardBytes {
		v.mustClose, v.conn.linger = true, true
		return
	}
	v.consumed = v.conn.SetReadDeadline(time.Now().Add(discardTime)) == nil && discardAll(v.input)
	if !v.consumed || (v.head.chunked && v.ctx.Request.Header.Len() != v.fields) {
		v.mustClose, v.conn.linger = true, true
	}
}

func discardAll(r io.Reader) bool {
	n, err := io.CopyN(io.Discard, r, discardBytes+1)
	return errors.Is(err, io.EOF) && n <= discardBytes
}
