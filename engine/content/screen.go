package content

import (
	"errors"

	"weir/engine/wire"
)

// ErrFound says that a text holds what a screen looks for.
var ErrFound = errors.New("the text holds what a rule on content looks for")

// Screened is what a screen found.
type Screened struct {
	Phrase   int // the first phrase that was found, by its place in the list; -1 = none
	Phrases  int // how often any was
	Pattern  int // the first pattern, -1 = none
	Patterns int // in how many texts any was
}

// Any reports whether anything was found.
func (s Screened) Any() bool { return s.Phrases+s.Patterns > 0 }

// Screen looks for phrases and patterns in texts and never changes one. In a stream it holds back what could still become
// a match, so that nothing of it has left when it is found. It belongs to one exchange.
type Screen struct {
	list     *Phrases
	patterns []*Pattern
	kinds    wire.TextKinds
	found    Screened
	replacer *Replacer // finds the patterns in streams
	whole    phraseScan
	slots    []screenSlot
}

// screenSlot is one text of a stream.
type screenSlot struct {
	scan phraseScan
	held []byte
}

// NewScreen makes a screen; phrases may be nil.
func NewScreen(phrases *Phrases, patterns []*Pattern, kinds wire.TextKinds) *Screen {
	s := &Screen{list: phrases, patterns: patterns, kinds: kinds, found: Screened{Phrase: -1, Pattern: -1}}
	if len(patterns) > 0 {
		s.replacer = NewReplacer(patterns, kinds)
	}
	s.start(&s.whole)
	return s
}

func (s *Screen) start(scan *phraseScan) {
	if s.list != nil {
		*scan = phraseScan{p: s.list, ring: make([]int, s.list.ring), hit: s.hit}
	}
}

func (s *Screen) hit(phrase int) {
	if s.found.Phrases == 0 {
		s.found.Phrase = phrase
	}
	s.found.Phrases++
}

// Found is what was found so far.
func (s *Screen) Found() Screened { return s.found }

// Check looks at a whole text and returns it as it is: it is a wire.TextEdit. It goes on over what it finds, which Found
// tells; the error is ErrUndecided.
func (s *Screen) Check(kind wire.TextKind, text string) (string, error) {
	if !s.kinds.Has(kind) {
		return text, nil
	}
	if s.list != nil {
		s.whole.reset()
		if err := scanText(&s.whole, text); err != nil {
			return "", err
		}
		s.whole.end()
	}
	for i, p := range s.patterns {
		if p.re.MatchString(text) {
			s.matched(i)
		}
	}
	return text, nil
}

func (s *Screen) matched(pattern int) {
	if s.found.Patterns == 0 {
		s.found.Pattern = pattern
	}
	s.found.Patterns++
}

// Feed takes the next text of a channel, as wire.TextFilter says. Its error is ErrFound, or ErrUndecided.
func (s *Screen) Feed(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	if !s.kinds.Has(ch.Kind) {
		return append(dst, text...), 0, nil
	}
	if s.list == nil {
		return s.feedPatterns(dst, ch, text)
	}
	slot := s.slot(ch.Slot)
	if err := scanText(&slot.scan, text); err != nil {
		return dst, 0, err
	}
	if s.found.Any() {
		return dst, 0, ErrFound
	}
	held = slot.scan.held()
	if len(slot.held) > 0 {
		slot.held = append(slot.held, text...)
		text = slot.held
	}
	leaves, rest := text[:len(text)-held], text[len(text)-held:]
	if dst, held, err = s.feedPatterns(dst, ch, leaves); err != nil {
		return dst, 0, err
	}
	slot.held = append(slot.held[:0], rest...)
	return dst, held + len(rest), nil
}

func (s *Screen) feedPatterns(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	if s.replacer == nil {
		return append(dst, text...), 0, nil
	}
	mark := len(dst)
	if dst, held, err = s.replacer.Feed(dst, ch, text); err == nil {
		err = s.matches()
	}
	if err != nil {
		return dst[:mark], 0, err
	}
	return dst, held, nil
}

// matches looks whether a pattern was found.
func (s *Screen) matches() error {
	for i, m := range s.replacer.Matches() {
		if m.Count > 0 {
			s.matched(i)
			return ErrFound
		}
	}
	return nil
}

// End gives what a channel held, as wire.TextFilter says.
func (s *Screen) End(dst []byte, ch wire.TextChannel) (out []byte, err error) {
	if !s.kinds.Has(ch.Kind) {
		return dst, nil
	}
	mark := len(dst)
	if s.list != nil {
		slot := s.slot(ch.Slot)
		slot.scan.end()
		slot.scan.reset()
		if s.found.Any() {
			return dst, ErrFound
		}
		if dst, _, err = s.feedPatterns(dst, ch, slot.held); err != nil {
			return dst, err
		}
		slot.held = slot.held[:0]
	}
	if s.replacer == nil {
		return dst, nil
	}
	if dst, err = s.replacer.End(dst, ch); err == nil {
		err = s.matches()
	}
	if err != nil {
		return dst[:mark], err
	}
	return dst, nil
}

func (s *Screen) slot(i int) *screenSlot {
	for i >= len(s.slots) {
		s.slots = append(s.slots, screenSlot{})
	}
	if slot := &s.slots[i]; slot.scan.p == nil {
		s.start(&slot.scan)
	}
	return &s.slots[i]
}

// MatchesNothing reports whether the pattern matches a text of no characters, and with it every text.
func (p *Pattern) MatchesNothing() bool { return p.empty }
