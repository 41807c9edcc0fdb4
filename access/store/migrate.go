package store

import (
	"context"
	"embed"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The steps are never changed once released: a database remembers which of them it has seen.
//
//go:embed migrations
var migrationFiles embed.FS

// migration is one step from an older form of the tables to a newer one.
type migration struct {
	version int64 // from 1, without gaps
	name    string
	text    query
}

// dialect is what differs between the databases beside the types of columns.
type dialect struct {
	name string // of its folder in migrations
	// lock keeps others from making tables until the transaction ends.
	lock query
	// exists counts the tables named weir_migrations.
	exists query
}

// readMigrations lists the steps for a dialect in their order.
func readMigrations(dialect string) ([]migration, error) {
	folder := "migrations/" + dialect
	entries, err := migrationFiles.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	steps := make([]migration, 0, len(entries))
	for i, e := range entries { // sorted by name
		number, name, _ := strings.Cut(strings.TrimSuffix(e.Name(), ".sql"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(i+1) {
			return nil, fmt.Errorf("reading the migrations: %s is not number %d", e.Name(), i+1)
		}
		text, err := migrationFiles.ReadFile(folder + "/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("reading the migrations: %w", err)
		}
		steps = append(steps, migration{version, name, query(text)})
	}
	return steps, nil
}

// migrate brings the tables to their newest form, each step in a transaction of its own. Several may do so at once.
func migrate(ctx context.Context, b backend, steps []migration, now func() time.Time) error {
	for {
		var done bool
		err := b.write(ctx, func(s session) error {
			var err error
			done, err = migrateOnce(ctx, s, b.dialect(), steps, now)
			return err
		})
		if err != nil {
			return fmt.Errorf("making the tables of the store: %w", err)
		}
		if done {
			return nil
		}
	}
}

// migrateOnce does one step and reports whether there was none to do.
func migrateOnce(ctx context.Context, s session, d dialect, steps []migration, now func() time.Time) (bool, error) {
	if d.lock != "" {
		if err := s.script(ctx, d.lock); err != nil {
			return false, err
		}
	}
	var tables, version int64
	if err := s.rows(ctx, d.exists, nil, func(scan scanner) error { return scan(&tables) }); err != nil {
		return false, err
	}
	if tables == 0 {
		err := s.script(ctx, "CREATE TABLE weir_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)")
		if err != nil {
			return false, err
		}
	}
	const newest = "SELECT COALESCE(MAX(version), 0) FROM weir_migrations"
	if err := s.rows(ctx, newest, nil, func(scan scanner) error { return scan(&version) }); err != nil {
		return false, err
	}
	switch known := int64(len(steps)); {
	case version > known:
		return false, fmt.Errorf("%w: its tables have version %d, and this program knows %d", ErrNewer, version, known)
	case version == known:
		return true, nil
	}
	step := steps[version]
	if err := s.script(ctx, step.text); err != nil {
		return false, fmt.Errorf("version %d (%s): %w", step.version, step.name, err)
	}
	_, err := s.exec(ctx, "INSERT INTO weir_migrations (version, name, applied_at) VALUES ($1, $2, $3)",
		[][]any{{step.version, step.name, now().Unix()}})
	return false, err
}
