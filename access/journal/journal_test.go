package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/access/store"
)

func TestRowsReachTheSinkInOrder(t *testing.T) {
	dir := t.TempDir()
	var s taker
	j := open(t, dir, s.take, Options{BatchRows: 7, FlushEvery: 5 * time.Millisecond})
	put(t, j, 0, 100)
	wait(t, "the rows", func() bool { return j.Pending() == 0 })
	if diff := cmp.Diff(ids(0, 100), s.taken()); diff != "" {
		t.Error(diff)
	}
	if s.most > 7 {
		t.Errorf("got a batch of %d rows, want 7 at most", s.most)
	}
	if err := j.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := segmentsIn(t, dir); len(left) > 0 {
		t.Errorf("got %v, want no file where the store has everything", left)
	}
	if err := j.Append(row(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want %v", err, ErrClosed)
	}
}

// TestEveryFieldSurvives fails where a field of store.Usage is not kept, whichever is added.
func TestEveryFieldSurvives(t *testing.T) {
	var want store.Usage
	v := reflect.ValueOf(&want).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() { //nolint:exhaustive // what the row has; others are set below
		case reflect.String:
			f.SetString(v.Type().Field(i).Name + " <&> \u2028 \"é\x7f ")
		case reflect.Int, reflect.Int64:
			f.SetInt(1<<62 + int64(i))
		case reflect.Bool:
			f.SetBool(true)
		}
	}
	want.Time = time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC)
	want.Spend = []store.Spend{{Counter: "c", Slot: 1, Amount: -2, Expires: 3}, {Counter: "d"}}
	var s taker
	j := open(t, t.TempDir(), s.take, Options{})
	if err := j.Append(want); err != nil {
		t.Fatal(err)
	}
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.last); diff != "" {
		t.Error(diff)
	}
}

// TestNoNUL: PostgreSQL takes none, and the queue would stand still.
func TestNoNUL(t *testing.T) {
	var s taker
	j := open(t, t.TempDir(), s.take, Options{})
	r := row(1)
	r.Model, r.Tags = "a\x00b\x00", `back\\u0000 and \u0000`
	if err := j.Append(r); err != nil {
		t.Fatal(err)
	}
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.last.Model != "a\ufffdb\ufffd" || strings.Contains(s.last.Tags, "\x00") {
		t.Errorf("got %q and %q, want no NUL", s.last.Model, s.last.Tags)
	}
}

func TestReplay(t *testing.T) {
	dir := t.TempDir()
	down := taker{err: errors.New("down")}
	j := open(t, dir, down.take, Options{})
	put(t, j, 0, 20)
	j.drop()

	var s taker
	j = open(t, dir, s.take, Options{})
	if got := j.Pending(); got != 20 {
		t.Errorf("got %d rows pending, want 20", got)
	}
	put(t, j, 20, 25)
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ids(0, 25), s.taken()); diff != "" {
		t.Error(diff)
	}
	if got := j.Pending(); got != 0 {
		t.Errorf("got %d rows pending, want 0", got)
	}
}

func TestStoreDown(t *testing.T) {
	dir := t.TempDir()
	s := taker{err: errors.New("the store is down")}
	var log bytes.Buffer
	j := open(t, dir, s.take, Options{BatchRows: 10, FlushEvery: 2 * time.Millisecond, Log: zerolog.New(zerolog.SyncWriter(&log))})
	put(t, j, 0, 105)
	wait(t, "an attempt", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.calls >= 3 })
	if err := j.Err(); err != nil {
		t.Errorf("got %v, want calls to go on while the disk takes their rows", err)
	}
	if err := j.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "the store is down") {
		t.Errorf("got %v, want why the store does not take them", err)
	}
	if got := j.Pending(); got != 105 {
		t.Errorf("got %d rows pending, want 105", got)
	}
	s.fail(nil)
	wait(t, "the rows", func() bool { return j.Pending() == 0 })
	if diff := cmp.Diff(ids(0, 105), s.taken()); diff != "" {
		t.Error(diff)
	}
	if err := j.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(log.String(), "takes no usage"); got != 1 {
		t.Errorf("got %d lines about the store, want one: %s", got, log.String())
	}
}

func TestCloseWithTheStoreDown(t *testing.T) {
	dir := t.TempDir()
	hangs := func(ctx context.Context, _ []store.Usage) error { <-ctx.Done(); return ctx.Err() }
	j := open(t, dir, hangs, Options{FlushEvery: time.Millisecond})
	put(t, j, 0, 5)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := j.Close(ctx); err == nil || !strings.Contains(err.Error(), "5 rows of usage stay") {
		t.Errorf("got %v, want how many rows stay", err)
	}
	if spent := time.Since(began); spent > 2*time.Second {
		t.Errorf("it took %v", spent)
	}
	var s taker
	j = open(t, dir, s.take, Options{})
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ids(0, 5), s.taken()); diff != "" {
		t.Error(diff)
	}
}

func TestMaxBytes(t *testing.T) {
	s := taker{err: errors.New("down")}
	j := open(t, t.TempDir(), s.take, Options{MaxBytes: 4 << 10})
	var n int
	for n = 0; j.Err() == nil && n < 1000; n++ {
		put(t, j, n, n+1)
	}
	if !errors.Is(j.Err(), ErrFull) {
		t.Fatalf("got %v, want %v", j.Err(), ErrFull)
	}
	put(t, j, n, n+10) // calls under way
	s.fail(nil)
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.Err(); err != nil {
		t.Errorf("got %v, want calls to be made again", err)
	}
	if diff := cmp.Diff(ids(0, n+10), s.taken()); diff != "" {
		t.Error(diff)
	}
}

func TestSegments(t *testing.T) {
	dir := t.TempDir()
	s := taker{err: errors.New("down")}
	j := open(t, dir, s.take, Options{})
	big := row(0)
	big.Tags = strings.Repeat("x", segmentBytes/8)
	want := make([]string, 0, 30)
	for i := range 30 {
		big.ID = row(i).ID
		want = append(want, big.ID)
		if err := j.Append(big); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(segmentsIn(t, dir)); got < 4 {
		t.Errorf("got %d files, want 4 at least", got)
	}
	j.sync()
	s.fail(nil)
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.taken()); diff != "" {
		t.Error(diff)
	}
	if got := len(segmentsIn(t, dir)); got != 1 {
		t.Errorf("got %d files, want the one that is written to", got)
	}
	if info, err := os.Stat(segmentsIn(t, dir)[0]); err != nil || info.Size() != 0 {
		t.Errorf("got %v, %v, want an empty file", info.Size(), err)
	}
}

func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	var s taker
	j := open(t, dir, s.take, Options{})
	if _, err := Open(dir, s.take, Options{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want %v", err, ErrInUse)
	}
	put(t, j, 0, 1) // the first one still works
	if err := j.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir, s.take, Options{}).Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFolders(t *testing.T) {
	var s taker
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(filepath.Join(dir, "file", "queue"), s.take, Options{})
	if err == nil || !strings.Contains(err.Error(), "making the folder of the usage queue") {
		t.Errorf("got %v, want what was done", err)
	}
	j := open(t, filepath.Join(dir, "new", "queue"), s.take, Options{})
	info, err := os.Stat(j.dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v, want a folder for its owner alone", info.Mode(), err)
	}
}

// BenchmarkAppend is what a call pays; BenchmarkThroughput is with the work of handing on.
func BenchmarkAppend(b *testing.B) {
	benchmarkAppend(b, Options{BatchRows: 1 << 30, FlushEvery: time.Hour})
}

func BenchmarkThroughput(b *testing.B) { benchmarkAppend(b, Options{}) }

func benchmarkAppend(b *testing.B, o Options) {
	b.Helper()
	o.Reserve, o.MaxBytes = 64<<10, 1<<40
	j, err := Open(b.TempDir(), func(context.Context, []store.Usage) error { return nil }, o)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = j.Close(context.Background()) }()
	r := row(1)
	b.ReportAllocs()
	for b.Loop() {
		if err := j.Append(r); err != nil {
			b.Fatal(err)
		}
	}
}
