package services_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"weir/test/services"
)

// told is a test that notes how it was ended.
type told struct {
	testing.TB
	how string
}

func (r *told) Fatalf(format string, args ...any) { r.end("failed: "+format, args) }
func (r *told) Skipf(format string, args ...any)  { r.end("skipped: "+format, args) }

func (r *told) end(format string, args []any) {
	r.how = fmt.Sprintf(format, args...)
	panic(r)
}

func TestMissing(t *testing.T) {
	tests := []struct{ ci, want string }{
		{"", "skipped: SKIP: redis-server is not installed"},
		{"false", "skipped: SKIP: redis-server is not installed"},
		{"true", "failed: redis-server is not installed"},
	}
	for _, tt := range tests {
		t.Run("CI="+tt.ci, func(t *testing.T) {
			t.Setenv("PATH", t.TempDir())
			t.Setenv("CI", tt.ci)
			r := &told{TB: t}
			defer func() {
				if recover() != any(r) || !strings.HasPrefix(r.how, tt.want) {
					t.Errorf("got %q, want %q", r.how, tt.want)
				}
			}()
			services.Redis(r)
		})
	}
}

// TestKilledWithTest has another process start a server, and kills it.
func TestKilledWithTest(t *testing.T) {
	const variable = "WEIR_TEST_SERVE"
	if os.Getenv(variable) != "" {
		dsn, _ := services.Postgres(t)
		fmt.Printf("\n%s\n", dsn)
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
		return
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("a process ends with another on Linux only")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "weir-killed-") //nolint:usetesting // the server's user cannot enter the folders of a test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing %s: %v", dir, err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-test.run=^TestKilledWithTest$")
	cmd.Env = append(os.Environ(), variable+"=1", "TMPDIR="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var dsn string
	for !strings.HasPrefix(dsn, "postgres:") {
		if _, err := fmt.Fscan(out, &dsn); err != nil {
			t.Fatalf("waiting for the server: %v", err)
		}
		if strings.Contains(dsn, "SKIP") {
			t.Skip("SKIP: PostgreSQL is not installed")
		}
	}
	if err := ask(dsn, "SELECT 1", 10*time.Second); err != nil {
		t.Fatalf("asking the server: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for end := time.Now().Add(20 * time.Second); ask(dsn, "SELECT 1", time.Second) == nil; {
		if time.Now().After(end) {
			t.Fatal("the server goes on after the test was killed")
		}
		time.Sleep(20 * time.Millisecond)
	}
}
