package content

import (
	"fmt"

	"weir/engine/wire"
)

// foundCount is how often an entity was found.
type foundCount struct {
	Entity string
	Count  int
}

// Redactor replaces what a detector finds, in whole texts and in streams. It belongs to one exchange and phase.
type Redactor struct {
	detector *Detector
	kinds    wire.TextKinds
	replace  func(dst []byte, f Finding, value string) ([]byte, error)
	counts   []int
	slots    []*slot
	finder   finder
	whole    wholeText
	out      []byte
	quiet    bool // a repeated text is not counted again
}

// NewRedactor makes a redactor for texts of the given kinds. Replace appends what goes in place of a finding to dst;
// appending nothing removes it. Value is what was found, valid only during the call; of a value that is longer than any
// of its kind it is the begin. An error of replace blocks the text.
func NewRedactor(d *Detector, kinds wire.TextKinds, replace func(dst []byte, f Finding, value string) ([]byte, error)) *Redactor {
	return &Redactor{detector: d, kinds: kinds, replace: replace, counts: make([]int, len(d.names))}
}

// counted is how often each entity was found, those that were found alone, in the detector's order.
func (r *Redactor) counted() []foundCount {
	var out []foundCount
	for i, n := range r.counts {
		if n > 0 {
			out = append(out, foundCount{Entity: r.detector.names[i], Count: n})
		}
	}
	return out
}

// ReplaceAll gives a whole text with its findings replaced, the text itself where there are none.
func (r *Redactor) ReplaceAll(kind wire.TextKind, text string) (string, error) {
	if !r.kinds.Has(kind) {
		return text, nil
	}
	r.quiet = false
	t, f := &r.whole, &r.finder
	t.read(text)
	f.reset(r.detector, strict)
	if err := f.finish(t.shadow); err != nil {
		return "", err
	}
	sent, found := 0, false
	r.out = r.out[:0]
	for h, ok := f.next(); ok; h, ok = f.next() {
		found = true
		at := t.extent(h.start, h.end)
		at.start = max(at.start, sent)
		value := text[at.start:max(at.start, t.extent(h.start, h.valueEnd(r.detector, t.shadow)).end)]
		r.out = append(r.out, text[sent:at.start]...)
		if err := r.put(h, at.start, value); err != nil {
			return "", err
		}
		sent = max(sent, at.end)
	}
	if !found {
		return text, nil
	}
	r.out = append(r.out, text[sent:]...)
	return string(r.out), nil
}

// put puts what goes in place of a hit to what leaves.
func (r *Redactor) put(h hit, at int, value string) error {
	if h.rest {
		return nil
	}
	if h.long && r.detector.full == FullBlock {
		return ErrUndecided
	}
	name := r.detector.names[h.index]
	if !r.quiet {
		r.counts[h.index]++
	}
	out, err := r.replace(r.out, Finding{Start: at, End: at + len(value), Entity: name}, value)
	if err != nil {
		return fmt.Errorf("replacing %s: %w", name, err)
	}
	r.out = out
	if len(out) > maxResult {
		return ErrTooLong
	}
	return nil
}

// Feed takes the next text of a channel, as wire.TextFilter says. Text that is cut within a character is taken too.
func (r *Redactor) Feed(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	if !r.kinds.Has(ch.Kind) {
		return append(dst, text...), 0, nil
	}
	s := r.slot(ch.Slot)
	r.quiet, r.out = ch.Repeat, dst
	err = s.feed(r, text)
	out, r.out = r.out, nil
	if err != nil {
		return dst, 0, err
	}
	return out, s.held(), nil
}

// End gives what a channel held, as wire.TextFilter says.
func (r *Redactor) End(dst []byte, ch wire.TextChannel) (out []byte, err error) {
	if !r.kinds.Has(ch.Kind) {
		return dst, nil
	}
	s := r.slot(ch.Slot)
	r.quiet, r.out = ch.Repeat, dst
	err = s.end(r)
	out, r.out = r.out, nil
	if err != nil {
		return dst, err
	}
	return out, nil
}

func (r *Redactor) slot(n int) *slot {
	for n >= len(r.slots) {
		r.slots = append(r.slots, nil)
	}
	if r.slots[n] == nil {
		r.slots[n] = &slot{}
		r.slots[n].finder.reset(r.detector, strict)
	}
	return r.slots[n]
}
