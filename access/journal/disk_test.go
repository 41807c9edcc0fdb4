package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/access/store"
)

// smallDisk mounts a file system of its own.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIP: no file system of its own can be mounted, which takes root: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), "umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	return dir
}

// fillUp appends until calls are kept away, and returns how many rows there are.
func fillUp(t *testing.T, j *Journal) int {
	t.Helper()
	n := 0
	for ; j.Err() == nil; n++ {
		if n > 100_000 {
			t.Fatal("the disk is never full")
		}
		if err := j.Append(row(n)); err != nil {
			t.Fatalf("row %d: %v", n, err)
		}
	}
	if !errors.Is(j.Err(), syscall.ENOSPC) {
		t.Fatalf("got %v, want that the disk is full", j.Err())
	}
	return n
}

func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "size=1m")
	s := taker{err: errors.New("down")}
	var log bytes.Buffer
	o := Options{Reserve: 256 << 10, FlushEvery: 5 * time.Millisecond, Log: zerolog.New(zerolog.SyncWriter(&log))}
	j := open(t, dir, s.take, o)
	n := fillUp(t, j)
	for end := n + 300; n < end; n++ { // calls under way: the reserve takes them
		if err := j.Append(row(n)); err != nil {
			t.Fatalf("row %d: %v", n, err)
		}
	}
	if j.Err() == nil {
		t.Error("calls are let in while the reserve is in use")
	}
	j.drop() // and a kill loses none of them

	j = open(t, dir, s.take, o)
	if got := j.Pending(); got != int64(n) {
		t.Errorf("got %d rows after a restart on the full disk, want %d", got, n)
	}
	if !errors.Is(j.Err(), syscall.ENOSPC) {
		t.Errorf("got %v, want that the disk is full", j.Err())
	}
	kept := n
	for ; ; n++ { // far more than the reserve was made for
		if err := j.Append(row(n)); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("got %v, want that the disk is full", err)
			}
			n++
			break
		}
	}
	for end := n + 50; n < end; n++ {
		if err := j.Append(row(n)); err == nil {
			t.Fatal("got no error for a row that is in memory only")
		}
	}
	t.Logf("%d rows, %d of them in the reserve or memory", n, n-kept)
	s.fail(nil)
	wait(t, "the rows", func() bool { return j.Pending() == 0 })
	if diff := cmp.Diff(ids(0, n), s.taken()); diff != "" {
		t.Error(diff)
	}
	wait(t, "calls to be let in again", func() bool { return j.Err() == nil })
	put(t, j, n, n+10)
	if err := j.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ids(0, n+10), s.taken()); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(log.String(), "could not be queued") {
		t.Errorf("rows are lost: %s", log.String())
	}
}

// TestSpaceComesBack: somebody else fills the disk and clears up, while the store is down all the time.
func TestSpaceComesBack(t *testing.T) {
	dir := smallDisk(t, "size=1m")
	s := taker{err: errors.New("down")}
	j := open(t, filepath.Join(dir, "queue"), s.take, Options{Reserve: 128 << 10, FlushEvery: 5 * time.Millisecond})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 500<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	n := fillUp(t, j)
	for failed := false; !failed; n++ {
		failed = j.Append(row(n)) != nil
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	wait(t, "calls to be let in again", func() bool { return j.Err() == nil })
	put(t, j, n, n+10)
	n += 10
	j.drop()
	s.fail(nil)
	j = open(t, filepath.Join(dir, "queue"), s.take, Options{Reserve: 1})
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ids(0, n), s.taken()); diff != "" {
		t.Error(diff)
	}
}

func TestReadOnlyDisk(t *testing.T) {
	dir := smallDisk(t, "size=1m,ro")
	var s taker
	_, err := Open(dir, s.take, Options{})
	if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want that the folder is read-only", err)
	}
}

// sick is a disk whose faults a test chooses.
type sick struct {
	osFiles

	write, sync, truncate atomic.Pointer[error]
	half                  atomic.Bool // a write that fails leaves half of it
}

type sickFile struct {
	file

	disk *sick
}

func (d *sick) OpenFile(name string, flag int, perm os.FileMode) (file, error) {
	f, err := d.osFiles.OpenFile(name, flag, perm)
	return &sickFile{file: f, disk: d}, err
}

func (f *sickFile) Write(b []byte) (int, error) {
	err := f.disk.write.Load()
	if err == nil {
		return f.file.Write(b)
	}
	n := 0
	if f.disk.half.Load() {
		n, _ = f.file.Write(b[:len(b)/2])
	}
	return n, *err
}

func (f *sickFile) Sync() error {
	if err := f.disk.sync.Load(); err != nil {
		return *err
	}
	return f.file.Sync()
}

func (f *sickFile) Truncate(n int64) error {
	if err := f.disk.truncate.Load(); err != nil {
		return *err
	}
	return f.file.Truncate(n)
}

var errDisk = fmt.Errorf("the disk is broken: %w", syscall.EIO)

func TestBrokenDisk(t *testing.T) {
	tests := []struct {
		name           string
		half, truncate bool
	}{
		{"nothing is written", false, false},
		{"half a record is written", true, false},
		{"half a record is written and cannot be taken back", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &sick{}
			s := taker{err: errors.New("down")}
			dir := t.TempDir()
			o := Options{files: d, FlushEvery: 5 * time.Millisecond, Reserve: 1 << 10}
			j := open(t, dir, s.take, o)
			put(t, j, 0, 5)
			d.half.Store(tt.half)
			if tt.truncate {
				d.truncate.Store(&errDisk)
			}
			d.write.Store(&errDisk)
			for i := 5; i < 10; i++ {
				if err := j.Append(row(i)); !errors.Is(err, syscall.EIO) {
					t.Errorf("got %v, want that the row is in memory only", err)
				}
			}
			if !errors.Is(j.Err(), syscall.EIO) {
				t.Errorf("got %v, want why no calls are made", j.Err())
			}
			time.Sleep(50 * time.Millisecond) // some attempts of the background
			d.truncate.Store(nil)
			d.write.Store(nil)
			wait(t, "calls to be let in again", func() bool { return j.Err() == nil })
			put(t, j, 10, 15)
			j.drop()
			s.fail(nil)
			j = open(t, dir, s.take, Options{})
			if err := j.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(ids(0, 15), s.taken()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDiskDownStoreUp: what is in memory reaches the store all the same.
func TestDiskDownStoreUp(t *testing.T) {
	d := &sick{}
	var s taker
	j := open(t, t.TempDir(), s.take, Options{files: d, BatchRows: 3})
	put(t, j, 0, 4)
	d.write.Store(&errDisk)
	for i := 4; i < 12; i++ {
		if err := j.Append(row(i)); err == nil {
			t.Error("got no error for a row in memory only")
		}
	}
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ids(0, 12), s.taken()); diff != "" {
		t.Error(diff)
	}
	if got := j.Pending(); got != 0 {
		t.Errorf("got %d rows pending, want 0", got)
	}
	if j.Err() == nil {
		t.Error("calls are let in although the disk takes no rows")
	}
}

// TestFailedSync: what a failed sync left is not known, so rows go to another file.
func TestFailedSync(t *testing.T) {
	d := &sick{}
	s := taker{err: errors.New("down")}
	dir := t.TempDir()
	j := open(t, dir, s.take, Options{files: d})
	put(t, j, 0, 2)
	d.sync.Store(&errDisk)
	j.sync()
	if !errors.Is(j.Err(), syscall.EIO) {
		t.Errorf("got %v, want why no calls are made", j.Err())
	}
	d.sync.Store(nil)
	j.recover()
	if err := j.Err(); err != nil {
		t.Errorf("got %v, want calls to be let in again", err)
	}
	put(t, j, 2, 4)
	if got := len(segmentsIn(t, dir)); got != 2 {
		t.Errorf("got %d files, want another one", got)
	}
	s.fail(nil)
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ids(0, 4), s.taken()); diff != "" {
		t.Error(diff)
	}
}

// TestMemoryIsBounded: disk and store are down, and somebody asks for rows all the same.
func TestMemoryIsBounded(t *testing.T) {
	d := &sick{}
	s := taker{err: errors.New("down")}
	var log bytes.Buffer
	j := open(t, t.TempDir(), s.take, Options{files: d, Log: zerolog.New(&log)})
	d.write.Store(&errDisk)
	big := row(0)
	big.Tags = strings.Repeat("x", 1<<20)
	var err error
	n := 0
	for ; n < 100 && !errors.Is(err, ErrFull); n++ {
		big.ID = row(n).ID
		err = j.Append(big)
	}
	if n > maxMemory>>20+1 || !errors.Is(err, ErrFull) {
		t.Fatalf("got %d MiB kept, %v, want %d and %v", n, err, maxMemory>>20, ErrFull)
	}
	if !strings.Contains(log.String(), big.ID) {
		t.Error("the row that was lost is not in the log")
	}
	if got := j.Pending(); got != int64(n-1) {
		t.Errorf("got %d rows pending, want %d", got, n-1)
	}
	d.write.Store(nil)
	s.fail(nil)
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(s.taken()); got != n-1 {
		t.Errorf("got %d rows, want %d", got, n-1)
	}
}

// TestHandedOnFromMemoryOnce: rows that wait in memory while they are handed on are not written to disk as well.
func TestHandedOnFromMemoryOnce(t *testing.T) {
	d := &sick{}
	began, goOn := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	sink := func(context.Context, []store.Usage) error {
		if calls.Add(1) == 1 {
			close(began)
			<-goOn
		}
		return nil
	}
	j := open(t, t.TempDir(), sink, Options{files: d})
	d.write.Store(&errDisk)
	_ = j.Append(row(0)) // it is in memory
	flushed := make(chan error, 1)
	go func() { flushed <- j.Flush(t.Context()) }()
	<-began
	d.write.Store(nil)
	j.recover()
	if got := j.Pending(); got != 1 {
		t.Errorf("got %d rows pending, want 1", got)
	}
	close(goOn)
	if err := <-flushed; err != nil {
		t.Fatal(err)
	}
	j.recover()
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := calls.Load(); got != 1 || j.Pending() != 0 || j.Err() != nil {
		t.Errorf("got %d calls, %d rows pending, %v, want the row once", got, j.Pending(), j.Err())
	}
}
