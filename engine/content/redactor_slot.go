package content

import "unicode/utf8"

// slotSlack is how much text that has left may lie before what is held until it is moved to the begin of the buffer.
const slotSlack = 2 << 10

// slot is a text that comes in pieces: what is held of it, and a little of what has left for what follows to be known by.
type slot struct {
	finder  finder
	shadow  []byte
	sent    int // what stands before in the shadow has left
	gone    int // how much of the text has left
	cut     [utf8.UTFMax]byte
	cuts    int  // the begin of a character that was cut
	unlike  bool // the shadow is not the text, which is raw then
	raw     []byte
	rawSent int
	from    shadowMap // in raw
}

// held is how many bytes are kept back.
func (s *slot) held() int {
	if s.unlike {
		return len(s.raw) - s.rawSent + s.cuts
	}
	return len(s.shadow) - s.sent + s.cuts
}

// feed takes the next text.
func (s *slot) feed(r *Redactor, text []byte) error {
	for s.cuts > 0 && len(text) > 0 { // rare: most feed whole characters
		s.cut[s.cuts] = text[0]
		s.cuts++
		text = text[1:]
		if utf8.FullRune(s.cut[:s.cuts]) {
			whole := s.cut
			n := s.cuts
			s.cuts = 0
			// What is no character ends at its first byte, and what follows may begin another.
			for rest := whole[:n]; len(rest) > 0; {
				if !utf8.FullRune(rest) {
					s.cuts = copy(s.cut[:], rest)
					break
				}
				_, size := utf8.DecodeRune(rest)
				if err := s.take(r, rest[:size]); err != nil {
					return err
				}
				rest = rest[size:]
			}
		}
	}
	if n := cutRune(text); n > 0 {
		s.cuts = copy(s.cut[:], text[len(text)-n:])
		text = text[:len(text)-n]
	}
	return s.take(r, text)
}

// cutRune gives how many bytes at the end of a text are the begin of a character.
func cutRune(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if b := text[len(text)-n]; utf8.RuneStart(b) {
			if utf8.FullRune(text[len(text)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}

// end takes the end of the text and forgets it.
func (s *slot) end(r *Redactor) error {
	if s.cuts > 0 {
		rest := s.cut
		n := s.cuts
		s.cuts = 0
		if err := s.take(r, rest[:n]); err != nil {
			return err
		}
	}
	if err := s.finder.end(); err != nil {
		return err
	}
	if err := s.drain(r); err != nil {
		return err
	}
	s.release(r, len(s.shadow))
	s.finder.reset(r.detector, strict)
	s.shadow, s.raw, s.from.odd = s.shadow[:0], s.raw[:0], s.from.odd[:0]
	s.sent, s.gone, s.rawSent, s.unlike = 0, 0, 0, false
	return nil
}

// take takes text of whole characters.
func (s *slot) take(r *Redactor, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	s.compact()
	was := len(s.shadow)
	if !s.unlike && plainText(text) < len(text) {
		s.unlike = true
		s.raw, s.rawSent = append(s.raw[:0], s.shadow[s.sent:]...), 0
		s.from.odd, s.from.origin = s.from.odd[:0], s.sent
	}
	if s.unlike {
		s.shadow = s.from.append(s.shadow, text, len(s.raw))
		s.raw = append(s.raw, text...)
	} else {
		s.shadow = append(s.shadow, text...)
	}
	if err := s.finder.feed(alias(s.shadow), s.shadow[was:]); err != nil {
		return err
	}
	if err := s.drain(r); err != nil {
		return err
	}
	s.release(r, s.finder.hold())
	return nil
}

// compact moves what is held to the begin of the buffers.
func (s *slot) compact() {
	if s.unlike && s.sent == len(s.shadow) && s.rawSent == len(s.raw) {
		s.unlike = false
	}
	if s.unlike && s.rawSent > slotSlack {
		n := s.rawSent
		s.raw, s.rawSent = s.raw[:copy(s.raw, s.raw[n:])], 0
		s.from.shift(0, n)
	}
	n := s.sent - scanContext
	if n < slotSlack {
		return
	}
	s.shadow = s.shadow[:copy(s.shadow, s.shadow[n:])]
	if s.unlike {
		s.from.shift(n, 0)
	}
	s.sent -= n
	s.finder.shift(n)
}

// drain replaces what was found.
func (s *slot) drain(r *Redactor) error {
	for h, ok := s.finder.next(); ok; h, ok = s.finder.next() {
		h.start = max(h.start, s.sent)
		s.release(r, h.start)
		value, end := s.value(h, h.valueEnd(r.detector, alias(s.shadow)))
		if err := r.put(h, s.gone, alias(value)); err != nil {
			return err
		}
		s.gone += end
		s.rawSent += end
		s.sent = max(s.sent, h.end)
	}
	return nil
}

// value gives the text of a hit, up to an offset in the shadow, and how many bytes the whole hit has.
func (s *slot) value(h hit, to int) (value []byte, size int) {
	if !s.unlike {
		return s.shadow[h.start:to], h.end - h.start
	}
	end := max(s.rawSent, s.from.at(h.end-1).end)
	return s.raw[s.rawSent:max(s.rawSent, s.from.at(to-1).end)], end - s.rawSent
}

// release lets the text go that stands before an offset in the shadow.
func (s *slot) release(r *Redactor, to int) {
	to = max(to, s.sent)
	if !s.unlike {
		r.out = append(r.out, s.shadow[s.sent:to]...)
		s.gone += to - s.sent
		s.sent = to
		return
	}
	end := len(s.raw)
	if to < len(s.shadow) {
		end = max(s.rawSent, s.from.at(to).start)
	}
	r.out = append(r.out, s.raw[s.rawSent:end]...)
	s.gone += end - s.rawSent
	s.sent, s.rawSent = to, end
}
