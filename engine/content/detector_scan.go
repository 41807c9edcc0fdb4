package content

import (
	"math/bits"
	"unicode/utf8"
)

// scanContext is how many bytes before a value are looked at: a word such as "SSN" or "phone" that says what a number is
// stands within a few words of it.
const scanContext = 64

// hit is a value found, by offsets in the text that was scanned. Index is the entity's place in the detector.
type hit struct {
	start, end int
	index      int
	long       bool // longer than any of its kind: all of it goes, and its begin stands for it
	rest       bool // goes on with a long one that came before
}

// verdict is what is known at a trigger.
type verdict uint8

const (
	verdictNone verdict = iota
	verdictFound
	verdictMore // the text ends before it is known
)

// scan looks for the entities in one pass over a text that may grow: it stops at bytes that a value holds and reads on
// from there, back to where the value begins and on to its end. What it finds depends on the text alone and not on where
// the text was cut: where more of it could change the answer, the scan waits.
type scan struct {
	d     *Detector
	text  string
	at    int // what stands before was looked at
	from  int // no value begins before
	armed int // a secret key may begin before
	hold  int // from here on the text could be part of a value, once next has found no more
	final bool
	long  entity // the kind of a long value that goes on
	goes  bool   // one does
	found hit
	// A run of characters that was read before, so that a long one is not read again with every piece of it.
	runFrom, runTo int
	runSet         class
	dull           int // before this, no key begins that is told by a dense piece
	groups         groups
}

// reset begins a text.
func (s *scan) reset(d *Detector) {
	*s = scan{d: d, runFrom: -1}
}

// shift forgets the first bytes of the text.
func (s *scan) shift(n int) {
	s.at -= n
	s.from = max(0, s.from-n)
	s.armed = max(0, s.armed-n)
	s.hold -= n
	s.runFrom -= n
	s.runTo -= n
	s.dull -= n
}

// next gives the next value; where there is none, hold is settled.
func (s *scan) next() (hit, bool) {
	if s.goes {
		if h, ok := s.goOn(); ok || s.goes {
			return h, ok
		}
	}
	table := &s.d.table
	for {
		t, i := s.text, s.at
		if i >= s.armed {
			for ; i+4 <= len(t) && table[t[i]]|table[t[i+1]]|table[t[i+2]]|table[t[i+3]] == 0; i += 4 {
			}
			for i < len(t) && table[t[i]] == 0 {
				i++
			}
		}
		s.at = i
		if i >= len(t) {
			break
		}
		switch s.try(table[t[i]]) {
		case verdictFound:
			s.from, s.at = s.found.end, s.found.end
			return s.found, true
		case verdictMore:
			s.hold = min(s.found.start, s.look(i))
			return hit{}, false
		default:
			s.at = max(s.at, i+1)
		}
	}
	s.hold = len(s.text)
	if !s.final {
		s.hold = s.look(len(s.text))
	}
	return hit{}, false
}

// try looks for the values that the byte here may be a part of.
func (s *scan) try(what uint8) verdict {
	i := s.at
	if i < s.armed {
		if v := s.secret(i); v != verdictNone {
			return v
		}
	}
	v := verdictNone
	switch {
	case what == 0:
	case what&triggerDigit != 0:
		return s.digit(i)
	case what&triggerAt != 0:
		return s.email(i)
	case what&triggerColon != 0:
		return s.colon(i)
	case what&triggerPlus != 0:
		return s.plus(i)
	case what&triggerOpen != 0:
		return s.open(i)
	default:
		if what&triggerPrefix != 0 {
			v = s.prefix(i)
		}
		if v == verdictNone && what&triggerWord != 0 {
			s.word(i)
		}
	}
	return v
}

// is notes a value.
func (s *scan) is(e entity, start, end int) verdict {
	s.found = hit{start: start, end: end, index: int(s.d.index[e])}
	return verdictFound
}

// tooLong notes a value that is longer than any of its kind; it goes on where the text does.
func (s *scan) tooLong(e entity, start, end int) verdict {
	s.found = hit{start: start, end: end, index: int(s.d.index[e]), long: true}
	if end == len(s.text) && !s.final {
		s.goes, s.long = true, e
	}
	return verdictFound
}

// more asks for more text to know about a value that begins at start.
func (s *scan) more(start int) verdict {
	s.found = hit{start: start}
	return verdictMore
}

// short reports whether the text may go on behind the offset, which is its end.
func (s *scan) short(at int) bool {
	return at >= len(s.text) && !s.final
}

// goOn goes on in a long value.
func (s *scan) goOn() (hit, bool) {
	end := len(s.text)
	if s.long == entityPrivateKey {
		end = s.pemRest()
	} else {
		set, at := longSet(s.long), s.from
		for at < end && s.inRun(at, set) {
			at++
		}
		s.goes, end = at == len(s.text), at
	}
	s.goes = s.goes && !s.final
	h := hit{start: s.from, end: end, rest: true, index: int(s.d.index[s.long])}
	s.from, s.at = end, end
	s.hold = end
	return h, h.end > h.start
}

// longSet is what a long value consists of.
func longSet(e entity) class {
	switch e {
	case entityURL:
		return classURL
	case entityJWT:
		return classJWT
	default:
		return classToken
	}
}

// run gives the end of the characters of the set that begin at from, at most most bytes of them.
func (s *scan) run(from int, set class, most int) int {
	if s.runSet != set || from < s.runFrom || from > s.runTo {
		s.runSet, s.runFrom, s.runTo = set, from, from
	}
	end := min(len(s.text), from+most)
	for s.runTo < end && s.inRun(s.runTo, set) {
		s.runTo++
	}
	return min(s.runTo, end)
}

func (s *scan) inRun(at int, set class) bool {
	b := s.text[at]
	if classes[b]&set == 0 {
		return false
	}
	return b < utf8.RuneSelf || !s.closes(at)
}

// closes reports whether a character beyond ASCII ends a URL: guillemets, curly quotes and East Asian punctuation do.
func (s *scan) closes(at int) bool {
	r, _ := utf8.DecodeRuneInString(s.text[at:])
	return r == 0xAB || r == 0xBB || (r >= 0x2018 && r <= 0x201F) || (r >= 0x3000 && r <= 0x303F)
}

// starts reports whether a word may start at the offset: no letter or digit stands before it, or one that belongs to an
// escape such as \n in text that is source code.
func (s *scan) starts(at int) bool {
	if at == 0 {
		return true
	}
	b := s.text[at-1]
	if classes[b]&classAlnum == 0 {
		return true
	}
	return at > 1 && s.text[at-2] == '\\' && (b == 'n' || b == 't' || b == 'r')
}

// ends reports whether a word may end before the offset.
func (s *scan) ends(at int) bool {
	return at >= len(s.text) || (classes[s.text[at]]&classAlnum == 0 && s.text[at] != '_')
}

// look gives the offset from where on text before pos could belong to a value that is known by what comes at pos or
// later.
func (s *scan) look(pos int) int {
	set := s.d.set
	if set.has(entityEmail) { // its local part holds all that others look back at
		return s.localRun(pos)
	}
	out := pos
	if set.has(entityURL) {
		out = min(out, s.back(pos, classScheme, schemeMost))
	}
	if set.has(entityIP) {
		if p := s.back(pos, classHex, 4); s.starts(p) {
			out = min(out, p)
		}
	}
	if set.has(entityIBAN) {
		if p := s.back(pos, classLetter, 2); s.starts(p) {
			out = min(out, p)
		}
	}
	return min(out, s.prefixBegun(pos))
}

// back gives the begin of the characters of a set that end at pos, most bytes of them at most.
func (s *scan) back(pos int, set class, most int) int {
	least := max(s.from, pos-most)
	for pos > least && classes[s.text[pos-1]]&set != 0 {
		pos--
	}
	return pos
}

// prefixBegun gives the begin of a prefix of keys that ends at pos and lacks what tells it.
func (s *scan) prefixBegun(pos int) int {
	if s.d.first == nil {
		return pos
	}
	for n := min(keyPrefixLookback, pos-s.from); n > 0; n-- {
		tail := s.text[pos-n : pos]
		for set := s.d.first[tail[0]]; set != 0; set &= set - 1 {
			p := &keyPrefixes[bits.TrailingZeros64(set)]
			if n <= p.trigger && p.text[:n] == tail && s.starts(pos-n) {
				return pos - n
			}
		}
	}
	return pos
}
