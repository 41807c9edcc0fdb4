package store

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"weir/test/services"
)

// eachBench runs a benchmark on both databases.
func eachBench(b *testing.B, run func(b *testing.B, s *db)) {
	b.Helper()
	b.Run("sqlite", func(b *testing.B) {
		run(b, (&world{address: "sqlite:" + filepath.Join(b.TempDir(), "weir.db"), now: time.Now}).open(b))
	})
	b.Run("postgres", func(b *testing.B) {
		dsn, _ := services.Postgres(b)
		run(b, (&world{address: dsn, now: time.Now}).open(b))
	})
}

func BenchmarkApply(b *testing.B) {
	eachBench(b, func(b *testing.B, s *db) {
		b.Helper()
		body := make([]byte, 600)
		for n := int64(0); b.Loop(); n++ {
			_, err := s.Apply(b.Context(), &Change{
				Base:   n,
				Writes: []Write{{"access_key", strconv.FormatInt(n%100, 10), body}},
				Audit:  []AuditEntry{{Time: day(), Actor: "ann", Action: "update", Kind: "access_key", ObjectID: "x", Detail: body[:100]}},
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendUsage100(b *testing.B) {
	eachBench(b, func(b *testing.B, s *db) {
		b.Helper()
		rows := make([]Usage, 100)
		for n := 0; b.Loop(); n++ {
			for i := range rows {
				rows[i] = Usage{
					ID: fmt.Sprintf("01hzy%d-%d", n, i), Time: day().Add(time.Duration(n) * time.Second), RequestID: "01hzy", AccessKeyID: fmt.Sprint("aigk_", i%10),
					TeamID: "team_1", Tags: `{"app":"search"}`, API: "openai.chat", Provider: "openai", Model: "gpt-5", Attempt: 1, Final: true,
					Status: 200, Input: 1000, Output: 500, UsageKnown: true, Cost: 1_000_000, CostKnown: true, KeySource: "gateway",
					Spend: []Spend{{"bud_1", 0, 1000, 0}, {fmt.Sprint("bud_2/", i%10), 3600, 1000, 1 << 40}},
				}
			}
			if err := s.AppendUsage(b.Context(), rows); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkChangesWithoutAny(b *testing.B) {
	eachBench(b, func(b *testing.B, s *db) {
		b.Helper()
		if _, err := s.Apply(b.Context(), &Change{Writes: []Write{{"access_key", "a", []byte("{}")}}}); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, _, err := s.Changes(b.Context(), 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOverview100k(b *testing.B) {
	eachBench(b, func(b *testing.B, s *db) {
		b.Helper()
		for n := range 100 {
			rows := make([]Usage, 1000)
			for i := range rows {
				rows[i] = Usage{ID: fmt.Sprint(n, "-", i), Time: day().Add(time.Duration(n) * time.Hour), Provider: fmt.Sprint("p", i%5), Cost: 1e6, CostKnown: true, Final: true}
			}
			if err := s.AppendUsage(b.Context(), rows); err != nil {
				b.Fatal(err)
			}
		}
		for b.Loop() {
			if _, err := s.Overview(b.Context(), &OverviewQuery{GroupBy: "provider"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
