package actions

import (
	"net/http"
	"strings"

	"weir/engine"
	"weir/engine/vars"
)

// noAnswer stands where expressions look for the answer of a request that got none: reading it fails. A rule that
// refuses by the answer then refuses, in place of comparing with nothing and letting the request through.
type noAnswer struct{ why string }

// Error says why there is no answer.
func (n noAnswer) Error() string { return "http-request got no answer: " + n.why }

// result is what actions.http_request reads.
func (c *requestCall) result() map[string]any {
	last := c.tries[len(c.tries)-1]
	attempts := make([]any, len(c.tries))
	for i, t := range c.tries {
		attempts[i] = map[string]any{
			"resolved_ip": t.ip, "response_header": headerMap(t.answer), "response_status_code": int64(t.status),
			"response_time_ms": t.elapsed.Milliseconds(),
		}
	}
	out := map[string]any{
		"req": map[string]any{
			"method": last.method, "header": headerMap(last.headers), "url": last.url.String(), "body": last.body,
		},
		"attempts": attempts,
	}
	if f := last.failure; f != nil {
		out["res"], out["error"] = noAnswer{f.code}, map[string]any{"code": f.code, "message": f.message}
		return out
	}
	out["res"] = map[string]any{
		"resolved_ip": last.ip, "header": headerMap(last.answer), "status_code": int64(last.status),
		"time_ms": last.elapsed.Milliseconds(), "body": last.content,
	}
	return out
}

// headerMap is lists of values by name in lower case.
func headerMap(h http.Header) map[string]any {
	out := make(map[string]any, len(h))
	for name, values := range h {
		list := make([]any, len(values))
		for i, v := range values {
			list[i] = v
		}
		out[strings.ToLower(name)] = list
	}
	return out
}

// retrySource is the exchange with the attempts of this action in the place of those of the route.
type retrySource struct {
	x     *engine.Exchange
	tries []*exchangeTry
}

// Var gives expressions the value of a variable.
func (s *retrySource) Var(id vars.ID) vars.Value {
	t := s.tries[len(s.tries)-1]
	switch id {
	case vars.AttemptStatus:
		return vars.Int(int64(t.status))
	case vars.AttemptError:
		return vars.String(t.errorCode())
	case vars.AttemptRetryable:
		return vars.Bool(t.retryable())
	case vars.AttemptNumber:
		return vars.Int(int64(len(s.tries)))
	case vars.AttemptElapsedMS:
		return vars.Int(t.elapsed.Milliseconds())
	case vars.AttemptModel, vars.AttemptProvider:
		return vars.String("")
	case vars.Attempts:
		return vars.Dyn(s.list())
	default:
		if s.x == nil {
			return vars.Null()
		}
		return s.x.Var(id)
	}
}

func (s *retrySource) list() []any {
	out := make([]any, len(s.tries))
	for i, t := range s.tries {
		out[i] = map[string]any{
			"status": int64(t.status), "error": t.errorCode(), "retryable": t.retryable(), "number": int64(i + 1),
			"elapsed_ms": t.elapsed.Milliseconds(), "model": "", "provider": "",
		}
	}
	return out
}

func (t *exchangeTry) errorCode() string {
	if t.failure == nil {
		return ""
	}
	return t.failure.code
}

// retryable reports whether another attempt may do better.
func (t *exchangeTry) retryable() bool {
	if t.failure != nil {
		return t.failure.code == failedConnect || t.failure.code == failedBroken
	}
	return t.status == http.StatusTooManyRequests || t.status >= http.StatusInternalServerError
}
