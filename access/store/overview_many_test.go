//go:build !race

package store

import (
	"errors"
	"testing"
	"time"
)

// With the race detector SQLite, which is C made into Go, takes minutes for so many groups.
func TestOverviewTooMany(t *testing.T) {
	s := (&world{t, "sqlite:" + t.TempDir() + "/weir.db", time.Now}).open(t)
	add(t, s, Usage{ID: "0", Time: day(), Model: "0"})
	const more query = `INSERT INTO weir_usage SELECT n.i, at, request_id, access_key_id, caller_id, team_id, tags, api, provider, n.i, attempt,
		final, status, code, timed_out, streaming, stop_reason, input, output, cache_read, cache_write, reasoning, usage_known, estimated,
		cost, cost_known, key_source, provider_key_id, latency_ms, first_token_ms FROM weir_usage,
		(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT i FROM n) n WHERE id = '0'`
	if err := raw(t, s, more, maxBuckets-1); err != nil {
		t.Fatal(err)
	}
	if got := len(overview(t, s, OverviewQuery{GroupBy: "model"})); got != maxBuckets {
		t.Errorf("got %d buckets, want %d", got, maxBuckets)
	}
	add(t, s, Usage{ID: "one more", Time: day(), Model: "one more"})
	if got, err := s.Overview(t.Context(), &OverviewQuery{GroupBy: "model"}); !errors.Is(err, ErrTooMany) {
		t.Errorf("got %d buckets, %v, want %v", len(got), err, ErrTooMany)
	}
}
