package sim

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// defaultTrickle is small enough that an event of any API arrives in several pieces.
	defaultTrickle = 16
	// maxFaultChunks bounds what one request can make the simulator hold in memory.
	maxFaultChunks = 100_000
)

// place is a point in a stream. The zero place is nowhere, start is before anything was sent, place(n)+content is
// before the n-th event with content, counted from 0.
type place int

const (
	nowhere place = iota
	start
	content
)

// Fault is what goes wrong with a call; the zero Fault is nothing. ParseFault makes one.
type Fault struct {
	text string // as it was written

	status    int
	delay     time.Duration // before the first byte
	pace      time.Duration // between chunks, where hasPace
	stall     time.Duration // how long a stall lasts, 0 means until the client goes
	trickle   time.Duration
	piece     int
	chunks    int
	stallAt   place
	cutAt     place
	resetAt   place
	errorAt   place
	malformed place
	hasPace   bool
	notSSE    bool
	reset     bool
	noModel   bool
	tooLong   bool
	gzip      bool
	wrongLen  bool
	empty     bool
	hasBody   bool
	body      string
	say       string
	canary    string
	headers   []Header
}

// String is the fault as it was written, "" where there is none.
func (f *Fault) String() string { return f.text }

// ParseFault reads a fault: clauses "name" or "name=value" separated by semicolons, "ok" or "" for none. A value that
// holds a semicolon writes it as %3B.
func ParseFault(text string) (Fault, error) {
	text = strings.TrimSpace(text)
	f := Fault{text: text, piece: defaultTrickle}
	if text == "" || text == "ok" {
		return Fault{}, nil
	}
	for clause := range strings.SplitSeq(text, ";") {
		name, value, has := strings.Cut(strings.TrimSpace(clause), "=")
		value, err := url.PathUnescape(value)
		if err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", clause, err)
		}
		if err := f.set(name, value, has); err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", clause, err)
		}
	}
	return f, nil
}

func (f *Fault) set(name, value string, has bool) error {
	if flag := f.flag(name); flag != nil {
		if has {
			return fmt.Errorf("%s takes no value", name)
		}
		*flag = true
		return nil
	}
	if !has {
		return errors.New("unknown fault, or a value is missing")
	}
	var err error
	switch name {
	case "status":
		f.status, err = number(value, 100, 599)
	case "retry-after":
		f.headers = append(f.headers, Header{"Retry-After", value})
	case "header":
		n, v, ok := strings.Cut(value, ":")
		if !ok || n == "" {
			return errors.New("want header=NAME:VALUE")
		}
		f.headers = append(f.headers, Header{n, strings.TrimSpace(v)})
	case "delay":
		f.delay, err = wait(value)
	case "pace":
		f.hasPace = true
		f.pace, err = wait(value)
	case "stall":
		f.stall, err = wait(value)
	case "trickle":
		f.trickle, err = wait(value)
	case "trickle-bytes":
		f.piece, err = number(value, 1, 1<<20)
	case "chunks":
		f.chunks, err = number(value, 1, maxFaultChunks)
	case "stall-after":
		f.stallAt, err = at(value)
	case "cut-after":
		f.cutAt, err = at(value)
	case "reset-after":
		f.resetAt, err = at(value)
	case "error-event-at":
		f.errorAt, err = at(value)
	case "malformed-at":
		f.malformed, err = at(value)
	case "body":
		f.body, f.hasBody = value, true
	case "say":
		f.say = value
	case "canary":
		f.canary = value
	default:
		return errors.New("unknown fault")
	}
	return err
}

// flag finds the clause that is a word without a value.
func (f *Fault) flag(name string) *bool {
	switch name {
	case "not-sse":
		return &f.notSSE
	case "reset":
		return &f.reset
	case "no-model":
		return &f.noModel
	case "context-length":
		return &f.tooLong
	case "gzip":
		return &f.gzip
	case "wrong-length":
		return &f.wrongLen
	case "empty-stream":
		return &f.empty
	default:
		return nil
	}
}

func number(s string, low, high int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("want a number from %d to %d", low, high)
	}
	return n, nil
}

func wait(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, errors.New("want a duration such as 500ms")
	}
	return d, nil
}

func at(s string) (place, error) {
	if s == "start" {
		return start, nil
	}
	n, err := number(s, 0, maxFaultChunks)
	if err != nil {
		return nowhere, errors.New("want start or the number of an event with content, from 0")
	}
	return content + place(n), nil
}
