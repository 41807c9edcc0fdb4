package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Open opens the store at an address: sqlite:PATH for a file, postgres://... for a server.
func Open(ctx context.Context, address string) (Store, error) {
	scheme, path, ok := strings.Cut(address, ":")
	switch {
	case ok && scheme == "sqlite":
		return OpenSQLite(ctx, path)
	case strings.HasPrefix(address, "postgres://"), strings.HasPrefix(address, "postgresql://"):
		return OpenPostgres(ctx, address)
	case ok && strings.HasPrefix(path, "//"):
		// The rest of the address may hold a password.
		return nil, fmt.Errorf("opening the store: a database of the kind %q is not known: use sqlite:PATH or postgres://", scheme)
	}
	return nil, errors.New("opening the store: its address begins neither with sqlite: nor with postgres://")
}

// OpenSQLite opens the store in a file, which is made if it is not there; its folder has to be. Others may have the same
// file open, on this machine.
func OpenSQLite(ctx context.Context, path string) (Store, error) {
	return openSQLite(ctx, path, time.Now)
}

// OpenPostgres opens the store in a PostgreSQL database. One that cannot be reached now is no error: Ping and all else fail
// until it can be, and work from then on. An address that cannot be read is, and a database that refuses its user.
func OpenPostgres(ctx context.Context, dsn string) (Store, error) {
	return openPostgres(ctx, dsn, time.Now)
}

// opened makes the tables of a store, or closes it.
func opened(ctx context.Context, d *db, tolerate func(err error) bool) (*db, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	err := d.prepare(ctx)
	if err == nil || tolerate(err) {
		return d, nil
	}
	return nil, errors.Join(err, d.close())
}
