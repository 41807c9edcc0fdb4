package wire

import "bytes"

// arrayState is where in a JSON array the splitter stands.
type arrayState struct {
	opened  bool // the array's own bracket was read
	began   bool // an element, or the closing bracket, has begun
	closing bool // what began is the closing bracket
	bare    bool // the element is not an object, array or string: it ends at the next separator
	quoted  bool // inside a string
	escaped bool // behind a backslash
	start   int  // where the element begins, from the event's first byte
	depth   int
}

// arrayEnd is the index behind the element that the event at pos holds, 0 while it is not complete. Separators and
// white space in front of an element belong to its event, so nothing waits for what comes behind an element.
func (s *Splitter) arrayEnd() int {
	a := &s.array
	if !a.began && !s.arrayBegin() {
		return 0
	}
	switch {
	case a.closing:
		return s.scan
	case a.bare:
		return s.bareEnd()
	}
	for s.scan < len(s.cur) {
		if a.quoted {
			s.arrayString()
			if !a.quoted && a.depth == 0 {
				return s.scan
			}
			continue
		}
		c := s.cur[s.scan]
		s.scan++
		switch c {
		case '"':
			a.quoted = true
		case '{', '[':
			a.depth++
		case '}', ']':
			a.depth--
			if a.depth <= 0 {
				return s.scan
			}
		}
	}
	return 0
}

// arrayBegin skips separators up to the first byte of an element or the closing bracket.
func (s *Splitter) arrayBegin() bool {
	a := &s.array
	for ; s.scan < len(s.cur); s.scan++ {
		c := s.cur[s.scan]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',':
			continue
		case c == '[' && !a.opened:
			a.opened = true
			continue
		case s.scan-s.pos < 3 && !s.begun && !a.opened && c >= 0xBB && arrayBOM(s.scan-s.pos, c):
			continue
		}
		a.opened = true // an object without brackets, such as an error, is an element too
		a.began = true
		a.start = s.scan - s.pos
		a.closing = c == ']'
		a.bare = c != '{' && c != '[' && c != '"' && !a.closing
		if a.closing {
			s.scan++
		}
		return true
	}
	return false
}

func arrayBOM(i int, c byte) bool {
	return c == [3]byte{0xEF, 0xBB, 0xBF}[i]
}

// arrayString goes on in a string until it ends or the bytes do.
func (s *Splitter) arrayString() {
	a := &s.array
	if a.escaped {
		a.escaped = false
		s.scan++
		return
	}
	rest := s.cur[s.scan:]
	i := bytes.IndexByte(rest, '"')
	if i >= 0 {
		rest = rest[:i]
	}
	if j := bytes.IndexByte(rest, '\\'); j >= 0 {
		a.escaped = true
		s.scan += j + 1
		return
	}
	s.scan += len(rest)
	if i >= 0 {
		a.quoted = false
		s.scan++
	}
}

// bareEnd ends an element of another kind, such as a number or text that has no business here, at a separator.
func (s *Splitter) bareEnd() int {
	for ; s.scan < len(s.cur); s.scan++ {
		switch s.cur[s.scan] {
		case ' ', '\t', '\n', '\r', ',', ']':
			return s.scan
		}
	}
	return 0
}

// arrayData is the element of the event that ends at end, nil for the closing bracket and for white space.
func (s *Splitter) arrayData(end int) []byte {
	a := s.array
	s.array = arrayState{opened: a.opened}
	if !a.began || a.closing {
		return nil
	}
	return s.cur[s.pos+a.start : end : end]
}
