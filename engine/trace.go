package engine

import (
	"weir/engine/catalog"
)

// routeTrace is the whole story of a route, for actions.ngrok.ai_gateway. It is kept only where something reads it.
type routeTrace struct {
	selection []any
	rejected  []any
	models    []any
	tried     []*triedModel
}

type triedModel struct {
	model, provider, author string
	requests                []int // indexes of attempts
}

func names(models []*catalog.Model) []any {
	out := make([]any, len(models))
	for i, m := range models {
		out[i] = m.ProviderID + ":" + m.ID
	}
	return out
}

func (x *Exchange) traceStrategy(texts []string, i int, got []*catalog.Model, err error) {
	if x.trace == nil {
		return
	}
	entry := map[string]any{"strategy": "", "candidates_returned": names(got)}
	if i < len(texts) {
		entry["strategy"] = texts[i]
	}
	if err != nil {
		entry["error"] = err.Error()
	}
	x.trace.selection = append(x.trace.selection, entry)
}

func (x *Exchange) traceChoice(c *choice) {
	if x.trace == nil {
		return
	}
	for _, r := range c.rejected {
		x.trace.rejected = append(x.trace.rejected, map[string]any{"model": r.Model, "reason": r.Reason})
	}
	x.trace.models = names(entriesOf(c.models))
	if n := len(x.trace.selection); n > 0 {
		if last, ok := x.trace.selection[n-1].(map[string]any); ok {
			last["models_to_try"] = x.trace.models
		}
	}
}

func (x *Exchange) traceAttempt(a *Attempt) {
	if x.trace == nil {
		return
	}
	t := x.trace
	if n := len(t.tried); n == 0 || t.tried[n-1].model != a.Model || t.tried[n-1].provider != a.Provider {
		t.tried = append(t.tried, &triedModel{model: a.Model, provider: a.Provider, author: a.Author})
	}
	last := t.tried[len(t.tried)-1]
	last.requests = append(last.requests, a.Number-1)
}

// value is the trace in the form that policies read, with the names of the model this language mirrors.
func (t *routeTrace) value(x *Exchange) map[string]any {
	out := map[string]any{
		"client": map[string]any{
			"method": x.Request.Method, "path": x.Request.Path, "user_agent": x.Request.Headers.First("user-agent"),
			"model": x.Request.model(), "models": anyStrings(x.Request.Peek.Models), "rejected_models": anyList(t.rejected),
			"api_key_hash": maskKey(x.clientKey.value),
		},
		"model_selection":    anyList(t.selection),
		"models_tried":       t.triedValue(x),
		"gateway_latency_ms": x.gatewayTime().Milliseconds(),
		"input_ngrok_tokens": max(x.estimate, 0), "output_ngrok_tokens": x.usage.Output,
	}
	failed := x.current == nil || x.current.Code != ""
	if !failed {
		out["status"] = "success"
		last := t.tried[len(t.tried)-1]
		out["success"] = map[string]any{
			"model_index": int64(len(t.tried) - 1), "request_index": int64(len(last.requests) - 1),
			"model": last.model, "provider": last.provider, "author": last.author,
		}
		return out
	}
	out["status"] = "error"
	e := map[string]any{"code": "", "message": ""}
	if x.routeErr != nil {
		e["code"], e["message"] = string(x.routeErr.Code), x.routeErr.Message
	}
	out["error"] = e
	return out
}

func (t *routeTrace) triedValue(x *Exchange) []any {
	out := make([]any, len(t.tried))
	for i, m := range t.tried {
		requests := make([]any, len(m.requests))
		for k, n := range m.requests {
			requests[k] = x.attempts[n].traceValue()
		}
		out[i] = map[string]any{"model": m.model, "provider": m.provider, "author": m.author, "requests_made": requests}
	}
	return out
}

func (a *Attempt) traceValue() map[string]any {
	status := "success"
	if a.Code != "" {
		status = "error"
	}
	return map[string]any{
		"status": status, "error": a.Message,
		"upstream_input_tokens": a.Usage.Input, "upstream_output_tokens": a.Usage.Output,
		"request":  map[string]any{"url": a.URL, "api_key": a.KeyMasked},
		"response": map[string]any{"status_code": int64(a.Status), "body_on_error": a.ErrorBody},
		"upstream_latency": map[string]any{
			"time_to_first_byte_ms": a.FirstByte.Milliseconds(), "total_ms": a.Elapsed.Milliseconds(),
		},
	}
}

func anyList(list []any) []any {
	if list == nil {
		return []any{}
	}
	return list
}

func anyStrings(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
