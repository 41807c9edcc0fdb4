package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	segmentPrefix, segmentSuffix = "usage-", ".jsonl"
	reserveName                  = "reserve"
	lockName                     = "lock"
	// segmentDigits keep names in the order of their numbers.
	segmentDigits = 12
)

// files is the part of the operating system that a journal stands on.
type files interface {
	OpenFile(name string, flag int, perm os.FileMode) (file, error)
	Remove(name string) error
}

// file is an open file.
type file interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

type osFiles struct{}

// OpenFile opens a file.
func (osFiles) OpenFile(name string, flag int, perm os.FileMode) (file, error) {
	f, err := os.OpenFile(name, flag, perm) //nolint:gosec // names of our own in the folder that the operator gave
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the file and what was done
	}
	return f, nil
}

// Remove removes a file.
func (osFiles) Remove(name string) error { return os.Remove(name) } //nolint:wrapcheck // it names the file

// segment is one file of records.
type segment struct {
	number uint64
	name   string
	f      file
	size   int64 // of whole records
	taken  int64 // the sink has everything before
	rows   int64 // that the sink does not have
	broken bool  // it may end in a part of a record: nothing more is written to it
	dirty  bool  // it was written to since the last sync
	fresh  bool  // the folder was not synced since it was made
}

// lockFolder makes sure that one process has the folder; the lock goes with the process.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the folder that the operator gave
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the file and what was done
	}
	err = flock(f)
	if err == nil {
		return f, nil
	}
	_ = f.Close() // it was only opened
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrInUse
	}
	return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
}

// load finds what an earlier process left, and counts it.
func (j *Journal) load() error {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return err //nolint:wrapcheck // it names the folder and what was done
	}
	for _, e := range entries {
		digits, named := strings.CutPrefix(e.Name(), segmentPrefix)
		digits, whole := strings.CutSuffix(digits, segmentSuffix)
		if !named || !whole || !e.Type().IsRegular() {
			continue
		}
		number, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			continue
		}
		s := &segment{number: number, name: filepath.Join(j.dir, e.Name())}
		if s.f, err = j.o.files.OpenFile(s.name, os.O_RDWR|os.O_APPEND, 0); err != nil {
			return err //nolint:wrapcheck // it names the file and what was done
		}
		j.segments = append(j.segments, s)
	}
	slices.SortFunc(j.segments, func(a, b *segment) int { return cmp.Compare(a.number, b.number) })
	for _, s := range j.segments {
		if err := j.count(s); err != nil {
			return fmt.Errorf("reading %s: %w", s.name, err)
		}
		j.pending.Add(s.rows)
		j.bytes += s.size
		j.next = s.number + 1
	}
	if n := j.pending.Load(); n > 0 {
		j.o.Log.Info().Int64("rows", n).Msg("usage of an earlier run goes to the store now")
	}
	return nil
}

// count finds the whole records of a file that an earlier process wrote; the last may be torn, which is dropped.
func (j *Journal) count(s *segment) error {
	s.broken = true // a new file is begun in any case
	r := reader{f: s.f}
	for {
		record, err := r.next(1 << 62)
		if err == io.EOF { //nolint:errorlint // only the bare value is the end
			break
		}
		if err != nil {
			return err
		}
		if _, ok := unframe(record); ok {
			s.rows++
		}
	}
	s.size = r.at
	if r.torn > 0 {
		j.o.Log.Warn().Str("file", s.name).Int("bytes", r.torn).Msg("the last record of the usage queue is torn: it was never acknowledged")
	}
	return nil
}

// reserve puts disk space aside. Random bytes take it up where zeros would not. The caller holds mu.
func (j *Journal) reserve() error {
	if j.reserved {
		return nil
	}
	name := filepath.Join(j.dir, reserveName)
	f, err := j.o.files.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err //nolint:wrapcheck // it names the file and what was done
	}
	defer func() { _ = f.Close() }() // what matters of it is synced
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("emptying %s: %w", name, err)
	}
	if err := fill(f, j.o.Reserve); err != nil {
		_ = f.Truncate(0) // what there is of it would only be in the way
		return fmt.Errorf("setting disk space aside: %w", err)
	}
	j.reserved = true
	return nil
}

// release gives up the reserve, for the rows of calls under way.
func (j *Journal) release() {
	if !j.reserved {
		return
	}
	j.reserved = false
	f, err := j.o.files.OpenFile(filepath.Join(j.dir, reserveName), os.O_RDWR, 0o600)
	if err != nil {
		return // the next write says what is wrong
	}
	_ = f.Truncate(0)
	_ = f.Close()
}

// write appends records to the last file. Where the disk is full, the reserve makes room. The caller holds mu.
func (j *Journal) write(records []byte, rows int64) error {
	err := j.writeOnce(records, rows)
	if err == nil || !j.reserved {
		return err
	}
	j.release()
	if again := j.writeOnce(records, rows); again != nil {
		return again
	}
	j.noteDisk(err) // the rows are safe, but others would not be
	return nil
}

func (j *Journal) writeOnce(records []byte, rows int64) error {
	s := j.active()
	if s == nil || s.size >= segmentBytes {
		if err := j.rotate(); err != nil {
			return err
		}
		s = j.active()
	}
	n, err := s.f.Write(records)
	if err != nil || n < len(records) {
		if s.f.Truncate(s.size) != nil {
			s.broken = true
		}
		if err == nil {
			err = io.ErrShortWrite
		}
		return fmt.Errorf("writing: %w", err)
	}
	s.size += int64(n)
	s.rows += rows
	s.dirty = true
	j.bytes += int64(n)
	if j.bytes > j.o.MaxBytes {
		j.judge()
	}
	return nil
}

// active is the file that is written to, nil where there is none.
func (j *Journal) active() *segment {
	if len(j.segments) == 0 {
		return nil
	}
	if s := j.segments[len(j.segments)-1]; !s.broken {
		return s
	}
	return nil
}

// rotate begins another file. The caller holds mu.
func (j *Journal) rotate() error {
	s := &segment{number: max(1, j.next), fresh: true}
	digits := strconv.FormatUint(s.number, 10)
	digits = strings.Repeat("0", max(0, segmentDigits-len(digits))) + digits
	s.name = filepath.Join(j.dir, segmentPrefix+digits+segmentSuffix)
	f, err := j.o.files.OpenFile(s.name, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err //nolint:wrapcheck // it names the file and what was done
	}
	s.f, j.next = f, s.number+1
	j.segments = append(j.segments, s)
	return nil
}

// shut closes a file, and removes it where the sink has all of it.
func (j *Journal) shut(s *segment) error {
	var errs []error
	if s.taken < s.size {
		errs = append(errs, s.f.Sync())
	}
	errs = append(errs, s.f.Close())
	if s.taken >= s.size {
		errs = append(errs, j.o.files.Remove(s.name))
	}
	return errors.Join(errs...)
}

// isFull reports whether an error is one of disks that have no room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
