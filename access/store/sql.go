package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	// The longest that any call takes whose context says nothing shorter: the longest that PostgreSQL works on a statement
	// and the way there and back.
	callLimit = statementLimit + 5*time.Second
	// Overviews over the rows of a year take seconds; what takes longer than this is stuck.
	statementLimit = 30 * time.Second
	// How often a write is tried that the database gave up in favour of another one.
	writeTries = 3
)

// query is the text of a statement. It has a type of its own so that only constants and what is put together from them can
// be run: values are always bound.
type query string

// placeholder is where the argument of a number, from 1, is bound.
func placeholder(n int) query { return query("$" + strconv.Itoa(n)) }

// scanner reads the columns of the current row.
type scanner func(dest ...any) error

// session runs statements. Both databases take the same ones, with $1, $2 for the arguments.
type session interface {
	// rows runs a query and calls each once for every row.
	rows(ctx context.Context, q query, args []any, each func(scan scanner) error) error
	// exec runs a statement once for each list of arguments and returns how many rows each of them changed.
	exec(ctx context.Context, q query, calls [][]any) ([]int64, error)
	// script runs statements without arguments.
	script(ctx context.Context, q query) error
}

// backend is one kind of database.
type backend interface {
	// read runs a query on its own.
	read(ctx context.Context, q query, args []any, each func(scan scanner) error) error
	// write runs f in a transaction that sees no change of others while it runs, and keeps what it did if it returns nil.
	write(ctx context.Context, f func(s session) error) error
	// explain says more about an error, where there is more to say.
	explain(err error) error
	// refused reports whether a write failed because no write can succeed now.
	refused(err error) bool
	// again reports whether a transaction that failed may succeed if it is tried at once.
	again(err error) bool
	close() error
	// dialect is what differs in its statements.
	dialect() dialect
}

// db is a Store in a backend.
type db struct {
	backend

	now   func() time.Time
	steps []migration

	// The tables of a database that was down at the start are made when it is first reached.
	migrated  atomic.Bool
	migrating chan struct{} // holds a value while somebody does

	tidied atomic.Int64 // Unix seconds
}

func newDB(b backend, now func() time.Time) (*db, error) {
	steps, err := readMigrations(b.dialect().name)
	if err != nil {
		return nil, err
	}
	return &db{backend: b, now: now, steps: steps, migrating: make(chan struct{}, 1)}, nil
}

// Ping reports whether the store can be read now.
func (d *db) Ping(ctx context.Context) error {
	var revision int64
	err := d.query(ctx, "SELECT revision FROM weir_meta", nil, func(scan scanner) error { return scan(&revision) })
	if err != nil {
		return fmt.Errorf("reaching the store: %w", err)
	}
	return nil
}

// Close lets go of the store.
func (d *db) Close() error {
	if err := d.close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// query reads.
func (d *db) query(ctx context.Context, q query, args []any, each func(scan scanner) error) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if err := d.prepare(ctx); err != nil {
		return err
	}
	return d.ended(ctx, d.read(ctx, q, args, each))
}

// change writes.
func (d *db) change(ctx context.Context, f func(ctx context.Context, s session) error) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if err := d.prepare(ctx); err != nil {
		return err
	}
	var err error
	for range writeTries {
		err = d.write(ctx, func(s session) error { return f(ctx, s) })
		if err == nil || !d.again(err) {
			break
		}
	}
	return d.ended(ctx, d.unwritten(err))
}

// prepare makes the tables unless it is known that they are there.
func (d *db) prepare(ctx context.Context) error {
	if d.migrated.Load() {
		return nil
	}
	select {
	case d.migrating <- struct{}{}:
		defer func() { <-d.migrating }()
	case <-ctx.Done():
		return fmt.Errorf("waiting for the tables to be made: %w", ctx.Err())
	}
	if d.migrated.Load() {
		return nil
	}
	if err := migrate(ctx, d.backend, d.steps, d.now); err != nil {
		return d.ended(ctx, d.unwritten(err))
	}
	d.migrated.Store(true)
	return nil
}

// unwritten marks the error of a write that cannot succeed now.
func (d *db) unwritten(err error) error {
	if err != nil && d.refused(err) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}

// ended tells what an error stands for. Drivers do not always say that it was the context.
func (d *db) ended(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if end := ctx.Err(); end != nil && !errors.Is(err, end) {
		return fmt.Errorf("%w: %w", end, err)
	}
	return d.explain(err)
}
