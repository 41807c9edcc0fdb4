package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"weir/access/store"
)

// handOn gives rows to the sink as they come, and waits longer and longer while it fails.
func (j *Journal) handOn(ctx context.Context) {
	t := time.NewTimer(j.o.FlushEvery)
	defer t.Stop()
	var wait time.Duration
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-j.waitsFor(wait):
		}
		err := j.Flush(ctx)
		switch {
		case err == nil:
			if wait > 0 {
				j.o.Log.Info().Msg("the store takes usage again")
			}
			wait = 0
			t.Reset(j.o.FlushEvery)
		case ctx.Err() != nil:
			return
		default:
			if wait == 0 {
				j.o.Log.Warn().Err(err).Int64("rows", j.Pending()).Msg("the store takes no usage: it waits on disk")
			}
			wait = min(max(2*wait, j.o.FlushEvery), maxBackoff)
			t.Reset(wait)
		}
	}
}

// waitsFor is told of a whole batch, unless the sink failed just now.
func (j *Journal) waitsFor(backoff time.Duration) <-chan struct{} {
	if backoff > 0 {
		return nil
	}
	return j.enough
}

// Flush implements Queue.
func (j *Journal) Flush(ctx context.Context) error {
	select {
	case j.flushing <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("handing usage to the store: %w", ctx.Err())
	}
	defer func() { <-j.flushing }()
	b := &j.batch
	for left := j.Pending(); left > 0; { // what comes meanwhile is for the next time
		n, err := b.send(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		left -= n
	}
	return nil
}

// batch is what the sink gets at once. One goroutine at a time has one.
type batch struct {
	j    *Journal
	rows []store.Usage
	from *segment // being read; nil = none yet
	r    reader
}

// send hands one batch on, of a file or of memory, and returns how many records that were.
func (b *batch) send(ctx context.Context) (int64, error) {
	j := b.j
	for {
		j.mu.Lock()
		s, end := j.oldest()
		if s == nil {
			records := j.lendMemory(j.o.BatchRows)
			j.mu.Unlock()
			return b.sendMemory(ctx, records)
		}
		j.mu.Unlock()
		if b.from != s || b.r.at != s.taken {
			b.from, b.r = s, reader{f: s.f, at: s.taken, buf: b.r.buf}
		}
		n, err := b.read(end)
		if err == nil {
			err = b.hand(ctx)
		}
		if err != nil {
			b.from = nil
			return 0, err
		}
		at := b.r.at
		if at == s.taken {
			j.o.Log.Error().Str("file", s.name).Msg("a file of the usage queue was cut by somebody else")
			at = end
		}
		j.took(s, at, n)
		if n > 0 {
			return n, nil
		}
	}
}

// hand gives the rows of the batch to the sink.
func (b *batch) hand(ctx context.Context) error {
	if len(b.rows) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sinkTimeout)
	defer cancel()
	if err := b.j.sink(ctx, b.rows); err != nil {
		return fmt.Errorf("handing usage to the store: %w", err)
	}
	return nil
}

// read fills the batch from its file. Records that are damaged are left out, with a line in the log.
func (b *batch) read(end int64) (n int64, err error) {
	b.reset()
	for len(b.rows) < b.j.o.BatchRows {
		line, err := b.r.next(end)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("reading %s: %w", b.from.name, err)
		}
		if _, ok := unframe(line); ok { // as they were counted
			n++
		}
		b.add(line)
	}
	return n, nil
}

// reset lets go of the rows before.
func (b *batch) reset() {
	clear(b.rows)
	b.rows = b.rows[:0]
}

func (b *batch) add(line []byte) {
	var row store.Usage
	if err := decode(line, &row); err != nil {
		b.j.o.Log.Error().Err(err).Bytes("record", line).Msg("a record of the usage queue is damaged")
		return
	}
	b.rows = append(b.rows, row)
}

// oldest is the first file of which the sink has not everything, and where its records end. The caller holds mu.
func (j *Journal) oldest() (*segment, int64) {
	for _, s := range j.segments {
		if s.taken < s.size {
			return s, s.size
		}
	}
	return nil, 0
}

// took notes how far the sink has got in a file, and lets go of files that it has all of.
func (j *Journal) took(s *segment, at, rows int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending.Add(-rows)
	s.rows -= rows
	j.bytes -= at - s.taken
	s.taken = at
	if s.taken >= s.size { // those that turned out to be damaged are waited for no longer
		j.pending.Add(-s.rows)
		s.rows = 0
	}
	for len(j.segments) > 0 && j.segments[0].taken >= j.segments[0].size {
		first := j.segments[0]
		if first == j.active() {
			j.empty(first)
			break
		}
		j.segments = j.segments[1:]
		if err := j.shut(first); err != nil {
			j.o.Log.Warn().Err(err).Msg("a file that the store has all of could not be removed")
		}
	}
	j.judge()
}

// empty begins the file anew that is written to: what stays in it would be sent once more after a crash.
func (j *Journal) empty(s *segment) {
	if s.size == 0 {
		return
	}
	if s.f.Truncate(0) != nil {
		s.broken = true // the next write begins another one
		return
	}
	s.size, s.taken = 0, 0
}

// lendMemory gives out the first records that the disk did not take; they stay where they are until returnMemory. The
// caller holds mu.
func (j *Journal) lendMemory(most int) []byte {
	end := 0
	for range most {
		i := bytes.IndexByte(j.memory[end:], '\n')
		if i < 0 {
			break
		}
		end += i + 1
	}
	j.sending = end
	return j.memory[:end:end]
}

func (b *batch) sendMemory(ctx context.Context, records []byte) (n int64, err error) {
	b.reset()
	for line := range bytes.Lines(records) {
		b.add(line[:len(line)-1])
		n++
	}
	err = b.hand(ctx)
	j := b.j
	j.mu.Lock()
	defer j.mu.Unlock()
	sent := j.sending
	j.sending = 0
	if err != nil {
		return 0, err
	}
	if j.memory = j.memory[sent:]; len(j.memory) == 0 {
		j.memory = nil
	}
	j.pending.Add(-n)
	return n, nil
}

// tend syncs what was written, and puts on disk what it did not take before.
func (j *Journal) tend(ctx context.Context) {
	t := time.NewTicker(min(syncEvery, 4*j.o.FlushEvery))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			j.sync()
			j.recover()
		}
	}
}

// sync makes records outlive the machine. Rows can be appended while it waits for the disk.
func (j *Journal) sync() {
	var dirty []*segment
	folder := false
	j.mu.Lock()
	for _, s := range j.segments {
		if s.dirty {
			dirty = append(dirty, s)
			folder = folder || s.fresh
			s.dirty, s.fresh = false, false
		}
	}
	j.mu.Unlock()
	var failed error
	for _, s := range dirty {
		if err := s.f.Sync(); err != nil && j.unsynced(s) {
			failed = err
		}
	}
	if folder {
		failed = errors.Join(failed, j.syncFolder())
	}
	if failed != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.noteDisk(fmt.Errorf("syncing: %w", failed))
	}
}

// unsynced ends a file that could not be synced: what is on disk of it is not known, so the next write begins another.
// It reports false where the file is gone, because the sink has all of it.
func (j *Journal) unsynced(s *segment) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Contains(j.segments, s) {
		return false
	}
	s.broken = true
	return true
}

// syncFolder makes the names of files outlive the machine.
func (j *Journal) syncFolder() error {
	f, err := j.o.files.OpenFile(j.dir, os.O_RDONLY, 0)
	if err != nil {
		return err //nolint:wrapcheck // it names the folder and what was done
	}
	defer func() { _ = f.Close() }() // it was only read
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return err //nolint:wrapcheck // the same
	}
	return nil
}

// recover writes what waits in memory, and sets space aside again. Calls may be made once both are done.
func (j *Journal) recover() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.diskErr == nil || j.sending > 0 {
		return
	}
	if len(j.memory) > 0 {
		if err := j.writeOnce(j.memory, int64(bytes.Count(j.memory, []byte{'\n'}))); err != nil {
			return
		}
		j.memory = nil
	}
	if j.reserve() == nil && j.probe() == nil {
		j.noteDisk(nil)
	}
}

// probe makes sure that there is a file to write to. The caller holds mu.
func (j *Journal) probe() error {
	if j.active() != nil {
		return nil
	}
	return j.rotate()
}
