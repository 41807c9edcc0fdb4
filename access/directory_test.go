package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/access/store"
)

func TestDirectoryFollowsTheStore(t *testing.T) {
	w := newWorld(t)
	other := joinWorld(t, w.store)
	var seen []int64
	other.dir.OnChange(func(before, now *Snapshot) {
		if before.Revision > now.Revision {
			t.Errorf("went from revision %d to %d", before.Revision, now.Revision)
		}
		seen = append(seen, now.Revision)
	})
	if err := other.dir.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	team := w.team("research")
	key, token := w.key(&AccessKey{TeamID: team.ID}, "")
	if other.byToken(token) != nil {
		t.Error("the key is known before a sync")
	}
	for range 3 {
		if err := other.dir.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first := other.dir.Load()
	if got := other.byToken(token); got == nil || got.ID != key.ID || got.Revision != key.Revision {
		t.Fatalf("got %+v, want the key", got)
	}
	if err := w.Delete(t.Context(), admin, KindAccessKey, key.ID, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := other.dir.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if other.byToken(token) != nil || len(other.dir.Load().AccessKeys) != 0 || len(other.dir.Load().AccessTokens) != 0 {
		t.Error("the deleted key is still there")
	}
	if len(first.AccessKeys) != 1 || len(first.AccessTokens) != 1 {
		t.Error("a later change changed a snapshot that was handed out")
	}
	if fmt.Sprint(seen) != "[0 2 3]" {
		t.Errorf("got changes %v, want [0 2 3]", seen)
	}
	if w.store.full != 3 { // one gateway began on an empty store, whose first object is everything too
		t.Errorf("everything was read %d times by two gateways, want 3", w.store.full)
	}
}

func TestDirectoryReadsAllWhereTheStoreIsAnother(t *testing.T) {
	for name, change := range map[string]func(m *memory){
		"it forgot what was deleted": func(m *memory) { m.behind = true; m.revision++ },
		"it went back":               func(m *memory) { m.revision = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a, b := w.team("a"), w.team("b")
			w.store.set(func(m *memory) {
				delete(m.objects, b.ID)
				change(m)
			})
			if err := w.dir.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := w.dir.Load()
			if s.Teams[a.ID] == nil || s.Teams[b.ID] != nil || s.Revision != w.store.revision {
				t.Errorf("got teams %v at revision %d", s.Teams, s.Revision)
			}
		})
	}
}

func TestStale(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	if err := w.dir.Load().Stale(now, time.Hour); !errors.Is(err, ErrNeverSynced) {
		t.Errorf("got %v before the first sync", err)
	}
	w.store.fail = errors.New("no store")
	if w.dir.Sync(t.Context()) == nil || !errors.Is(w.dir.Load().Stale(now, time.Hour), ErrNeverSynced) {
		t.Error("a store that was never read lets somebody in")
	}
	w.store.fail = nil
	if err := w.dir.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := w.dir.Load()
	if err := s.Stale(time.Now(), time.Hour); err != nil {
		t.Errorf("got %v after a sync", err)
	}
	if err := s.Stale(time.Now().Add(2*time.Hour), time.Hour); !errors.Is(err, ErrNotSynced) {
		t.Errorf("got %v two hours later", err)
	}
	before := s.Synced
	time.Sleep(time.Millisecond)
	if err := w.dir.Sync(t.Context()); err != nil || !w.dir.Load().Synced.After(before) {
		t.Errorf("a sync that brings nothing new does not count: %v", err)
	}
	without := NewDirectory(DirectoryOptions{})
	if err := without.Load().Stale(now, 0); err != nil {
		t.Errorf("got %v without a store", err)
	}
	without.SetStatic(&Static{})
	if err := without.Load().Stale(now, 0); err != nil {
		t.Errorf("got %v without a store and with a file", err)
	}
}

func TestStoreErrorsAreLoggedOnce(t *testing.T) {
	w := newWorld(t)
	w.store.fail = errors.New("the disk is gone")
	for range 3 {
		_ = w.dir.Sync(t.Context())
	}
	w.store.fail = nil
	if err := w.dir.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "the disk is gone") || !strings.Contains(lines[1], "again") {
		t.Errorf("got log %q, want one line down and one up", lines)
	}
	if w.dir.Failures() != 3 {
		t.Errorf("got %d failures, want 3", w.dir.Failures())
	}
}

func TestBrokenObjectsAreRefused(t *testing.T) {
	w := newWorld(t)
	good, token := w.key(&AccessKey{}, "")
	w.store.put(KindAccessKey, "aigk_cut", `{"id":"aigk_cut","tok`)
	w.store.put(KindAccessKey, "aigk_type", `{"id":"aigk_type","disabled":"canary-value"}`)
	w.store.put(KindAccessKey, "aigk_newer", `{"id":"aigk_newer","allowed_countries":["canary-value"]}`)
	w.store.put(KindAccessKey, "aigk_other", `{"id":"aigk_another"}`)
	w.store.put(KindAccessKey, "aigk_double", fmt.Sprintf(`{"id":"aigk_double","tokens":[{"lookup":%q}]}`, good.Tokens[0].Lookup))
	w.store.put(KindTeam, "team_twice", `{"id":"team_twice"}{}`)
	w.store.put(KindBudget, "bud_all", `{"id":"bud_all","limit":5}`)
	w.store.put(KindLimit, "lim_team", `{"id":"lim_team","team_id":"team_x","limit":{}}`)
	w.store.put("model_alias", "ma_1", `{}`)
	if err := w.dir.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := w.dir.Load()
	if len(s.AccessKeys) != 1 || w.byToken(token) == nil || len(s.Teams) != 0 {
		t.Errorf("got %d keys and %d teams, want the one good key", len(s.AccessKeys), len(s.Teams))
	}
	if len(s.Broken) != 9 {
		t.Errorf("got %v, want 9 broken objects", s.Broken)
	}
	if len(s.Budgets) != 0 || s.Broken["bud_all"].Kind != KindBudget || s.Broken["lim_team"].Kind != KindLimit {
		t.Errorf("got %v, want the budget and the limit among what is broken", s.Broken)
	}
	if n := strings.Count(w.log.String(), "cannot be read and is refused"); n != 9 || strings.Contains(w.log.String(), "canary") {
		t.Errorf("got log %s, want a line for each and no values", w.log)
	}
	w.log.Reset()
	w.store.put(KindAccessKey, "aigk_cut", `{"id":"aigk_cut"}`)
	if err := w.Delete(t.Context(), admin, KindBudget, "bud_all", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	s = w.dir.Load()
	if len(s.Broken) != 7 || s.AccessKeys["aigk_cut"] == nil || s.Budgets["bud_all"] != nil || w.log.Len() != 0 {
		t.Errorf("got %v broken, log %s, want them mended", s.Broken, w.log)
	}
}

func TestSetStatic(t *testing.T) {
	w := newWorld(t)
	_, stored := w.key(&AccessKey{Meta: Meta{Name: "stored"}}, "")
	changes := 0
	w.dir.OnChange(func(_, _ *Snapshot) { changes++ })
	static := &AccessKey{Meta: Meta{ID: "aigk_static", Name: "static", Static: true}, Tokens: []TokenHash{{
		Lookup: w.box.Lookup(nil, "static-token-0001")[0], Hash: w.box.Hash("static-token-0001"),
	}}}
	w.dir.SetStatic(&Static{AccessKeys: []*AccessKey{static}, Teams: []*Team{{Meta: Meta{ID: "team_static", Static: true}}}})
	if w.byToken("static-token-0001") != static || w.byToken(stored) == nil || w.dir.Load().Teams["team_static"] == nil {
		t.Error("the resources of file and store are not there together")
	}
	team := w.team("later")
	if s := w.dir.Load(); s.Teams["team_static"] == nil || s.Teams[team.ID] == nil || w.byToken("static-token-0001") == nil {
		t.Error("a change of the store drops static resources")
	}
	w.dir.SetStatic(nil)
	if s := w.dir.Load(); w.byToken("static-token-0001") != nil || w.byToken(stored) == nil || len(s.Teams) != 1 {
		t.Error("static resources stay when they are gone")
	}
	if changes != 3 {
		t.Errorf("got %d changes, want 3", changes)
	}
}

func TestRunPolls(t *testing.T) {
	m := newMemory()
	d := NewDirectory(DirectoryOptions{Store: m, Poll: 5 * time.Millisecond, Log: zerolog.New(&bytes.Buffer{})})
	var newest atomic.Int64
	d.OnChange(func(_, now *Snapshot) { newest.Store(now.Revision) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	m.put(KindTeam, "team_1", `{"id":"team_1"}`)
	for deadline := time.Now().Add(5 * time.Second); newest.Load() != 1; {
		if time.Now().After(deadline) {
			t.Fatal("the change did not arrive")
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
}

// BenchmarkOneChangeOfMany is one key changed among 100,000: the time in which nobody sees the change yet.
func BenchmarkOneChangeOfMany(b *testing.B) {
	tab := newTables().with(manyKeys(100_000), 1)
	one := manyKeys(1)
	b.ReportAllocs()
	for b.Loop() {
		tab = tab.with(one, tab.revision+1)
	}
}

func manyKeys(n int) []store.Object {
	out := make([]store.Object, n)
	for i := range out {
		id := fmt.Sprintf("%026d", i)
		out[i] = store.Object{Kind: string(KindAccessKey), ID: "aigk_" + id, Revision: 1, Body: []byte(fmt.Sprintf(
			`{"id":"aigk_%s","name":"key %d","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z","revision":1,`+
				`"team_id":"team_x","groups":["a","b"],"tokens":[{"lookup":%q,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","hint":"wr-"}]}`,
			id, i, id))}
	}
	return out
}

func TestManyKeys(t *testing.T) {
	all := manyKeys(100_000)
	start := time.Now()
	tab := newTables().with(all, 1)
	t.Logf("reading 100,000 keys took %v", time.Since(start))
	if len(tab.accessKeys) != 100_000 || len(tab.accessTokens) != 100_000 || len(tab.broken) != 0 {
		t.Fatalf("got %d keys, %d tokens, %d broken", len(tab.accessKeys), len(tab.accessTokens), len(tab.broken))
	}
	start = time.Now()
	next := tab.with([]store.Object{{Kind: string(KindAccessKey), ID: "aigk_" + fmt.Sprintf("%026d", 7), Revision: 2, Deleted: true}}, 2)
	took := time.Since(start)
	t.Logf("one change took %v", took)
	if len(next.accessKeys) != 99_999 || len(next.accessTokens) != 99_999 || len(tab.accessKeys) != 100_000 {
		t.Error("the deletion did not happen, or happened to the tables before")
	}
	if took > 3*time.Second {
		t.Errorf("one change of 100,000 took %v, revocation has two seconds", took)
	}
}

func TestMapsStayWhereNothingChanges(t *testing.T) {
	w := newWorld(t)
	w.dir.SetStatic(&Static{
		Budgets:    []*Quota{{Meta: Meta{ID: "bud_static", Static: true}}},
		AccessKeys: []*AccessKey{{Meta: Meta{ID: "aigk_static", Static: true}, Tokens: []TokenHash{{Lookup: "x"}}}},
	})
	w.create(KindBudget, &Quota{Unit: UnitUSD, Limit: "1", Window: windowDay})
	w.key(&AccessKey{}, "")
	before := w.dir.Load()
	w.team("research")
	now := w.dir.Load()
	if !same(before.Budgets, now.Budgets) || !same(before.Broken, now.Broken) || !same(before.AccessKeys, now.AccessKeys) ||
		!same(before.AccessTokens, now.AccessTokens) || !same(before.Limits, now.Limits) {
		t.Error("maps of other kinds were made anew for a team")
	}
	if same(before.Teams, now.Teams) || len(now.Budgets) != 2 || len(now.AccessKeys) != 2 || len(now.AccessTokens) != 2 {
		t.Errorf("got %d budgets, %d keys, %d tokens, want two each", len(now.Budgets), len(now.AccessKeys), len(now.AccessTokens))
	}
	w.key(&AccessKey{}, "")
	if now := w.dir.Load(); len(now.AccessKeys) != 3 || len(now.AccessTokens) != 3 || same(before.AccessKeys, now.AccessKeys) {
		t.Errorf("got %d keys, want three", len(now.AccessKeys))
	}
	w.dir.SetStatic(&Static{Budgets: []*Quota{{Meta: Meta{ID: "bud_other", Static: true}}}})
	if now := w.dir.Load(); now.Budgets["bud_other"] == nil || now.Budgets["bud_static"] != nil || len(now.AccessTokens) != 2 {
		t.Errorf("got budgets %v", now.Budgets)
	}
}
