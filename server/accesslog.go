package server

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"
	"time"
	"unicode/utf8"

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
	// logField caps one field that clients choose, such as the path.
	logField = 512
)

// accessLog writes one line for each exchange without making exchanges wait: when the log is slower than the traffic,
// lines are dropped and counted.
type accessLog struct {
	out     io.Writer
	stats   *stats
	log     zerolog.Logger
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
	a.log = zerolog.New(a)
	go a.drain()
	return a
}

// drain writes what has gathered, from a buffer that changes places with the one that fills.
func (a *accessLog) drain() {
	defer close(a.done)
	var lines, buf []byte
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
		buf = a.flush(buf, lines)
	}
}

// flush writes lines in pieces of about logBatch. The console form is made of one line at a time.
func (a *accessLog) flush(buf, lines []byte) []byte {
	buf = buf[:0]
	var count int64
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n') + 1
		if end == 0 {
			end = len(lines)
		}
		buf = clean(buf, lines[:end], a.bodies)
		lines = lines[end:]
		count++
		if !a.console && len(buf) < logBatch && len(lines) > 0 {
			continue
		}
		if _, err := a.out.Write(buf); err != nil {
			a.stats.logsDropped.Add(count)
		}
		buf, count = buf[:0], 0
	}
	return buf
}

// Write queues a line; zerolog reuses p, so it is copied.
func (a *accessLog) Write(p []byte) (int, error) {
	a.mu.Lock()
	first, full := len(a.pending) == 0, len(a.pending)+len(p) > logPending
	if !full {
		a.pending = append(a.pending, p...)
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
	return len(p), nil
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
	e := a.log.Log().Time(zerolog.TimestampFieldName, v.x.Request.Received)
	v.x.LogFields(e)
	if v.failure != nil && v.x.Failure() == nil { // refused before a plan ran
		refused := engine.AsError(v.failure)
		e.Str("code", string(refused.Code)).Str("error", refused.Message)
		if refused.Cause != nil {
			e.AnErr("cause", refused.Cause)
		}
	}
	if v.conn.slow {
		e.Bool("slow_client", true)
	}
	if a.bodies > 0 {
		a.writeBodies(e, v)
	}
	e.Send()
}

// clean makes a line of JSON safe to read in a terminal, whoever chose the words in it: texts are capped, and what moves
// the cursor or turns the direction of writing is escaped. zerolog has escaped the control characters of ASCII. bodies is
// how many bytes of a body the line may hold.
func clean(dst, line []byte, bodies int) []byte {
	if (len(line) <= logField && ascii(line)) || plain(line) {
		return append(dst, line...)
	}
	quoted, size, most := false, 0, logField
	for i := 0; i < len(line); {
		c := line[i]
		width := 1
		switch {
		case c == '\\' && quoted:
			width = escapeWidth(line[i:])
		case c >= utf8.RuneSelf:
			_, width = utf8.DecodeRune(line[i:])
		}
		if c == '"' {
			if quoted, size = !quoted, 0; quoted {
				most = textCap(line[:i], bodies)
			}
		} else if quoted {
			size += width
		}
		switch piece := line[i : i+width]; {
		case size > most:
			if size-width <= most {
				dst = append(dst, "..."...)
			}
		case width > 1 && c != '\\' || c == 0x7f:
			dst = appendRune(dst, piece)
		default:
			dst = append(dst, piece...)
		}
		i += width
	}
	return dst
}

// ascii reports whether every byte is below 0x7f, eight at a time. In a line this short no text is over its cap, and the
// escapes that zerolog wrote may stay.
func ascii(line []byte) bool {
	const high, one = 0x8080808080808080, 0x0101010101010101
	for ; len(line) >= 8; line = line[8:] {
		w := binary.LittleEndian.Uint64(line)
		if (w|(w+one))&high != 0 {
			return false
		}
	}
	for _, c := range line {
		if c >= 0x7f {
			return false
		}
	}
	return true
}

// plain reports whether there is nothing in the line that clean would change; most lines are.
func plain(line []byte) bool {
	quote := 0
	for i, c := range line {
		switch {
		case c >= 0x7f, c == '\\':
			return false
		case c == '"':
			if i-quote > logField {
				return false
			}
			quote = i
		}
	}
	return true
}

// escapeWidth is the length of the escape at the start of s.
func escapeWidth(s []byte) int {
	if len(s) > 1 && s[1] == 'u' {
		return min(len("\\u0000"), len(s))
	}
	return min(2, len(s))
}

func appendRune(dst, piece []byte) []byte {
	r, _ := utf8.DecodeRune(piece)
	if !oddRune(r) {
		return append(dst, piece...)
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// oddRune tells the controls past ASCII, the separators that end lines, and the marks that turn the direction of text.
func oddRune(r rune) bool {
	switch {
	case r >= 0x7f && r <= 0x9f, r == 0x61c, r == 0x200e, r == 0x200f, r == 0x2028, r == 0x2029:
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
		return true
	}
	return false
}
