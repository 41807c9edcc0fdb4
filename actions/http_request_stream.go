package actions

import (
	"errors"

	"weir/engine"
	"weir/engine/wire"
)

// maxGuardHeld bounds the events of one stream that are held back for a guard: each says a word and takes some hundred
// bytes, so that this is more than the text that a guard may be asked about.
const maxGuardHeld = 16 << 20

// guardStream holds a streamed answer back until the guard has seen all of it. What comes before the first content passes:
// a stream that has begun can be refused in the API's own way.
type guardStream struct {
	x      *engine.Exchange
	q      *guardQuestion
	site   engine.Site
	shadow bool // nothing is held back, and nobody asked
	held   []byte
	heard  guardEar
	reader wire.TextRewriter
	sees   wire.Observer
	holds  bool // content has come
	unused []byte
}

func newGuardStream(x *engine.Exchange, q *guardQuestion) *guardStream {
	s := &guardStream{x: x, q: q, site: x.Site(), heard: guardEar{guardTexts: guardTexts{kinds: q.g.kinds}}}
	s.reader.Reset(x.Request.API, x.Request.Framing, &s.heard)
	s.sees.Reset(x.Request.API)
	return s
}

// Event takes the event, and holds it back from the first content on.
func (s *guardStream) Event(dst []byte, ev *wire.Event) ([]byte, error) {
	var err error
	if s.unused, err = s.reader.Event(s.unused[:0], ev); err != nil {
		return dst, s.fails(err)
	}
	s.holds = s.holds || s.heard.any || s.sees.Observe(ev) == wire.SignalContent
	switch {
	case s.shadow:
		return dst, nil
	case !s.holds:
		return append(dst, ev.Raw...), nil
	case len(s.held)+len(ev.Raw) > maxGuardHeld:
		return dst, s.fails(errGuardText)
	}
	s.held = append(s.held, ev.Raw...)
	return dst, nil
}

// End asks the guard and lets everything out that it allows.
func (s *guardStream) End(dst []byte) ([]byte, error) {
	var err error
	if s.unused, err = s.reader.End(s.unused[:0]); err != nil {
		return dst, s.fails(err)
	}
	if s.shadow {
		return dst, nil
	}
	s.q.answer = s.heard.list
	err = s.q.judge(s.x.Context())
	s.q.tell(s.x)
	if err != nil && s.tolerates(err) {
		s.x.Note(s.site, "failed, continued: "+err.Error())
		err = nil
	}
	if err != nil {
		return dst, err
	}
	return append(dst, s.held...), nil
}

// tolerates reports whether the rule goes on where the guard gave no verdict.
func (s *guardStream) tolerates(err error) bool {
	_, said := errors.AsType[*engine.Error](err) // a refusal, or the client is gone
	return !said && s.site.OnError == engine.OnErrorContinue
}

// fails is what becomes of a stream that cannot be read.
func (s *guardStream) fails(err error) error {
	if errors.Is(err, errGuardText) {
		err = blockedByContent("the answer holds more text than its guard can be asked about", err)
	}
	return refused(contentFailure(err), s.q.g.refuses)
}

// Held is how many bytes are held back.
func (s *guardStream) Held() int { return len(s.held) + s.heard.size }

// guardEar is a text filter that changes nothing and keeps what the guard is asked about.
type guardEar struct {
	guardTexts

	open [][]byte // texts by slot that have not ended
	any  bool     // some text was heard, of whatever kind
}

// Feed takes the next text of a channel, as wire.TextFilter says.
func (e *guardEar) Feed(dst []byte, ch wire.TextChannel, text []byte) (out []byte, held int, err error) {
	dst = append(dst, text...)
	e.any = e.any || len(text) > 0
	if ch.Repeat || !e.kinds.Has(ch.Kind) {
		return dst, 0, nil
	}
	for ch.Slot >= len(e.open) {
		e.open = append(e.open, nil)
	}
	if e.size += len(text); e.size > maxGuardText {
		return dst, 0, errGuardText
	}
	e.open[ch.Slot] = append(e.open[ch.Slot], text...)
	return dst, 0, nil
}

// End ends the text of a channel.
func (e *guardEar) End(dst []byte, ch wire.TextChannel) ([]byte, error) {
	if !ch.Repeat && ch.Slot < len(e.open) && len(e.open[ch.Slot]) > 0 {
		e.list = append(e.list, guardText{Kind: ch.Kind.String(), Text: string(e.open[ch.Slot])})
		e.open[ch.Slot] = e.open[ch.Slot][:0]
	}
	return dst, nil
}
