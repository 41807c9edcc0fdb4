package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
)

// The kinds of failure of a call, for errors.Is.
var (
	// ErrConfig says that an endpoint's settings cannot work; found before anything is sent.
	ErrConfig = errors.New("endpoint refused")
	// ErrRequest says that a request has parts that must not be written to a wire; nothing was sent.
	ErrRequest = errors.New("request refused")
	// ErrAddress says that the guard refused the host, the port or the address that the host resolved to.
	ErrAddress = errors.New("address refused")
	// ErrDNS says that the host's name could not be resolved.
	ErrDNS = errors.New("name not resolved")
	// ErrConnect says that no connection could be made, directly or through the proxy. One that ran out of time is
	// ErrTimeout as well.
	ErrConnect = errors.New("connection failed")
	// ErrTLS says that the TLS handshake failed.
	ErrTLS = errors.New("tls failed")
	// ErrTimeout says that a deadline passed; the text names which.
	ErrTimeout = errors.New("timed out")
	// ErrReset says that the peer cut the connection before the head of the answer was complete, or reset it in the body.
	ErrReset = errors.New("connection cut")
	// ErrTruncated says that the body ended before its announced end.
	ErrTruncated = errors.New("answer truncated")
	// ErrProtocol says that the peer did not speak HTTP/1.1 as it is written, or framed its answer in two ways at once.
	ErrProtocol = errors.New("protocol violated")
	// ErrCanceled says that Call.Cancel ended the call; its cause is wrapped too.
	ErrCanceled = errors.New("call canceled")
	// ErrTooManyConns says that the endpoint already has its most connections, all in use.
	ErrTooManyConns = errors.New("too many connections")
	// ErrBodyTooLarge says that a body, or what it expands to, is larger than allowed.
	ErrBodyTooLarge = errors.New("body too large")
	// ErrClosed says that the client, or the answer that was read, is closed.
	ErrClosed = errors.New("closed")
)

var (
	errNeedMore = errors.New("no buffered bytes left")
	errShort    = errors.New("connection ended before the body did")
)

// stage is what a call was doing when it failed; it names the deadline in ErrTimeout.
type stage string

const (
	stageDial  stage = "connecting"
	stageTLS   stage = "shaking hands"
	stageProxy stage = "asking the proxy for a tunnel"
	stageWrite stage = "writing the request"
	stageHead  stage = "waiting for the response head"
	stageBody  stage = "reading the response body"
)

// failure is every error of this package: what was being done, of what kinds it is, and why. Its text never holds a
// target, a header or bytes of a body, since all of them can hold secrets.
type failure struct {
	doing stage
	kinds []error
	cause error
}

func (f *failure) Error() string {
	var b strings.Builder
	if f.doing != "" {
		b.WriteString(string(f.doing))
		b.WriteString(": ")
	}
	for i, kind := range f.kinds {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(kind.Error())
	}
	if f.cause != nil {
		b.WriteString(": ")
		b.WriteString(f.cause.Error())
	}
	return b.String()
}

func (f *failure) Unwrap() []error {
	if f.cause == nil {
		return f.kinds
	}
	return append(slices.Clip(f.kinds), f.cause)
}

func fail(doing stage, kind, cause error) error {
	return &failure{doing: doing, kinds: []error{kind}, cause: cause}
}

func refuse(kind error, why string) error {
	return &failure{kinds: []error{kind}, cause: errors.New(why)}
}

// classify gives an error of the network its kind.
func classify(doing stage, err error) error {
	if _, known := errors.AsType[*failure](err); known {
		return err
	}
	_, dns := errors.AsType[*net.DNSError](err)
	switch {
	case isTimeout(err) && connecting(doing):
		return &failure{doing: doing, kinds: []error{ErrTimeout, ErrConnect}}
	case isTimeout(err):
		return fail(doing, ErrTimeout, nil)
	case dns:
		return fail(doing, ErrDNS, err)
	case doing == stageTLS, isAlert(err):
		return fail(doing, ErrTLS, err)
	case connecting(doing):
		return fail(doing, ErrConnect, err)
	case doing == stageBody && (errors.Is(err, errShort) || errors.Is(err, io.ErrUnexpectedEOF)):
		return fail(doing, ErrTruncated, nil)
	default:
		return fail(doing, ErrReset, err)
	}
}

func connecting(doing stage) bool {
	return doing == stageDial || doing == stageTLS || doing == stageProxy
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || (ok && timeout.Timeout())
}

// isAlert knows the complaints of TLS peers, which come after the handshake too: version 1.3 refuses certificates then.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// wasCut reports whether the peer, and not a deadline or garbage, ended the connection.
func wasCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED)
}

// violated is the peer's fault; why never quotes what it sent.
func violated(doing stage, why string) error {
	return fail(doing, ErrProtocol, errors.New(why))
}
