package actions

import (
	"bytes"
	"errors"
	"slices"
	"sort"
	"strings"

	"weir/engine"
	"weir/engine/wire"
)

// maxRestored bounds what restoring adds to one answer: as much as the largest request that values come from. A model
// could otherwise fill the memory by saying one placeholder over and over. What is beyond stays a placeholder.
const maxRestored = 32 << 20

// restoreLater has the placeholders of the exchange restored in its answer, behind the rules of on_response, so that
// those see no more than the model did.
func (r *redacted) restoreLater(x *engine.Exchange) {
	if r.restoring {
		return
	}
	r.restoring = true
	x.AfterRules(r.restore)
}

// restore puts the values back into the answer. An answer that cannot be read keeps its placeholders: they tell nothing.
func (r *redacted) restore(x *engine.Exchange) error {
	back := newRestorer(r)
	if x.Request.API == wire.AnthropicMessages {
		// Thinking is signed there, and comes back with the next turn as the client got it: its vendor refuses another text.
		back.leave = back.leave.Of(wire.TextReasoning)
	}
	switch {
	case len(back.entries) == 0:
		return nil
	case len(x.Reply.Body) > 0: // compressing leaves the body there, beside the stream that it will be sent as
		edited, changed, err := editAnswer(x, x.Reply.Body, back.ReplaceAll)
		switch {
		case errors.Is(err, wire.ErrTextMalformed):
			return nil
		case err != nil:
			return contentFailure(err)
		case changed:
			x.Reply.Body = edited
		}
		return nil
	case x.IsEventStream():
		return x.FilterStream(newTextStream(x, back)) //nolint:wrapcheck // the engine's own failure
	default:
		return nil
	}
}

// restorer puts values in the place of their placeholders, in whole texts and in streams. A placeholder is taken for one
// however its letters are cased, and with the backslashes that Markdown puts before brackets and underscores: models
// write it in these ways. Everything else that looks like one is a text like any other.
type restorer struct {
	of      *redacted
	entries []placeholder // in order of their text, which is in lower case here
	leave   wire.TextKinds
	added   int
	held    [][]byte // by slot: the begin of what may be a placeholder
	quiet   bool     // the text is told once more and counts no more
}

func newRestorer(r *redacted) *restorer {
	back := &restorer{of: r}
	for _, e := range r.entries {
		if e.restore {
			back.entries = append(back.entries, placeholder{text: strings.ToLower(e.text), value: e.value})
		}
	}
	inOrder := slices.Clone(back.entries)
	slices.SortFunc(back.entries, byPlaceholder)
	for _, e := range inOrder {
		back.unfold(e)
	}
	return back
}

func byPlaceholder(a, b placeholder) int { return strings.Compare(a.text, b.text) }

// unfold puts the values into a value that was found in a text with placeholders already. Those are older ones, which
// are unfolded, so that what comes out is what the client wrote.
func (r *restorer) unfold(e placeholder) {
	if strings.IndexByte(e.value, '[') < 0 {
		return
	}
	r.quiet = true
	value, _ := r.scan(nil, []byte(e.value), wholeText)
	r.added = 0
	if i, found := slices.BinarySearchFunc(r.entries, e, byPlaceholder); found {
		r.entries[i].value = string(value)
	}
}

// ReplaceAll gives a whole text with its values, the text itself where it has none.
func (r *restorer) ReplaceAll(kind wire.TextKind, text string) (string, error) {
	if r.leave.Has(kind) || strings.IndexByte(text, '[') < 0 {
		return text, nil
	}
	r.quiet = false
	before := r.of.restored
	out, _ := r.scan(nil, []byte(text), wholeText)
	if r.of.restored == before {
		return text, nil
	}
	return string(out), nil
}

// Feed takes the next text of a channel, as wire.TextFilter says.
func (r *restorer) Feed(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	if r.leave.Has(ch.Kind) {
		return append(dst, text...), 0, nil
	}
	for ch.Slot >= len(r.held) {
		r.held = append(r.held, nil)
	}
	r.quiet = ch.Repeat
	was := r.held[ch.Slot]
	if len(was) > 0 {
		was = append(was, text...)
		text = was
	}
	out, kept := r.scan(dst, text, moreText)
	r.held[ch.Slot] = append(was[:0], text[kept:]...)
	return out, len(text) - kept, nil
}

// End gives what a channel held, as wire.TextFilter says.
func (r *restorer) End(dst []byte, ch wire.TextChannel) (out []byte, err error) {
	if r.leave.Has(ch.Kind) || ch.Slot >= len(r.held) {
		return dst, nil
	}
	r.quiet = ch.Repeat
	out, _ = r.scan(dst, r.held[ch.Slot], wholeText)
	r.held[ch.Slot] = r.held[ch.Slot][:0]
	return out, nil
}

// textSupply says whether more of a text may come.
type textSupply uint8

const (
	moreText textSupply = iota
	wholeText
)

// scan appends the text with its values; what stands at and behind kept may become a placeholder with what comes next.
func (r *restorer) scan(dst, text []byte, s textSupply) (out []byte, kept int) {
	at := 0
	for {
		found := bytes.IndexByte(text[at:], '[')
		if found < 0 {
			end := len(text)
			if s == moreText && end > at && text[end-1] == '\\' {
				end-- // it may belong to a bracket
			}
			return append(dst, text[at:end]...), end
		}
		begin := at + found
		from := begin
		if begin > at && text[begin-1] == '\\' {
			from--
		}
		m := r.match(text[begin:])
		switch {
		case m.open && s == moreText:
			return append(dst, text[at:from]...), from
		case m.entry < 0 || !r.room(m.entry):
			dst = append(dst, text[at:begin+1]...)
			at = begin + 1
		default:
			if !m.escaped { // the backslash is the text's own
				from = begin
			}
			dst = append(append(dst, text[at:from]...), r.entries[m.entry].value...)
			at = begin + m.length
			if !r.quiet {
				r.of.restored++
			}
		}
	}
}

// room reports whether one more value may be put in.
func (r *restorer) room(entry int) bool {
	n := len(r.entries[entry].value)
	if r.added+n > maxRestored {
		return false
	}
	r.added += n
	return true
}

// restoreMatch is what stands at a bracket.
type restoreMatch struct {
	entry, length int  // entry is -1 where no placeholder stands there
	open          bool // one may, with what comes next
	escaped       bool // the closing bracket has a backslash
}

// match compares what stands at a bracket with the placeholders, character by character within those that still fit.
func (r *restorer) match(b []byte) restoreMatch {
	lo, hi, n := 0, len(r.entries), 0
	backslash := false
	for i, c := range b {
		switch {
		case c == '\\' && !backslash:
			backslash = true
			continue
		case backslash && c != '_' && c != ']':
			return restoreMatch{entry: -1}
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		lo += sort.Search(hi-lo, func(k int) bool { return r.entries[lo+k].text[n] >= c })
		hi = lo + sort.Search(hi-lo, func(k int) bool { return r.entries[lo+k].text[n] > c })
		n++
		if lo == hi {
			return restoreMatch{entry: -1}
		}
		if n == len(r.entries[lo].text) { // they all end in a bracket, so none is the begin of another
			return restoreMatch{entry: lo, length: i + 1, escaped: backslash}
		}
		backslash = false
	}
	return restoreMatch{entry: -1, open: true}
}
