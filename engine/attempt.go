package engine

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"weir/engine/upstream"
	"weir/engine/wire"
)

const (
	// maxAnswer bounds a whole answer held in memory: the largest known are batches of images in base64.
	maxAnswer = 64 << 20
	// maxErrorBody is what is read of an upstream error; the client gets at most what ScrubSecrets lets through.
	maxErrorBody = 64 << 10
)

// try makes one call and says how it ended.
func (d *dispatch) try(t target, k *apiKey) outcome {
	x := d.x
	started := time.Now()
	if d.deadline.IsZero() {
		d.deadline = started.Add(d.r.total)
	}
	x.resetReply() // nothing of an earlier attempt goes with this one
	x.attempts = append(x.attempts, Attempt{
		Number: len(x.attempts) + 1, Provider: t.model.provider.id, Model: t.model.cat.ID, Author: t.model.cat.AuthorID,
		KeyID: k.id, KeyMasked: k.masked, Started: started,
	})
	a := &x.attempts[len(x.attempts)-1]
	x.current = a
	req, err := d.newRequest(t, k, started)
	if err != nil {
		return d.note(t, k, a, outcome{err: AsError(err)}, failureNone)
	}
	if x.trace != nil {
		a.URL = t.surface.origin + trimQuery(req.Target)
	}
	t.model.stats.busy.Add(1)
	o := d.call(t, k, a, &req)
	if !o.ok || x.Reply.Stream == nil { // the relay counts a stream until it ends
		t.model.stats.busy.Add(-1)
	}
	return o
}

// call sends the request and reads the answer by what it is.
func (d *dispatch) call(t target, k *apiKey, a *Attempt, req *upstream.Request) outcome {
	x := d.x
	resp, err := d.r.plan.rt.client.Do(&x.call, req)
	if err != nil {
		return d.unreachable(t, k, a, err)
	}
	a.Status, a.FirstByte, a.Redialled = resp.Status, time.Since(a.Started), resp.Redialled
	if k.health != nil {
		if q, ok := quotaOf(resp); ok {
			k.health.setQuota(q)
		}
	}
	if resp.Status >= http.StatusBadRequest || resp.Status < http.StatusOK || (resp.Status >= 300 && resp.Status < 400) {
		return d.refused(t, k, a, resp)
	}
	if x.Request.streaming() {
		return d.stream(t, k, a, resp)
	}
	return d.whole(t, k, a, resp)
}

func trimQuery(target string) string {
	path, _, _ := strings.Cut(target, "?")
	return path
}

// note writes the end of an attempt into its record, the health of its target and the metrics.
func (d *dispatch) note(t target, k *apiKey, a *Attempt, o outcome, kind failureKind) outcome {
	a.Elapsed = time.Since(a.Started)
	if o.err != nil {
		a.Code, a.Retryable = o.err.Code, o.retryable
		if a.Message == "" {
			a.Message = o.err.Message
		}
	}
	d.x.traceAttempt(a)
	if !o.ok {
		d.x.settleLast()
	}
	if len(d.x.guards) > 0 {
		d.x.tellGuards(t.model, outcomeOf(&o, kind))
	}
	now := d.r.plan.rt.clock(a.Started.Add(a.Elapsed))
	if o.cut {
		t.model.provider.health.released()
		return o
	}
	for _, s := range d.x.statsOf(t.model) {
		s.record(now, a, kind)
	}
	if k.health != nil {
		k.health.stats.add(now, kind)
	}
	switch {
	case o.ok, kind == failureClient, kind == failureLimit:
		t.model.provider.health.succeeded()
	case kind == failureServer, kind == failureTimeout:
		t.model.provider.health.failed(now)
	default:
		t.model.provider.health.released()
	}
	if o.ok && k.health != nil {
		k.health.succeeded(t.model.cat.ID)
	}
	return o
}

func (s *modelStats) record(now time.Time, a *Attempt, kind failureKind) {
	if s == nil {
		return
	}
	s.rates.add(now, kind)
	if a.FirstByte > 0 {
		s.upstream.add(now, a.FirstByte.Milliseconds())
	}
	if a.FirstToken > 0 {
		s.firstToken.add(now, a.FirstToken.Milliseconds())
	}
}

// unreachable is an attempt that brought no response head.
func (d *dispatch) unreachable(t target, k *apiKey, a *Attempt, err error) outcome {
	o, kind := d.transportFailure(a, err)
	return d.note(t, k, a, o, kind)
}

// transportFailure sorts a failure of the connection.
func (d *dispatch) transportFailure(a *Attempt, err error) (outcome, failureKind) {
	who := "provider " + a.Provider
	a.Cut = errors.Is(err, upstream.ErrCanceled)
	if own, ok := errors.AsType[*Error](err); ok { // the gateway's memory is spent: no other target would help
		return outcome{err: own, final: true}, failureNone
	}
	switch {
	case a.Cut:
		return outcome{err: AsError(d.x.ctx.reason()), final: true, cut: true}, failureNone
	case errors.Is(err, upstream.ErrRequest), errors.Is(err, upstream.ErrConfig):
		return outcome{err: &Error{Code: CodeInternal, Message: "internal error", Cause: err}}, failureNone
	case errors.Is(err, upstream.ErrTimeout):
		a.Message = "context deadline exceeded"
		e := &Error{Code: CodeUpstreamTimeout, Message: who + " did not answer in time", Cause: err}
		if !time.Now().Before(d.deadline) {
			e = AsError(d.outOfTime())
			e.Cause = err
		}
		return outcome{err: e, retryable: true, skipKeys: true}, failureTimeout
	case errors.Is(err, upstream.ErrTooManyConns):
		e := &Error{Code: CodeOverloaded, Message: who + " has no connection free", Cause: err, Retryable: true, RetryAfter: time.Second}
		return outcome{err: e, retryable: true, skipKeys: true}, failureNone
	case errors.Is(err, upstream.ErrConnect), errors.Is(err, upstream.ErrDNS), errors.Is(err, upstream.ErrTLS):
		return outcome{
			err: &Error{Code: CodeUpstreamRefused, Message: who + " could not be reached", Cause: err}, retryable: true, skipKeys: true,
		}, failureServer
	default:
		return outcome{
			err: &Error{Code: CodeUpstreamFailed, Message: who + " broke off its answer", Cause: err}, retryable: true, skipKeys: true,
		}, failureServer
	}
}

// refused is an answer with a status that is not a success.
func (d *dispatch) refused(t target, k *apiKey, a *Attempt, resp *upstream.Response) outcome {
	x := d.x
	resp.SetReadDeadline(d.headDeadline(a.Started))
	body, err := resp.ReadAllWithin(x.scratch.answer[:0], maxErrorBody, &x.whole)
	x.scratch.answer = body
	if errors.Is(err, upstream.ErrCanceled) || isOwn(err) {
		resp.Discard()
		return d.unreachable(t, k, a, err)
	}
	f := wire.DecodeFailure(t.surface.dialect, resp.Status, body)
	a.Message = f.Message
	clean := wire.ScrubSecrets(nil, body)
	a.ErrorBody = string(clean[:min(len(clean), 1024)])
	o, kind := classify(resp.Status, f)
	o.err = d.upstreamError(t, k, resp, f, clean)
	d.restKey(t, k, resp, f)
	resp.Close()
	return d.note(t, k, a, o, kind)
}

func isOwn(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok
}

// restKey sends the key to rest where the answer says that it is spent or refused.
func (d *dispatch) restKey(t target, k *apiKey, resp *upstream.Response, f wire.Failure) {
	if k.health == nil {
		return
	}
	now := d.r.plan.rt.now()
	switch resp.Status {
	case http.StatusUnauthorized:
		k.health.refused(now)
	case http.StatusForbidden:
		if !f.ContentPolicy {
			k.health.refused(now)
		}
	case http.StatusTooManyRequests:
		k.health.limited(now, t.model.cat.ID, retryAfter(resp, f))
	}
}

// upstreamError is what the client is told of an upstream refusal: the provider's own words where they are about the
// request, Weir's where they are about the gateway's key.
func (d *dispatch) upstreamError(t target, k *apiKey, resp *upstream.Response, f wire.Failure, clean []byte) *Error {
	x, ours := d.x, k.index != clientKeyIndex && k.value != ""
	if ours && !f.ContentPolicy {
		switch resp.Status {
		case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden:
			return &Error{
				Code: CodeUpstreamFailed, Message: "provider " + t.model.provider.id + " refused the gateway's key",
				Cause: errors.New(f.Message),
			}
		}
	}
	e := &Error{Code: codeOfStatus(resp.Status), Status: resp.Status, Message: f.Message, RetryAfter: retryAfter(resp, f), words: true}
	if resp.Status < http.StatusBadRequest {
		e.words = false
		e.Status, e.Message = 0, "provider "+t.model.provider.id+" answered with a redirect"
		return e
	}
	x.resetReply()
	d.copyHeaders(resp)
	if json := bytes.TrimSpace(clean); len(json) > 0 && json[0] == '{' && len(clean) < maxScrubbed {
		e.Upstream = clean
	}
	return e
}

// maxScrubbed is the size at which ScrubSecrets cuts: a body of that size is no longer JSON.
const maxScrubbed = 16 << 10

func codeOfStatus(status int) Code {
	switch status {
	case http.StatusTooManyRequests:
		return CodeRateLimited
	case http.StatusNotFound:
		return CodeModelNotFound
	case http.StatusUnauthorized:
		return CodeUnauthorized
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return CodeUpstreamTimeout
	}
	if status >= 400 && status < 500 {
		return CodeBadRequest
	}
	return CodeUpstreamFailed
}

// whole reads an answer that is not a stream.
func (d *dispatch) whole(t target, k *apiKey, a *Attempt, resp *upstream.Response) outcome {
	x := d.x
	if x.Request.API == wire.OpenAISpeech || isEventStream(resp.ContentType()) {
		return d.raw(t, k, a, resp)
	}
	resp.SetReadDeadline(d.headDeadline(a.Started))
	body, err := resp.ReadAllWithin(x.scratch.answer[:0], maxAnswer, &x.whole)
	x.scratch.answer = body
	if err != nil {
		resp.Discard()
		if errors.Is(err, upstream.ErrBodyTooLarge) {
			return d.note(t, k, a, outcome{err: Errorf(CodeUpstreamFailed, "the provider's answer is over %d MiB", maxAnswer>>20)}, failureServer)
		}
		return d.unreachable(t, k, a, err)
	}
	usage, complete := wire.ReadUsage(x.Request.API, body)
	if !usage.Known && isErrorAnswer(body) { // some aggregators report a vendor's failure under 200
		f := wire.DecodeFailure(t.surface.dialect, resp.Status, body)
		resp.Close()
		return d.failedInside(t, k, a, f)
	}
	if !complete && d.wantsJSON(resp, body) {
		resp.Discard()
		e := Errorf(CodeUpstreamFailed, "provider %s sent an answer that is not complete JSON", a.Provider)
		return d.note(t, k, a, outcome{err: e, retryable: true, skipKeys: true}, failureServer)
	}
	x.Reply.Status, x.Reply.Body = resp.Status, body
	d.copyHeaders(resp)
	resp.Close()
	x.usage = believed(x.Request.API, usage)
	a.Usage = x.usage
	d.remember(t, k, wire.ReadResponseID)
	x.answered(t)
	return d.note(t, k, a, outcome{ok: true}, failureNone)
}

// wantsJSON reports whether an answer that is not complete JSON should have been.
func (d *dispatch) wantsJSON(resp *upstream.Response, body []byte) bool {
	switch {
	case d.x.Request.Operation == OpDelete && len(body) == 0: // done, and nothing more to say
		return false
	case d.x.Request.API.AnswersJSON():
		return true
	default:
		return mediaType(resp.ContentType()) == "application/json"
	}
}

// maxErrorAnswer is how long an error under a status of success may be; answers are looked into no further.
const maxErrorAnswer = 16 << 10

// isErrorAnswer reports whether a body is an error and nothing else.
func isErrorAnswer(body []byte) bool {
	if len(body) > maxErrorAnswer || !bytes.Contains(body, []byte(`"error"`)) {
		return false
	}
	var doc wire.Doc
	if doc.Scan(body) != nil {
		return false
	}
	for _, name := range [...]string{"choices", "output", "content", "candidates", "data", "results", "embedding", "embeddings"} {
		if _, there := doc.Lookup(name); there {
			return false
		}
	}
	m, there := doc.Lookup("error")
	return there && m.Kind == wire.KindObject
}

// failedInside is a failure that the provider told of under a status of success.
func (d *dispatch) failedInside(t target, k *apiKey, a *Attempt, f wire.Failure) outcome {
	a.Status, a.Message = f.Status, f.Message
	o, kind := classify(f.Status, f)
	o.retryable = true // before content it is always another target's chance
	o.err = &Error{Code: codeOfStatus(f.Status), Status: f.Status, Message: f.Message, RetryAfter: min(f.RetryAfter, maxRest), words: true}
	return d.note(t, k, a, o, kind)
}

// raw passes bytes on as they come: speech, and events nobody asked for.
func (d *dispatch) raw(t target, k *apiKey, a *Attempt, resp *upstream.Response) outcome {
	x := d.x
	x.Reply.Status, x.Reply.Stream = resp.Status, &x.relay
	d.copyHeaders(resp)
	x.relay.openRaw(x, t, resp, d.r.idle)
	x.answered(t)
	return d.note(t, k, a, outcome{ok: true}, failureNone)
}

func isEventStream(contentType string) bool { return mediaType(contentType) == "text/event-stream" }

// stream holds a streamed answer back until it is committed.
func (d *dispatch) stream(t target, k *apiKey, a *Attempt, resp *upstream.Response) outcome {
	x := d.x
	if framed := d.framed(resp); !framed {
		if kind := x.Request.API; kind == wire.OpenAISpeech {
			return d.raw(t, k, a, resp)
		}
		resp.Discard()
		e := Errorf(CodeUpstreamFailed, "provider %s sent no stream in answer to a request for one", a.Provider)
		return d.note(t, k, a, outcome{err: e, retryable: true, skipKeys: true}, failureServer)
	}
	r := &x.relay
	r.open(x, t, resp, d.r.idle)
	err := r.holdBack(d.headDeadline(a.Started))
	if err == nil {
		x.Reply.Status, x.Reply.Stream = resp.Status, r
		d.copyHeaders(resp)
		a.FirstToken = time.Since(a.Started)
		d.remember(t, k, func([]byte) string { return r.observer.ResponseID() })
		x.answered(t)
		return d.note(t, k, a, outcome{ok: true}, failureNone)
	}
	resp.Discard()
	var failed *streamFailure
	switch {
	case errors.As(err, &failed):
		return d.failedInside(t, k, a, failed.f)
	case errors.Is(err, errMalformed), errors.Is(err, wire.ErrEventTooLarge), errors.Is(err, io.ErrUnexpectedEOF):
		e := &Error{Code: CodeUpstreamFailed, Message: "provider " + a.Provider + " broke its stream before any content", Cause: err}
		return d.note(t, k, a, outcome{err: e, retryable: true, skipKeys: true}, failureServer)
	default:
		return d.unreachable(t, k, a, err)
	}
}

// framed reports whether the response is a stream of the framing that the client asked for.
func (d *dispatch) framed(resp *upstream.Response) bool {
	if d.x.Request.Framing == wire.FrameJSONArray {
		return mediaType(resp.ContentType()) == "application/json"
	}
	return isEventStream(resp.ContentType())
}
