package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

func fileText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDecisionFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "decisions.log")
	d := newTestLog(t, DecisionLogConfig{File: DecisionFileConfig{Path: path, MaxSize: 1 << 20, MaxFiles: 1}})
	d.LogDecision(testRecord("one", nil))
	d.Close()
	if got := fileText(t, path); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, `{"labels":`) || !strings.Contains(got, `"input":"one"`) {
		t.Errorf("got %q, want one line", got)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
}

func TestDecisionFileRotates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "d")
	r, err := openRotating(&DecisionFileConfig{Path: path, MaxSize: 10, MaxFiles: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []string{"aaaaa", "bbbbb", "ccccc", "ddddd", "eeeee", "fffff", "ggggg"} {
		if lost, err := r.write(t.Context(), nil, [][]byte{[]byte(e)}); lost != 0 || err != nil {
			t.Fatal(lost, err)
		}
	}
	if lost, err := r.write(t.Context(), nil, [][]byte{[]byte("hhhhh"), []byte("iiiii"), []byte("j")}); lost != 0 || err != nil {
		t.Fatal(lost, err)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		got[f.Name()] = fileText(t, filepath.Join(dir, f.Name()))
	}
	want := map[string]string{"d": "iiiii\nj\n", "d.1": "ggggg\nhhhhh\n", "d.2": "eeeee\nfffff\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestDecisionFileWithoutOldOnes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "d")
	r, err := openRotating(&DecisionFileConfig{Path: path, MaxSize: 4})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []string{"aaaa", "bb"} {
		if _, err := r.write(t.Context(), nil, [][]byte{[]byte(e)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := fileText(t, path); got != "bb\n" {
		t.Errorf("got %q, want the last line alone", got)
	}
	_ = r.close()
}

// TestDecisionFileMovedAway: a file that somebody else rotates is begun anew.
func TestDecisionFileMovedAway(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "d")
	r, err := openRotating(&DecisionFileConfig{Path: path, MaxSize: 1 << 20, MaxFiles: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = r.write(t.Context(), nil, [][]byte{[]byte("a")})
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.write(t.Context(), nil, [][]byte{[]byte("b")}); err != nil {
		t.Fatal(err)
	}
	_ = r.close()
	if got, moved := fileText(t, path), fileText(t, path+".moved"); got != "b\n" || moved != "a\n" {
		t.Errorf("got %q and %q", got, moved)
	}
}

// TestDecisionFileEndsATornLine: what a killed process left is no part of the next line.
func TestDecisionFileEndsATornLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "d")
	if err := os.WriteFile(path, []byte("{\"a\"\n{\"torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := openRotating(&DecisionFileConfig{Path: path, MaxSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = r.write(t.Context(), nil, [][]byte{[]byte("{}")})
	_ = r.close()
	if got := fileText(t, path); got != "{\"a\"\n{\"torn\n{}\n" {
		t.Errorf("got %q", got)
	}
}

// TestUnwritableDecisionFile: a path that cannot be written stops the start.
func TestUnwritableDecisionFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none", "d"), "/dev/null"} {
		_, err := NewDecisionLog(DecisionOptions{Config: &DecisionLogConfig{Buffer: 1 << 20, File: DecisionFileConfig{Path: path, MaxSize: 1 << 20}}, Log: zerolog.Nop()})
		if err == nil {
			t.Errorf("%s: got no error", path)
		}
	}
}

// TestFullDisk: what a disk does not take is counted, told once, and the log goes on when there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "d")
	var log syncBuffer
	r, err := openRotating(&DecisionFileConfig{Path: path, MaxSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s := newDecisionSink("file", r, sinkLimits{most: 1 << 20, batch: 1 << 10, pause: linePause}, zerolog.New(&log))
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("SKIP: this system has no /dev/full")
	}
	if err != nil {
		t.Fatal(err)
	}
	good := r.file
	r.file, r.path = full, "/dev/full"
	for range 3 {
		s.writeBatch([][]byte{[]byte("lost")})
	}
	r.file, r.path = good, path
	s.writeBatch([][]byte{[]byte("kept")})
	_, _ = r.close(), full.Close()
	if got := fileText(t, path); got != "kept\n" || s.dropped.Load() != 3 || s.written.Load() != 1 {
		t.Errorf("got %q, %d dropped, %d written", got, s.dropped.Load(), s.written.Load())
	}
	if text := log.String(); strings.Count(text, "being lost") != 1 || !strings.Contains(text, `"lost":3`) {
		t.Errorf("got the log %s, want the loss told once and its count", text)
	}
}
