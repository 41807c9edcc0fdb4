package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/test/services"
)

// soon is how long a call may take that cannot succeed.
const soon = 3 * time.Second

// fails expects an error of a call that is made with a time limit, within that limit or soon after.
func fails(t *testing.T, what string, limit time.Duration, call func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	begin := time.Now()
	err := call(ctx)
	if err == nil {
		t.Errorf("%s: got no error", what)
	}
	if took := time.Since(begin); took > limit+time.Second {
		t.Errorf("%s: it took %v, with a limit of %v", what, took, limit)
	}
	if limit < soon && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s: got %v, want %v", what, err, context.DeadlineExceeded)
	}
}

// calls are one of each kind.
func calls(s Store) map[string]func(ctx context.Context) error {
	var n atomic.Int64
	return map[string]func(ctx context.Context) error{
		"Ping":    s.Ping,
		"Changes": func(ctx context.Context) error { _, _, err := s.Changes(ctx, 0); return err },
		"Apply":   func(ctx context.Context) error { _, err := s.Apply(ctx, &Change{Base: -1}); return err },
		"AppendUsage": func(ctx context.Context) error {
			return s.AppendUsage(ctx, []Usage{{ID: fmt.Sprint("calls", n.Add(1)), Time: day()}})
		},
	}
}

// works expects every kind of call to succeed.
func works(t *testing.T, when string, s Store) {
	t.Helper()
	for what, call := range calls(s) {
		if err := call(t.Context()); err != nil && !errors.Is(err, ErrConflict) {
			t.Errorf("%s %s: got %v", what, when, err)
		}
	}
}

func TestPostgresFaults(t *testing.T) {
	dsn, server := services.Postgres(t)
	t.Run("stopped and started", func(t *testing.T) {
		s := (&world{t, services.Database(t, dsn), time.Now}).open(t)
		put(t, s, Write{"key", "a", []byte("1")})
		server.Stop()
		for what, call := range calls(s) {
			for range 3 {
				fails(t, what, soon, call)
			}
		}
		server.Start()
		works(t, "after it was started", s)
		if objects, revision := changes(t, s, 0); len(objects) != 1 || revision != 1 {
			t.Errorf("got %v at %d, want what was there", objects, revision)
		}
	})
	t.Run("paused", func(t *testing.T) {
		s := (&world{t, services.Database(t, dsn), time.Now}).open(t)
		works(t, "before", s)
		server.Pause()
		for what, call := range calls(s) {
			fails(t, what, 300*time.Millisecond, call)
		}
		server.Resume()
		works(t, "after it was resumed", s)
	})
	t.Run("slow", func(t *testing.T) {
		s := (&world{t, services.Database(t, dsn), time.Now}).open(t)
		server.Pause()
		time.AfterFunc(2*time.Second, server.Resume)
		begin := time.Now()
		works(t, "with an answer after two seconds", s)
		if took := time.Since(begin); took < time.Second {
			t.Errorf("it took %v: the server was not slow", took)
		}
	})
	t.Run("down at the start", func(t *testing.T) {
		dsn := services.Database(t, dsn)
		server.Stop()
		s := (&world{t, dsn, time.Now}).open(t)
		for what, call := range calls(s) {
			fails(t, what, soon, call)
		}
		server.Start()
		works(t, "after it was started", s)
	})
	t.Run("paused at the start", func(t *testing.T) {
		dsn := services.Database(t, dsn)
		server.Pause()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		s, err := OpenPostgres(ctx, dsn)
		if err != nil {
			t.Fatalf("got %v, want a store that waits", err)
		}
		defer s.Close()
		fails(t, "Ping", 300*time.Millisecond, s.Ping)
		server.Resume()
		works(t, "after it was resumed", s)
	})
	t.Run("killed under load", func(t *testing.T) { testKilledUnderLoad(t, services.Database(t, dsn), server) })
}

// testKilledUnderLoad has gateways store usage, each row until it is taken, while the server is killed twice.
func testKilledUnderLoad(t *testing.T, dsn string, server *services.Server) {
	t.Helper()
	const gateways, size = 4, 10
	s := (&world{t, dsn, time.Now}).open(t)
	var (
		wg             sync.WaitGroup
		stop           atomic.Bool
		stored, failed atomic.Int64
	)
	for g := range gateways {
		wg.Go(func() {
			for n := 0; !stop.Load(); n++ {
				rows := make([]Usage, size)
				for i := range rows {
					rows[i] = Usage{ID: fmt.Sprintf("%d-%d-%d", g, n, i), Time: day(), Spend: []Spend{{"c", 0, 1, 0}}}
				}
				for {
					err := s.AppendUsage(context.Background(), rows)
					if err == nil {
						break
					}
					failed.Add(1)
					time.Sleep(10 * time.Millisecond)
				}
				stored.Add(size)
			}
		})
	}
	for range 2 {
		time.Sleep(300 * time.Millisecond)
		server.Kill()
		time.Sleep(100 * time.Millisecond)
		server.Start()
	}
	time.Sleep(200 * time.Millisecond)
	stop.Store(true)
	wg.Wait()
	if failed.Load() == 0 || stored.Load() == 0 {
		t.Errorf("%d calls failed and %d rows were stored: the server was not killed under load", failed.Load(), stored.Load())
	}
	if n := count(t, s, "SELECT COUNT(*) FROM weir_usage"); n != stored.Load() {
		t.Errorf("got %d rows, want the %d that were stored", n, stored.Load())
	}
	if got := spent(t, s, "c", 0); len(got) != 1 || got[0].Amount != stored.Load() {
		t.Errorf("got %v, want each row counted once: %d", got, stored.Load())
	}
}

func TestPostgresRefuses(t *testing.T) {
	dsn, _ := services.Postgres(t)
	t.Run("settings", func(t *testing.T) {
		s := (&world{t, services.Database(t, dsn) + "&lock_timeout=1234", time.Now}).open(t)
		for setting, want := range map[query]string{
			"SHOW statement_timeout": "30s", "SHOW lock_timeout": "1234ms", "SHOW application_name": "weir",
			"SHOW idle_in_transaction_session_timeout": "30s",
		} {
			var got string
			if err := s.read(t.Context(), setting, nil, func(scan scanner) error { return scan(&got) }); err != nil || got != want {
				t.Errorf("%s: got %q, %v, want %q", setting, got, err, want)
			}
		}
	})
	t.Run("nobody to talk to", func(t *testing.T) {
		for name, address := range map[string]string{
			"database": strings.Replace(dsn, "?", "-missing?", 1), "user": strings.Replace(dsn, "weir@", "nobody@", 1),
		} {
			if s, err := OpenPostgres(t.Context(), address); err == nil {
				s.Close()
				t.Errorf("a %s that is not there: got a store", name)
			}
		}
	})
	t.Run("read-only", func(t *testing.T) {
		w := &world{t, services.Database(t, dsn), time.Now}
		s := w.open(t)
		put(t, s, Write{"key", "a", []byte("1")})
		again := (&world{t, w.address + "&default_transaction_read_only=on", time.Now}).open(t)
		if objects, revision := changes(t, again, 0); len(objects) != 1 || revision != 1 {
			t.Errorf("got %v at %d, want it read", objects, revision)
		}
		if _, err := again.Apply(t.Context(), &Change{Base: 1}); !errors.Is(err, ErrReadOnly) {
			t.Errorf("a change: got %v, want %v", err, ErrReadOnly)
		}
		if err := again.AppendUsage(t.Context(), []Usage{{ID: "1"}}); !errors.Is(err, ErrReadOnly) {
			t.Errorf("usage: got %v, want %v", err, ErrReadOnly)
		}
	})
	t.Run("connections", func(t *testing.T) {
		s := (&world{t, services.Database(t, dsn), time.Now}).open(t)
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				for range 5 {
					if err := s.Ping(t.Context()); err != nil {
						t.Errorf("got %v", err)
					}
				}
			})
		}
		wg.Wait()
		if n := count(t, s, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"); n > postgresConnections {
			t.Errorf("got %d connections, want at most %d", n, postgresConnections)
		}
	})
}
