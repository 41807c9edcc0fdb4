package server

import (
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"weir/engine"
)

const (
	// logQueue is how many lines wait for a slow log: half a second of a busy gateway, about 4 MiB.
	logQueue = 4096
	// logLine is the largest buffer that is kept for another line.
	logLine = 4 << 10
	// logBatch is how much is written at once: what a pipe takes without waiting.
	logBatch = 64 << 10
	// logLast is how long the end of the process waits for a log that takes nothing.
	logLast = 2 * time.Second
	// logField caps one field that clients choose, such as the path.
	logField = 512
)

// accessLog writes one line for each exchange without making exchanges wait: when the log is slower than the traffic,
// lines are dropped and counted.
type accessLog struct {
	lines   chan *[]byte
	free    sync.Pool
	out     io.Writer
	stats   *stats
	log     zerolog.Logger
	enabled bool
	console bool // one line a write
	quit    chan struct{}
	done    chan struct{}
	once    sync.Once
}

func newAccessLog(out io.Writer, s *stats, format string) *accessLog {
	a := &accessLog{
		out: out, stats: s, enabled: out != nil, console: format == "console", lines: make(chan *[]byte, logQueue),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	if !a.enabled {
		close(a.done)
		return a
	}
	if a.console {
		a.out = zerolog.ConsoleWriter{Out: out, NoColor: true}
	}
	a.log = zerolog.New(a).With().Timestamp().Logger()
	go a.drain()
	return a
}

func (a *accessLog) drain() {
	defer close(a.done)
	buf := make([]byte, 0, logBatch)
	for {
		select {
		case line := <-a.lines:
			buf = a.flush(buf, line)
		case <-a.quit:
			for len(a.lines) > 0 {
				buf = a.flush(buf, <-a.lines)
			}
			return
		}
	}
}

// flush writes a line with those that wait already, so that a busy log is written in larger pieces. The console form
// is made of one line at a time.
func (a *accessLog) flush(buf []byte, line *[]byte) []byte {
	buf = clean(buf[:0], *line)
	a.release(line)
	lines := int64(1)
	for !a.console && len(buf) < logBatch && len(a.lines) > 0 {
		line = <-a.lines
		buf = clean(buf, *line)
		a.release(line)
		lines++
	}
	if _, err := a.out.Write(buf); err != nil {
		a.stats.logsDropped.Add(lines)
	}
	return buf
}

func (a *accessLog) release(line *[]byte) {
	if cap(*line) <= logLine {
		a.free.Put(line)
	}
}

// Write queues a line; zerolog reuses p, so it is copied.
func (a *accessLog) Write(p []byte) (int, error) {
	line, ok := a.free.Get().(*[]byte)
	if !ok {
		line = new([]byte)
	}
	if *line = (*line)[:0]; len(p) > logLine {
		*line = clean(*line, p) // now: a queue of these would hold much more than it should
	} else {
		*line = append(*line, p...)
	}
	select {
	case a.lines <- line:
	default:
		a.stats.logsDropped.Add(1)
		a.release(line)
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
	e := a.log.Log()
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
	e.Send()
}

// clean makes a line of JSON safe to read in a terminal, whoever chose the words in it: texts are capped, and what moves
// the cursor or turns the direction of writing is escaped. zerolog has escaped the control characters of ASCII.
func clean(dst, line []byte) []byte {
	if plain(line) {
		return append(dst, line...)
	}
	quoted, size := false, 0
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
			quoted, size = !quoted, 0
		} else if quoted {
			size += width
		}
		switch piece := line[i : i+width]; {
		case size > logField:
			if size-width <= logField {
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
