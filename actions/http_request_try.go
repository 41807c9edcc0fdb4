package actions

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"weir/engine"
	"weir/engine/upstream"
)

// The codes that actions.http_request.error.code takes.
const (
	failedTimeout   = "timeout"
	failedConnect   = "connection_failed"
	failedAddress   = "address_refused"
	failedTooLarge  = "response_too_large"
	failedRedirects = "too_many_redirects"
	failedLoop      = "loop_detected"
	failedBroken    = "response_broken"
	failedStatus    = "bad_status"  // of a guard: not a success
	failedVerdict   = "bad_verdict" // of a guard: not what its shape says
)

// requestFailure is why an attempt has no answer. The message names no more of the URL than its host.
type requestFailure struct{ code, message string }

// exchangeTry is one attempt with its redirects: what was asked last, and what came.
type exchangeTry struct {
	method  string
	url     *url.URL
	headers http.Header
	body    string

	ip      string
	status  int // 0 = no answer
	answer  http.Header
	content string
	elapsed time.Duration
	failure *requestFailure
}

func (t *exchangeTry) fail(code, message string) *exchangeTry {
	t.failure = &requestFailure{code, message}
	return t
}

// try makes one attempt.
func (a *httpRequest) try(ctx context.Context, c *requestCall) *exchangeTry {
	t := &exchangeTry{method: a.method, url: c.url, headers: c.headers.Clone(), body: c.body}
	switch {
	case c.refused != nil:
		return t.fail(failedAddress, c.refused.Error())
	case c.hops >= maxRequestHops:
		return t.fail(failedLoop, "requests of policies led to one another too often")
	}
	begin := time.Now()
	defer func() { t.elapsed = time.Since(begin) }()
	for followed := 0; ; followed++ {
		next, ok := a.send(ctx, t)
		if !ok || next == nil {
			return t
		}
		if followed == a.redirects {
			return t.fail(failedRedirects, "the answer is one redirect more than max_redirects")
		}
		if !t.follow(next) {
			return t
		}
	}
}

// send makes one call and reads its answer; next is where a redirect leads that is to be followed.
func (a *httpRequest) send(ctx context.Context, t *exchangeTry) (next *url.URL, ok bool) {
	how, err := a.to.allows(t.url)
	if err != nil {
		t.fail(failedAddress, err.Error())
		return nil, false
	}
	client := a.named
	if how == reachPublic {
		client = a.public
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if host, _, err := net.SplitHostPort(info.Conn.RemoteAddr().String()); err == nil {
			t.ip = host
		}
	}})
	req, err := http.NewRequestWithContext(ctx, t.method, t.url.String(), strings.NewReader(t.body))
	if err != nil {
		t.fail(failedConnect, "the request cannot be made")
		return nil, false
	}
	req.Header = t.headers
	resp, err := client.Do(req)
	if err != nil {
		t.explain(err)
		return nil, false
	}
	defer func() { _ = resp.Body.Close() }() // what is read of it is read by now
	t.status, t.answer = resp.StatusCode, resp.Header
	if a.redirects > 0 && redirects(resp.StatusCode) && resp.Header.Get("Location") != "" {
		next, err = t.url.Parse(resp.Header.Get("Location"))
		if err != nil {
			t.fail(failedBroken, "the redirect leads to what is no URL")
			return nil, false
		}
		return next, true
	}
	return nil, t.read(resp)
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	default:
		return false
	}
}

// read takes the body, decoded, as far as it may be long.
func (t *exchangeTry) read(resp *http.Response) bool {
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		t.fail(failedBroken, "the answer has a content encoding that was not asked for")
		return false
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		t.explain(err)
		return false
	case len(body) > maxAnswerBytes:
		t.fail(failedTooLarge, "the answer is over 256 KiB")
		return false
	}
	t.content = string(body)
	return true
}

// follow turns the attempt to where a redirect leads. What the policy wrote for one host is not shown to another.
func (t *exchangeTry) follow(next *url.URL) bool {
	next.Fragment, next.RawFragment = "", ""
	to, err := parseOutbound(next.String())
	if err != nil {
		t.fail(failedAddress, "redirect: "+err.Error())
		return false
	}
	if !sameOrigin(t.url, to) {
		kept := http.Header{}
		for _, name := range [...]string{"User-Agent", "Accept", "Content-Type", http.CanonicalHeaderKey(engine.HopsHeader)} {
			if v := t.headers.Values(name); len(v) > 0 {
				kept[name] = v
			}
		}
		t.headers = kept
	}
	if t.status != http.StatusTemporaryRedirect && t.status != http.StatusPermanentRedirect && t.method != http.MethodGet {
		t.method, t.body = http.MethodGet, ""
		t.headers.Del("Content-Type")
	}
	t.url, t.status, t.answer = to, 0, nil
	return true
}

// explain sorts a failure of the connection.
func (t *exchangeTry) explain(err error) {
	var netErr net.Error
	host := t.url.Host
	t.status, t.answer = 0, nil
	switch {
	case upstream.IsRefusedAddress(err):
		t.fail(failedAddress, host+" is at an address that is not allowed")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		t.fail(failedTimeout, host+" did not answer in time")
	case errors.Is(err, io.ErrUnexpectedEOF):
		t.fail(failedBroken, host+" broke off its answer")
	default:
		t.fail(failedConnect, host+" could not be asked")
	}
}
