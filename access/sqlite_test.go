package access

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/access/store"
)

// gatewayOn is a manager and its directory on a database of its own connections.
func gatewayOn(t *testing.T, path string) (*Manager, *Directory, store.Store) {
	t.Helper()
	s, err := store.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	d := NewDirectory(DirectoryOptions{Store: s, Log: zerolog.Nop()})
	return NewManager(ManagerOptions{Store: s, Directory: d, Box: newBox(t), BuiltIn: func(id string) bool { return id == "openai" }}), d, s
}

func TestTwoGatewaysOnOneDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.db")
	a, da, stored := gatewayOn(t, path)
	b, db, _ := gatewayOn(t, path)
	team := &Team{Meta: Meta{Name: "research"}}
	if err := a.Create(t.Context(), admin, KindTeam, team, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	key := &AccessKey{TeamID: team.ID}
	token, err := b.CreateKey(t.Context(), admin, key, "", WriteOptions{}) // b has not read the team yet
	if err != nil {
		t.Fatal(err)
	}
	if key.Revision != db.Load().Revision || db.Load().AccessKeys[key.ID] == nil {
		t.Errorf("got revision %d, the directory has %d", key.Revision, db.Load().Revision)
	}
	if err := a.Delete(t.Context(), admin, KindTeam, team.ID, WriteOptions{}); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v for a team that has a key on the other gateway", err)
	}
	var wg sync.WaitGroup
	for _, m := range []*Manager{a, b} {
		for range 10 {
			wg.Go(func() {
				if _, err := m.Update(t.Context(), admin, KindTeam, team.ID, WriteOptions{}, edit(func(r *Team) { r.Metadata += "x" })); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	_, second, err := a.Rotate(t.Context(), admin, KindAccessKey, key.ID, time.Hour, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]*Directory{"one gateway": da, "the other": db} {
		if err := d.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := d.Load()
		got := s.AccessTokens[strings.TrimPrefix(key.ID, "aigk_")]
		if len(s.Teams[team.ID].Metadata) != 20 || len(s.Broken) != 0 || got == nil || len(got.Tokens) != 2 ||
			!newBox(t).Matches(got.Tokens[0].Hash, second) || !newBox(t).Matches(got.Tokens[1].Hash, token) {
			t.Errorf("%s: got team %+v and key %+v", name, s.Teams[team.ID], got)
		}
	}
	log, err := stored.Audit(t.Context(), 0, 100)
	if err != nil || len(log) != 23 || log[0].Action != "rotate" || log[0].Actor != "root" {
		t.Errorf("got %d entries of the audit log, %v, want 23", len(log), err)
	}
	once := WriteOptions{Answer: func(r Resource) (*store.Idempotent, error) {
		return &store.Idempotent{Key: "k", Status: 201, Body: []byte(r.Common().ID), Expires: time.Now().Add(time.Hour)}, nil
	}}
	results := make(chan error, 2)
	for _, m := range []*Manager{a, b} {
		wg.Go(func() { results <- m.Create(t.Context(), admin, KindTeam, &Team{Meta: Meta{Name: "once"}}, once) })
	}
	wg.Wait()
	first, other := <-results, <-results
	if (first == nil) == (other == nil) || !errors.Is(errors.Join(first, other), ErrReplayed) {
		t.Errorf("got %v and %v, want one to be done and one answered before", first, other)
	}
}
