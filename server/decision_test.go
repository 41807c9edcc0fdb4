package server

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/engine"
	"weir/engine/diag"
)

// testRecord is a decision of a Rego rule with everything that a log tells.
func testRecord(input, result any) *engine.DecisionRecord {
	return &engine.DecisionRecord{
		Decision: engine.Decision{
			ID: "11111111-2222-4333-8444-555555555555", Path: "access/decision", Language: "rego", Effect: engine.EffectRefused,
			Rule: "who may", Action: "rego", Pos: diag.Pos{File: "policy.yaml", Line: 12, Col: 5}, Input: input, Result: result,
			Elapsed: 42 * time.Microsecond,
		},
		Time: time.Date(2026, 11, 22, 9, 30, 0, 123456789, time.UTC), Size: 2000, Exchange: 7, RequestID: "01h000", RequestedBy: "192.0.2.1",
		Endpoint: "default", Plan: "default", Hash: "abc123", Generation: 3, Phase: "on_request", Caller: "anna", CallerKind: "jwt",
		API: "openai.chat", Model: "gpt-4o",
	}
}

func testLog() *DecisionLog {
	return &DecisionLog{log: zerolog.Nop(), labels: map[string]string{"id": "i", "version": "v", "region": "eu"}, most: 1 << 20}
}

// TestDecisionEvent compares with what OPA writes for the same decision: the names of its EventV1, and ours in custom.
func TestDecisionEvent(t *testing.T) {
	t.Parallel()
	r := testRecord(map[string]any{"req": map[string]any{"method": "POST"}}, map[string]any{"allow": false, "status": int64(403)})
	line := testLog().encode(r)
	var got bytes.Buffer
	if err := json.Indent(&got, line, "", "  "); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "decision.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()+"\n"); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

// opaMembers are the names of EventV1, as OPA 1.22 writes them.
func opaMembers() []string {
	return []string{
		"labels", "decision_id", "batch_decision_id", "trace_id", "span_id", "revision", "bundles", "path", "query", "input", "result",
		"intermediate_results", "mapped_result", "nd_builtin_cache", "erased", "masked", "error", "requested_by", "timestamp", "metrics",
		"req_id", "rule_labels", "request_context", "custom",
	}
}

func TestDecisionEventHasOnlyMembersOfOPA(t *testing.T) {
	t.Parallel()
	r := testRecord("in", true)
	r.ErrCode, r.ErrText, r.Shadow, r.Cut, r.Erased = "policy_failed", "no such thing", true, true, []string{"/input/x"}
	r.Language, r.Effect = "cel", engine.EffectFailed
	var got map[string]any
	if err := json.Unmarshal(testLog().encode(r), &got); err != nil {
		t.Fatal(err)
	}
	for name := range got {
		if !slices.Contains(opaMembers(), name) {
			t.Errorf("%s is no member of OPA's event", name)
		}
	}
	if diff := cmp.Diff(any(map[string]any{"code": "policy_failed", "message": "no such thing"}), got["error"]); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(any(map[string]any{"timer_cel_eval_ns": 42000.0}), got["metrics"]); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	text := string(testLog().encode(r))
	for _, want := range []string{`"shadow":true`, `"truncated":true`, `"erased":["/input/x"]`, `"result":true`} {
		if !strings.Contains(text, want) {
			t.Errorf("got %s, want %s in it", text, want)
		}
	}
}

func TestDecisionWithoutJSON(t *testing.T) {
	t.Parallel()
	d := testLog()
	line := string(d.encode(testRecord(map[string]any{"n": math.NaN(), "s": "CANARY"}, nil)))
	if strings.Contains(line, "CANARY") || !strings.Contains(line, `"mask_failed":true`) || d.masking.Load() != 1 {
		t.Errorf("got %s, want the event without its input", line)
	}
}

// TestDecisionsHoldNoCredentials: whatever policies read, credentials do not reach the log.
func TestDecisionsHoldNoCredentials(t *testing.T) {
	t.Parallel()
	canary := "CANARY" + "0123456789abcdef"
	key := "sk-" + canary + canary
	input := map[string]any{
		"req": map[string]any{
			"headers": map[string]any{
				"authorization": []any{"Bearer " + canary}, "proxy-authorization": []any{canary}, "cookie": []any{"a=" + canary},
				"x-api-key": []any{canary}, "api-key": []any{canary}, "x-goog-api-key": []any{canary}, "x-auth-token": []any{canary},
				"x-tier": []any{"gold"},
			},
			"cookies": map[string]any{"session": []any{map[string]any{"name": "session", "value": canary}}},
			"url": map[string]any{
				"value": "https://gw/v1?a=1&key=" + canary + "#x", "raw": "https://gw/v1?Key=" + canary, "uri": "/v1?k%65y=" + canary,
				"query": "key=" + canary + "&b=2", "query_params": map[string]any{"key": []any{canary}, "access_token": []any{canary}, "b": []any{"2"}},
			},
			"body": map[string]any{"api_key": canary, "max_tokens": int64(5), "messages": []any{map[string]any{"content": "my key is " + key}}},
		},
		"res":  map[string]any{"headers": map[string]any{"set-cookie": []any{canary}}, "cookies": map[string]any{"s": canary}},
		"vars": map[string]any{"client_secret": canary},
		"ai":   map[string]any{"request": map[string]any{"system": `{"password": "` + canary + `"}`}},
	}
	r := testRecord(input, map[string]any{"message": "you sent " + key})
	r.ErrCode, r.ErrText = "policy_failed", "cannot parse "+key
	line := testLog().encode(r)
	if bytes.Contains(line, []byte(canary)) {
		t.Errorf("a credential is in %s", line)
	}
	var got struct {
		Input  map[string]map[string]any `json:"input"`
		Erased []string                  `json:"erased"`
		Masked []string                  `json:"masked"`
	}
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"headers": map[string]any{"x-tier": []any{"gold"}},
		"url": map[string]any{
			"value": "https://gw/v1?a=1&key=***", "raw": "https://gw/v1?Key=***", "uri": "/v1?k%65y=***", "query": "key=***&b=2",
			"query_params": map[string]any{"b": []any{"2"}},
		},
		"body": map[string]any{"max_tokens": 5.0, "messages": []any{map[string]any{"content": "my key is sk-***"}}},
	}
	if diff := cmp.Diff(want, got.Input["req"]); diff != "" {
		t.Errorf("input.req (-want +got):\n%s", diff)
	}
	for _, path := range []string{"/input/req/headers/authorization", "/input/req/cookies", "/input/req/url/query_params/key", "/input/req/body/api_key", "/input/vars/client_secret"} {
		if !slices.Contains(got.Erased, path) {
			t.Errorf("got erased %q, want %s in it", got.Erased, path)
		}
	}
	for _, path := range []string{"/input/req/url/raw", "/input/req/body/messages/0/content", "/result/message"} {
		if !slices.Contains(got.Masked, path) {
			t.Errorf("got masked %q, want %s in it", got.Masked, path)
		}
	}
}

func TestLongTextsOfDecisions(t *testing.T) {
	t.Parallel()
	key := "sk-" + strings.Repeat("CANARY", 8)
	for shift := range 60 {
		text := strings.Repeat("a ", (maxDecisionText-logBeyond)/2-40) + strings.Repeat("b", shift) + " " + key + " tail"
		text += strings.Repeat(" x", maxDecisionText)
		line := testLog().encode(testRecord(map[string]any{"t": text}, nil))
		if bytes.Contains(line, []byte("CANARY")) || !bytes.Contains(line, []byte(`"truncated":true`)) {
			t.Fatalf("shift %d: a credential is in the log, or the text is whole", shift)
		}
	}
}

func newTestLog(t *testing.T, c DecisionLogConfig) *DecisionLog {
	t.Helper()
	if c.Buffer == 0 {
		c.Buffer = 1 << 20
	}
	d, err := NewDecisionLog(DecisionOptions{
		Config: &c, Version: "test", Stdout: &syncBuffer{}, Client: &http.Client{}, Log: zerolog.Nop(),
		Secret: func(name string) (string, error) { return "value-of-" + name, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestDecisionsOnStdout(t *testing.T) {
	t.Parallel()
	var out syncBuffer
	d, err := NewDecisionLog(DecisionOptions{
		Config: &DecisionLogConfig{Stdout: true, Buffer: 1 << 20, Labels: []string{"region=eu", "x=a=b"}}, Version: "1", Stdout: &out, Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.LogDecision(testRecord("a\u202e\nb", nil))
	d.LogDecision(testRecord(nil, false))
	d.Close()
	d.LogDecision(testRecord("late", nil))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], `{"type":"openpolicyagent.org/decision_logs","labels":{"id":`) || strings.Contains(lines[0], "\u202e") || !strings.Contains(lines[0], `"input":"a\u202e\nb"`) {
		t.Fatalf("got %q, want two marked lines", lines)
	}
	for _, line := range lines {
		var got struct {
			Labels map[string]string `json:"labels"`
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if got.Labels["region"] != "eu" || got.Labels["x"] != "a=b" || got.Labels["version"] != "1" || len(got.Labels["id"]) != 36 {
			t.Errorf("got labels %v", got.Labels)
		}
	}
	if v := d.view(); v.Dropped != 1 || v.Sinks[0].Written != 2 {
		t.Errorf("got %+v, want two written and the late one dropped", v)
	}
}

// stuckWriter takes nothing until it is let go.
type stuckWriter struct{ free chan struct{} }

func (w stuckWriter) Write(p []byte) (int, error) {
	<-w.free
	return len(p), nil
}

// TestFullDecisionLogDrops: exchanges never wait, and what is lost is counted.
func TestFullDecisionLogDrops(t *testing.T) {
	t.Parallel()
	out := stuckWriter{make(chan struct{})}
	d, err := NewDecisionLog(DecisionOptions{Config: &DecisionLogConfig{Stdout: true, Buffer: 64 << 10}, Stdout: out, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	const n = 2000
	begin := time.Now()
	for range n {
		d.LogDecision(testRecord("x", nil))
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the exchanges waited %s", took)
	}
	close(out.free)
	d.Close()
	v := d.view()
	if lost := v.Dropped + v.Sinks[0].Dropped; lost == 0 || lost+v.Sinks[0].Written != n {
		t.Errorf("got %+v, want some of %d dropped, and all accounted for", v, n)
	}
}

// TestStuckDestinations: however many of them take nothing, the end of the process does not wait for them.
func TestStuckDestinations(t *testing.T) {
	t.Parallel()
	out := stuckWriter{make(chan struct{})}
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-out.free }))
	t.Cleanup(hangs.Close)
	cfg := httpConfig(hangs.URL)
	d, err := NewDecisionLog(DecisionOptions{Config: &DecisionLogConfig{Stdout: true, HTTP: cfg, Buffer: 1 << 20}, Stdout: out, Client: hangs.Client(), Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	d.last = 100 * time.Millisecond
	d.LogDecision(testRecord("x", nil))
	closed := make(chan struct{})
	go func() { d.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Error("the end waits for a log that takes nothing")
	}
	close(out.free)
	<-closed
	<-d.sinks[0].done
}

func TestNoDecisionLog(t *testing.T) {
	t.Parallel()
	d, err := NewDecisionLog(DecisionOptions{Config: &DecisionLogConfig{}})
	if d != nil || err != nil {
		t.Fatalf("got %v, %v, want none", d, err)
	}
	d.Close()
	if v := d.view(); v.On || d.appendMetrics(nil) != nil {
		t.Errorf("got %+v, want it off", v)
	}
}

func TestDecisionMetrics(t *testing.T) {
	t.Parallel()
	d := newTestLog(t, DecisionLogConfig{Stdout: true})
	d.LogDecision(testRecord("x", nil))
	d.Close()
	got := string(d.appendMetrics(nil))
	for _, want := range []string{
		`weir_decisions_logged_total{destination="stdout"} 1`, `weir_decisions_dropped_total{destination="all"} 0`,
		`weir_decisions_dropped_total{destination="stdout"} 0`, "weir_decision_masks_failed_total 0",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("got\n%s\nwant %s", got, want)
		}
	}
}
