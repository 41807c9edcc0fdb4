package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// day is when the rows of tests are from: noon, so that hours around it are on the same day.
func day() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC) }

func add(t *testing.T, s Store, rows ...Usage) {
	t.Helper()
	if err := s.AppendUsage(t.Context(), rows); err != nil {
		t.Fatalf("adding usage: %v", err)
	}
}

// list reads all pages.
func list(t *testing.T, s Store, q UsageQuery) []Usage {
	t.Helper()
	var all []Usage
	for {
		rows, cursor, err := s.Usage(t.Context(), &q)
		if err != nil {
			t.Fatalf("listing: %v", err)
		}
		all = append(all, rows...)
		if cursor == "" {
			return all
		}
		q.Cursor = cursor
	}
}

func idsOf(rows []Usage) string {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	return strings.Join(ids, " ")
}

func spent(t *testing.T, s Store, counter string, since int64) []Spend {
	t.Helper()
	got, err := s.Spent(t.Context(), counter, since)
	if err != nil {
		t.Fatalf("reading what was spent: %v", err)
	}
	return got
}

func testUsageRoundTrip(w *world) {
	t := w.t
	s := w.open(t)
	want := Usage{
		"r1-1", day(), "r1", "aigk_1", "jwt:ann", "team_1", `{"app":"search","n":1}`, "openai.chat", "openai", "gpt-5", 1, true, 200,
		"rate_limited", true, true, "stop", 1, 2, 3, 4, 5, true, true, math.MaxInt64, true, "gateway", "aigpk_1", 6, 7, nil,
	}
	other := Usage{ID: "r1-2", Time: day().Add(-time.Second), Cost: -1}
	add(t, s, want, other)
	if diff := cmp.Diff([]Usage{want, other}, list(t, s, UsageQuery{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func testUsageOnce(w *world) {
	t := w.t
	s := w.open(t)
	a := Usage{ID: "a", Time: day(), AccessKeyID: "k", Cost: 5, Tags: `{"x":"y"}`, Spend: []Spend{{"c", 60, 7, 0}, {"c", 60, 1, 0}, {"d", 0, 2, 0}}}
	b := Usage{ID: "b", Time: day().Add(time.Second), Spend: []Spend{{"c", 60, 100, 0}}}
	add(t, s, a)
	add(t, s, a)       // tried again
	add(t, s, b, a, b) // in a batch with others, and twice in it
	changed := a
	changed.Cost, changed.AccessKeyID = 1000, "other"
	add(t, s, changed)
	if got := list(t, s, UsageQuery{}); idsOf(got) != "b a" || got[1].Cost != 5 {
		t.Errorf("got %v", got)
	}
	want := []Spend{{"c", 60, 108, 0}, {"d", 0, 2, 0}}
	if diff := cmp.Diff(want, spent(t, s, "", 0)); diff != "" {
		t.Errorf("what was spent (-want +got):\n%s", diff)
	}
	if used, err := s.LastUsed(t.Context(), []string{"other"}); err != nil || len(used) != 0 {
		t.Errorf("got %v, %v, want no use by a row that was dropped", used, err)
	}
	if err := s.AppendUsage(t.Context(), nil); err != nil {
		t.Errorf("no rows: got %v", err)
	}
}

func testUsageByManyAtOnce(w *world) {
	t := w.t
	const gateways, batches, size = 4, 5, 20
	stores := []Store{w.open(t), w.open(t)}
	var wg sync.WaitGroup
	for g := range gateways {
		wg.Go(func() {
			for b := range batches {
				rows := make([]Usage, size)
				for i := range rows {
					// Half of the rows come from two gateways at once, in opposite orders, and all spend from the same counters.
					n := i
					if g%2 == 1 {
						n = size - 1 - i
					}
					id := fmt.Sprintf("shared-%d-%d", b, n)
					if n%2 == 0 {
						id = fmt.Sprintf("%d-%d-%d", g, b, n)
					}
					rows[i] = Usage{ID: id, Time: day(), AccessKeyID: fmt.Sprint("k", n%3), Spend: []Spend{{fmt.Sprint("c", n%5), 0, 1, 0}, {"all", 0, 1, 0}}}
				}
				if err := stores[g%2].AppendUsage(t.Context(), rows); err != nil {
					t.Errorf("adding: %v", err)
				}
			}
		})
	}
	wg.Wait()
	const want = gateways*batches*size/2 + batches*size/2
	if n := len(list(t, stores[0], UsageQuery{})); n != want {
		t.Errorf("got %d rows, want %d", n, want)
	}
	if got := spent(t, stores[1], "all", 0); len(got) != 1 || got[0].Amount != want {
		t.Errorf("got %v, want %d spent", got, want)
	}
}

func testUsageWhole(w *world) {
	t := w.t
	s := w.open(t)
	if err := raw(t, s, "DROP TABLE weir_key_use"); err != nil {
		t.Fatal(err)
	}
	err := s.AppendUsage(t.Context(), []Usage{{ID: "a", Time: day(), AccessKeyID: "k", Spend: []Spend{{"c", 0, 1, 0}}}})
	if err == nil {
		t.Error("got no error from a store without its table")
	}
	if rows := list(t, s, UsageQuery{}); len(rows) != 0 {
		t.Errorf("got %v, want nothing of a batch that failed", rows)
	}
	if got := spent(t, s, "", 0); len(got) != 0 {
		t.Errorf("got %v, want nothing spent by a batch that failed", got)
	}
}

func testUsagePages(w *world) {
	t := w.t
	s := w.open(t)
	rows := make([]Usage, 0, 25)
	for i := range 25 { // five rows at each of five times
		rows = append(rows, Usage{ID: fmt.Sprintf("r%02d", i), Time: day().Add(time.Duration(i/5) * time.Second)})
	}
	add(t, s, rows...)
	q := UsageQuery{Limit: 4}
	var got []string
	for i := 0; ; i++ {
		page, cursor, err := s.Usage(t.Context(), &q)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page {
			got = append(got, page[i].ID)
		}
		if cursor == "" {
			break
		}
		if len(page) != 4 {
			t.Fatalf("page %d has %d rows, want 4", i, len(page))
		}
		// Rows that come meanwhile, newer ones, move nothing.
		add(t, s, Usage{ID: fmt.Sprintf("new%02d", i), Time: day().Add(time.Hour)})
		q.Cursor = cursor
	}
	want := make([]string, 0, len(rows))
	for i := range rows {
		want = append(want, rows[i].ID)
	}
	slices.Reverse(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if page, cursor, err := s.Usage(t.Context(), &UsageQuery{Limit: 1 << 30}); err != nil || cursor != "" || len(page) < 25 {
		t.Errorf("got %d rows, %q, %v", len(page), cursor, err)
	}
	for _, cursor := range []string{"x", "???", "MS", formatCursor(0, "a\x00"), "Jy47"} {
		if _, _, err := s.Usage(t.Context(), &UsageQuery{Cursor: cursor}); !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %q: got %v, want %v", cursor, err, ErrCursor)
		}
	}
}

func testUsageSelects(w *world) {
	t := w.t
	s := w.open(t)
	add(t, s,
		Usage{ID: "a", Time: day(), AccessKeyID: "k1", TeamID: "t1", Provider: "p1", Model: "m1", Tags: `{"app":"x","env":"prod"}`, Final: true},
		Usage{ID: "b", Time: day().Add(1), AccessKeyID: "k2", TeamID: "t1", Provider: "p2", Model: "m1", Tags: `{"app":"y"}`},
		Usage{ID: "c", Time: day().Add(2), AccessKeyID: "k1", TeamID: "t2", Provider: "p1", Model: "m2", Tags: `{"x":"app"}`, Final: true},
		Usage{ID: "d", Time: day().Add(3), Tags: `not JSON`},
	)
	tests := []struct {
		name string
		q    UsageQuery
		want string
	}{
		{"all", UsageQuery{}, "d c b a"},
		{"from", UsageQuery{Start: day().Add(1)}, "d c b"},
		{"until", UsageQuery{End: day().Add(1)}, "a"},
		{"between", UsageQuery{Start: day().Add(1), End: day().Add(3)}, "c b"},
		{"key", UsageQuery{AccessKeyID: "k1"}, "c a"},
		{"team", UsageQuery{TeamID: "t1"}, "b a"},
		{"provider", UsageQuery{Provider: "p2"}, "b"},
		{"model", UsageQuery{Model: "m1"}, "b a"},
		{"tag", UsageQuery{Tag: "app"}, "b a"},
		{"tag and value", UsageQuery{Tag: "app", TagValue: "y"}, "b"},
		{"a value of another tag", UsageQuery{Tag: "env", TagValue: "x"}, ""},
		{"final", UsageQuery{FinalOnly: true}, "c a"},
		{"together", UsageQuery{AccessKeyID: "k1", TeamID: "t1", Tag: "env", TagValue: "prod", FinalOnly: true}, "a"},
		{"nothing", UsageQuery{AccessKeyID: "k1' OR '1'='1"}, ""},
	}
	for i := range tests {
		tt := &tests[i]
		if got := idsOf(list(t, s, tt.q)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		tt.q.Limit = 1
		if got := idsOf(list(t, s, tt.q)); got != tt.want {
			t.Errorf("%s, one by one: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func testUsageThatDatabasesRefuse(w *world) {
	t := w.t
	s := w.open(t)
	texts := append(injections(), "\x00", "a\x00b", "\xff\xfe", "\xed\xa0\x80", strings.Repeat("x", 100_000), strings.Repeat("é", 5000))
	for i, text := range texts {
		tags, err := json.Marshal(map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		add(t, s, Usage{
			ID: fmt.Sprint(i, text), Time: day(), RequestID: text, AccessKeyID: text, CallerID: text, TeamID: text, Tags: string(tags), API: text,
			Provider: text, Model: text, Code: text, StopReason: text, KeySource: text, ProviderKeyID: text,
			Spend: []Spend{{text, 0, 1, 0}},
		})
		// Whatever was kept of it, the same text finds it again.
		for name, q := range map[string]*UsageQuery{
			"key": {AccessKeyID: text}, "team": {TeamID: text}, "provider": {Provider: text}, "model": {Model: text},
		} {
			if got := list(t, s, *q); len(got) != 1 {
				t.Errorf("%.40q by %s: got %d rows, want 1", text, name, len(got))
			}
		}
		if got := spent(t, s, text, 0); len(got) != 1 || got[0].Amount != 1 || got[0].Counter != text {
			t.Errorf("%.40q: got %.200v spent, want 1", text, got)
		}
		if got, err := s.LastUsed(t.Context(), []string{text}); err != nil || !got[text].Equal(day()) {
			t.Errorf("%.40q: got %.200v, %v as its last use", text, got, err)
		}
	}
	for _, text := range injections() {
		rows := list(t, s, UsageQuery{Tag: text, TagValue: text})
		if len(rows) != 1 || rows[0].Model != text || rows[0].AccessKeyID != text || rows[0].CallerID != text || rows[0].Code != text {
			t.Errorf("%q: got %v, want it as it was", text, rows)
		}
	}
	add(t, s, Usage{ID: "odd tags", Time: day(), Tags: `{"a":"\u0000","b":"\ud800","c":[1],"d":null,"a\u0000":1}`})
	if got := list(t, s, UsageQuery{Tag: "c", TagValue: "[1]"}); len(got) != 1 {
		t.Errorf("got %d rows with a tag that is no string, want 1", len(got))
	}
	if len(list(t, s, UsageQuery{})) != len(texts)+1 {
		t.Error("rows are missing")
	}
}

func testLastUsed(w *world) {
	t := w.t
	s := w.open(t)
	add(t, s,
		Usage{ID: "1", Time: day().Add(time.Hour), AccessKeyID: "k1", ProviderKeyID: "p1"},
		Usage{ID: "2", Time: day(), AccessKeyID: "k1", ProviderKeyID: "p2"},
	)
	add(t, s, Usage{ID: "3", Time: day().Add(time.Minute), AccessKeyID: "k1"}, Usage{ID: "4", Time: day().Add(time.Minute), ProviderKeyID: "p2"})
	ids := append(make([]string, 0, 2504), "k1", "p1", "p2", "never")
	for i := range 2500 {
		ids = append(ids, fmt.Sprint("nobody", i))
	}
	got, err := s.LastUsed(t.Context(), ids)
	want := map[string]time.Time{"k1": day().Add(time.Hour), "p1": day().Add(time.Hour), "p2": day().Add(time.Minute)}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := s.LastUsed(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("no keys: got %v, %v", got, err)
	}
}

func testSpend(w *world) {
	t := w.t
	s := w.open(t)
	add(t, s,
		Usage{ID: "1", Spend: []Spend{{"a", 0, 1, 0}, {"a", 60, 2, 1 << 40}, {"a", 120, 3, 1 << 40}, {"b", 60, 4, 1 << 40}, {"max", 0, math.MaxInt64, 0}}},
		Usage{ID: "2", Spend: []Spend{{"a", 60, 10, 1 << 41}, {"max", 0, 5, 0}, {"down", 0, -5, 0}, {"b", 60, math.MaxInt64, 1 << 39}}},
	)
	add(t, s, Usage{ID: "3", Spend: []Spend{{"max", 0, math.MaxInt64, 0}, {"a", 120, 1, 0}, {"down", 0, math.MinInt64, 0}}})
	all := []Spend{
		{"a", 0, 1, 0},
		{"a", 60, 12, 1 << 41},
		{"a", 120, 4, 0},
		{"b", 60, math.MaxInt64, 1 << 40},
		{"down", 0, -math.MaxInt64, 0},
		{"max", 0, math.MaxInt64, 0},
	}
	tests := []struct {
		counter string
		since   int64
		want    []Spend
	}{
		{"", 0, all},
		{"a", 0, all[:3]},
		{"a", 61, []Spend{all[0], all[2]}},
		{"a", 60, all[:3]},
		{"", 1000, []Spend{all[0], all[4], all[5]}},
		{"nobody", 0, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, spent(t, s, tt.counter, tt.since), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q since %d (-want +got):\n%s", tt.counter, tt.since, diff)
		}
	}
}

func testSpendExpires(w *world) {
	t := w.t
	now := day()
	w.now = func() time.Time { return now }
	s := w.open(t)
	end := now.Add(time.Hour).Unix()
	add(t, s, Usage{ID: "1", Spend: []Spend{{"a", 60, 1, end}, {"a", 120, 1, end + 3600}, {"a", 0, 1, 0}}})
	now = now.Add(time.Hour)
	add(t, s, Usage{ID: "2"})
	want := []Spend{{"a", 0, 1, 0}, {"a", 120, 1, end + 3600}}
	if diff := cmp.Diff(want, spent(t, s, "", 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
