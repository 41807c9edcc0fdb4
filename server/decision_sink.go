package server

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// decisionWriter is a destination of decisions.
type decisionWriter interface {
	// write takes events, each a line of JSON without its end. It returns how many were lost. The context ends when the
	// process no longer waits; hurry is closed when it is about to end.
	write(ctx context.Context, hurry <-chan struct{}, events [][]byte) (lost int, err error)
	close() error
}

// sinkLimits are the bounds of what waits for a destination.
type sinkLimits struct {
	most  int64         // bytes that wait, and that are being written
	batch int64         // bytes written at once
	pause time.Duration // longest wait for a batch to fill
}

// decisionSink feeds one destination from a queue of its own, so that a slow one delays no other.
type decisionSink struct {
	name   string
	out    decisionWriter
	limits sinkLimits
	log    zerolog.Logger
	wake   chan struct{} // something waits
	full   chan struct{} // a batch waits
	quit   chan struct{}
	done   chan struct{}
	ctx    context.Context // of writing; it ends when nobody waits any more
	cancel context.CancelFunc

	written atomic.Int64
	dropped atomic.Int64

	mu      sync.Mutex
	pending [][]byte
	size    int64 // of pending and of what is being written
	waiting int64 // of pending
	trouble string
	lost    int64 // dropped since trouble began
}

func newDecisionSink(name string, out decisionWriter, l sinkLimits, log zerolog.Logger) *decisionSink {
	ctx, cancel := context.WithCancel(context.Background())
	return &decisionSink{
		name: name, out: out, limits: l, log: log.With().Str("decision_log", name).Logger(), wake: make(chan struct{}, 1),
		full: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}), ctx: ctx, cancel: cancel,
	}
}

// put queues an event. The slice is shared with other destinations and never changed.
func (s *decisionSink) put(event []byte) {
	n := int64(len(event))
	s.mu.Lock()
	if s.size+n > s.limits.most {
		s.mu.Unlock()
		s.drop(1, errQueueFull)
		return
	}
	s.pending = append(s.pending, event)
	s.size += n
	s.waiting += n
	full := s.waiting >= s.limits.batch
	s.mu.Unlock()
	signal(s.wake)
	if full {
		signal(s.full)
	}
}

var errQueueFull = errors.New("more waits than decision_log.buffer holds")

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run writes what has gathered until the log closes.
func (s *decisionSink) run() {
	defer close(s.done)
	pause := time.NewTimer(s.limits.pause)
	defer pause.Stop()
	for last := false; !last; {
		select {
		case <-s.wake:
			pause.Reset(s.limits.pause)
			select {
			case <-pause.C:
			case <-s.full:
			case <-s.quit:
				last = true
			}
		case <-s.quit:
			last = true
		}
		for batch := s.batch(); batch != nil; batch = s.batch() {
			s.writeBatch(batch)
		}
	}
	if err := s.out.close(); err != nil {
		s.log.Error().Err(err).Msg("the decision log could not be closed")
	}
	s.told()
}

// batch takes as many events as are written at once, nil where none wait.
func (s *decisionSink) batch() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int
	var size int64
	for n < len(s.pending) && (n == 0 || size+int64(len(s.pending[n])) <= s.limits.batch) {
		size += int64(len(s.pending[n]))
		n++
	}
	if n == 0 {
		s.pending = nil // lets go of what the slice still holds
		return nil
	}
	out := s.pending[:n:n]
	s.pending, s.waiting = s.pending[n:], s.waiting-size
	return out
}

func (s *decisionSink) writeBatch(batch [][]byte) {
	lost, err := s.out.write(s.ctx, s.quit, batch)
	s.mu.Lock()
	for _, e := range batch {
		s.size -= int64(len(e))
	}
	s.mu.Unlock()
	s.written.Add(int64(len(batch) - lost))
	if lost > 0 {
		s.drop(int64(lost), err)
	} else {
		s.works()
	}
}

// drop counts what is lost, and tells the log when it begins.
func (s *decisionSink) drop(n int64, err error) {
	s.dropped.Add(n)
	s.mu.Lock()
	first := s.lost == 0
	s.trouble = err.Error()
	s.lost += n
	s.mu.Unlock()
	if first {
		s.log.Error().Err(err).Msg("decisions are being lost")
	}
}

// fails tells of what is tried again, when it begins.
func (s *decisionSink) fails(err error) {
	s.mu.Lock()
	first := s.trouble == ""
	s.trouble = err.Error()
	s.mu.Unlock()
	if first {
		s.log.Warn().Err(err).Msg("decisions cannot be sent, and wait")
	}
}

// works ends the time in which decisions were lost.
func (s *decisionSink) works() {
	s.mu.Lock()
	was, lost := s.trouble, s.lost
	s.trouble, s.lost = "", 0
	s.mu.Unlock()
	if was != "" {
		s.log.Warn().Int64("lost", lost).Msg("decisions are logged again")
	}
}

// told says at the end what was lost and not told yet.
func (s *decisionSink) told() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost > 0 {
		s.log.Error().Int64("lost", s.lost).Str("error", s.trouble).Msg("decisions were lost")
	}
}

// wait waits for the queue to be written, until end; then it gives up what is left.
func (s *decisionSink) wait(end <-chan struct{}) {
	select {
	case <-s.done:
	case <-end:
		s.cancel()
		t := time.NewTimer(logPause) // a writer that is stuck in the system does not keep the process
		defer t.Stop()
		select {
		case <-s.done:
		case <-t.C:
		}
	}
	s.cancel()
}

// decisionType marks the lines of decisions among others on standard output, by the name that OPA gives its own.
const decisionType = `{"type":"openpolicyagent.org/decision_logs",`

// lineWriter writes events to standard output.
type lineWriter struct{ out io.Writer }

func (w *lineWriter) write(_ context.Context, _ <-chan struct{}, events [][]byte) (int, error) {
	var buf []byte
	for _, e := range events {
		buf = append(append(append(buf, decisionType...), e[1:]...), '\n')
	}
	if _, err := w.out.Write(buf); err != nil {
		return len(events), err //nolint:wrapcheck // the sink's log says where
	}
	return 0, nil
}

func (*lineWriter) close() error { return nil }
