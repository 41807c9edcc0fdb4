package wire

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// textKey tells the channels of a stream apart: the choice, block, item or candidate, what is counted inside of it,
// and the field.
type textKey struct {
	outer, inner int64
	field        int
}

// textField is what the texts of a field have in common.
type textField struct {
	kind   TextKind
	json   bool // the text is JSON that comes in pieces
	thinks bool // it ends where the answer begins
	// What an event of its own wraps the text in, behind the ids. An index of the channel goes in place of %.
	open, shut string
}

// textChannel is an open text of the stream.
type textChannel struct {
	textField
	key     textKey
	slot    int
	item    []byte // the item's id
	lexer   textLexer
	carry   [utf8.UTFMax]byte // the begin of a character that was cut
	carried int
	high    rune // the first half of a surrogate pair that was cut
	held    int
	last    int // the event's last spot of the channel, -1 where there is none
	open    bool
	closing bool
	yields  bool // the answer has begun
	repeat  bool
}

func (c *textChannel) reset(f textField, key textKey) {
	*c = textChannel{textField: f, key: key, slot: c.slot, item: c.item[:0], lexer: textLexer{number: c.lexer.number[:0]}, last: -1, open: true}
}

func (c *textChannel) name() TextChannel {
	return TextChannel{Slot: c.slot, Kind: c.kind, Repeat: c.repeat}
}

// channel finds an open channel, or opens it.
func (r *TextRewriter) channel(key textKey, f *textField) (int, error) {
	free := -1
	for i := range r.channels {
		c := &r.channels[i]
		if c.open && c.key == key {
			return i, nil
		}
		if !c.open && free < 0 {
			free = i
		}
	}
	if free < 0 {
		if len(r.channels) >= textMaxChannels {
			return 0, ErrTextChannels
		}
		free = len(r.channels)
		r.channels = append(r.channels, textChannel{slot: free + 1}) // slot 0 is that of whole texts
	}
	r.channels[free].reset(*f, key)
	return free, nil
}

// delta notes the string that the cursor stands on as the next text of a channel. An empty one opens none.
func (r *TextRewriter) delta(g *cursor, key textKey, f *textField) error {
	m, ok := g.take()
	if !ok || m.Kind != KindString {
		if m.Kind == KindNull || !ok {
			return nil
		}
		return textUnknown(g.b[m.Start:m.End])
	}
	if m.End-m.Start == len(`""`) && !r.isOpen(key) {
		return nil
	}
	i, err := r.channel(key, f)
	if err != nil {
		return err
	}
	r.spots = append(r.spots, textSpot{start: m.Start, end: m.End, channel: i, mode: spotDelta, kind: f.kind})
	r.seen |= 1 << (key.field & 31)
	return nil
}

func (r *TextRewriter) isOpen(key textKey) bool {
	for i := range r.channels {
		if c := &r.channels[i]; c.open && c.key == key {
			return true
		}
	}
	return false
}

// closeAll ends every channel with this event.
func (r *TextRewriter) closeAll() {
	for i := range r.channels {
		r.channels[i].closing = r.channels[i].open
	}
}

// closeOuter ends the channels of a choice, block, item or candidate.
func (r *TextRewriter) closeOuter(outer int64) {
	for i := range r.channels {
		if c := &r.channels[i]; c.open && c.key.outer == outer {
			c.closing = true
		}
	}
}

// yield ends the reasoning of a choice or candidate, whose answer has begun, unless the event goes on with it.
func (r *TextRewriter) yield(outer int64) {
	for i := range r.channels {
		if c := &r.channels[i]; c.open && c.key.outer == outer && c.thinks {
			c.yields = true
		}
	}
}

// feed takes a raw string through the filter as the channel's next text; passes says that it may stay as it is.
// Otherwise out holds what goes in its place.
func (r *TextRewriter) feed(c *textChannel, raw []byte) (passes bool, err error) {
	text, carried := r.decode(c, raw[1:len(raw)-1])
	if c.json {
		r.out, err = r.feedJSON(r.out[:0], c, text)
	} else {
		r.out, c.held, err = r.filter.Feed(r.out[:0], c.name(), text)
		c.held += c.carried
		if c.high != 0 {
			c.held++
		}
	}
	return !carried && bytes.Equal(r.out, text), err
}

// endInPlace ends the channel in the text that was fed last.
func (r *TextRewriter) endInPlace(c *textChannel, passes bool) (bool, error) {
	n := len(r.out)
	err := r.endChannel(c)
	return passes && len(r.out) == n, err
}

// endChannel appends to out what the channel held.
func (r *TextRewriter) endChannel(c *textChannel) (err error) {
	if c.carried > 0 || c.high != 0 { // the rest of the character never came
		c.carried, c.high = 0, 0
		r.plain = utf8.AppendRune(r.plain[:0], utf8.RuneError)
		if c.json {
			r.out, err = r.feedJSON(r.out, c, r.plain)
		} else {
			r.out, _, err = r.filter.Feed(r.out, c.name(), r.plain)
		}
		if err != nil {
			return err
		}
	}
	c.held = 0
	if c.json {
		r.out, err = r.endJSON(r.out, c)
	} else {
		r.out, err = r.filter.End(r.out, c.name())
	}
	return err
}

// decode gives the text of a string's raw content, with what was carried over; carried says that it differs from what
// the string says because a character was cut at one of its ends.
func (r *TextRewriter) decode(c *textChannel, inner []byte) (text []byte, carried bool) {
	if c.carried == 0 && c.high == 0 && bytes.IndexByte(inner, '\\') < 0 && textWhole(inner) {
		return inner, false
	}
	if len(inner) == 0 {
		return inner, false
	}
	carried = c.carried > 0 || c.high != 0
	r.plain = append(r.plain[:0], c.carry[:c.carried]...)
	c.carried = 0
	if c.high != 0 {
		low, _ := scanHex(inner, 0)
		pair := utf16.DecodeRune(c.high, low)
		if pair != utf8.RuneError {
			inner = inner[6:]
		}
		r.plain = utf8.AppendRune(r.plain, pair)
		c.high = 0
	}
	if high := textHigh(inner); high != 0 {
		c.high, carried = high, true
		inner = inner[:len(inner)-6]
	}
	r.plain = scanUnescape(r.plain, inner)
	if c.high == 0 && !textWhole(r.plain) {
		cut := len(r.plain) - 1
		for !utf8.RuneStart(r.plain[cut]) {
			cut--
		}
		c.carried, carried = copy(c.carry[:], r.plain[cut:]), true
		r.plain = r.plain[:cut]
	}
	return r.plain, carried
}

// textWhole reports whether b does not end within a character.
func textWhole(b []byte) bool {
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			return utf8.FullRune(b[i:])
		}
	}
	return true
}

// textHigh is the first half of a surrogate pair that the raw content of a string ends with, 0 where there is none.
func textHigh(inner []byte) rune {
	at := len(inner) - 6
	if at < 0 || inner[at] != '\\' {
		return 0
	}
	high, ok := scanHex(inner, at)
	if !ok || high < 0xD800 || high > 0xDBFF {
		return 0
	}
	slashes := 0
	for i := at; i >= 0 && inner[i] == '\\'; i-- {
		slashes++
	}
	if slashes%2 == 0 { // the backslash is text, and what follows too
		return 0
	}
	return high
}
