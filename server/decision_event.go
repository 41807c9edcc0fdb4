package server

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"

	"weir/engine"
	"weir/engine/logline"
)

// decisionEvent is a decision in the form of OPA's decision log, version 1. What OPA has no member for stands in custom.
type decisionEvent struct {
	Labels      map[string]string     `json:"labels"`
	DecisionID  string                `json:"decision_id"`
	Revision    string                `json:"revision,omitempty"`
	Bundles     map[string]bundleInfo `json:"bundles,omitempty"`
	Path        string                `json:"path,omitempty"`
	Input       any                   `json:"input,omitempty"`
	Result      any                   `json:"result,omitempty"`
	Erased      []string              `json:"erased,omitempty"`
	Masked      []string              `json:"masked,omitempty"`
	Error       *eventError           `json:"error,omitempty"`
	RequestedBy string                `json:"requested_by,omitempty"`
	Timestamp   time.Time             `json:"timestamp"`
	Metrics     map[string]int64      `json:"metrics,omitempty"`
	RequestID   uint64                `json:"req_id,omitempty"`
	Custom      customFields          `json:"custom"`
}

// bundleInfo is what OPA tells of a bundle.
type bundleInfo struct {
	Revision string `json:"revision,omitempty"`
}

// eventError has the members that OPA's errors have.
type eventError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type customFields struct {
	Weir weirFields `json:"weir"`
}

// weirFields is what Weir tells beside OPA's members.
type weirFields struct {
	RequestID  string `json:"request_id,omitempty"`
	Endpoint   string `json:"endpoint,omitempty"`
	Policy     string `json:"policy,omitempty"`
	Generation uint64 `json:"generation"`
	Language   string `json:"language"`
	Effect     string `json:"effect"`
	Shadow     bool   `json:"shadow"`
	Phase      string `json:"phase,omitempty"`
	Rule       string `json:"rule,omitempty"`
	Action     string `json:"action,omitempty"`
	At         string `json:"at,omitempty"`
	Caller     string `json:"caller,omitempty"`
	CallerKind string `json:"caller_kind,omitempty"`
	API        string `json:"api,omitempty"`
	Model      string `json:"asked_model,omitempty"`
	Truncated  bool   `json:"truncated,omitempty"`
	MaskFailed bool   `json:"mask_failed,omitempty"`
}

const (
	timerRego = "timer_rego_query_eval_ns" // as OPA calls it
	timerCEL  = "timer_cel_eval_ns"
)

// newEvent makes the event of a decision, without credentials.
func (d *DecisionLog) newEvent(r *engine.DecisionRecord) *decisionEvent {
	var c cleaner
	e := &decisionEvent{
		Labels: d.labels, DecisionID: r.ID, Revision: r.Hash, Path: c.text(r.Path), RequestedBy: r.RequestedBy,
		Timestamp: r.Time.UTC(), RequestID: r.Exchange, Erased: append([]string(nil), r.Erased...),
	}
	e.Input, e.Result = c.value("/input", "", r.Input), c.value("/result", "", r.Result)
	e.Erased, e.Masked = append(e.Erased, c.erased...), c.masked
	if r.ErrCode != "" {
		e.Error = &eventError{Code: string(r.ErrCode), Message: c.text(r.ErrText)}
	}
	if r.Elapsed > 0 {
		timer := timerCEL
		if r.Language == "rego" {
			timer = timerRego
		}
		e.Metrics = map[string]int64{timer: r.Elapsed.Nanoseconds()}
	}
	if r.Rego != nil {
		for _, b := range r.Rego.Bundles() {
			if e.Bundles == nil {
				e.Bundles = map[string]bundleInfo{}
			}
			e.Bundles[b.Name] = bundleInfo{Revision: b.Revision}
		}
	}
	at := ""
	if r.Pos.Line > 0 {
		at = r.Pos.File + ":" + strconv.Itoa(r.Pos.Line) + ":" + strconv.Itoa(r.Pos.Col)
	}
	e.Custom.Weir = weirFields{
		RequestID: r.RequestID, Endpoint: r.Endpoint, Policy: r.Plan, Generation: r.Generation, Language: r.Language,
		Effect: string(r.Effect), Shadow: r.Shadow, Phase: r.Phase, Rule: r.Rule, Action: r.Action, At: at,
		Caller: c.text(r.Caller), CallerKind: r.CallerKind, API: r.API, Model: c.text(r.Model), Truncated: r.Cut || c.cut,
	}
	return e
}

// encode makes the line of a decision, without its end; nil where the policy wants none.
func (d *DecisionLog) encode(r *engine.DecisionRecord) []byte {
	e := d.newEvent(r)
	if r.Rego != nil && d.mask(context.Background(), r.Rego, e) {
		return nil
	}
	line, err := marshalEvent(e)
	if err != nil { // a number that JSON has no form for
		d.maskFailed(err)
		e.blank()
		if line, err = marshalEvent(e); err != nil {
			d.dropped.Add(1)
			return nil
		}
	}
	return line
}

// marshalEvent writes an event as one line. What moves a cursor or turns the direction of writing is escaped, as in the
// access log.
func marshalEvent(e *decisionEvent) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, err //nolint:wrapcheck // the caller says what it was
	}
	return logline.AppendSafe(nil, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))), nil
}
