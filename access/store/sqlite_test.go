package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets a test run a part of itself in another process: as a user that folders can refuse, which they cannot refuse
// to root, or with a limit on the size of files.
func TestMain(m *testing.M) {
	if path := os.Getenv("WEIR_TEST_OPEN"); path != "" {
		s, err := OpenSQLite(context.Background(), path)
		if err == nil {
			_, err = s.Apply(context.Background(), &Change{Writes: []Write{{"key", "a", []byte("1")}}})
			err = errors.Join(err, s.Close())
		}
		fmt.Printf("read-only %v: %v\n", errors.Is(err, ErrReadOnly), err)
		return
	}
	os.Exit(m.Run())
}

// fresh opens an empty store in a file with pragmas of its own.
func fresh(t *testing.T, path string, pragmas ...string) *db {
	t.Helper()
	s, err := openSQLite(t.Context(), path, time.Now, pragmas...)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	d, ok := s.(*db)
	if !ok {
		t.Fatalf("got a %T", s)
	}
	return d
}

func TestSQLiteFileMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.db")
	s := fresh(t, path)
	put(t, s, Write{"key", "a", []byte("1")})
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Errorf("%v", err)
		} else if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s: got mode %o, want 600", filepath.Base(name), mode)
		}
	}
}

func TestSQLitePlaces(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, path, want string }{
		{"no folder", filepath.Join(dir, "nowhere", "weir.db"), "nowhere does not exist"},
		{"a folder", dir, "is a directory"},
		{"a file of another kind", text, "is not a database"},
		{"nothing", "", "path of its file is missing"},
	}
	for _, tt := range tests {
		s, err := OpenSQLite(t.Context(), tt.path)
		if err == nil {
			s.Close()
			t.Errorf("%s: got a store", tt.name)
		} else if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want it to say %q", tt.name, err, tt.want)
		}
	}
}

// unprivileged runs this test's TestMain on a path as a user who is not root, and returns what it found.
func unprivileged(t *testing.T, path string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "WEIR_TEST_OPEN="+path)
	cmd.Dir = "/"
	if os.Geteuid() == 0 {
		// The folders of the test's binary and of its files are not open to others.
		binary := filepath.Join(filepath.Dir(path), "..", "test.binary")
		b, err := os.ReadFile(self)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(binary, b, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd.Path, cmd.Args[0] = binary, binary
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("running %s: %v\n%s", cmd.Path, err, out)
	}
	return string(out)
}

// place makes a folder that every user can reach.
func place(t *testing.T) string {
	t.Helper()
	top, err := os.MkdirTemp("", "weir-store-") //nolint:usetesting // other users cannot enter the folders of a test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(top); err != nil {
			t.Errorf("removing %s: %v", top, err)
		}
	})
	dir := filepath.Join(top, "state")
	if err := errors.Join(os.Chmod(top, 0o755), os.Mkdir(dir, 0o777), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "weir.db")
}

func TestSQLiteReadOnly(t *testing.T) {
	t.Run("a folder that takes files", func(t *testing.T) {
		if got := unprivileged(t, place(t)); got != "read-only false: <nil>\n" {
			t.Errorf("got %q, want a store", got)
		}
	})
	t.Run("a folder that takes none", func(t *testing.T) {
		path := place(t)
		if err := os.Chmod(filepath.Dir(path), 0o555); err != nil {
			t.Fatal(err)
		}
		got := unprivileged(t, path)
		if !strings.HasPrefix(got, "read-only true: ") || !strings.Contains(got, "weir.db: permission denied") {
			t.Errorf("got %q, want it to say that the folder is read-only", got)
		}
	})
	t.Run("a file in a folder that takes none", func(t *testing.T) {
		path := place(t)
		s := fresh(t, path)
		put(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Chmod(path, 0o666), os.Chmod(filepath.Dir(path), 0o555)); err != nil {
			t.Fatal(err)
		}
		if got := unprivileged(t, path); !strings.HasPrefix(got, "read-only true: ") {
			t.Errorf("got %q, want it to say that the folder is read-only", got)
		}
	})
	t.Run("a file that takes no writes", func(t *testing.T) {
		path := place(t)
		s := fresh(t, path)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o444); err != nil {
			t.Fatal(err)
		}
		got := unprivileged(t, path)
		if !strings.HasPrefix(got, "read-only true: ") || !strings.Contains(got, "weir.db: permission denied") {
			t.Errorf("got %q, want it to say that the file is read-only", got)
		}
	})
}

// full fills a store until it takes no more, and asks that it goes on being read.
func full(t *testing.T, s *db) {
	t.Helper()
	kept := 0
	for {
		err := s.AppendUsage(t.Context(), []Usage{{ID: strconv.Itoa(kept), Time: day(), StopReason: strings.Repeat("x", 4000), Spend: []Spend{{"c", 0, 1, 0}}}})
		if err != nil {
			if !errors.Is(err, ErrReadOnly) {
				t.Errorf("got %v, want %v", err, ErrReadOnly)
			}
			break
		}
		kept++
		if kept == 5000 {
			t.Fatal("it takes 20 MB")
		}
	}
	if kept == 0 {
		t.Fatal("it took nothing")
	}
	body := []byte(strings.Repeat("x", 100_000))
	if _, err := s.Apply(t.Context(), &Change{Writes: []Write{{"key", "a", body}}}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a change: got %v, want %v", err, ErrReadOnly)
	}
	if got := len(list(t, s, UsageQuery{})); got != kept {
		t.Errorf("got %d rows, want the %d that were taken", got, kept)
	}
	if got := spent(t, s, "c", 0); len(got) != 1 || got[0].Amount != int64(kept) {
		t.Errorf("got %v, want %d", got, kept)
	}
	if objects, revision := changes(t, s, 0); len(objects) != 0 || revision != 0 {
		t.Errorf("got %v at %d, want nothing of what failed", objects, revision)
	}
}

func TestSQLiteFull(t *testing.T) {
	t.Run("database", func(t *testing.T) {
		s := fresh(t, filepath.Join(t.TempDir(), "weir.db"), "max_page_count(60)")
		full(t, s)
		// There is room again, and it works without being opened again.
		if err := s.write(t.Context(), func(session session) error { return session.script(t.Context(), "PRAGMA max_page_count(10000)") }); err != nil {
			t.Fatal(err)
		}
		put(t, s, Write{"key", "a", []byte("1")})
	})
	t.Run("disk", func(t *testing.T) {
		dir := mountDisk(t, 1<<20)
		s := fresh(t, filepath.Join(dir, "weir.db"))
		ballast := filepath.Join(dir, "ballast")
		if err := os.WriteFile(ballast, make([]byte, 200_000), 0o600); err != nil {
			t.Fatal(err)
		}
		full(t, s)
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		put(t, s, Write{"key", "a", []byte("1")})
	})
}

func TestSQLiteDiskTurnsReadOnly(t *testing.T) {
	dir := mountDisk(t, 8<<20)
	s := fresh(t, filepath.Join(dir, "weir.db"))
	put(t, s, Write{"key", "a", []byte("1")})
	// A disk with errors is made read-only by the kernel while files are open; those can be written still, so they go too.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	remountReadOnly(t, dir)
	if again, err := OpenSQLite(t.Context(), filepath.Join(dir, "weir.db")); !errors.Is(err, ErrReadOnly) {
		t.Errorf("got %v, %v, want %v", again, err, ErrReadOnly)
	}
}

func TestSQLiteCorrupt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.db")
	s := fresh(t, path)
	writes := make([]Write, 200)
	for i := range writes {
		writes[i] = Write{"key", strconv.Itoa(i), []byte(strings.Repeat("x", 1000))}
	}
	put(t, s, writes...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// All but the first pages is overwritten: opening works, reading says what is wrong.
	damaged := append([]byte(nil), whole...)
	for i := 4096; i < len(damaged); i++ {
		damaged[i] = 0xa5
	}
	tests := []struct {
		name string
		file []byte
	}{
		{"overwritten", damaged},
		{"cut", whole[:len(whole)/2+100]},
		{"first page", append(make([]byte, 4096), whole[4096:]...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "weir.db")
			if err := os.WriteFile(path, tt.file, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := OpenSQLite(t.Context(), path)
			if err == nil {
				defer s.Close()
				var objects []Object
				if objects, _, err = s.Changes(t.Context(), 0); err == nil {
					t.Fatalf("got %d objects and no error", len(objects))
				}
			}
			if !strings.Contains(err.Error(), "is damaged or is not a database") {
				t.Errorf("got %v, want it to say that the file is damaged", err)
			}
		})
	}
}

// A process that is killed loses nothing that it was told is kept.
func TestSQLiteKilled(t *testing.T) {
	path := place(t)
	if got := unprivileged(t, path); got != "read-only false: <nil>\n" {
		t.Fatalf("got %q", got)
	}
	source := fresh(t, path)
	put(t, source, Write{"key", "b", []byte("2")})
	// The files as they are while the database is open are what a kill leaves.
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "weir.db"+suffix), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if objects, revision := changes(t, fresh(t, filepath.Join(dir, "weir.db")), 0); len(objects) != 2 || revision != 2 {
		t.Errorf("got %v at %d, want both objects", objects, revision)
	}
}
