package content

import (
	"errors"
	"strings"

	"weir/engine/wire"
)

// maxFirst bounds the matched text that a result keeps: results go to logs and variables.
const maxFirst = 256

// maxResult bounds what replacements make of one text: as much as the largest answer that the gateway holds. A long
// replacement, which a client may have a part in, would otherwise make gigabytes of a text that matches everywhere.
const maxResult = 64 << 20

// ErrTooLong says that replacements would make a text too long.
var ErrTooLong = errors.New("the replacements make the text longer than an answer may be")

// Matches is what one replacement found in one exchange.
type Matches struct {
	First string // the text of the first match, at most 256 bytes of it
	Count int
}

// Replacer does a list of replacements, each on the result of the one before, in whole texts and in streams. It belongs
// to one exchange; the zero value does nothing.
type Replacer struct {
	patterns []*Pattern
	kinds    wire.TextKinds
	found    []Matches
	slots    [][]window
	quiet    bool // a repeated text is not counted again
}

// NewReplacer makes a replacer of the patterns for texts of the given kinds.
func NewReplacer(patterns []*Pattern, kinds wire.TextKinds) *Replacer {
	return &Replacer{patterns: patterns, kinds: kinds, found: make([]Matches, len(patterns))}
}

// Matches is what the replacements found, one entry for each in their order. It is the replacer's own.
func (r *Replacer) Matches() []Matches {
	return r.found
}

// ReplaceAll gives a whole text with the replacements done, the text itself where nothing matches. Any length matches.
func (r *Replacer) ReplaceAll(kind wire.TextKind, text string) (string, error) {
	if !r.kinds.Has(kind) {
		return text, nil
	}
	r.quiet = false
	for i, p := range r.patterns {
		if !p.re.MatchString(text) {
			continue
		}
		edited, err := r.replaceBytes(i, []byte(text))
		if err != nil {
			return "", err
		}
		text = string(edited)
	}
	return text, nil
}

// Feed takes the next text of a channel, as wire.TextFilter says.
func (r *Replacer) Feed(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	if !r.kinds.Has(ch.Kind) {
		return append(dst, text...), 0, nil
	}
	r.quiet = ch.Repeat
	windows := r.windows(ch.Slot)
	for i := range windows {
		if text, err = windows[i].feed(text); err != nil {
			return dst, 0, err
		}
		held += windows[i].held()
	}
	return append(dst, text...), held, nil
}

// End gives what a channel held, as wire.TextFilter says.
func (r *Replacer) End(dst []byte, ch wire.TextChannel) (out []byte, err error) {
	if !r.kinds.Has(ch.Kind) {
		return dst, nil
	}
	r.quiet = ch.Repeat
	windows := r.windows(ch.Slot)
	for i := range windows {
		rest, err := windows[i].end()
		if err != nil {
			return dst, err
		}
		for j := i + 1; j < len(windows) && len(rest) > 0; j++ {
			if rest, err = windows[j].feed(rest); err != nil {
				return dst, err
			}
		}
		dst = append(dst, rest...)
	}
	return dst, nil
}

func (r *Replacer) note(i int, text string) {
	if r.quiet {
		return
	}
	m := &r.found[i]
	if m.Count == 0 {
		m.First = strings.ToValidUTF8(text[:min(len(text), maxFirst)], "")
		m.First = strings.Clone(m.First)
	}
	m.Count++
}

// windows are the windows of a slot, one for each replacement.
func (r *Replacer) windows(slot int) []window {
	for slot >= len(r.slots) {
		r.slots = append(r.slots, nil)
	}
	if r.slots[slot] == nil {
		r.slots[slot] = make([]window, len(r.patterns))
		for i, p := range r.patterns {
			r.slots[slot][i].hit = func(text []byte) { r.note(i, string(text)) }
			r.slots[slot][i].start(p)
		}
	}
	return r.slots[slot]
}
