package store

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"weir/test/services"
)

// world is one database, which a test opens as often as it likes.
type world struct {
	t       *testing.T // whose turn it is
	address string
	now     func() time.Time
}

func (w *world) open(tb testing.TB) *db {
	tb.Helper()
	var (
		s   Store
		err error
	)
	if path, ok := cutSQLite(w.address); ok {
		s, err = openSQLite(tb.Context(), path, w.now)
	} else {
		s, err = openPostgres(tb.Context(), w.address, w.now)
	}
	if err != nil {
		tb.Fatalf("opening: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("closing: %v", err)
		}
	})
	d, ok := s.(*db)
	if !ok {
		tb.Fatalf("got a %T", s)
	}
	return d
}

func cutSQLite(address string) (string, bool) {
	const scheme = "sqlite:"
	if len(address) > len(scheme) && address[:len(scheme)] == scheme {
		return address[len(scheme):], true
	}
	return "", false
}

// raw runs one statement as somebody would who goes around the package.
func raw(tb testing.TB, d *db, q query, args ...any) error {
	tb.Helper()
	return d.write(tb.Context(), func(s session) error {
		_, err := s.exec(tb.Context(), q, [][]any{args})
		return err
	})
}

// count runs a query for one number.
func count(tb testing.TB, d *db, q query, args ...any) int64 {
	tb.Helper()
	var n int64
	if err := d.read(tb.Context(), q, args, func(scan scanner) error { return scan(&n) }); err != nil {
		tb.Fatalf("counting: %v", err)
	}
	return n
}

// TestStore asks the same of both databases.
func TestStore(t *testing.T) {
	tests := []struct {
		name string
		run  func(w *world)
	}{
		{"Changes", testChanges},
		{"Conflicts", testConflicts},
		{"Atomic", testAtomic},
		{"Tombstones", testTombstones},
		{"Behind", testBehind},
		{"Idempotent", testIdempotent},
		{"Audit", testAudit},
		{"AuditIsAppendOnly", testAuditIsAppendOnly},
		{"Injection", testInjection},
		{"UsageRoundTrip", testUsageRoundTrip},
		{"UsageOnce", testUsageOnce},
		{"UsageByManyAtOnce", testUsageByManyAtOnce},
		{"UsageWhole", testUsageWhole},
		{"UsagePages", testUsagePages},
		{"UsageSelects", testUsageSelects},
		{"UsageThatDatabasesRefuse", testUsageThatDatabasesRefuse},
		{"Overview", testOverview},
		{"OverviewOfLargeNumbers", testOverviewOfLargeNumbers},
		{"LastUsed", testLastUsed},
		{"Spend", testSpend},
		{"SpendExpires", testSpendExpires},
		{"MigrationFromOlder", testMigrationFromOlder},
		{"MigrationFails", testMigrationFails},
		{"MigrationNewer", testMigrationNewer},
		{"OpenedByManyAtOnce", testOpenedByManyAtOnce},
		{"EndsWithContext", testEndsWithContext},
		{"SharedWithAnother", testSharedWithAnother},
	}
	t.Run("sqlite", func(t *testing.T) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				tt.run(&world{t, "sqlite:" + filepath.Join(t.TempDir(), "weir.db"), time.Now})
			})
		}
	})
	t.Run("postgres", func(t *testing.T) {
		dsn, _ := services.Postgres(t)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) { tt.run(&world{t, services.Database(t, dsn), time.Now}) })
		}
	})
}

func TestOpen(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "a b?c#d%20.db"))
	if err != nil {
		t.Fatalf("a file with an odd name: got %v", err)
	}
	defer s.Close()
	if err := s.Ping(ctx); err != nil {
		t.Errorf("got %v, want an answer", err)
	}
	const canary = "c4nary-pa55word"
	for _, address := range []string{
		"", "weir.db", "mysql://weir:" + canary + "@host/db", "sqlite:", "postgres://weir:" + canary + "@[::1/db",
		"postgres://weir:" + canary + "@host:port/db", "postgresql://weir:" + canary + "%zz@host/db", "postgres:password=" + canary,
		"postgres://weir:" + canary + "@host/db?sslmode=odd",
	} {
		_, err := Open(ctx, address)
		if err == nil {
			t.Errorf("%q: got a store, want an error", address)
		} else if containsFold(err.Error(), canary) {
			t.Errorf("%q: the password is in the error: %v", address, err)
		}
	}
}
