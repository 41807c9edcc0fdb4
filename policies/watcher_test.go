package policies

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// watched is a policy in a folder of its own with a running watcher.
type watched struct {
	t     *testing.T
	dir   string
	path  string
	store *Store
	built *int
}

func watch(t *testing.T, dir, path string) *watched {
	t.Helper()
	built := 0
	s := NewStore(Input{Path: path}, buildOptions(&built))
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w, done := NewWatcher(zerolog.Nop(), s), make(chan error, 1)
	w.poll = time.Hour // events only
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("got %v from Run, want nil", err)
		}
	})
	time.Sleep(50 * time.Millisecond) // until the folders are watched
	return &watched{t: t, dir: dir, path: path, store: s, built: &built}
}

// generation waits until the store has reached it.
func (w *watched) generation(want uint64) {
	w.t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		if w.store.Load().Generation == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatalf("got generation %d and status %+v, want generation %d", w.store.Load().Generation, w.store.Status(), want)
}

func simple(t *testing.T) *watched {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "policy.yaml")
	write(t, path, policyNamed("one"))
	return watch(t, dir, path)
}

func TestWatchInPlace(t *testing.T) {
	w := simple(t)
	start := time.Now()
	write(t, w.path, policyNamed("two"))
	w.generation(2)
	if took := time.Since(start); took < watchQuiet {
		t.Errorf("got the edit after %s, want it after %s of quiet", took, watchQuiet)
	}
}

func TestWatchRenameOver(t *testing.T) {
	w := simple(t)
	for i := range 3 { // again, since the file that was watched first is gone by then
		swap := filepath.Join(w.dir, ".policy.yaml.swp")
		write(t, swap, policyNamed(fmt.Sprint("edit", i)))
		if err := os.Rename(swap, w.path); err != nil {
			t.Fatal(err)
		}
		w.generation(uint64(i + 2))
	}
}

func TestWatchConfigMap(t *testing.T) {
	dir := t.TempDir()
	version := func(n int) {
		folder := fmt.Sprintf("..version_%d", n)
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, folder, "policy.yaml"), policyNamed(fmt.Sprint("v", n)))
		if err := os.Symlink(folder, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		if n > 1 {
			if err := os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..version_%d", n-1))); err != nil {
				t.Fatal(err)
			}
		}
	}
	version(1)
	path := filepath.Join(dir, "policy.yaml")
	if err := os.Symlink(filepath.Join("..data", "policy.yaml"), path); err != nil {
		t.Fatal(err)
	}
	w := watch(t, dir, path)
	for n := 2; n <= 4; n++ {
		version(n)
		w.generation(uint64(n))
	}
	write(t, filepath.Join(dir, "..version_4", "policy.yaml"), policyNamed("in place"))
	w.generation(5)
}

func TestWatchBroken(t *testing.T) {
	w := simple(t)
	write(t, w.path, "on_request: [{type: dney}]")
	deadline := time.Now().Add(5 * time.Second)
	for w.store.Status().LastError == "" && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if st := w.store.Status(); st.LastError == "" || st.Generation != 1 {
		t.Fatalf("got %+v, want an error and generation 1", st)
	}
	write(t, w.path, policyNamed("good"))
	w.generation(2)
}

func TestWatchTenEdits(t *testing.T) {
	w := simple(t)
	for i := range 10 {
		write(t, w.path, policyNamed(fmt.Sprint("edit", i)))
		time.Sleep(100 * time.Millisecond)
	}
	w.generation(2)
	time.Sleep(2 * watchQuiet)
	if *w.built != 2 {
		t.Errorf("got %d plans built, want 2: the first, and one after the edits", *w.built)
	}
}

func TestWatchConstantEdits(t *testing.T) {
	w := simple(t)
	deadline := time.Now().Add(watchLongest + time.Second)
	for i := 0; time.Now().Before(deadline) && w.store.Load().Generation == 1; i++ {
		write(t, w.path, policyNamed(fmt.Sprint("edit", i)))
		time.Sleep(50 * time.Millisecond)
	}
	w.generation(2)
}

func TestWatchFolderReplaced(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "policies")
	path := filepath.Join(dir, "policy.yaml")
	makeIt := func(name string) {
		t.Helper()
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, path, policyNamed(name))
	}
	makeIt("one")
	w := watch(t, dir, path)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * watchQuiet)
	makeIt("two")
	w.generation(2)
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	makeIt("three")
	w.generation(3)
	write(t, path, policyNamed("four"))
	w.generation(4)
}

func TestAddPlaces(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "real", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	links := map[string]string{"link": "real/deep", "loop": "loop", "real/deep/p.yaml": filepath.Join(dir, "real", "q.yaml")}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "real", "q.yaml"), "{}")
	tests := []struct{ name, file, want string }{
		{"file", "real/q.yaml", ".:real real:q.yaml"},
		{"links", "link/p.yaml", ".:link real/deep:p.yaml real:q.yaml"},
		{"missing file", "real/none.yaml", ".:real real:none.yaml"},
		{"missing folder", "none/p.yaml", ".:none"},
		{"loop", "loop", ".:loop"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			places := map[string]map[string]bool{}
			addPlaces(filepath.Join(dir, filepath.FromSlash(tt.file)), places)
			var got []string
			for folder, names := range places {
				for name := range names {
					rel, err := filepath.Rel(dir, folder)
					if err != nil || strings.HasPrefix(rel, "..") {
						continue // folders above the test's own
					}
					got = append(got, filepath.ToSlash(rel)+":"+name)
				}
			}
			slices.Sort(got)
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
		})
	}
}
