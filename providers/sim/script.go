package sim

import (
	"errors"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
)

// Script says which calls fail and how. ParseScript makes one; a nil Script says nothing about any call.
type Script struct {
	lines []*scriptLine
}

// scriptLine is one line: what a call must look like, which of those calls are meant, and what befalls them.
type scriptLine struct {
	method, path, model, key string
	first, last              uint64
	fault                    Fault
	seen                     atomic.Uint64
}

// ParseScript reads a script, one line a rule, "#" begins a comment:
//
//	[method=M] [path=GLOB] [model=GLOB] [key=KEY] [calls=FROM-TO] -> FAULT
//
// Each line counts the calls that match its method, path, model and key for itself, from 1; the first line that also
// has the call's number in its range decides. A call that no line decides is left alone.
func ParseScript(text string) (*Script, error) {
	s := &Script{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		l, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("script line %d: %w", i+1, err)
		}
		s.lines = append(s.lines, l)
	}
	return s, nil
}

func parseLine(line string) (*scriptLine, error) {
	left, right, ok := strings.Cut(line, "->")
	if !ok {
		return nil, errors.New("want MATCH -> FAULT")
	}
	fault, err := ParseFault(right)
	if err != nil {
		return nil, err
	}
	l := &scriptLine{first: 1, last: math.MaxUint64, fault: fault}
	for word := range strings.FieldsSeq(left) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "method":
			l.method = value
		case "path":
			l.path = value
		case "model":
			l.model = value
		case "key":
			l.key = Mark(value)
		case "calls":
			if err := l.calls(value); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%q is not one of method, path, model, key, calls", name)
		}
	}
	for _, glob := range []string{l.path, l.model} {
		if _, err := path.Match(glob, ""); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", glob, err)
		}
	}
	return l, nil
}

// calls reads "3", "1-2" or "3-".
func (l *scriptLine) calls(s string) error {
	from, to, isRange := strings.Cut(s, "-")
	first, err := strconv.ParseUint(from, 10, 64)
	if err != nil || first == 0 {
		return fmt.Errorf("calls %q: want N, FROM-TO or FROM-", s)
	}
	l.first, l.last = first, first
	if !isRange {
		return nil
	}
	l.last = math.MaxUint64
	if to == "" {
		return nil
	}
	if l.last, err = strconv.ParseUint(to, 10, 64); err != nil || l.last < first {
		return fmt.Errorf("calls %q: want N, FROM-TO or FROM-", s)
	}
	return nil
}

// fresh is the same script with its counts at zero.
func (s *Script) fresh() *Script {
	if s == nil {
		return nil
	}
	out := &Script{lines: make([]*scriptLine, 0, len(s.lines))}
	for _, l := range s.lines {
		out.lines = append(out.lines, &scriptLine{
			method: l.method, path: l.path, model: l.model, key: l.key,
			first: l.first, last: l.last, fault: l.fault,
		})
	}
	return out
}

// fault counts the call and finds what befalls it; false where the script says nothing.
func (s *Script) fault(c *Call) (*Fault, bool) {
	if s == nil {
		return nil, false
	}
	var found *Fault
	for _, l := range s.lines {
		if !l.matches(c) {
			continue
		}
		n := l.seen.Add(1)
		if found == nil && n >= l.first && n <= l.last {
			found = &l.fault
		}
	}
	return found, found != nil
}

func (l *scriptLine) matches(c *Call) bool {
	return (l.method == "" || strings.EqualFold(l.method, c.Method)) &&
		(l.key == "" || l.key == c.Key) &&
		(l.model == "" || glob(l.model, c.Model)) &&
		(l.path == "" || strings.HasSuffix(c.Path, l.path) || glob(l.path, c.Path))
}

// glob matches a name; a slash in it is a character like any other, for model names hold slashes.
func glob(pattern, name string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00"))
	return err == nil && ok
}
