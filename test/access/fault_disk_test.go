//go:build linux

package access

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// unrecorded is what clients are told where the disk takes no usage.
const unrecorded = "usage cannot be recorded now, so no call is made: the gateway's disk takes no more of it"

// TestFolderCannotBeWritten starts gateways on folders that take nothing. The error names the folder.
func TestFolderCannotBeWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	inTheWay := t.TempDir()
	write(t, filepath.Join(inTheWay, "usage"), "")
	for _, tt := range []struct{ name, folder, want string }{
		{"the folder is a file", file, "access.folder: mkdir " + file},
		{"the folder is in a file", filepath.Join(file, "state"), "access.folder: mkdir " + file},
		{"usage is a file", inTheWay, "usage queue: mkdir " + filepath.Join(inTheWay, "usage")},
		{"the disk is read-only", readOnly(t), ""},
		{"the disk of usage is read-only", readOnly(t, "usage"), ""},
	} {
		if tt.folder == "" {
			continue // no such folder can be made here; the others are none that can be written to either
		}
		t.Run(tt.name, func(t *testing.T) {
			if tt.want == "" {
				tt.want = tt.folder
			}
			f := newFleet(t, "folder: FOLDER")
			text := f.ends(tt.folder)
			last := text[strings.LastIndexByte(strings.TrimSpace(text), '\n')+1:]
			if !strings.Contains(last, tt.want) || strings.Contains(last, "goroutine") {
				t.Errorf("got %q, want one that says %q", last, tt.want)
			}
		})
	}
}

// readOnly is a folder that cannot be written to, or whose folders named within cannot: by a mount for root, who may write
// to every other folder. It is "" where that takes rights that the test does not have.
func readOnly(t *testing.T, within ...string) string {
	t.Helper()
	folder := t.TempDir()
	sealed := filepath.Join(append([]string{folder}, within...)...)
	if err := os.MkdirAll(sealed, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(sealed, 0o500); err != nil {
			t.Fatal(err)
		}
		return folder
	}
	if !mount(t, sealed, "ro,size=1m") {
		return ""
	}
	return folder
}

// mount puts a file system of its own into a folder, and reports whether that was possible. The other tests of the disk need none.
func mount(t *testing.T, folder, options string) bool {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", options, "tmpfs", folder).CombinedOutput(); err != nil {
		t.Logf("no file system of its own can be mounted: %s", out)
		return false
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting %s: %v", folder, err)
		}
	})
	return true
}

// fill takes the disk away from the files of a process, and gives it back: files cannot grow, as on a disk that is full.
func (g *gateway) fill(t *testing.T) (empty func()) {
	t.Helper()
	var before unix.Rlimit
	pid := g.cmd.Process.Pid
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &before); err != nil {
		t.Fatal(err)
	}
	set := func(most uint64) {
		if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: most, Max: before.Max}, nil); err != nil {
			t.Fatal(err)
		}
	}
	set(0)
	return func() { set(before.Cur) }
}

// TestFilesCannotGrow lets no file of a gateway grow while calls are under way: they end well and are recorded, new ones are
// refused and told why, and all is well once files may grow again.
func TestFilesCannotGrow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		config func(t *testing.T) string
	}{
		{"with everything on that disk", func(*testing.T) string { return "folder: FOLDER" }},
		{"with the store elsewhere", func(t *testing.T) string {
			t.Helper()
			config, _ := onPostgres(t)
			return config
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, tt.config(t))
			g := f.start("")
			_, token := g.key("me", "")
			budget := g.create("/budgets", `{"name": "all", "unit": "usd", "limit": "1000", "window": "total"}`)
			var answered calls
			answered.ask(g, token, paidCall)
			land := g.takeOff(t, token, &answered)
			empty := g.fill(t)
			// Whoever writes next finds out: no call is refused for a disk that nothing was asked of.
			g.awaitFull(t, token, &answered)
			land()
			for range 3 {
				g.refused(t, token, paidCall, unrecorded, prompt)
				g.refused(t, token, freeCall, unrecorded, prompt)
			}
			g.gauges(map[string]int{"weir_usage_journal_ok": 0})
			empty()
			g.gauges(map[string]int{"weir_usage_journal_ok": 1})
			g.await("calls are let in again", func() bool { return answered.note(g.chat(t.Context(), token, paidStream, "")) })
			g.awaitRecord(&answered)
			g.awaitAgreement(budget)
			g.told(t)
		})
	}
}

// takeOff begins calls that end later, and returns what waits for their good end.
func (g *gateway) takeOff(t *testing.T, token string, answered *calls) (land func()) {
	t.Helper()
	g.create("/limits", `{"name": "many at once", "unit": "concurrent", "limit": "1000"}`)
	var tasks sync.WaitGroup
	for range 8 {
		tasks.Go(func() {
			if r := g.chat(t.Context(), token, paidStream, "pace=200ms"); !answered.note(r) || !strings.HasSuffix(strings.TrimSpace(r.body), "[DONE]") {
				t.Errorf("a call that was under way got %d, %v: %s; want it answered to its end", r.status, r.err, r.body)
			}
		})
	}
	time.Sleep(300 * time.Millisecond) // they have begun
	return tasks.Wait
}

// awaitFull makes calls until they are refused.
func (g *gateway) awaitFull(t *testing.T, token string, answered *calls) {
	t.Helper()
	g.await("calls are refused", func() bool {
		r := g.chat(t.Context(), token, paidCall, "")
		if !answered.note(r) && r.status != http.StatusServiceUnavailable {
			t.Fatalf("got %d, %v: %s", r.status, r.err, r.body)
		}
		return r.status == http.StatusServiceUnavailable
	})
}

// told wants the log to say once that the disk was full and once that it is not any more, and nothing to be lost.
func (g *gateway) told(t *testing.T) {
	t.Helper()
	log := g.out.String()
	if n := strings.Count(log, "the disk takes no usage: new calls are refused"); n == 0 || n > 5 {
		t.Errorf("the log says %d times that the disk is full, want it said and not for each call", n)
	}
	if !strings.Contains(log, "the disk takes usage again") {
		t.Error("the log does not say that the disk takes usage again")
	}
	if strings.Contains(log, "could not be queued") {
		t.Error("the log says that usage was lost")
	}
}

// TestStoreDownOnFullDisk takes store and disk away at the same time. What was under way is kept on the space that was set
// aside, and a kill loses none of it.
func TestStoreDownOnFullDisk(t *testing.T) {
	t.Parallel()
	config, store := onPostgres(t)
	folder := t.TempDir()
	full := mount(t, folder, "size=8m") // of which 4 are set aside
	f := newFleet(t, config)
	g := f.start(folder)
	_, token := g.key("me", "")
	budget := g.create("/budgets", `{"name": "all", "unit": "usd", "limit": "1000", "window": "total"}`)
	var answered calls
	answered.ask(g, token, paidCall)
	g.awaitRecord(&answered)
	land := g.takeOff(t, token, &answered)
	store.Stop()
	ballast := filepath.Join(folder, "ballast")
	empty := func() {}
	if full {
		// All that is free, to the last byte: a file takes what there is and says that there is no more.
		if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); err == nil {
			t.Fatal("the disk is not full")
		}
	} else {
		empty = g.fill(t)
	}
	g.awaitFull(t, token, &answered)
	land()
	g.refused(t, token, paidCall, unrecorded, prompt)
	g.gauges(map[string]int{"weir_usage_journal_ok": 0})
	if full {
		// Rows are on the disk: the gateway may die, start on a disk that is still full, and die again.
		for range 2 {
			g.kill()
			g = f.launch(folder)
			g.gauges(map[string]int{"weir_usage_journal_ok": 0, "weir_usage_pending": len(answered.ids) - 1})
		}
		store.Start()
		g.await("the gateway is ready", func() bool { return g.health("/readyz") == http.StatusOK })
		g.awaitRecord(&answered)
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	} else {
		store.Start()
		g.awaitRecord(&answered)
		empty()
	}
	g.gauges(map[string]int{"weir_usage_journal_ok": 1})
	answered.ask(g, token, paidCall)
	g.awaitRecord(&answered)
	g.awaitAgreement(budget)
	if strings.Contains(g.out.String(), "could not be queued") {
		t.Error("the log says that usage was lost")
	}
}

// TestNoFileMayGrowAtStart starts a gateway whose files may not grow beyond what the shell allows, as operators limit
// services: it serves nobody, says so, and does not end.
func TestNoFileMayGrowAtStart(t *testing.T) {
	t.Parallel()
	config, _ := onPostgres(t)
	f := newFleet(t, config)
	f.shell = "ulimit -f 64; exec \"$0\" \"$@\""
	g := f.launch("")
	g.await("the store is read", func() bool {
		status, _ := g.api(http.MethodGet, "/access-keys", "", nil)
		return status == http.StatusOK
	})
	_, token := g.key("me", "")
	g.refused(t, token, freeCall, unrecorded, prompt)
	if status := g.health("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz says %d, want 503: others may be able to record", status)
	}
	g.gauges(map[string]int{"weir_usage_journal_ok": 0, "weir_store_up": 1})
	_, text := g.api(http.MethodGet, "/-/policy", "", nil)
	if !json.Valid([]byte(text)) {
		t.Errorf("the admin listener answers %s", text)
	}
}
