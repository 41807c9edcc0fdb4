package engine

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/engine/upstream"
	"weir/engine/wire"
)

// HopsHeader counts how often a request was sent on by a gateway, so that a loop ends.
const HopsHeader = "x-weir-hops"

// maxHops is how often a request may be forwarded: more endpoints in a row than any layout of teams and tenants needs.
const maxHops = 5

// Hops is how often the request was forwarded before it came here. What is not a count is taken for too many.
func (x *Exchange) Hops() int {
	text := x.Request.Headers.First(HopsHeader)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxHops {
		return maxHops
	}
	return n
}

// Credentials says what becomes of what proves who the client is when its request goes on.
type Credentials uint8

// The ways of treating credentials.
const (
	CredentialsDropped Credentials = iota
	CredentialsPassed
)

// Forwarding says where a request goes in place of a provider, and how.
type Forwarding struct {
	Scheme, Host string
	Path         string          // in front of the request's own, escaped; "" = none
	Query        string          // in front of the request's own
	Guard        *upstream.Guard // nil for hosts that the operator named
	Credentials  Credentials
	Headers      Headers       // over those of the client
	Timeout      time.Duration // until the head of the answer
	Idle         time.Duration // between two pieces of the answer
}

// Forward sends the request on as it is and makes the answer the exchange's reply. An error means that there was no
// answer; a status that tells of one is an answer like any other.
func (x *Exchange) Forward(f *Forwarding) error {
	if x.plan == nil || x.plan.rt.client == nil {
		return Errorf(CodeInternal, "this exchange cannot be forwarded")
	}
	if x.Hops() >= maxHops {
		return errLoop()
	}
	body, err := x.bodyToForward()
	if err != nil {
		return err
	}
	ep, err := x.plan.rt.client.Endpoint(upstream.EndpointConfig{Scheme: f.Scheme, Host: f.Host, Guard: f.Guard})
	if err != nil {
		return x.forwardFailure(f, err)
	}
	started := time.Now()
	req := upstream.Request{
		Endpoint: ep, Method: x.Request.Method, Target: x.forwardTarget(f), Headers: x.forwardHeaders(f), Body: body,
		HeaderDeadline: started.Add(f.Timeout), Now: started,
	}
	resp, err := x.plan.rt.client.Do(&x.call, &req)
	if err != nil {
		return x.forwardFailure(f, err)
	}
	x.notes = append(x.notes, note{Action: "forward", What: "sent to " + strings.Clone(f.Scheme+"://"+f.Host)})
	x.takeAnswer(f, resp)
	return x.settle(x.plan)
}

func errLoop() error {
	return Errorf(CodeLoopDetected, "the request was forwarded %d times, which looks like a loop", maxHops)
}

// bodyToForward is the client's body, decoded. Requests about stored objects have none that anybody reads.
func (x *Exchange) bodyToForward() ([]byte, error) {
	if x.Request.Operation != OpCreate || x.Request.API == wire.Models {
		if x.Request.ContentLength > 0 {
			return nil, Errorf(CodeBadRequest, "a request to this path has no body that could be forwarded")
		}
		return nil, nil
	}
	return x.Body()
}

// forwardTarget puts the request's path and query behind those of the URL.
func (x *Exchange) forwardTarget(f *Forwarding) string {
	query := x.Request.Query
	if f.Credentials == CredentialsDropped {
		query = withoutKeys(query)
	}
	query = joinQuery(f.Query, query)
	target := strings.TrimRight(f.Path, "/") + ownPath(x.Endpoint, &x.Request)
	if query == "" {
		return target
	}
	return target + "?" + query
}

// ownPath is the path of a request as sent, without the prefix of the endpoint that it came through.
func ownPath(e *Endpoint, r *Request) string {
	prefix := ""
	if e != nil {
		if u, err := url.Parse(e.URL); err == nil {
			prefix = strings.TrimSuffix(u.Path, "/")
		}
	}
	rest, ok := strings.CutPrefix(r.Path, prefix)
	if prefix == "" || !ok || rest != "" && rest[0] != '/' {
		return r.RawPath
	}
	if rest == "" {
		return "/"
	}
	if raw, ok := strings.CutPrefix(r.RawPath, prefix); ok {
		return raw
	}
	return (&url.URL{Path: rest}).EscapedPath()
}

// withoutKeys is a query without the parameters that carry credentials.
func withoutKeys(query string) string {
	carries := func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		return err != nil || slices.ContainsFunc(keyParams[:], func(p string) bool { return strings.EqualFold(p, name) })
	}
	kept := slices.DeleteFunc(strings.Split(query, "&"), carries)
	return strings.Join(kept, "&")
}

// keyParams are the query parameters that vendors take credentials in.
var keyParams = [...]string{"key", "access_token", "oauth_token"}

// forwardHeaders builds the fields anew: those of the client less what belongs to its own connection, then where it came
// from, then the policy's.
func (x *Exchange) forwardHeaders(f *Forwarding) []upstream.Header {
	out := x.scratch.headers[:0]
	connection := x.Request.Headers.First("connection")
	for _, h := range x.Request.Headers {
		switch {
		case staysHere(h.Name), connection != "" && namedBy(connection, h.Name), f.Headers.Has(h.Name):
		case f.Credentials == CredentialsDropped && (isCredentialField(h.Name) || sameName(h.Name, "cookie")):
		default:
			out = append(out, upstream.Header{Name: h.Name, Value: h.Value})
		}
	}
	out = append(out,
		upstream.Header{Name: "x-forwarded-for", Value: x.clientIP()},
		upstream.Header{Name: "x-forwarded-host", Value: x.Request.Host},
		upstream.Header{Name: "x-forwarded-proto", Value: x.Request.Scheme},
		upstream.Header{Name: HopsHeader, Value: strconv.Itoa(x.Hops() + 1)})
	for _, h := range f.Headers {
		out = append(out, upstream.Header{Name: h.Name, Value: h.Value})
	}
	x.scratch.headers = out
	return out
}

// staysHere tells the fields of the client that are about its own connection, about the body as it was sent, or about
// where it came from, which the gateway says itself.
func staysHere(name string) bool {
	switch strings.ToLower(name) {
	case "te", "host", "expect", "trailer", "upgrade", "connection", "keep-alive", "content-length", "proxy-connection",
		"transfer-encoding", "proxy-authorization", "proxy-authenticate", "http2-settings", "accept-encoding",
		"content-encoding", "forwarded", "x-real-ip":
		return true
	}
	return hasPrefixFold(name, "x-weir-") || hasPrefixFold(name, "x-forwarded-")
}

// takeAnswer makes the answer the exchange's reply, as a stream.
func (x *Exchange) takeAnswer(f *Forwarding, resp *upstream.Response) {
	x.resetReply()
	x.Reply.Status = resp.Status
	resp.VisitHeaders(func(name, value []byte) {
		n, v := view(name), view(value)
		switch {
		case isRequestID(n):
			x.Reply.Headers.Set("x-weir-upstream-request-id", v)
		case f.Credentials == CredentialsDropped && sameName(n, "set-cookie"):
		case !comesBack(n):
		default:
			x.Reply.Headers.Add(n, v)
		}
	})
	if resp.Status == http.StatusNoContent || resp.Status == http.StatusNotModified || x.Request.Method == http.MethodHead {
		resp.Close()
		return
	}
	r := &x.relay
	r.start(x, resp, f.Idle)
	r.raw = !x.answersInEvents(resp)
	if !r.raw {
		if r.splitter == nil {
			r.splitter = wire.NewSplitter(x.Request.Framing, maxStreamEvent)
		} else {
			r.splitter.Reset(x.Request.Framing, maxStreamEvent)
		}
		r.observer.Reset(x.Request.API)
	}
	x.Reply.Stream = r
}

// comesBack reports whether a field of the answer is for the client, and not about the target's own connection or host.
func comesBack(name string) bool {
	switch strings.ToLower(name) {
	case "alt-svc", "strict-transport-security", "via", "date", "server":
		return false
	}
	return !hasPrefixFold(name, "x-weir-")
}

// answersInEvents reports whether the answer is a stream of the kind that the client asked its API for.
func (x *Exchange) answersInEvents(resp *upstream.Response) bool {
	if x.Request.API == wire.APIUnknown || !x.Request.streaming() || resp.Status >= http.StatusMultipleChoices {
		return false
	}
	if x.Request.Framing == wire.FrameJSONArray {
		return mediaType(resp.ContentType()) == "application/json"
	}
	return isEventStream(resp.ContentType())
}

// forwardFailure is what the client is told where the target gave no answer.
func (x *Exchange) forwardFailure(f *Forwarding, err error) error {
	where := strings.Clone(f.Host)
	switch {
	case errors.Is(err, upstream.ErrCanceled):
		return AsError(x.ctx.reason())
	case errors.Is(err, upstream.ErrAddress):
		return &Error{Code: CodeUpstreamRefused, Message: where + " is not where the policy may forward to", Cause: err}
	case errors.Is(err, upstream.ErrRequest), errors.Is(err, upstream.ErrConfig):
		return &Error{Code: CodePolicyFailed, Message: "the request cannot be forwarded", Cause: fmt.Errorf("forwarding to %s: %w", where, err)}
	case errors.Is(err, upstream.ErrTimeout):
		return &Error{Code: CodeUpstreamTimeout, Message: where + " did not answer in time", Cause: err}
	case errors.Is(err, upstream.ErrTooManyConns):
		return &Error{Code: CodeOverloaded, Message: where + " has no connection free", Cause: err, Retryable: true, RetryAfter: time.Second}
	case errors.Is(err, upstream.ErrConnect), errors.Is(err, upstream.ErrDNS), errors.Is(err, upstream.ErrTLS):
		return &Error{Code: CodeUpstreamRefused, Message: where + " could not be reached", Cause: err}
	default:
		return &Error{Code: CodeUpstreamFailed, Message: where + " broke off its answer", Cause: err}
	}
}
