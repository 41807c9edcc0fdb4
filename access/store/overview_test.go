package store

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func overview(t *testing.T, s Store, q OverviewQuery) []Bucket {
	t.Helper()
	got, err := s.Overview(t.Context(), &q)
	if err != nil {
		t.Fatalf("overview: %v", err)
	}
	return got
}

func testOverview(w *world) {
	t := w.t
	s := w.open(t)
	next := day().Add(12*time.Hour - 123456789) // the first moment of the next day
	add(t, s,
		Usage{
			ID: "1", Time: day(), AccessKeyID: "k1", TeamID: "t1", Provider: "p1", Model: "m1", Tags: `{"app":"x"}`, Code: "timeout",
			Input: 1, Output: 2, CacheRead: 3, Cost: 10, CostKnown: true, Status: 500,
		},
		Usage{
			ID: "2", Time: day().Add(1), AccessKeyID: "k1", TeamID: "t1", Provider: "p2", Model: "m1", Tags: `{"app":"x"}`, Final: true,
			Input: 4, Output: 5, CacheRead: 6, Cost: 20, CostKnown: true,
		},
		Usage{
			ID: "3", Time: next.Add(-1), AccessKeyID: "k2", TeamID: "t1", Provider: "p1", Model: "m2", Tags: `{"app":"y"}`, Final: true,
			Code: "overloaded", Cost: 7_000_000,
		},
		Usage{ID: "4", Time: next, AccessKeyID: "k2", TeamID: "t2", Provider: "p1", Model: "m2", Final: true, Cost: 1, CostKnown: true},
	)
	first, second := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	bucket := func(day time.Time, group string, cost, unknown, requests, errs, attempts, input, output, cached int64) Bucket {
		return Bucket{day, group, cost, unknown, requests, errs, attempts, input, output, cached}
	}
	tests := []struct {
		name string
		q    OverviewQuery
		want []Bucket
	}{
		{"provider", OverviewQuery{GroupBy: "provider"}, []Bucket{
			bucket(first, "p1", 10, 1, 1, 1, 2, 1, 2, 3), bucket(first, "p2", 20, 0, 1, 0, 1, 4, 5, 6), bucket(second, "p1", 1, 0, 1, 0, 1, 0, 0, 0),
		}},
		{"model", OverviewQuery{GroupBy: "model"}, []Bucket{
			bucket(first, "m1", 30, 0, 1, 0, 2, 5, 7, 9), bucket(first, "m2", 0, 1, 1, 1, 1, 0, 0, 0), bucket(second, "m2", 1, 0, 1, 0, 1, 0, 0, 0),
		}},
		{"access key", OverviewQuery{GroupBy: "access_key"}, []Bucket{
			bucket(first, "k1", 30, 0, 1, 0, 2, 5, 7, 9), bucket(first, "k2", 0, 1, 1, 1, 1, 0, 0, 0), bucket(second, "k2", 1, 0, 1, 0, 1, 0, 0, 0),
		}},
		{"team", OverviewQuery{GroupBy: "team"}, []Bucket{
			bucket(first, "t1", 30, 1, 2, 1, 3, 5, 7, 9), bucket(second, "t2", 1, 0, 1, 0, 1, 0, 0, 0),
		}},
		{"tag", OverviewQuery{GroupBy: "tag", UsageQuery: UsageQuery{Tag: "app"}}, []Bucket{
			bucket(first, "x", 30, 0, 1, 0, 2, 5, 7, 9), bucket(first, "y", 0, 1, 1, 1, 1, 0, 0, 0), bucket(second, "", 1, 0, 1, 0, 1, 0, 0, 0),
		}},
		{"one value of a tag", OverviewQuery{GroupBy: "tag", UsageQuery: UsageQuery{Tag: "app", TagValue: "y"}}, []Bucket{
			bucket(first, "y", 0, 1, 1, 1, 1, 0, 0, 0),
		}},
		{"a day of one key", OverviewQuery{GroupBy: "team", UsageQuery: UsageQuery{AccessKeyID: "k2", Start: first, End: second}}, []Bucket{
			bucket(first, "t1", 0, 1, 1, 1, 1, 0, 0, 0),
		}},
		{"final attempts", OverviewQuery{GroupBy: "provider", UsageQuery: UsageQuery{FinalOnly: true, End: second}}, []Bucket{
			bucket(first, "p1", 0, 1, 1, 1, 1, 0, 0, 0), bucket(first, "p2", 20, 0, 1, 0, 1, 4, 5, 6),
		}},
		{"nothing", OverviewQuery{GroupBy: "team", UsageQuery: UsageQuery{Model: "'"}}, nil},
	}
	for i := range tests {
		tt := &tests[i]
		if diff := cmp.Diff(tt.want, overview(t, s, tt.q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	for _, q := range []*OverviewQuery{{}, {GroupBy: "tag"}, {GroupBy: "id; DROP TABLE weir_usage"}} {
		if got, err := s.Overview(t.Context(), q); err == nil {
			t.Errorf("%+v: got %v, want an error", q, got)
		}
	}
}

func testOverviewOfLargeNumbers(w *world) {
	t := w.t
	s := w.open(t)
	const big = math.MaxInt64/2 + 1
	rows := make([]Usage, 0, 11)
	for i := range 4 {
		rows = append(rows,
			Usage{ID: fmt.Sprint("over", i), Time: day(), Model: "over", Cost: big, CostKnown: true, Input: math.MaxInt64, CacheRead: 1},
			Usage{ID: fmt.Sprint("low", i), Time: day(), Model: "low", Cost: math.MinInt64, CostKnown: true, Input: -1, Output: 1<<32 - 1},
		)
	}
	rows = append(rows,
		Usage{ID: "fits", Time: day(), Model: "fits", Cost: math.MaxInt64 - 1, CostKnown: true},
		Usage{ID: "fits too", Time: day(), Model: "fits", Cost: 1, CostKnown: true},
		// As a floating point number this would end in ...992.
		Usage{ID: "exact", Time: day(), Model: "exact", Cost: 9_007_199_254_740_993, CostKnown: true},
	)
	add(t, s, rows...)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	want := []Bucket{
		{Day: at, Group: "exact", Cost: 9_007_199_254_740_993, Attempts: 1},
		{Day: at, Group: "fits", Cost: math.MaxInt64, Attempts: 2},
		{Day: at, Group: "low", Cost: math.MinInt64, Attempts: 4, Input: -4, Output: 4 * (1<<32 - 1)},
		{Day: at, Group: "over", Cost: math.MaxInt64, Attempts: 4, Input: math.MaxInt64, Cached: 4},
	}
	if diff := cmp.Diff(want, overview(t, s, OverviewQuery{GroupBy: "model"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
