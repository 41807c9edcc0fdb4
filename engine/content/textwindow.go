package content

import (
	"crypto/sha256"
	"unicode"
	"unicode/utf8"

	"weir/engine/wire"
)

const (
	// DefaultWindow is how many characters of a text are decided about at once: two or three sentences, which a reader waits
	// for no longer than for the words around them.
	DefaultWindow = 256
	// MaxWindow bounds a window as MaxMaxLength bounds a match, and for the same reason: each text of each stream may hold
	// as much.
	MaxWindow = MaxMaxLength
	// maxRemembered bounds the windows of one stream that are remembered for texts that are told once more: those of a text
	// of some million characters. What is not remembered is decided again.
	maxRemembered = 16 << 10
)

// TextWindow is a part of a text that is decided about by itself.
type TextWindow struct {
	// Text is valid only during the call.
	Text string
	Kind wire.TextKind
	// Index counts the windows of all texts of a stream, from 0.
	Index int
	// Final says that the text ends with this window. A text that ends where a window ended has none that is final.
	Final bool
}

// Windows is a text filter that has each text decided about part by part. A part ends where a sentence ends, or where it
// is as long as a window, then behind its last whole word; where the parts end depends on the text alone, not on how it
// came. Text leaves once it was decided about, in the order it came. It belongs to one stream.
//
// A sentence ends behind . ! ? … and their like in other scripts where white space follows, quotes and brackets that
// close in between; behind 。！？ and their like whatever follows; and behind a line break. White space by itself is never
// a sentence.
type Windows struct {
	size    int
	kinds   wire.TextKinds
	decide  func(TextWindow) (string, error)
	slots   []textRun
	decided map[[sha256.Size]byte]decidedText
	index   int
}

// decidedText is what became of a window.
type decidedText struct {
	edited  string
	differs bool
}

// NewWindows makes a filter for texts of the given kinds; others pass. decide gives the text that leaves in place of a
// window; its error ends the stream. A text that is told once more is not decided about again: it becomes what it became
// before.
func NewWindows(size int, kinds wire.TextKinds, decide func(TextWindow) (string, error)) *Windows {
	return &Windows{
		size: min(max(size, 1), MaxWindow), kinds: kinds, decide: decide,
		decided: map[[sha256.Size]byte]decidedText{},
	}
}

// Count is how many windows were decided about so far.
func (w *Windows) Count() int { return w.index }

// Feed takes the next text of a channel, as wire.TextFilter says.
func (w *Windows) Feed(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	if !w.kinds.Has(ch.Kind) {
		return append(dst, text...), 0, nil
	}
	t := w.run(ch.Slot)
	t.buf = append(t.buf, text...)
	for {
		end, ok := t.next(w.size)
		if !ok {
			return dst, len(t.buf), nil
		}
		if dst, err = w.release(dst, ch, t, end, more); err != nil {
			return dst, 0, err
		}
	}
}

// End decides about the rest of a channel, as wire.TextFilter says.
func (w *Windows) End(dst []byte, ch wire.TextChannel) (out []byte, err error) {
	if !w.kinds.Has(ch.Kind) {
		return dst, nil
	}
	t := w.run(ch.Slot)
	if len(t.buf) == 0 {
		return dst, nil
	}
	return w.release(dst, ch, t, len(t.buf), final)
}

// run is the text of a slot.
func (w *Windows) run(slot int) *textRun {
	for slot >= len(w.slots) {
		w.slots = append(w.slots, textRun{})
	}
	return &w.slots[slot]
}

// release decides about the first bytes of a text and forgets them.
func (w *Windows) release(dst []byte, ch wire.TextChannel, t *textRun, end int, s supply) ([]byte, error) {
	text := t.buf[:end]
	key := windowKey(ch.Kind, text)
	known, again := w.decided[key]
	if !again || !ch.Repeat {
		was := string(text)
		edited, err := w.decide(TextWindow{Text: was, Kind: ch.Kind, Index: w.index, Final: s == final})
		if err != nil {
			t.forget(len(t.buf))
			return dst, err
		}
		w.index++
		known = decidedText{}
		if edited != was {
			known = decidedText{edited: edited, differs: true}
		}
		if len(w.decided) < maxRemembered {
			w.decided[key] = known
		}
	}
	if known.differs {
		dst = append(dst, known.edited...)
	} else {
		dst = append(dst, text...)
	}
	t.forget(end)
	return dst, nil
}

// windowKey tells windows apart.
func windowKey(kind wire.TextKind, text []byte) [sha256.Size]byte {
	h := sha256.New()
	_, _ = h.Write([]byte{byte(kind)}) // a hash takes everything
	_, _ = h.Write(text)
	var key [sha256.Size]byte
	h.Sum(key[:0])
	return key
}

// textRun is one text on its way: what is held of it, and what of that was looked at.
type textRun struct {
	buf   []byte
	pos   int // what was looked at
	runes int // the same in characters
	word  int // where the last white space ends that follows a word, 0 where there is none
	mark  sentenceMark
	words bool // something but white space was seen
}

// sentenceMark says whether a sentence may have ended.
type sentenceMark uint8

const (
	markNone  sentenceMark = iota
	markSpace              // it has if white space follows
	markWide               // it has
)

// next looks for the end of the first window.
func (t *textRun) next(size int) (end int, found bool) {
	for t.pos < len(t.buf) {
		r, n := utf8.DecodeRune(t.buf[t.pos:])
		closes := closesQuote(r)
		mark := markOf(r)
		if t.mark == markWide && !closes && mark != markWide {
			return t.pos, true
		}
		t.pos += n
		t.runes++
		space := unicode.IsSpace(r)
		switch {
		case space && t.mark == markSpace, t.words && breaksLine(r):
			return t.pos, true
		case closes:
		default:
			t.mark = mark
		}
		switch {
		case !space:
			t.words = true
		case t.words:
			t.word = t.pos
		}
		if t.runes >= size {
			if t.word > 0 {
				return t.word, true
			}
			return t.pos, true
		}
	}
	return 0, false
}

// forget drops what left and begins the next window with the rest.
func (t *textRun) forget(end int) {
	n := copy(t.buf, t.buf[end:])
	*t = textRun{buf: t.buf[:n]}
}

// markOf says what a character does to a sentence.
func markOf(r rune) sentenceMark {
	switch r {
	case '.', '!', '?', '…', '‽', '।', '॥', '؟', '۔', '։', '።':
		return markSpace
	case '。', '！', '？', '｡', '．', '︒':
		return markWide
	default:
		return markNone
	}
}

// closesQuote reports whether a character may stand between the end of a sentence and the white space behind it.
func closesQuote(r rune) bool {
	switch r {
	case '"', '\'', '*', '_', '`': // Markdown puts its marks there too
		return true
	default:
		return r > ' ' && unicode.In(r, unicode.Pe, unicode.Pf, unicode.Pi)
	}
}

// breaksLine reports whether a character ends a line.
func breaksLine(r rune) bool {
	return r == '\n' || r == '\u2028' || r == '\u2029'
}
