package engine

import (
	"weir/engine/logline"
	"weir/engine/price"
)

// maxLogName bounds a model's name in the log: longer ones are not real, and the client chose them.
const maxLogName = 256

// AppendLog writes the exchange's facts into a line of the log: one an exchange, without bodies and without secrets.
func (x *Exchange) AppendLog(l *logline.Line) {
	r := &x.Request
	l.Str("request_id", r.ID)
	l.Str("method", r.Method)
	l.Str("path", r.Path)
	l.Str("api", r.API.String())
	l.Str("client_ip", x.clientIP())
	l.Int("status", int64(x.Reply.Status))
	if x.Caller.ID != "" {
		l.Str("caller", x.Caller.ID)
		l.Str("caller_kind", x.Caller.kind())
		if x.Caller.Team != "" {
			l.Str("team", x.Caller.Team)
		}
	}
	if x.plan != nil {
		l.Int("generation", int64(x.plan.Generation)) //nolint:gosec // it counts reloads
	}
	if x.Endpoint != nil && x.Endpoint.ID != "" {
		l.Str("endpoint", x.Endpoint.ID)
	}
	if name := r.model(); name != "" {
		l.Str("asked_model", name[:min(len(name), maxLogName)])
	}
	x.logAttempts(l)
	if r.streaming() {
		l.Bool("stream", true)
	}
	x.logTimes(l)
	x.logUsage(l)
	if x.finish != "" {
		l.Str("finish_reason", x.finish)
	}
	if x.trace != nil && x.plan.rt.logTrace {
		l.Any("route", x.trace.value(x))
	}
	x.logFailure(l)
	if id := x.decisionID(); id != "" {
		l.Str("decision_id", id)
	}
	x.logNotes(l)
	if len(x.policy) > 0 {
		l.Any("policy", x.policy)
	}
}

func (x *Exchange) logAttempts(l *logline.Line) {
	if x.current == nil {
		return
	}
	l.Str("provider", x.current.Provider)
	l.Str("model", x.current.Model)
	l.Int("attempts", int64(len(x.attempts)))
	if len(x.attempts) == 1 && x.current.Code == "" {
		return
	}
	l.List("attempt_list", len(x.attempts), func(l *logline.Line, i int) {
		a := &x.attempts[i]
		l.Str("provider", a.Provider)
		l.Str("model", a.Model)
		l.Int("status", int64(a.Status))
		l.Millis("ms", a.Elapsed)
		if a.KeyID != "" {
			l.Str("key", a.KeyID)
		}
		if i < len(x.calls) && x.calls[i].KeyID != "" {
			l.Str("provider_key", x.calls[i].KeyID)
		}
		if a.Code != "" {
			l.Str("code", string(a.Code))
			l.Str("error", a.Message)
		}
		if a.Redialled {
			l.Bool("redialled", true)
		}
	})
}

func (x *Exchange) logTimes(l *logline.Line) {
	if x.started.IsZero() {
		return
	}
	l.Millis("ms", x.total)
	if x.current != nil {
		l.Millis("upstream_ms", x.current.Elapsed)
		if x.current.FirstToken > 0 {
			l.Millis("first_token_ms", x.current.FirstToken)
		}
	}
}

func (x *Exchange) logUsage(l *logline.Line) {
	u := &x.usage
	if !u.Known || x.chosen == nil {
		return
	}
	l.Int("input_tokens", u.Input)
	l.Int("output_tokens", u.Output)
	if u.CacheRead > 0 || u.CacheWrite > 0 {
		l.Int("cache_read_tokens", u.CacheRead)
		l.Int("cache_write_tokens", u.CacheWrite)
	}
	if c := price.Of(&x.chosen.cat.Pricing, u); c.Known {
		var text [40]byte
		l.Str("cost_usd", view(c.USD.AppendText(text[:0])))
	}
	if u.Reasoning > 0 {
		l.Int("reasoning_tokens", u.Reasoning)
	}
}

func (x *Exchange) logFailure(l *logline.Line) {
	if x.failed != nil {
		x.failed.AppendLog(l)
	}
}

// AppendLog writes what went wrong into a line of the log, with the cause, which no client sees.
func (e *Error) AppendLog(l *logline.Line) {
	l.Str("code", string(e.Code))
	l.Str("error", e.Message)
	if e.Cause != nil {
		l.Str("cause", e.Cause.Error())
	}
}

func (x *Exchange) logNotes(l *logline.Line) {
	if len(x.notes) == 0 {
		return
	}
	l.List("rules", len(x.notes), func(l *logline.Line, i int) {
		n := &x.notes[i]
		l.Str("rule", n.Rule)
		l.Str("what", n.What)
		if n.Action != "" {
			l.Str("action", n.Action)
		}
		if n.Shadow {
			l.Bool("shadow", true)
		}
	})
}
