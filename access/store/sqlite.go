package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"modernc.org/sqlite"
)

const (
	// Readers do not wait for the writer nor for each other; a handful keeps the Admin API and the directory apart.
	sqliteReaders = 4
	// The database waits this long by itself for another process. It cannot be cancelled meanwhile, so it is short.
	sqliteBusy = 50 * time.Millisecond
	// How long another process may write before a write of ours gives up, and how often it is asked.
	sqliteWait  = 10 * time.Second
	sqlitePause = 2 * time.Millisecond
	// What stays of the log after a burst of writes.
	sqliteLogSize = "67108864"
)

// Primary result codes of SQLite, https://www.sqlite.org/rescode.html.
const (
	sqliteCodeBusy     = 5
	sqliteCodeReadOnly = 8
	sqliteCodeIOErr    = 10
	sqliteCodeCorrupt  = 11
	sqliteCodeFull     = 13
	sqliteCodeCantOpen = 14
	sqliteCodeNotADB   = 26
	sqliteCodeMask     = 0xff // the rest of a code says more about it
)

// sqliteFile is a database in a file.
type sqliteFile struct {
	path    string
	writer  *sql.DB // one connection: SQLite has one writer at a time
	readers *sql.DB
}

func openSQLite(ctx context.Context, path string, now func() time.Time, pragmas ...string) (Store, error) {
	if path == "" {
		return nil, errors.New("opening the store: the path of its file is missing")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	if err := touch(absolute); err != nil {
		return nil, err
	}
	f := &sqliteFile{path: absolute}
	// Full: what was committed survives a loss of power. Usage is deleted from its journal once it is here.
	writing := append([]string{
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "recursive_triggers(1)", "journal_size_limit(" + sqliteLogSize + ")",
	}, pragmas...)
	if f.writer, err = openSQLitePool(absolute, 1, writing...); err != nil {
		return nil, err
	}
	if f.readers, err = openSQLitePool(absolute, sqliteReaders, "query_only(1)"); err != nil {
		return nil, errors.Join(err, f.writer.Close())
	}
	d, err := newDB(f, now)
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	// A file does not come back by itself as a server does.
	if d, err = opened(ctx, d, func(error) bool { return false }); err != nil {
		return nil, fmt.Errorf("opening the store in %s: %w", path, err)
	}
	return d, nil
}

// touch makes the file so that nobody else can read it, and finds out early what is wrong with its place.
func touch(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator says where the file is
	switch {
	case err == nil:
		return file.Close()
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("opening the store: the folder %s does not exist", filepath.Dir(path))
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("opening the store: %w: %w", ErrReadOnly, err)
	default:
		return fmt.Errorf("opening the store: %w", err)
	}
}

// openSQLitePool readies connections; the first is made when it is used.
func openSQLitePool(path string, size int, pragmas ...string) (*sql.DB, error) {
	values := url.Values{
		"_busy_timeout": {strconv.FormatInt(sqliteBusy.Milliseconds(), 10)},
		"_txlock":       {"immediate"}, // a transaction that finds out later that it must write would have to begin again
		"_defensive":    {"1"},
		"_dqs":          {"0"},
		"_error_rc":     {"1"},
		"_pragma":       pragmas,
	}
	name := url.URL{Scheme: "file", Path: path, RawQuery: values.Encode()}
	connector, err := sqlite.NewConnector(name.String())
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool, nil
}

func (f *sqliteFile) dialect() dialect {
	return dialect{name: "sqlite", exists: "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'weir_migrations'"}
}

func (f *sqliteFile) read(ctx context.Context, q query, args []any, each func(scan scanner) error) error {
	begun := false
	return f.patient(ctx, func() error {
		if begun {
			return errors.New("the database was locked while it was read")
		}
		return sqliteRows(ctx, f.readers, q, args, func(scan scanner) error {
			begun = true
			return each(scan)
		})
	})
}

func (f *sqliteFile) write(ctx context.Context, do func(s session) error) (err error) {
	conn, err := f.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // gives it back to the pool, which cannot fail
	tx, err := f.begin(ctx, conn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ignore(tx.Rollback(), sql.ErrTxDone)) }() // does nothing after Commit
	if err := do(sqliteSession{conn, tx}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return tx.Commit()
}

// begin begins a transaction that only write ends. database/sql would roll it back as soon as its context ends, and what the
// session then still runs on the connection would be kept, statement by statement.
func (f *sqliteFile) begin(ctx context.Context, conn *sql.Conn) (tx *sql.Tx, err error) {
	err = f.patient(ctx, func() error {
		tx, err = conn.BeginTx(context.WithoutCancel(ctx), nil)
		return err
	})
	return tx, err
}

// patient does something again while another process has the file locked.
func (f *sqliteFile) patient(ctx context.Context, do func() error) error {
	until := time.Now().Add(sqliteWait)
	for {
		err := do()
		if sqliteCode(err) != sqliteCodeBusy || time.Now().After(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(sqlitePause):
		}
	}
}

func (f *sqliteFile) close() error { return errors.Join(f.readers.Close(), f.writer.Close()) }

// Again is never: whoever writes has the file for himself.
func (f *sqliteFile) again(error) bool { return false }

func (f *sqliteFile) refused(err error) bool {
	switch sqliteCode(err) {
	case sqliteCodeReadOnly, sqliteCodeFull, sqliteCodeIOErr, sqliteCodeCantOpen:
		return true
	}
	return false
}

func (f *sqliteFile) explain(err error) error {
	switch sqliteCode(err) {
	case sqliteCodeReadOnly, sqliteCodeFull, sqliteCodeIOErr, sqliteCodeCantOpen:
		return fmt.Errorf("the file %s: %w", f.path, err)
	case sqliteCodeCorrupt, sqliteCodeNotADB:
		return fmt.Errorf("the file %s is damaged or is not a database: %w", f.path, err)
	case sqliteCodeBusy:
		return fmt.Errorf("another process keeps %s locked: %w", f.path, err)
	}
	return err
}

// sqliteCode is the primary result code of an error, 0 where it has none.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & sqliteCodeMask
	}
	return 0
}

// ignore drops an error that says nothing new.
func ignore(err, known error) error {
	if errors.Is(err, known) {
		return nil
	}
	return err
}
