package store

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestUnnamed(t *testing.T) {
	tests := []struct {
		name    string
		q, want query
	}{
		{"none", "SELECT 1", "SELECT 1"},
		{"in order", "INSERT INTO t VALUES ($1, $2) ON CONFLICT DO NOTHING", "INSERT INTO t VALUES (?, ?) ON CONFLICT DO NOTHING"},
		{"at the end", "DELETE FROM t WHERE a = $1", "DELETE FROM t WHERE a = ?"},
		{"two digits", "$1$2$3$4$5$6$7$8$9$10,$11", "??????????,?"},
		{"twice", "UPDATE t SET a = $1 WHERE a < $1", "UPDATE t SET a = $1 WHERE a < $1"},
		{"in another order", "UPDATE t SET a = $2 WHERE b = $1", "UPDATE t SET a = $2 WHERE b = $1"},
		{"not from 1", "SELECT $2", "SELECT $2"},
		{"no argument", "SELECT '$', $1", "SELECT '$', $1"},
	}
	for _, tt := range tests {
		if got := unnamed(tt.q); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// The arguments of a statement find their places whether they are named or not.
func TestSQLiteArguments(t *testing.T) {
	s := fresh(t, t.TempDir()+"/weir.db")
	const insert query = "INSERT INTO weir_key_use (id, at) VALUES ($1, $2)"
	if err := raw(t, s, insert, "a", 1); err != nil {
		t.Fatal(err)
	}
	if err := raw(t, s, "UPDATE weir_key_use SET at = at + $2 + $2 WHERE id = $1", "a", int64(10)); err != nil {
		t.Fatal(err)
	}
	if got := count(t, s, "SELECT at FROM weir_key_use WHERE id = $1", "a"); got != 21 {
		t.Errorf("got %d, want 21", got)
	}
	if err := raw(t, s, insert, "b"); err == nil {
		t.Error("too few arguments: got no error")
	}
	if err := raw(t, s, insert, "b", struct{}{}); err == nil {
		t.Error("an argument that is no value: got no error")
	}
}

// A transaction whose context ends is kept as a whole or not at all, wherever it is.
func TestSQLiteContextEndsInTransaction(t *testing.T) {
	const insert query = "INSERT INTO weir_key_use (id, at) VALUES ($1, $2)"
	tests := []struct {
		name string
		end  func(ctx context.Context, s session, cancel func()) error
	}{
		{"before a statement", func(ctx context.Context, s session, cancel func()) error {
			cancel()
			_, err := s.exec(ctx, insert, [][]any{{"b", 1}})
			return err
		}},
		{"before the end", func(_ context.Context, _ session, cancel func()) error {
			cancel()
			return nil
		}},
		{"unnoticed by a statement", func(ctx context.Context, s session, cancel func()) error {
			cancel()
			time.Sleep(20 * time.Millisecond) // for whoever watches the context
			_, err := s.exec(context.WithoutCancel(ctx), insert, [][]any{{"b", 1}})
			return err
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := fresh(t, t.TempDir()+"/weir.db")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := s.write(ctx, func(session session) error {
				if _, err := session.exec(ctx, insert, [][]any{{"a", 1}}); err != nil {
					return err
				}
				return tt.end(ctx, session, cancel)
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
			if got := count(t, s, "SELECT COUNT(*) FROM weir_key_use"); got != 0 {
				t.Errorf("got %d rows, want none", got)
			}
			if err := raw(t, s, insert, "c", 1); err != nil {
				t.Errorf("after it: got %v", err)
			}
		})
	}
}

// Nothing that panics within a transaction keeps others from writing.
func TestSQLitePanicInTransaction(t *testing.T) {
	s := fresh(t, t.TempDir()+"/weir.db")
	func() {
		defer func() { _ = recover() }()
		_ = s.write(t.Context(), func(session) error { panic("a bug") })
	}()
	if err := raw(t, s, "INSERT INTO weir_key_use (id, at) VALUES ($1, $2)", "a", 1); err != nil {
		t.Error(err)
	}
}
