package services

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// What one attempt to connect to a server that is starting may take.
const connectLimit = 2 * time.Second

// Postgres starts a private PostgreSQL for the test and returns the address of an empty database in it. Nothing is synced
// to the disk; Kill loses nothing that was committed, as the operating system has it.
func Postgres(tb testing.TB) (dsn string, server *Server) {
	tb.Helper()
	// Debian keeps the servers of all versions out of PATH.
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		tb.Fatalf("looking for PostgreSQL: %v", err)
	}
	slices.Reverse(folders)
	binary := find(tb, "postgres", folders...)
	if resolved, err := filepath.EvalSymlinks(binary); err == nil {
		binary = resolved // initdb is beside it and finds its files from there
	}
	dir := folder(tb)
	data := filepath.Join(dir, "data")
	initdb := command(filepath.Join(filepath.Dir(binary), "initdb"), "--pgdata", data, "--username", "weir", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync")
	initdb.Dir = dir
	if out, err := initdb.CombinedOutput(); err != nil {
		tb.Fatalf("making a database: %v\n%s", err, out)
	}
	server = start(tb, program{
		name: "PostgreSQL",
		dir:  dir,
		stop: syscall.SIGINT, // ends sessions and then itself
		args: func(port int) []string {
			return []string{
				binary, "-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
				"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=16MB",
				"-c", "max_connections=60",
			}
		},
		ok: func(ctx context.Context, port int) error {
			ctx, cancel := context.WithTimeout(ctx, connectLimit)
			defer cancel()
			c, err := pgx.Connect(ctx, postgresURL(port, "postgres"))
			if err != nil {
				return fmt.Errorf("connecting: %w", err)
			}
			return c.Close(ctx)
		},
	})
	return Database(tb, postgresURL(server.port, "postgres")), server
}

// Database makes another empty database in the server that a database is in, and returns its address.
func Database(tb testing.TB, dsn string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		tb.Fatalf("connecting to make a database: %v", err)
	}
	defer c.Close(ctx) //nolint:errcheck // nothing was promised to it
	name := "db" + strconv.FormatInt(time.Now().UnixNano(), 36)
	if _, err := c.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		tb.Fatalf("making a database: %v", err)
	}
	return postgresURL(int(c.Config().Port), name)
}

func postgresURL(port int, database string) string {
	return fmt.Sprintf("postgres://weir@127.0.0.1:%d/%s?sslmode=disable", port, database)
}
