package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// decisionFileMode lets only the owner read what callers asked for.
const decisionFileMode = 0o600

// rotating is a file of lines that is put aside when it is large. The library that many use for it keeps a goroutine
// for good and tells nobody what was lost.
type rotating struct {
	path string
	most int64
	keep int
	file *os.File
	size int64
	torn bool // the last line has no end
}

func openRotating(c *DecisionFileConfig) (*rotating, error) {
	r := &rotating{path: c.Path, most: c.MaxSize, keep: c.MaxFiles}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *rotating) open() error {
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, decisionFileMode)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a file")
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return fmt.Errorf("opening %s: %w", r.path, err)
	}
	r.file, r.size, r.torn = f, info.Size(), false
	if r.size > 0 { // a process that was killed leaves half a line
		end := make([]byte, 1)
		_, err := f.ReadAt(end, r.size-1)
		r.torn = err != nil || end[0] != '\n'
	}
	return nil
}

func (r *rotating) write(_ context.Context, _ <-chan struct{}, events [][]byte) (int, error) {
	if err := r.ready(); err != nil {
		return len(events), err
	}
	var buf []byte
	written := 0
	for i, e := range events {
		if len(buf) == 0 && r.torn {
			buf = append(buf, '\n')
		}
		buf = append(append(buf, e...), '\n')
		if i+1 < len(events) && r.size+int64(len(buf)) < r.most {
			continue
		}
		if err := r.flush(buf); err != nil {
			return len(events) - written, err
		}
		buf, written = buf[:0], i+1
		if r.size >= r.most {
			if err := r.rotate(); err != nil {
				return len(events) - written, err
			}
		}
	}
	return 0, nil
}

// flush writes whole lines. What a full disk cut is taken back, or ended before the next line.
func (r *rotating) flush(buf []byte) error {
	n, err := r.file.Write(buf)
	if err == nil {
		r.size += int64(n)
		r.torn = false
		return nil
	}
	if n > 0 {
		if r.file.Truncate(r.size) != nil {
			r.size += int64(n)
			r.torn = true
		}
	}
	return fmt.Errorf("writing: %w", err)
}

// ready opens the file anew where it was not open, or somebody moved it away.
func (r *rotating) ready() error {
	if r.file == nil {
		return r.open()
	}
	at, err := os.Stat(r.path)
	open, openErr := r.file.Stat()
	if err == nil && openErr == nil && os.SameFile(at, open) {
		return nil
	}
	_ = r.file.Close() // it is somewhere else by now
	r.file = nil
	return r.open()
}

// rotate puts the file aside: path.1 is the newest of the old ones.
func (r *rotating) rotate() error {
	err := r.file.Close()
	r.file = nil
	if err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	if r.keep == 0 {
		err = os.Remove(r.path)
	}
	for i := r.keep; i > 0; i-- {
		from := r.path
		if i > 1 {
			from = r.old(i - 1)
		}
		if moved := os.Rename(from, r.old(i)); moved != nil && !errors.Is(moved, fs.ErrNotExist) {
			err = errors.Join(err, moved)
		}
	}
	if err != nil {
		return fmt.Errorf("putting a full file aside: %w", err)
	}
	return r.open()
}

func (r *rotating) old(i int) string { return r.path + "." + strconv.Itoa(i) }

func (r *rotating) close() error {
	if r.file == nil {
		return nil
	}
	err := errors.Join(r.file.Sync(), r.file.Close())
	r.file = nil
	if err != nil {
		return fmt.Errorf("closing %s: %w", r.path, err)
	}
	return nil
}
