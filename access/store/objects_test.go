package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func containsFold(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

// put applies writes on the newest revision.
func put(t *testing.T, s Store, writes ...Write) int64 {
	t.Helper()
	_, revision, err := s.Changes(t.Context(), 0)
	if err != nil {
		t.Fatalf("reading the revision: %v", err)
	}
	if revision, err = s.Apply(t.Context(), &Change{Base: revision, Writes: writes}); err != nil {
		t.Fatalf("applying: %v", err)
	}
	return revision
}

// changes reads what changed.
func changes(t *testing.T, s Store, since int64) ([]Object, int64) {
	t.Helper()
	objects, revision, err := s.Changes(t.Context(), since)
	if err != nil {
		t.Fatalf("changes since %d: %v", since, err)
	}
	return objects, revision
}

func testChanges(w *world) {
	t := w.t
	s := w.open(t)
	objects, revision := changes(t, s, 0)
	if len(objects) != 0 || revision != 0 {
		t.Fatalf("an empty store: got %v at %d", objects, revision)
	}
	put(t, s, Write{"team", "a", []byte("1")}, Write{"team", "b", []byte{}}, Write{"key", "a", []byte("\x00\xff")})
	put(t, s, Write{"team", "a", []byte("2")})
	put(t, s, Write{"team", "b", nil}, Write{"key", "never-was", nil})
	tests := []struct {
		since int64
		want  []Object
	}{
		{0, []Object{{"key", "a", 1, false, []byte("\x00\xff")}, {"team", "a", 2, false, []byte("2")}}},
		{1, []Object{{"team", "a", 2, false, []byte("2")}, {"key", "never-was", 3, true, nil}, {"team", "b", 3, true, nil}}},
		{2, []Object{{"key", "never-was", 3, true, nil}, {"team", "b", 3, true, nil}}},
		{3, nil},
	}
	for _, tt := range tests {
		objects, revision := changes(t, s, tt.since)
		if diff := cmp.Diff(tt.want, objects); diff != "" || revision != 3 {
			t.Errorf("since %d: at %d (-want +got):\n%s", tt.since, revision, diff)
		}
	}
	if got := put(t, s, Write{"team", "b", []byte("again")}); got != 4 {
		t.Errorf("got revision %d, want 4", got)
	}
	objects, _ = changes(t, s, 3)
	if diff := cmp.Diff([]Object{{"team", "b", 4, false, []byte("again")}}, objects); diff != "" {
		t.Errorf("made again after its deletion (-want +got):\n%s", diff)
	}
	// What is closed and opened is the same.
	if diff := cmp.Diff(objects, func() []Object { o, _ := changes(t, w.open(t), 3); return o }()); diff != "" {
		t.Errorf("opened a second time (-first +second):\n%s", diff)
	}
}

func testConflicts(w *world) {
	t := w.t
	const writers, each = 8, 10
	stores := []Store{w.open(t), w.open(t)}
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			s := stores[n%len(stores)]
			for i := 0; i < each; {
				_, revision, err := s.Changes(t.Context(), 0)
				if err != nil {
					t.Errorf("reading: %v", err)
					return
				}
				got, err := s.Apply(t.Context(), &Change{
					Base:   revision,
					Writes: []Write{{"key", fmt.Sprintf("%d-%d", n, i), []byte("{}")}},
					Audit:  []AuditEntry{{Actor: "w", Action: "create", Kind: "key", ObjectID: strconv.FormatInt(revision+1, 10)}},
				})
				switch {
				case errors.Is(err, ErrConflict):
				case err != nil:
					t.Errorf("applying: %v", err)
					return
				case got != revision+1:
					t.Errorf("got revision %d after %d", got, revision)
					return
				default:
					i++
				}
			}
		})
	}
	wg.Wait()
	objects, revision := changes(t, stores[0], 0)
	if len(objects) != writers*each || revision != writers*each {
		t.Errorf("got %d objects at revision %d, want %d", len(objects), revision, writers*each)
	}
	seen := map[int64]bool{}
	for _, o := range objects {
		if seen[o.Revision] {
			t.Errorf("two changes made revision %d", o.Revision)
		}
		seen[o.Revision] = true
	}
	entries, err := stores[1].Audit(t.Context(), 0, 1000)
	if err != nil || len(entries) != writers*each {
		t.Fatalf("got %d entries, %v, want one a change", len(entries), err)
	}
	for i := range entries {
		if want := strconv.Itoa(writers*each - i); entries[i].ObjectID != want {
			t.Fatalf("entry %d belongs to revision %s, want %s", i, entries[i].ObjectID, want)
		}
	}
	for _, base := range []int64{-1, 0, revision - 1, revision + 1} {
		if _, err := stores[0].Apply(t.Context(), &Change{Base: base}); !errors.Is(err, ErrConflict) {
			t.Errorf("base %d of %d: got %v, want a conflict", base, revision, err)
		}
	}
}

func testAtomic(w *world) {
	t := w.t
	s := w.open(t)
	tests := []struct {
		name   string
		change Change
	}{
		{"a name that cannot be stored", Change{Writes: []Write{{"key", "a", []byte("1")}, {"key", "\x00", []byte("1")}}}},
		{"no id", Change{Writes: []Write{{"key", "", []byte("1")}}}},
		{"an id without end", Change{Writes: []Write{{"key", strings.Repeat("a", 10_000), []byte("1")}}}},
		{"not UTF-8", Change{Writes: []Write{{"key\xff", "a", []byte("1")}}}},
	}
	for _, tt := range tests {
		if _, err := s.Apply(t.Context(), &tt.change); err == nil {
			t.Errorf("%s: got no error", tt.name)
		}
	}
	// One that fails in the middle: its writes are made before its answer is found to be taken.
	answer := &Idempotent{Key: "k", Status: 200, Expires: time.Now().Add(time.Hour)}
	if _, err := s.Apply(t.Context(), &Change{Idempotent: answer}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Apply(t.Context(), &Change{
		Base: 1, Writes: []Write{{"key", "a", []byte("1")}}, Audit: []AuditEntry{{Actor: "a"}}, Idempotent: answer,
	})
	if !errors.Is(err, ErrAnswered) || !errors.Is(err, ErrConflict) {
		t.Errorf("an answer that is there: got %v", err)
	}
	if objects, revision := changes(t, s, 0); len(objects) != 0 || revision != 1 {
		t.Errorf("got %v at %d, want nothing of what failed", objects, revision)
	}
	if entries, err := s.Audit(t.Context(), 0, 10); err != nil || len(entries) != 0 {
		t.Errorf("got %v, %v, want no entry for what failed", entries, err)
	}
}

func testTombstones(w *world) {
	t := w.t
	now := time.Now()
	w.now = func() time.Time { return now }
	s := w.open(t)
	put(t, s, Write{"key", "a", []byte("1")}, Write{"key", "b", []byte("1")}) // 1
	put(t, s, Write{"key", "a", nil})                                         // 2
	now = now.Add(23 * time.Hour)
	put(t, s, Write{"key", "c", nil}) // 3
	if objects, _ := changes(t, s, 1); len(objects) != 2 {
		t.Errorf("after 23 hours: got %v, want both deletions", objects)
	}
	now = now.Add(2 * time.Hour)
	put(t, s, Write{"key", "d", []byte("1")}) // 4
	if _, _, err := s.Changes(t.Context(), 1); !errors.Is(err, ErrBehind) {
		t.Errorf("since before a forgotten deletion: got %v, want %v", err, ErrBehind)
	}
	if objects, _ := changes(t, s, 2); len(objects) != 2 {
		t.Errorf("since after it: got %v, want c deleted and d", objects)
	}
	if objects, revision := changes(t, s, 0); len(objects) != 2 || revision != 4 {
		t.Errorf("from the beginning: got %v at %d, want b and d at 4", objects, revision)
	}
	if n := count(t, s, "SELECT COUNT(*) FROM weir_objects WHERE id = 'a'"); n != 0 {
		t.Error("the old deletion is still there")
	}
}

func testBehind(w *world) {
	t := w.t
	s := w.open(t)
	put(t, s, Write{"key", "a", []byte("1")})
	// A store that was put back from a copy is older than its readers.
	if _, _, err := s.Changes(t.Context(), 2); !errors.Is(err, ErrBehind) {
		t.Errorf("got %v, want %v", err, ErrBehind)
	}
}

func testIdempotent(w *world) {
	t := w.t
	now := time.Now().Truncate(time.Second)
	w.now = func() time.Time { return now }
	s := w.open(t)
	if got, err := s.Idempotent(t.Context(), "k"); got != nil || err != nil {
		t.Fatalf("got %v, %v, want none", got, err)
	}
	want := &Idempotent{"k", []byte{0, 1}, 201, []byte("{}"), now.Add(time.Minute).UTC()}
	if _, err := s.Apply(t.Context(), &Change{Idempotent: want}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Idempotent(t.Context(), "k")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	now = now.Add(time.Minute)
	if got, err := s.Idempotent(t.Context(), "k"); got != nil || err != nil {
		t.Errorf("expired: got %v, %v, want none", got, err)
	}
	next := &Idempotent{"k", []byte{2}, 204, nil, now.Add(time.Minute).UTC()}
	if _, err := s.Apply(t.Context(), &Change{Base: 1, Idempotent: next}); err != nil {
		t.Errorf("in the place of one that expired: got %v", err)
	}
	if got, err := s.Idempotent(t.Context(), "k"); err != nil || got == nil || got.Status != 204 {
		t.Errorf("got %v, %v, want the new one", got, err)
	}
	now = now.Add(2 * time.Minute)
	put(t, s)
	if n := count(t, s, "SELECT COUNT(*) FROM weir_idempotency"); n != 0 {
		t.Errorf("got %d expired answers still there", n)
	}
}

func testAudit(w *world) {
	t := w.t
	s := w.open(t)
	at := time.Date(2026, 5, 4, 3, 2, 1, 123456789, time.UTC)
	want := make([]AuditEntry, 0, 5)
	for i := range 5 {
		e := AuditEntry{0, at, "ann", "admin", "create", "team", strconv.Itoa(i), "192.0.2.1", []byte(`{"name":"x"}`)}
		if _, err := s.Apply(t.Context(), &Change{Base: int64(i), Audit: []AuditEntry{e}}); err != nil {
			t.Fatal(err)
		}
		want = append([]AuditEntry{e}, want...)
	}
	first, err := s.Audit(t.Context(), 0, 2)
	if err != nil || len(first) != 2 {
		t.Fatalf("got %v, %v", first, err)
	}
	second, err := s.Audit(t.Context(), first[1].ID, 10)
	if err != nil {
		t.Fatal(err)
	}
	got := append(first, second...) //nolint:gocritic // both pages together
	for i := range got {
		if i > 0 && got[i].ID >= got[i-1].ID {
			t.Errorf("ids do not descend: %d after %d", got[i].ID, got[i-1].ID)
		}
	}
	for i := range got {
		got[i].ID = 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func testAuditIsAppendOnly(w *world) {
	t := w.t
	s := w.open(t)
	if _, err := s.Apply(t.Context(), &Change{Audit: []AuditEntry{{Actor: "ann", Action: "delete"}}}); err != nil {
		t.Fatal(err)
	}
	statements := []query{"UPDATE weir_audit SET actor = 'eve'", "DELETE FROM weir_audit"}
	if s.dialect().name == "sqlite" {
		statements = append(statements,
			"INSERT OR REPLACE INTO weir_audit (id, at, actor, role, action, kind, object_id, remote) VALUES (1, 0, 'eve', '', '', '', '', '')")
	} else {
		statements = append(statements, "TRUNCATE weir_audit",
			"INSERT INTO weir_audit (id, at, actor, role, action, kind, object_id, remote) VALUES (1, 0, 'eve', '', '', '', '', '')")
	}
	for _, q := range statements {
		if err := raw(t, s, q); err == nil {
			t.Errorf("%s: got no error", q)
		}
	}
	if entries, err := s.Audit(t.Context(), 0, 10); err != nil || len(entries) != 1 || entries[0].Actor != "ann" {
		t.Errorf("got %v, %v, want the entry as it was", entries, err)
	}
}

// injections are texts that end a string, a comment or a statement somewhere.
func injections() []string {
	return []string{
		"'; DROP TABLE weir_objects; --", `"; DELETE FROM weir_usage; --`, "' OR '1'='1", `\'; SELECT 1; --`, "$1", "?1", ":a", "%_%",
		"$$; DROP TABLE weir_usage; $$", "a/*", "*/b", "line\nbreak\r\n\t", "é \u202e 日本 🦭", "\x01\x7f", "' UNION SELECT body FROM weir_objects --",
	}
}

func testInjection(w *world) {
	t := w.t
	s := w.open(t)
	for _, text := range injections() {
		put(t, s, Write{text, text, []byte(text)})
	}
	objects, _ := changes(t, s, 0)
	if len(objects) != len(injections()) {
		t.Fatalf("got %d objects, want %d", len(objects), len(injections()))
	}
	for i, text := range injections() {
		if o := objects[i]; o.Kind != text || o.ID != text || string(o.Body) != text {
			t.Errorf("%q came back as %+v", text, o)
		}
		answer := &Idempotent{Key: text, Body: []byte(text), Expires: time.Now().Add(time.Hour)}
		entry := AuditEntry{Actor: text, Role: text, Action: text, Kind: text, ObjectID: text, Remote: text, Detail: []byte(text)}
		_, revision := changes(t, s, 0)
		if _, err := s.Apply(t.Context(), &Change{Base: revision, Audit: []AuditEntry{entry}, Idempotent: answer}); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got, err := s.Idempotent(t.Context(), text); err != nil || got == nil || string(got.Body) != text {
			t.Errorf("%q: got the answer %v, %v", text, got, err)
		}
		entries, err := s.Audit(t.Context(), 0, 1)
		if err != nil || len(entries) != 1 {
			t.Fatalf("%q: got %v, %v", text, entries, err)
		}
		entries[0].ID = 0
		if diff := cmp.Diff(entry, entries[0]); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	if got, err := s.Idempotent(t.Context(), "' OR 1=1 --"); got != nil || err != nil {
		t.Errorf("got %v, %v, want none", got, err)
	}
}
