// Package journal keeps usage on disk until the store has it, so that none is lost: not while the store is down, not when
// the gateway is killed. A disk that takes no more is told of before calls are made.
package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"weir/access/store"
)

// Sink takes rows for good: store.Store's AppendUsage. A row that was taken before is dropped there.
type Sink func(ctx context.Context, rows []store.Usage) error

// Queue takes usage rows. Methods may run at the same time.
type Queue interface {
	// Append keeps rows so that a killed process finds them again. An error means that they are kept in memory only, and
	// Err reports it until they are on disk.
	Append(rows ...store.Usage) error
	// Err is why no call may be made now: the disk takes no more rows. Nil where all is well. It does no I/O.
	Err() error
	// Flush hands on all that is queued, or returns why it cannot.
	Flush(ctx context.Context) error
	// Pending is the number of rows that the store does not have yet.
	Pending() int64
	// Close flushes what it can within the context and keeps the rest on disk.
	Close(ctx context.Context) error
}

// Errors of a queue that callers tell apart; all are wrapped with words for people.
var (
	// ErrInUse means that another process has the folder.
	ErrInUse = errors.New("another process uses the folder")
	// ErrClosed means that the queue was closed.
	ErrClosed = errors.New("the usage queue is closed")
	// ErrFull means that the queue holds as much as it may.
	ErrFull = errors.New("the usage queue is full")
)

// Options is what a journal needs beside its folder and its sink. Zero fields have defaults.
type Options struct {
	Log zerolog.Logger
	// MaxBytes is how much may wait on disk; above it Err keeps new calls away, but rows of calls under way are still taken.
	MaxBytes int64
	// Reserve is disk space that is kept aside, so that rows of calls under way fit when the disk is full.
	Reserve int64
	// FlushEvery is how long a row waits for others before the store gets it.
	FlushEvery time.Duration
	// BatchRows is the most that the store gets at once.
	BatchRows int

	files files // nil = the operating system's
}

const (
	// defaultMaxBytes is about a million rows: a day without the store for a gateway with ten calls a second.
	defaultMaxBytes = 1 << 30
	// defaultReserve is for some four thousand calls under way, at a row of 1 KiB each.
	defaultReserve = 4 << 20
	// defaultFlushEvery keeps what people read of usage fresh, at four writes a second.
	defaultFlushEvery = 250 * time.Millisecond
	// defaultBatchRows is one statement of a size that both databases like.
	defaultBatchRows = 500
	// segmentBytes is how much is sent twice at most when a process is killed after the store took a whole file.
	segmentBytes = 4 << 20
	// maxMemory is what waits in memory while disk and store both fail: as much as the reserve, for calls under way.
	maxMemory = 8 << 20
	// syncEvery bounds what a machine that loses power may lose; a killed process loses nothing in any case.
	syncEvery = time.Second
	// sinkTimeout is far beyond a batch at a store that works; one that hangs is asked again.
	sinkTimeout = 30 * time.Second
	// maxBackoff keeps the wait after the store is back short.
	maxBackoff = 5 * time.Second
)

func (o *Options) fill() {
	o.MaxBytes = cmp.Or(o.MaxBytes, defaultMaxBytes)
	o.Reserve = cmp.Or(o.Reserve, defaultReserve)
	o.FlushEvery = cmp.Or(o.FlushEvery, defaultFlushEvery)
	o.BatchRows = cmp.Or(o.BatchRows, defaultBatchRows)
	if o.files == nil {
		o.files = osFiles{}
	}
}

// Journal is a Queue in a folder of files.
type Journal struct {
	o    Options
	dir  string
	sink Sink
	lock *os.File

	encoders encoderPool
	pending  atomic.Int64
	failure  atomic.Pointer[failure]

	flushing chan struct{} // full while somebody hands rows on
	batch    batch         // of who does

	mu       sync.Mutex
	segments []*segment // oldest first; the last one may be open for writing
	next     uint64     // number of the next one
	bytes    int64      // of all segments, from where the sink has got to
	reserved bool       // the reserve is on disk
	diskErr  error      // of the last write; nil = it went well
	memory   []byte     // records that the disk did not take, behind those on disk
	sending  int        // bytes at the front of memory that the sink is being given
	closed   bool

	stop   context.CancelFunc
	done   sync.WaitGroup
	enough chan struct{} // told when there is a whole batch
}

// failure is an error that can be kept in an atomic.Pointer.
type failure struct{ err error }

var _ Queue = (*Journal)(nil)

// Open takes a folder, which is made where it is missing, and begins to hand on what was left in it. One process has a
// folder at a time.
func Open(dir string, sink Sink, o Options) (*Journal, error) {
	o.fill()
	if err := os.MkdirAll(dir, 0o700); err != nil { //nolint:gosec // the folder that the operator gave
		return nil, fmt.Errorf("making the folder of the usage queue: %w", err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("taking the folder of the usage queue %s: %w", dir, err)
	}
	j := &Journal{
		o: o, dir: dir, sink: sink, lock: lock, flushing: make(chan struct{}, 1), enough: make(chan struct{}, 1),
	}
	j.batch.j = j
	if err := j.load(); err != nil {
		_ = lock.Close() // nothing was written to it
		return nil, fmt.Errorf("reading the usage queue %s: %w", dir, err)
	}
	if err := j.begin(); err != nil {
		_ = j.closeFiles()
		return nil, fmt.Errorf("writing to the usage queue %s: %w", dir, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	j.stop = stop
	j.done.Go(func() { j.handOn(ctx) })
	j.done.Go(func() { j.tend(ctx) })
	return j, nil
}

// begin makes the reserve and the first file. A disk that is full already is no reason not to start: what is queued must
// reach the store, and Err keeps calls away. A folder that cannot be written to is.
func (j *Journal) begin() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.reserve()
	if err == nil {
		err = j.rotate()
	}
	if err != nil && !isFull(err) {
		return err
	}
	j.noteDisk(err)
	return nil
}

// Append implements Queue.
func (j *Journal) Append(rows ...store.Usage) error {
	if len(rows) == 0 {
		return nil
	}
	e := j.encoders.get()
	defer j.encoders.put(e)
	if err := e.encode(rows); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		j.lose(e.buf.Bytes(), ErrClosed)
		return ErrClosed
	}
	err := j.keep(e.buf.Bytes(), int64(len(rows)))
	if err != nil && errors.Is(err, ErrFull) {
		return err
	}
	if n := j.pending.Add(int64(len(rows))); n >= int64(j.o.BatchRows) {
		select {
		case j.enough <- struct{}{}:
		default: // it is told already
		}
	}
	return err
}

// keep puts records on disk, or into memory where the disk takes none.
func (j *Journal) keep(records []byte, rows int64) error {
	if len(j.memory) == 0 {
		err := j.write(records, rows)
		if err == nil {
			return nil
		}
		j.noteDisk(err)
	}
	if len(j.memory)+len(records) > maxMemory {
		j.lose(records, ErrFull)
		return ErrFull
	}
	j.memory = append(j.memory, records...)
	return j.Err()
}

// lose is the last resort: what can be kept nowhere is at least in the log.
func (j *Journal) lose(records []byte, why error) {
	j.o.Log.Error().Err(why).Bytes("rows", records).Msg("usage could not be queued")
}

// Err implements Queue.
func (j *Journal) Err() error {
	if f := j.failure.Load(); f != nil {
		return f.err
	}
	return nil
}

// Pending implements Queue.
func (j *Journal) Pending() int64 { return j.pending.Load() }

// noteDisk keeps what the last use of the disk came to, and tells of changes. The caller holds mu.
func (j *Journal) noteDisk(err error) {
	if err != nil && j.diskErr == nil {
		j.o.Log.Error().Err(err).Str("dir", j.dir).Msg("the disk takes no usage: new calls are refused")
	}
	if err == nil && j.diskErr != nil {
		j.o.Log.Info().Str("dir", j.dir).Msg("the disk takes usage again")
	}
	j.diskErr = err
	j.judge()
}

// judge says whether calls may be made. The caller holds mu.
func (j *Journal) judge() {
	var err error
	switch {
	case j.diskErr != nil:
		err = fmt.Errorf("usage cannot be recorded: %w", j.diskErr)
	case j.bytes > j.o.MaxBytes:
		err = fmt.Errorf("usage cannot be recorded: %w: the store has not taken %d bytes of it", ErrFull, j.bytes)
	}
	before := j.failure.Load()
	switch {
	case err == nil && before != nil:
		j.failure.Store(nil)
	case err != nil && (before == nil || before.err.Error() != err.Error()):
		j.failure.Store(&failure{err: err})
	}
}

// Close implements Queue.
func (j *Journal) Close(ctx context.Context) error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.mu.Unlock()
	flushErr := j.Flush(ctx)
	j.stop()
	j.done.Wait()
	closeErr := j.closeFiles()
	switch {
	case closeErr != nil:
		return fmt.Errorf("closing the usage queue: %w", closeErr)
	case flushErr != nil && j.Pending() > 0:
		return fmt.Errorf("%d rows of usage stay in the queue: %w", j.Pending(), flushErr)
	}
	return nil
}

// closeFiles lets go of the folder. What the sink has taken leaves no file behind.
func (j *Journal) closeFiles() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	if len(j.memory) > 0 {
		if err := j.write(j.memory, 0); err != nil {
			j.lose(j.memory, err)
			errs = append(errs, err)
		}
		j.memory = nil
	}
	for _, s := range j.segments {
		errs = append(errs, j.shut(s))
	}
	j.segments = nil
	errs = append(errs, j.lock.Close()) // and with it the lock
	return errors.Join(errs...)
}
