package services_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"weir/test/services"
)

// ask runs a statement on a connection of its own.
func ask(dsn, statement string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer c.Close(context.Background())
	_, err = c.Exec(ctx, statement)
	return err
}

func TestPostgres(t *testing.T) {
	dsn, server := services.Postgres(t)
	if err := ask(dsn, "CREATE TABLE t (a int)", 10*time.Second); err != nil {
		t.Fatalf("a new server: got %v", err)
	}
	server.Stop()
	if err := ask(dsn, "SELECT 1", 10*time.Second); err == nil {
		t.Fatal("a stopped server answered")
	}
	server.Start()
	if err := ask(dsn, "SELECT a FROM t", 10*time.Second); err != nil {
		t.Fatalf("a server that was started again lost its data: %v", err)
	}
	for range 5 {
		server.Kill()
		server.Start()
	}
	server.Kill()
	if err := ask(dsn, "SELECT 1", 10*time.Second); err == nil {
		t.Fatal("a killed server answered")
	}
	server.Start()
	if err := ask(dsn, "SELECT a FROM t", 10*time.Second); err != nil {
		t.Fatalf("a server that was killed and started lost its data: %v", err)
	}
	server.Pause()
	if err := ask(dsn, "SELECT 1", 500*time.Millisecond); err == nil {
		t.Fatal("a paused server answered")
	}
	server.Resume()
	if err := ask(dsn, "SELECT 1", 10*time.Second); err != nil {
		t.Fatalf("a resumed server: got %v", err)
	}
	other := services.Database(t, dsn)
	if err := ask(other, "SELECT a FROM t", 10*time.Second); err == nil {
		t.Fatal("a new database has the tables of another")
	}
}
