package server

import (
	"bytes"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"weir/engine"
)

const (
	// logPending is how much waits for a slow log: a tenth of a second of a busy gateway.
	logPending = 4 << 20
	// logBatch is how much is written at once: what a pipe takes without waiting.
	logBatch = 64 << 10
	// logLast is how long the end of the process waits for a log that takes nothing.
	logLast = 2 * time.Second
	// logPause is how long lines gather before a write: waking for each line costs an exchange more than writing it, and
	// nobody reads a log within a fiftieth of a second.
	logPause = 20 * time.Millisecond
)

// accessLog writes one line for each exchange without making exchanges wait: when the log is slower than the traffic,
// lines are dropped and counted.
type accessLog struct {
	out     io.Writer
	stats   *stats
	enabled bool
	console bool // one line a write
	bodies  int  // most bytes of each body in a line; 0 = no bodies
	wake    chan struct{}
	quit    chan struct{}
	done    chan struct{}
	once    sync.Once

	mu      sync.Mutex
	pending []byte // whole lines that wait
}

func newAccessLog(out io.Writer, s *stats, c *LogConfig) *accessLog {
	a := &accessLog{
		out: out, stats: s, enabled: out != nil, console: c.Format == "console", wake: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	if !a.enabled {
		close(a.done)
		return a
	}
	if a.console {
		a.out = zerolog.ConsoleWriter{Out: out, NoColor: true}
	}
	a.bodies = c.Bodies
	go a.drain()
	return a
}

// drain writes what has gathered, from a buffer that changes places with the one that fills.
func (a *accessLog) drain() {
	defer close(a.done)
	var lines []byte
	pause := time.NewTimer(logPause)
	defer pause.Stop()
	for last := false; !last; {
		select {
		case <-a.wake:
			pause.Reset(logPause)
			select {
			case <-pause.C:
			case <-a.quit:
				last = true
			}
		case <-a.quit:
			last = true
		}
		a.mu.Lock()
		lines, a.pending = a.pending, lines[:0]
		a.mu.Unlock()
		a.flush(lines)
	}
}

// flush writes whole lines in pieces of about logBatch. The console form is made of one line at a time.
func (a *accessLog) flush(lines []byte) {
	for len(lines) > 0 {
		end := len(lines)
		if a.console {
			end = bytes.IndexByte(lines, '\n') + 1
		} else if end > logBatch {
			end = logBatch + bytes.IndexByte(lines[logBatch:], '\n') + 1
		}
		if _, err := a.out.Write(lines[:end]); err != nil {
			a.stats.logsDropped.Add(int64(bytes.Count(lines[:end], []byte{'\n'})))
		}
		lines = lines[end:]
	}
}

// queue takes a whole line; it is copied.
func (a *accessLog) queue(line []byte) {
	a.mu.Lock()
	first, full := len(a.pending) == 0, len(a.pending)+len(line) > logPending
	if !full {
		a.pending = append(a.pending, line...)
	}
	a.mu.Unlock()
	if full {
		a.stats.logsDropped.Add(1)
	}
	if first {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// close writes the lines that wait, and no more; a log that is stuck does not keep the process.
func (a *accessLog) close() {
	if !a.enabled {
		return
	}
	a.once.Do(func() { close(a.quit) })
	t := time.NewTimer(logLast)
	defer t.Stop()
	select {
	case <-a.done:
	case <-t.C:
	}
}

// write queues the line of an exchange that is over.
func (a *accessLog) write(v *visit) {
	if !a.enabled {
		return
	}
	l := &v.line
	l.Reset()
	l.Time(zerolog.TimestampFieldName, v.x.Request.Received)
	v.x.AppendLog(l)
	if v.failure != nil && v.x.Failure() == nil { // refused before a plan ran
		engine.AsError(v.failure).AppendLog(l)
	}
	if v.conn.slow {
		l.Bool("slow_client", true)
	}
	if a.bodies > 0 {
		a.writeBodies(l, v)
	}
	a.queue(l.End())
}
