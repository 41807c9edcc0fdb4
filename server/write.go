package server

import (
	"bufio"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"

	"weir/engine"
	"weir/engine/wire"
)

// streamBuffer is how much of a stream is read at once: events are far smaller, and images that come whole in one are
// few. It is also the largest write.
const streamBuffer = 16 << 10

// write puts the reply, or the error in its place, on the wire. Where fasthttp writes, finish comes with the last byte;
// with w of one's own it comes before write returns.
func (v *visit) write(err error, w *bufio.Writer) {
	if err != nil && engine.AsError(err).Code == engine.CodeConnectionClosed {
		v.drop(w)
		return
	}
	v.discard()
	if err != nil {
		v.writeError(err)
	}
	v.writeHead()
	r := &v.x.Reply
	resp := &v.ctx.Response
	switch {
	case r.Stream != nil && v.x.Request.Version == "HTTP/1.0" && w == nil:
		v.hijack(func(_ io.Reader, w *bufio.Writer) { v.writeUntilClose(w) })
		return
	case r.Stream != nil && v.x.Request.Version == "HTTP/1.0":
		v.writeUntilClose(w)
		return
	case r.Stream != nil:
		resp.SetBodyStream(v, -1)
	default:
		resp.SetBodyStream(v, len(r.Body))
	}
	if w == nil {
		return
	}
	resp.SkipBody = v.ctx.IsHead()
	resp.Header.SetConnectionClose()
	_ = resp.Write(w) // the body tells finish how it went
}

// drop closes the connection without an answer, as a policy asked.
func (v *visit) drop(w *bufio.Writer) {
	v.conn.reset()
	if w == nil {
		v.ctx.HijackSetNoResponse(true)
		v.ctx.Hijack(func(net.Conn) {}) // fasthttp closes the connection after it
		v.ctx.Response.Header.SetConnectionClose()
	} else {
		v.conn.abort()
	}
	v.finish(nil)
}

// writeHead copies status and fields of the reply; framing is the server's.
func (v *visit) writeHead() {
	h := &v.ctx.Response.Header
	r := &v.x.Reply
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	h.SetStatusCode(r.Status)
	h.Set("x-request-id", v.x.Request.ID)
	if v.dialect == wire.DialectAnthropic {
		h.Set("request-id", v.x.Request.ID) // the name its SDKs read
	}
	if origin := v.g.allowedOrigin(&v.head); origin != "" {
		h.Set("access-control-allow-origin", origin)
		h.Set("vary", "origin")
	}
	for i := range r.Headers {
		if !framingField(r.Headers[i].Name) {
			h.Add(r.Headers[i].Name, r.Headers[i].Value)
		}
	}
	if v.mustClose || v.g.closing.Load() {
		v.ctx.SetConnectionClose()
	}
}

// framingField tells the fields that the server writes itself.
func framingField(name string) bool {
	switch len(name) {
	case len("trailer"): // and upgrade
		return strings.EqualFold(name, "trailer") || strings.EqualFold(name, "upgrade")
	case len("connection"): // and keep-alive
		return strings.EqualFold(name, "connection") || strings.EqualFold(name, "keep-alive")
	case len("x-request-id"):
		return strings.EqualFold(name, "x-request-id")
	case len("content-length"):
		return strings.EqualFold(name, "content-length")
	case len("transfer-encoding"):
		return strings.EqualFold(name, "transfer-encoding")
	}
	return false
}

// writeError makes the reply that tells an error in the shape of the API that was asked. It is the only place where
// errors become bytes.
func (v *visit) writeError(err error) {
	e := engine.AsError(err)
	v.failure = err
	r := &v.x.Reply
	r.Stream, r.Synthetic = nil, true
	r.Status = e.HTTPStatus()
	v.out = e.AppendBody(v.out[:0], v.dialect, v.x.Request.ID)
	r.Body = v.out
	r.Headers.Set("content-type", "application/json")
	if e.RetryAfter > 0 {
		seconds := math.Ceil(e.RetryAfter.Seconds())
		r.Headers.Set("retry-after", strconv.FormatInt(int64(seconds), 10))
	}
	if !e.Retryable && retried(r.Status) {
		r.Headers.Set("x-should-retry", "false")
	}
	if e.Code == engine.CodeInternal {
		v.g.log.Error().Err(err).Str("id", v.x.Request.ID).Msg("an exchange failed")
	}
}

// retried tells the statuses that SDKs retry by themselves.
func retried(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return true
	default:
		return status >= http.StatusInternalServerError
	}
}

// SupportsBodyWriteTo lets fasthttp hand over its writer, which spares a copy of every body.
func (v *visit) SupportsBodyWriteTo() bool { return true }

// WriteTo writes the body of the reply; of a stream every piece at once, as it comes.
func (v *visit) WriteTo(w io.Writer) (int64, error) {
	r := &v.x.Reply
	if r.Stream == nil {
		n, err := w.Write(r.Body)
		return int64(n), err //nolint:wrapcheck // fasthttp takes it from here
	}
	return v.copyStream(w)
}

func (v *visit) copyStream(w io.Writer) (total int64, err error) {
	buf, ok := v.g.buffers.Get().(*[streamBuffer]byte)
	if !ok {
		buf = new([streamBuffer]byte)
	}
	defer v.g.buffers.Put(buf)
	for {
		n, readErr := v.x.Reply.Stream.Read(buf[:])
		if n > 0 {
			written, writeErr := w.Write(buf[:n])
			total += int64(written)
			v.note(buf[:written])
			if writeErr != nil {
				v.x.Cancel(engine.ClientGone())
				return total, writeErr //nolint:wrapcheck // fasthttp takes it from here
			}
		}
		if readErr == io.EOF { //nolint:errorlint // only the bare value is a clean end
			return total, nil
		}
		if readErr != nil {
			return total, readErr //nolint:wrapcheck // it makes fasthttp cut the connection, which is all it does
		}
	}
}

// Read is not used, as WriteTo is; it makes the visit a reader for fasthttp.
func (v *visit) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

// Close ends the stream of the reply, if there is one. fasthttp calls it when the body was written or could not be.
func (v *visit) Close() error {
	if v.finished || v.x.Reply.Stream == nil {
		return nil
	}
	return v.x.Reply.Stream.Close() //nolint:wrapcheck // nobody looks at it
}

// CloseWithError finishes the exchange; fasthttp calls it after Close with what became of the body.
func (v *visit) CloseWithError(err error) error {
	v.finish(err)
	return nil
}

// writeUntilClose streams to a client of HTTP/1.0, for which the end of the connection is the end of the answer. A cut
// is then a reset, so that it does not look like an end.
func (v *visit) writeUntilClose(w *bufio.Writer) {
	h := &v.ctx.Response.Header
	h.SetProtocol([]byte("HTTP/1.0"))
	h.SetContentLength(-2)
	h.SetConnectionClose()
	err := h.Write(w)
	if err == nil {
		_, err = v.copyStream(flushed{w})
	}
	if err != nil {
		v.conn.reset()
	}
	_ = v.Close() // the answer is over either way
	v.finish(err)
}

// flushed flushes after every write.
type flushed struct{ *bufio.Writer }

// Write writes and flushes.
func (f flushed) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		err = f.Flush()
	}
	return n, err //nolint:wrapcheck // the caller hands it on
}
