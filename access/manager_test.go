package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/access/store"
)

func TestCreateUpdateDelete(t *testing.T) {
	w := newWorld(t)
	team := w.team("research")
	if !isID("team_", team.ID) || team.Revision != 1 || team.CreatedBy != "root" || !team.CreatedAt.Equal(w.clock.Now()) {
		t.Errorf("got %+v", team)
	}
	w.clock.add(time.Minute)
	got, err := w.Update(t.Context(), Actor{Name: "eve", Role: RoleEditor}, KindTeam, team.ID, WriteOptions{IfRevision: 1}, edit(func(r *Team) {
		r.Disabled = true
		r.ID, r.CreatedBy, r.Revision, r.Static, r.CreatedAt = "x", "x", 99, true, time.Time{}
	}))
	if err != nil {
		t.Fatal(err)
	}
	now := w.dir.Load().Teams[team.ID]
	if now == nil || !now.Disabled || now.Revision != 2 || now.CreatedBy != "root" || now.UpdatedBy != "eve" || now.Static ||
		!now.CreatedAt.Equal(team.CreatedAt) || !now.UpdatedAt.Equal(w.clock.Now()) || got.Common().Revision != 2 {
		t.Errorf("got %+v", now)
	}
	if _, err := w.Update(t.Context(), admin, KindTeam, team.ID, WriteOptions{IfRevision: 1}, func(Resource) error { return nil }); !errors.Is(err, ErrStale) {
		t.Errorf("got %v for an old revision", err)
	}
	if _, err := w.Update(t.Context(), admin, KindTeam, team.ID, WriteOptions{}, func(Resource) error { return nil }); err != nil || w.store.revision != 2 {
		t.Errorf("got %v and revision %d for a change of nothing", err, w.store.revision)
	}
	failed := errors.New("not that")
	if _, err := w.Update(t.Context(), admin, KindTeam, team.ID, WriteOptions{}, func(Resource) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("got %v, want the error of the edit", err)
	}
	if err := w.Delete(t.Context(), admin, KindTeam, team.ID, WriteOptions{IfRevision: 1}); !errors.Is(err, ErrStale) {
		t.Errorf("got %v for an old revision", err)
	}
	if err := w.Delete(t.Context(), admin, KindTeam, team.ID, WriteOptions{IfRevision: 2}); err != nil || w.dir.Load().Teams[team.ID] != nil {
		t.Errorf("got %v, and the team is still there", err)
	}
	if err := w.Delete(t.Context(), admin, KindTeam, team.ID, WriteOptions{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v for the second time", err)
	}
	var actions strings.Builder
	for _, e := range w.store.log {
		fmt.Fprintln(&actions, e.Action, e.Actor, string(e.Detail))
	}
	want := `create root {"name":"research","changes":{"name":{"new":"research"}}}
update eve {"name":"research","changes":{"disabled":{"new":true}}}
delete root {"name":"research","changes":{"disabled":{"old":true},"name":{"old":"research"}}}
`
	if actions.String() != want {
		t.Errorf("got audit log\n%swant\n%s", &actions, want)
	}
}

func TestIDsGrowWithTime(t *testing.T) {
	now, before := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), ""
	for range 1000 {
		id := newID("team_", now)
		if id <= before || !isID("team_", id) {
			t.Fatalf("got %q after %q", id, before)
		}
		before, now = id, now.Add(time.Millisecond)
	}
}

func TestGatewayConfigIsThereOnce(t *testing.T) {
	w := newWorld(t)
	total := edit(func(g *GatewayConfig) { g.TotalTimeout = "5m" })
	for range 2 {
		if _, err := w.Update(t.Context(), admin, KindGateway, "gateway", WriteOptions{}, total); err != nil {
			t.Fatal(err)
		}
	}
	if g := w.dir.Load().Gateway; g == nil || g.TotalTimeout != "5m" || g.CreatedAt.IsZero() || w.store.log[0].Action != "create" || len(w.store.log) != 1 {
		t.Errorf("got %+v", g)
	}
	if err := w.Create(t.Context(), admin, KindGateway, &GatewayConfig{}, WriteOptions{}); !errors.Is(err, ErrExists) {
		t.Errorf("got %v for a second one", err)
	}
	if _, err := w.Update(t.Context(), admin, KindGateway, "other", WriteOptions{}, total); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v for another id", err)
	}
}

func TestIdempotentAnswers(t *testing.T) {
	w := newWorld(t)
	var made []string
	o := WriteOptions{AnswerToken: func(r Resource, token string) (*store.Idempotent, error) {
		body, err := json.Marshal(map[string]any{"id": r.Common().ID, "revision": r.Common().Revision, "token": token})
		made = append(made, token)
		return &store.Idempotent{Key: "k1", Status: 201, Body: body}, err
	}}
	k := &AccessKey{}
	token, err := w.CreateKey(t.Context(), admin, k, "", o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.CreateKey(t.Context(), admin, &AccessKey{}, "", o)
	replayed, ok := errors.AsType[*Replayed](err)
	if !ok || !errors.Is(err, ErrReplayed) || len(w.dir.Load().AccessKeys) != 1 {
		t.Fatalf("got %v and %d keys, want the answer of before", err, len(w.dir.Load().AccessKeys))
	}
	want := fmt.Sprintf(`{"id":%q,"revision":%d,"token":%q}`, k.ID, k.Revision, token)
	if got := string(replayed.Answer.Body); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(made) != 2 || made[0] != token || made[1] == token {
		t.Error("the answer was made with another token")
	}
}

func TestWritersDoNotLoseEachOthersChanges(t *testing.T) {
	a := newWorld(t)
	b := joinWorld(t, a.store)
	team := a.team("research")
	var wg sync.WaitGroup
	for i := range 20 {
		for _, w := range []*world{a, b} {
			wg.Go(func() {
				_, err := w.Update(t.Context(), admin, KindTeam, team.ID, WriteOptions{}, func(r Resource) error {
					r.Common().Metadata += "x"
					return nil
				})
				if err != nil {
					t.Errorf("writer %d: %v", i, err)
				}
			})
		}
	}
	wg.Wait()
	if err := a.dir.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(a.dir.Load().Teams[team.ID].Metadata); got != 40 {
		t.Errorf("got %d changes, want 40", got)
	}
}

func TestConflictsAreRetriedAFewTimes(t *testing.T) {
	w := newWorld(t)
	tries := 0
	w.store.meanwhile = func() {
		tries++
		w.store.put(KindTeam, fmt.Sprintf("team_%d", tries), fmt.Sprintf(`{"id":"team_%d","name":"x"}`, tries))
	}
	err := w.Create(t.Context(), admin, KindTeam, &Team{Meta: Meta{Name: "mine"}}, WriteOptions{})
	if !errors.Is(err, store.ErrConflict) || tries != maxTries {
		t.Errorf("got %v after %d tries", err, tries)
	}
}

func TestAChangeHoldsWithoutBeingReadBack(t *testing.T) {
	w := newWorld(t)
	team := w.team("first")
	reads := w.store.reads
	w.team("second")
	if len(w.dir.Load().Teams) != 2 || w.store.reads != reads+1 {
		t.Errorf("a change reads the store %d times, want once before it", w.store.reads-reads)
	}
	w.store.fail = errors.New("gone")
	if err := w.Delete(t.Context(), admin, KindTeam, team.ID, WriteOptions{}); err == nil || w.dir.Load().Teams[team.ID] == nil {
		t.Errorf("got %v from a store that is gone", err)
	}
	none := NewManager(ManagerOptions{Directory: NewDirectory(DirectoryOptions{}), Box: w.box})
	if err := none.Create(t.Context(), admin, KindTeam, &Team{}, WriteOptions{}); !errors.Is(err, ErrNoStore) {
		t.Errorf("got %v without a store", err)
	}
}

func TestStaticResourcesCannotBeChanged(t *testing.T) {
	w := newWorld(t)
	k := &AccessKey{Meta: Meta{ID: newID("aigk_", w.clock.Now()), Static: true}, Tokens: []TokenHash{{Lookup: w.box.Lookup(nil, "static-token-0001")[0]}}}
	w.dir.SetStatic(&Static{AccessKeys: []*AccessKey{k}})
	_, update := w.Update(t.Context(), admin, KindAccessKey, k.ID, WriteOptions{}, func(Resource) error { return nil })
	_, _, rotate := w.Rotate(t.Context(), admin, KindAccessKey, k.ID, 0, WriteOptions{})
	remove := w.Delete(t.Context(), admin, KindAccessKey, k.ID, WriteOptions{})
	for name, err := range map[string]error{"update": update, "rotate": rotate, "delete": remove} {
		if !errors.Is(err, ErrStatic) {
			t.Errorf("%s: got %v, want ErrStatic", name, err)
		}
	}
	if _, err := w.CreateKey(t.Context(), admin, &AccessKey{}, "static-token-0001", WriteOptions{}); !errors.Is(err, ErrExists) {
		t.Errorf("got %v for the token of a static key", err)
	}
}

func TestInUse(t *testing.T) {
	w := newWorld(t)
	team := w.team("research")
	custom := &Provider{Meta: Meta{Name: "Ours"}, ProviderID: "ours", BaseURL: "https://llm.example.com/v1"}
	w.create(KindProvider, custom)
	pk := w.providerKey("ours", "ours", "sk-ours-0123456789")
	conf := &Configuration{Meta: Meta{Name: "c"}, Router: &Router{Rules: []RouterRule{{
		Provider: custom.ID, Steps: []Step{{Type: StepUser, Keys: []StepKey{{ID: pk.ID}}}},
	}}}}
	w.create(KindConfiguration, conf)
	key, _ := w.key(&AccessKey{Meta: Meta{Name: "ci"}, TeamID: team.ID, ConfigurationID: conf.ID}, "")
	budget := &Quota{AccessKeyID: key.ID, Unit: UnitUSD, Limit: "1", Window: windowDay}
	w.create(KindBudget, budget)
	tests := []struct {
		kind      Kind
		id, names string
	}{
		{KindTeam, team.ID, key.ID},
		{KindProvider, custom.ID, pk.ID},
		{KindProviderKey, pk.ID, conf.ID},
		{KindConfiguration, conf.ID, `"ci"`},
		{KindAccessKey, key.ID, budget.ID},
	}
	for _, tt := range tests {
		if err := w.Delete(t.Context(), admin, tt.kind, tt.id, WriteOptions{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), tt.names) {
			t.Errorf("%s: got %v, want it in use by %s", tt.kind, err, tt.names)
		}
	}
	if err := w.Delete(t.Context(), admin, KindBudget, budget.ID, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range slices.Backward(tests) {
		if err := w.Delete(t.Context(), admin, tt.kind, tt.id, WriteOptions{}); err != nil {
			t.Errorf("%s: got %v when nothing refers to it", tt.kind, err)
		}
	}
}
