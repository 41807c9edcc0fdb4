package opa

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// sender carries the requests of http.send.
type sender struct {
	hosts []string
	via   http.RoundTripper
}

// maxAnswer bounds an answer to http.send, which OPA reads as a whole: as much as an input may have.
const maxAnswer = maxInput

var (
	errNoTransport  = errors.New("nothing carries the requests of http.send")
	errOwnTransport = errors.New("sockets and the members tls_* of http.send are not for policies")
	errAnswerSize   = errors.New("the answer to http.send is too large")
)

// choose is OPA's hook: custom is set where a request asks for a socket, or for certificates of its own. Those may name any
// file or environment variable of the gateway, so such requests are refused.
func (s *sender) choose(custom *http.Transport) http.RoundTripper {
	if custom != nil {
		return failing{errOwnTransport}
	}
	return s
}

// RoundTrip implements http.RoundTripper. It checks the host again, so that no way around OPA's own check leads elsewhere.
func (s *sender) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.via == nil {
		return nil, errNoTransport
	}
	if !slices.Contains(s.hosts, strings.ToLower(r.URL.Hostname())) {
		return nil, fmt.Errorf("the host %s is not among those of the policy", r.URL.Hostname())
	}
	res, err := s.via.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("http.send: %w", err)
	}
	res.Body = &boundedBody{ReadCloser: res.Body, left: maxAnswer}
	return res, nil
}

// failing is a transport that carries nothing.
type failing struct{ err error }

// RoundTrip implements http.RoundTripper.
func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// boundedBody ends with an error what is longer than it may be.
type boundedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader. After the error it is at its end: OPA closes only what it can read to the end.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errAnswerSize
	}
	return n, err
}
