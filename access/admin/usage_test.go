package admin

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/access/store"
)

var errDown = errors.New("the store fell over")

func addrOfTest(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

func TestUsage(t *testing.T) {
	flushed := 0
	h := newHarness(t, func(o *Options) {
		o.FlushUsage = func(context.Context) error { flushed++; return errDown }
	})
	key := h.want(call{method: "POST", path: "/provider-keys", body: `{"providerId":"openai","name":"ours","value":"sk-val-x-canary-0123456789abcdef0123"}`}, 201)
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	h.store.usage = []store.Usage{
		{
			ID: "r1-1", Time: at, RequestID: "r1", AccessKeyID: "aigk_1", TeamID: "team_1", Tags: `{"app":"x"}`, API: "chat", Provider: "openai", Model: "gpt-5",
			Attempt: 1, Final: true, Status: 200, Streaming: true, StopReason: "stop", Input: 10, Output: 20, CacheRead: 3, CacheWrite: 2, Reasoning: 4,
			UsageKnown: true, Cost: 1_250_000_001, CostKnown: true, KeySource: "user", ProviderKeyID: key.text(t, "id"), LatencyMS: 900, FirstTokenMS: 80,
		},
		{ID: "r0-1", Time: at, RequestID: "r0", CallerID: "jwt:u", API: "chat", Provider: "odd", Model: "m", Attempt: 1, Code: "upstream_timeout", TimedOut: true, KeySource: "gateway", LatencyMS: 5},
	}
	a := h.want(call{method: "GET", path: "/usage?startTime=2026-03-01T00:00:00Z&endTime=2026-04-01T02:00:00%2B02:00&accessKeyId=aigk_1&teamId=team_1&provider=openai&model=gpt-5&tag=app:x&limit=1"}, 200)
	want := store.UsageQuery{
		Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), AccessKeyID: "aigk_1", TeamID: "team_1",
		Provider: "openai", Model: "gpt-5", Tag: "app", TagValue: "x", FinalOnly: true, Limit: 1,
	}
	if diff := cmp.Diff(want, h.store.asked); diff != "" {
		t.Errorf("asked of the store (-want +got):\n%s", diff)
	}
	if flushed != 1 {
		t.Errorf("flushed %d times, want 1", flushed)
	}
	h.has("page", a, map[string]any{
		"nextPageUri": "http://weir.test/usage?accessKeyId=aigk_1&cursor=more&endTime=2026-04-01T02%3A00%3A00%2B02%3A00&limit=1&model=gpt-5&provider=openai&startTime=2026-03-01T00%3A00%3A00Z&tag=app%3Ax&teamId=team_1",
	})
	a = h.want(call{method: "GET", path: "/usage?startTime=2026-03-01T00:00:00Z&includeRetries=true"}, 200)
	if h.store.asked.FinalOnly {
		t.Error("retries were asked for and not got")
	}
	rows := a.list(t, "aiGatewayUsage")
	if diff := cmp.Diff(map[string]any{
		"id": "r1-1", "eventTime": "2026-03-04T05:06:07Z", "requestId": "r1", "accessKeyId": "aigk_1", "provider": "openai", "providerDisplayName": "OpenAI",
		"model": "gpt-5", "modelDisplayName": "gpt-5", "attemptNumber": 1.0, "isFinalAttempt": true, "statusCode": 200.0, "timedOut": false, "isError": false,
		"isStreaming": true, "stopReason": "stop", "inputTokens": 10.0, "outputTokens": 20.0, "cacheReadTokens": 3.0, "cacheWriteTokens": 2.0,
		"reasoningTokens": 4.0, "totalCost": "0.001250000001", "costKnown": true, "usageEstimated": false, "keySource": "user",
		"providerKeyId": key.text(t, "id"), "providerKeyDisplayName": "ours", "latencyMs": 900.0, "timeToFirstTokenMs": 80.0, "teamId": "team_1", "callerId": nil,
		"api": "chat", "tags": map[string]any{"app": "x"}, "code": nil,
	}, rows[0]); diff != "" {
		t.Errorf("a row (-want +got):\n%s", diff)
	}
	failed := rows[1]
	for _, name := range []string{"totalCost", "inputTokens", "outputTokens", "statusCode", "accessKeyId", "timeToFirstTokenMs", "providerKeyId"} {
		if v, there := failed[name]; !there || v != nil {
			t.Errorf("%s of what is not known: got %v, want null", name, v)
		}
	}
	if failed["isError"] != true || failed["code"] != "upstream_timeout" || failed["callerId"] != "jwt:u" {
		t.Errorf("got %v", failed)
	}
}

func TestOverview(t *testing.T) {
	h := newHarness(t)
	day := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	const most = 1<<63 - 1
	h.store.buckets = []store.Bucket{
		{Day: day, Group: "a", Cost: most, Requests: 3, Errors: 1, Attempts: 4, Input: 1, Output: 2, Cached: 1},
		{Day: day, Group: "b", Cost: most, CostUnknown: 1, Requests: 1, Attempts: 2},
		{Day: day, Group: "c", CostUnknown: 2, Requests: 2, Attempts: 2},
	}
	for by, want := range map[string]store.OverviewQuery{
		"": {GroupBy: "provider"}, "&groupBy=provider": {GroupBy: "provider"}, "&groupBy=accessKey": {GroupBy: "access_key"}, "&groupBy=team": {GroupBy: "team"},
		"&groupBy=model": {GroupBy: "model"}, "&groupBy=tag:app": {GroupBy: "tag", UsageQuery: store.UsageQuery{Tag: "app"}},
	} {
		h.want(call{method: "GET", path: "/usage/overview?startTime=2026-03-01T00:00:00Z" + by}, 200)
		want.Start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		if diff := cmp.Diff(want, h.store.overview); diff != "" {
			t.Errorf("%s: asked of the store (-want +got):\n%s", by, diff)
		}
	}
	a := h.want(call{method: "GET", path: "/usage/overview?startTime=2026-03-01T00:00:00Z"}, 200)
	buckets := a.list(t, "buckets")
	if diff := cmp.Diff(map[string]any{
		"bucketStart": "2026-03-04T00:00:00Z", "groupKey": "a", "cost": "9223372.036854775807", "attemptsOfUnknownCost": 0.0, "requests": 3.0, "errors": 1.0,
		"attempts": 4.0, "inputTokens": 1.0, "outputTokens": 2.0, "cacheReadTokens": 1.0,
	}, buckets[0]); diff != "" {
		t.Errorf("a bucket (-want +got):\n%s", diff)
	}
	if cost := buckets[2]["cost"]; cost != nil {
		t.Errorf("nothing known: got cost %v, want null", cost)
	}
	totals := a.object(t, "totals")
	if totals["cost"] != "18446744.073709551614" || totals["requests"] != 6.0 || totals["attemptsOfUnknownCost"] != 3.0 {
		t.Errorf("totals: got %v", totals)
	}
	h.refused(call{method: "GET", path: "/usage/overview?startTime=2026-03-01T00:00:00Z&groupBy=tag:a&tag=b:c"}, 400, "bad_request", "tag")
}
