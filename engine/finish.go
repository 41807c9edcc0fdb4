package engine

import (
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"weir/engine/wire"
)

// answered writes what the client may know of the route into the answer's fields.
func (x *Exchange) answered(t target) {
	x.chosen = t.model
	if x.plan.rt.hideRouting {
		return
	}
	h := &x.Reply.Headers
	h.Add("x-weir-provider", t.model.provider.id)
	h.Add("x-weir-model", headerSafe(t.model.cat.ID))
	h.Add("x-weir-attempts", strconv.Itoa(len(x.attempts)))
}

// headerSafe keeps a client's own model name from breaking a header.
func headerSafe(s string) string {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return strconv.QuoteToASCII(s)
		}
	}
	return s
}

func (x *Exchange) resetReply() {
	x.Reply = Reply{Headers: x.Reply.Headers[:0]}
}

func (r *Request) isList() bool { return r.API == wire.Models }

// gatewayTime is what the exchange spent outside the providers.
func (x *Exchange) gatewayTime() time.Duration {
	spent := x.total
	if spent == 0 {
		spent = time.Since(x.started)
	}
	for i := range x.attempts {
		spent -= x.attempts[i].Elapsed
	}
	return max(spent, 0)
}

// answeredBy is the model whose answer the client got, nil where there was none.
func (x *Exchange) answeredBy() *model {
	if x.current == nil || x.current.Code != "" {
		return nil
	}
	return x.chosen
}

// Finish ends the exchange after its last byte was written or writing failed: what is left open is closed and counted.
// It is called once.
func (x *Exchange) Finish() {
	if x.finished {
		return
	}
	x.finished = true
	if !x.started.IsZero() {
		x.total = time.Since(x.started)
	}
	if x.Reply.Stream != nil {
		_ = x.Reply.Stream.Close() // a relay has nothing to say on closing
	}
	for _, f := range x.ends {
		f(x)
	}
	if x.plan == nil || x.current == nil {
		return
	}
	if m := x.answeredBy(); m != nil {
		now := x.plan.rt.clock(x.started.Add(x.total))
		spent := x.gatewayTime().Milliseconds()
		for _, s := range [2]*modelStats{m.stats, m.local} {
			s.gateway.add(now, spent)
			s.input.Add(x.usage.Input)
			s.output.Add(x.usage.Output)
			if x.estimate > 0 {
				s.estimated.Add(x.estimate)
			}
		}
	}
}

// maxLogName bounds a model's name in the log: longer ones are not real, and the client chose them.
const maxLogName = 256

// LogFields writes the exchange's facts into a log event: one line an exchange, without bodies and without secrets.
func (x *Exchange) LogFields(e *zerolog.Event) {
	r := &x.Request
	e.Str("request_id", r.ID).Str("method", r.Method).Str("path", r.Path).Str("api", r.API.String()).
		Str("client_ip", x.clientIP()).Int("status", x.Reply.Status)
	if x.Caller.ID != "" {
		e.Str("caller", x.Caller.ID).Str("caller_kind", x.Caller.kind())
	}
	if x.plan != nil {
		e.Uint64("generation", x.plan.Generation)
	}
	if x.Endpoint != nil && x.Endpoint.ID != "" {
		e.Str("endpoint", x.Endpoint.ID)
	}
	if name := r.model(); name != "" {
		e.Str("asked_model", name[:min(len(name), maxLogName)])
	}
	if x.current != nil {
		e.Str("provider", x.current.Provider).Str("model", x.current.Model).Int("attempts", len(x.attempts))
		if len(x.attempts) > 1 || x.current.Code != "" {
			e.Array("attempt_list", attemptLog(x.attempts))
		}
	}
	if r.streaming() {
		e.Bool("stream", true)
	}
	x.logTimes(e)
	if u := x.usage; u.Known {
		e.Int64("input_tokens", u.Input).Int64("output_tokens", u.Output)
		if u.CacheRead > 0 || u.CacheWrite > 0 {
			e.Int64("cache_read_tokens", u.CacheRead).Int64("cache_write_tokens", u.CacheWrite)
		}
		if u.Reasoning > 0 {
			e.Int64("reasoning_tokens", u.Reasoning)
		}
	}
	if x.finish != "" {
		e.Str("finish_reason", x.finish)
	}
	if x.trace != nil && x.plan.rt.logTrace {
		e.Interface("route", x.trace.value(x))
	}
	x.logFailure(e)
	if len(x.notes) > 0 {
		e.Array("rules", noteLog(x.notes))
	}
	if len(x.policy) > 0 {
		e.Interface("policy", x.policy)
	}
}

func (x *Exchange) logTimes(e *zerolog.Event) {
	if x.started.IsZero() {
		return
	}
	var text [24]byte
	e.RawJSON("ms", appendMS(text[:0], x.total))
	if x.current != nil {
		e.RawJSON("upstream_ms", appendMS(text[:0], x.current.Elapsed))
		if x.current.FirstToken > 0 {
			e.RawJSON("first_token_ms", appendMS(text[:0], x.current.FirstToken))
		}
	}
}

// appendMS writes milliseconds with three digits behind the point.
func appendMS(dst []byte, d time.Duration) []byte {
	us := max(d.Microseconds(), 0)
	dst = append(strconv.AppendInt(dst, us/1000, 10), '.')
	return append(dst, byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
}

func (x *Exchange) logFailure(e *zerolog.Event) {
	if x.failed == nil {
		return
	}
	e.Str("code", string(x.failed.Code)).Str("error", x.failed.Message)
	if x.failed.Cause != nil {
		e.Str("cause", x.failed.Cause.Error())
	}
}

// Failure is what the client was told went wrong, nil where nothing did.
func (x *Exchange) Failure() *Error { return x.failed }

type attemptLog []Attempt

// MarshalZerologArray writes one object an attempt.
func (l attemptLog) MarshalZerologArray(arr *zerolog.Array) {
	for i := range l {
		a := &l[i]
		d := zerolog.Dict().Str("provider", a.Provider).Str("model", a.Model).Int("status", a.Status).
			RawJSON("ms", appendMS(nil, a.Elapsed))
		if a.KeyID != "" {
			d.Str("key", a.KeyID)
		}
		if a.Code != "" {
			d.Str("code", string(a.Code)).Str("error", a.Message)
		}
		if a.Redialled {
			d.Bool("redialled", true)
		}
		arr.Dict(d)
	}
}

type noteLog []note

// MarshalZerologArray writes one object a note.
func (l noteLog) MarshalZerologArray(arr *zerolog.Array) {
	for i := range l {
		n := &l[i]
		d := zerolog.Dict().Str("rule", n.Rule).Str("what", n.What)
		if n.Action != "" {
			d.Str("action", n.Action)
		}
		if n.Shadow {
			d.Bool("shadow", true)
		}
		arr.Dict(d)
	}
}
