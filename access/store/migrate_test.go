package store

import (
	"context"
	"errors"
	"sync"
	"time"
)

func testMigrationFromOlder(w *world) {
	t := w.t
	s := w.open(t)
	put(t, s, Write{"key", "a", []byte("1")})
	// The next version of the program has two more steps.
	next := &db{backend: s.backend, now: w.now, migrating: make(chan struct{}, 1)}
	next.steps = append(append(next.steps, s.steps...),
		migration{int64(len(s.steps) + 1), "column", "ALTER TABLE weir_objects ADD COLUMN note TEXT NOT NULL DEFAULT 'x'"},
		migration{int64(len(s.steps) + 2), "table", "CREATE TABLE weir_more (a BIGINT); INSERT INTO weir_more (a) VALUES (1)"},
	)
	if err := next.prepare(t.Context()); err != nil {
		t.Fatalf("migrating: %v", err)
	}
	if objects, revision := changes(t, next, 0); len(objects) != 1 || revision != 1 {
		t.Errorf("got %v at %d, want what was there", objects, revision)
	}
	if n := count(t, next, "SELECT COUNT(*) FROM weir_objects WHERE note = 'x'"); n != 1 {
		t.Errorf("got %d objects with the new column, want 1", n)
	}
	// Done once: a second time would count two.
	if err := migrate(t.Context(), next.backend, next.steps, w.now); err != nil {
		t.Fatal(err)
	}
	if n := count(t, next, "SELECT COUNT(*) FROM weir_more"); n != 1 {
		t.Errorf("got %d rows, want 1", n)
	}
	if n := count(t, next, "SELECT COUNT(*) FROM weir_migrations"); n != int64(len(next.steps)) {
		t.Errorf("got %d migrations on record, want %d", n, len(next.steps))
	}
}

func testMigrationFails(w *world) {
	t := w.t
	s := w.open(t)
	steps := append(append([]migration(nil), s.steps...),
		migration{int64(len(s.steps) + 1), "half", "CREATE TABLE weir_half (a BIGINT); INSERT INTO weir_half (nothing) VALUES (1)"})
	if err := migrate(t.Context(), s.backend, steps, w.now); err == nil {
		t.Fatal("got no error")
	}
	// Nothing of the step that failed is left: without its mistake it can be done.
	steps[len(steps)-1].text = "CREATE TABLE weir_half (a BIGINT)"
	if err := migrate(t.Context(), s.backend, steps, w.now); err != nil {
		t.Errorf("got %v, want the step done", err)
	}
}

func testMigrationNewer(w *world) {
	t := w.t
	s := w.open(t)
	if err := raw(t, s, "INSERT INTO weir_migrations (version, name, applied_at) VALUES ($1, 'later', 0)", int64(len(s.steps)+1)); err != nil {
		t.Fatal(err)
	}
	if again, err := Open(t.Context(), w.address); !errors.Is(err, ErrNewer) {
		t.Errorf("got %v, %v, want %v", again, err, ErrNewer)
	} else if !containsFold(err.Error(), "newer version") {
		t.Errorf("got %q, want it to say why", err)
	}
}

func testOpenedByManyAtOnce(w *world) {
	t := w.t
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			s, err := Open(t.Context(), w.address)
			if err != nil {
				t.Errorf("opening: %v", err)
				return
			}
			defer s.Close()
			if err := s.Ping(t.Context()); err != nil {
				t.Errorf("reaching: %v", err)
			}
			if err := s.AppendUsage(t.Context(), []Usage{{ID: "1", Time: day(), Spend: []Spend{{"c", 0, 1, 0}}}}); err != nil {
				t.Errorf("adding: %v", err)
			}
		})
	}
	wg.Wait()
	s := w.open(t)
	if n := count(t, s, "SELECT COUNT(*) FROM weir_migrations"); n != int64(len(s.steps)) {
		t.Errorf("got %d migrations, want each once", n)
	}
	if got := spent(t, s, "c", 0); len(got) != 1 || got[0].Amount != 1 {
		t.Errorf("got %v, want the row counted once", got)
	}
}

func testEndsWithContext(w *world) {
	t := w.t
	s := w.open(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func(ctx context.Context) error{
		"Changes":     func(ctx context.Context) error { _, _, err := s.Changes(ctx, 0); return err },
		"Apply":       func(ctx context.Context) error { _, err := s.Apply(ctx, &Change{}); return err },
		"Idempotent":  func(ctx context.Context) error { _, err := s.Idempotent(ctx, "k"); return err },
		"Audit":       func(ctx context.Context) error { _, err := s.Audit(ctx, 0, 1); return err },
		"AppendUsage": func(ctx context.Context) error { return s.AppendUsage(ctx, []Usage{{ID: "1"}}) },
		"Usage":       func(ctx context.Context) error { _, _, err := s.Usage(ctx, &UsageQuery{}); return err },
		"Overview": func(ctx context.Context) error {
			_, err := s.Overview(ctx, &OverviewQuery{GroupBy: "team"})
			return err
		},
		"LastUsed": func(ctx context.Context) error { _, err := s.LastUsed(ctx, []string{"k"}); return err },
		"Spent":    func(ctx context.Context) error { _, err := s.Spent(ctx, "", 0); return err },
		"Ping":     s.Ping,
	}
	for name, call := range calls {
		if err := call(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", name, err, context.Canceled)
		}
	}
	// A write of somebody else keeps ours waiting, and no longer than it wants.
	held := make(chan struct{})
	defer close(held)
	holding := make(chan struct{})
	other := w.open(t)
	go func() {
		_ = other.write(context.Background(), func(session session) error {
			_, err := session.exec(context.Background(), "UPDATE weir_meta SET revision = revision", [][]any{{}})
			close(holding)
			<-held
			return errors.Join(err, errors.New("not kept"))
		})
	}()
	<-holding
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := s.Apply(ctx, &Change{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a lock of somebody else: got %v, want %v", err, context.DeadlineExceeded)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("a lock of somebody else: it took %v", took)
	}
	// Reading goes on.
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("reading while somebody writes: %v", err)
	}
}

// testSharedWithAnother is about a change that one gateway makes and another sees.
func testSharedWithAnother(w *world) {
	t := w.t
	one, two := w.open(t), w.open(t)
	for i := range 10 {
		revision := put(t, one, Write{"key", "a", []byte{byte(i)}})
		objects, got := changes(t, two, revision-1)
		if got != revision || len(objects) != 1 || objects[0].Body[0] != byte(i) {
			t.Fatalf("got %v at %d, want the change at %d", objects, got, revision)
		}
		one, two = two, one
	}
}
