package content

import (
	"slices"
	"unicode/utf8"
)

const (
	// maxBlanks bounds the run of white space that counts as one blank: more than any editor leaves behind.
	maxBlanks = 256
	// maxUndecided bounds the text that may still become a phrase where characters that cannot be seen make it long: eight
	// times the longest phrase.
	maxUndecided = 8 * maxPhrase
	// maxMarks bounds the marks on one character that are put in order: what Unicode's own stream-safe form allows.
	maxMarks = 30
)

// phraseScan is where in a text, which may come in pieces, the search stands.
type phraseScan struct {
	p       *Phrases
	sink    func(r rune, class unitClass) // in place of the search, for the phrases themselves
	hit     func(phrase int)
	node    uint32
	pending uint32 // a phrase that the next character decides about
	prev    unitClass
	blank   bool // the last character was white space
	run     int  // how much of it came
	pos     int  // of the folded text
	src     int  // of the text: the character that is read
	total   int  // what was read
	ring    []int
	marks   []foldedRune
}

func (s *phraseScan) reset() {
	s.node, s.pending, s.prev, s.blank = 0, 0, unitOther, false
	s.run, s.pos, s.src, s.total, s.marks = 0, 0, 0, 0, s.marks[:0]
}

// held is how much of what was read may still be part of a phrase.
func (s *phraseScan) held() int {
	if s.node == 0 {
		return 0
	}
	return s.total - s.start()
}

// start is where what may become a phrase begins in the text.
func (s *phraseScan) start() int {
	return s.ring[(s.pos-int(s.p.states[s.node].depth))&(len(s.ring)-1)] >> 1
}

// scanText reads the next piece of a text.
func scanText[T string | []byte](s *phraseScan, text T) error {
	base := s.total
	s.total += len(text)
	for i := 0; i < len(text); {
		if s.sink == nil && len(s.marks) == 0 && !s.blank {
			if i = scanPlain(s, text, i, base); i == len(text) {
				break
			}
		}
		s.src = base + i
		if b := text[i]; b < utf8.RuneSelf {
			i++
			s.unit(s.p.fold.table[b])
			continue
		}
		r, size := utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))]))
		i += size
		if err := s.wide(r); err != nil {
			return err
		}
	}
	return nil
}

// scanPlain reads ASCII up to white space that follows white space: most of most texts. It does what unit does.
func scanPlain[T string | []byte](s *phraseScan, text T, i, base int) int {
	p, node, prev, pos, pending := s.p, s.node, s.prev, s.pos, s.pending
	ring, mask := s.ring, len(s.ring)-1
	for ; i < len(text); i++ {
		b := text[i]
		if b >= utf8.RuneSelf {
			break
		}
		f := p.fold.ascii[b]
		starts := p.anywhere || f.class != unitWord || prev != unitWord
		if pending != 0 {
			s.pending, s.prev, s.pos = pending, prev, pos
			s.settle(f.class)
			pending = 0
		}
		if node == 0 && !starts { // the rest of a word that begins no phrase
			for i+1 < len(text) && p.fold.word[text[i+1]] {
				i++
			}
			continue
		}
		if f.class == unitSpace && prev == unitSpace {
			break
		}
		if node == 0 && p.table[f.b] == 0 { // no phrase begins with it
			prev = f.class
			continue
		}
		if node == 0 && f.class == unitWord && p.begins != nil {
			if end := passWord(p, text, i); end > i {
				i, prev = end-1, unitWord
				continue
			}
		}
		node = p.next(node, f.b, starts)
		if prev = f.class; node == 0 {
			continue
		}
		at := (base + i) << 1
		if starts {
			at |= 1
		}
		ring[pos&mask] = at
		pos++
		pending = p.states[node].match
	}
	s.node, s.prev, s.blank, s.run, s.pos, s.pending = node, prev, prev == unitSpace, 0, pos, pending
	return i
}

// end decides about what stands at the end of a text.
func (s *phraseScan) end() {
	s.flush()
	s.settle(unitOther)
}

// wide reads a character that is not ASCII.
func (s *phraseScan) wide(r rune) error {
	f := s.p.fold.of(r)
	if f.r == 0 && f.class != unitSkip {
		s.p.fold.expand(r, s.unit)
		return nil
	}
	if f.class == unitSkip {
		if s.node != 0 && s.src-s.start() > maxUndecided {
			return ErrUndecided
		}
		return nil
	}
	s.unit(f)
	if f.mark != 0 {
		s.unit(foldedRune{r: f.mark, class: unitMark})
	}
	return nil
}

// unit reads a folded character.
func (s *phraseScan) unit(f foldedRune) {
	switch f.class {
	case unitSkip:
		return
	case unitSpace:
		s.space()
		return
	case unitMark:
		s.blank = false
		if len(s.marks) == maxMarks {
			s.flush()
		}
		s.marks = append(s.marks, f)
		return
	case unitOther, unitWord:
	}
	s.flush()
	s.blank = false
	s.put(f)
}

// space reads white space: a run of it is one blank.
func (s *phraseScan) space() {
	s.flush()
	if s.blank {
		s.run++
		if s.run < maxBlanks {
			return
		}
	}
	s.blank, s.run = true, 0
	s.step(' ', unitSpace)
}

// flush reads the marks that were waiting for their order.
func (s *phraseScan) flush() {
	if len(s.marks) == 0 {
		return
	}
	if len(s.marks) > 1 {
		slices.SortStableFunc(s.marks, func(a, b foldedRune) int { return int(combining(a.r)) - int(combining(b.r)) })
	}
	for _, f := range s.marks {
		s.put(f)
	}
	s.marks = s.marks[:0]
}

// put reads a folded character byte by byte.
func (s *phraseScan) put(f foldedRune) {
	if f.r < utf8.RuneSelf {
		s.step(byte(f.r), f.class) //nolint:gosec // below 128
		return
	}
	if s.sink != nil {
		s.sink(f.r, f.class)
		return
	}
	var buf [utf8.UTFMax]byte
	n := utf8.EncodeRune(buf[:], f.r)
	s.settle(f.class)
	s.advance(buf[0], s.begins(f.class))
	for _, b := range buf[1:n] {
		s.advance(b, false)
	}
	s.arrive(f.class)
}

// step reads a folded character of one byte.
func (s *phraseScan) step(b byte, class unitClass) {
	if s.sink != nil {
		s.sink(rune(b), class)
		return
	}
	if s.pending != 0 {
		s.settle(class)
	}
	s.advance(b, s.begins(class))
	s.arrive(class)
}

func (s *phraseScan) begins(class unitClass) bool {
	return s.p.anywhere || class != unitWord || s.prev != unitWord
}

func (s *phraseScan) advance(b byte, starts bool) {
	s.node = s.p.next(s.node, b, starts)
	if s.node == 0 {
		return
	}
	at := s.src << 1
	if starts {
		at |= 1
	}
	s.ring[s.pos&(len(s.ring)-1)] = at
	s.pos++
}

// arrive notes what ends with the character that was read.
func (s *phraseScan) arrive(class unitClass) {
	if class != unitMark {
		s.prev = class
	}
	s.pending = s.p.states[s.node].match
}

// settle decides about the phrases that end before a character: they are found unless it belongs to their last one.
func (s *phraseScan) settle(next unitClass) {
	node := s.pending
	s.pending = 0
	if next == unitMark || (!s.p.anywhere && s.prev == unitWord && next == unitWord) {
		return
	}
	for node != 0 {
		state := &s.p.states[node]
		if s.ring[(s.pos-int(state.depth))&(len(s.ring)-1)]&1 != 0 {
			s.hit(int(s.p.phrase[node]) - 1)
		}
		node = s.p.states[state.fail].match
	}
}
