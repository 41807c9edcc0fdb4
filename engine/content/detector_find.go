package content

import "math"

// strictness says what becomes of text that a pattern is undecided about.
type strictness uint8

const (
	strict    strictness = iota // what the policy says
	forgiving                   // it is found: whoever only looks cannot be refused
)

// finder finds what a detector looks for in a text that may grow: the entities and each pattern by themselves, and of
// what they find the leftmost first, of two that begin together the longer one. What the others found beyond the end of
// that is a value too.
type finder struct {
	scan    scan
	customs []custom
	base    int // the offset of the scan's text in the whole one
	done    int // what stands before is taken, by offsets in the scan's text
	ahead   hit // of the scan, where it is ahead of the patterns
	looked  bool
}

// custom runs a pattern. Its hits have offsets in the whole text.
type custom struct {
	window window
	hits   []hit
	taken  int
	ended  bool
}

// reset begins a text.
func (f *finder) reset(d *Detector, how strictness) {
	f.scan.reset(d)
	f.base, f.done, f.looked = 0, 0, false
	if len(f.customs) != len(d.patterns) {
		f.customs = make([]custom, len(d.patterns))
		for i, p := range d.patterns {
			if how == forgiving && p.full != FullMask {
				masks := *p
				masks.full = FullMask
				p = &masks
			}
			f.customs[i].window.p = p
			f.customs[i].listen(len(d.names) - len(d.patterns) + i)
		}
	}
	for i := range f.customs {
		c := &f.customs[i]
		c.window.start(c.window.p)
		c.hits, c.taken, c.ended = c.hits[:0], 0, false
	}
}

// listen has the pattern's matches noted as hits.
func (c *custom) listen(index int) {
	c.window.hit = func(text []byte) {
		if start := c.window.group[0]; len(text) > 0 {
			c.hits = append(c.hits, hit{start: start, end: start + len(text), index: index})
		}
	}
}

// feed takes the scan's text as it is now; fresh is what came to it.
func (f *finder) feed(text string, fresh []byte) error {
	f.scan.text = text
	for i := range f.customs {
		if _, err := f.customs[i].window.feed(fresh); err != nil {
			return err
		}
	}
	return nil
}

// end says that no more text comes.
func (f *finder) end() error {
	f.scan.final = true
	for i := range f.customs {
		c := &f.customs[i]
		if c.ended {
			continue
		}
		if _, err := c.window.end(); err != nil {
			return err
		}
		c.ended = true
	}
	return nil
}

// finish takes a whole text.
func (f *finder) finish(text string) error {
	if err := f.feed(text, bytesOf(text)); err != nil {
		return err
	}
	return f.end()
}

// shift forgets the first bytes of the scan's text.
func (f *finder) shift(n int) {
	f.scan.shift(n)
	f.base += n
	f.done -= n
	f.ahead.start -= n
	f.ahead.end -= n
}

// next gives the next value that is known.
func (f *finder) next() (hit, bool) {
	if len(f.customs) == 0 {
		return f.scan.next()
	}
	for {
		h, ok := f.pick()
		if !ok {
			return hit{}, false
		}
		h.start = max(h.start, f.done)
		if h.end > h.start {
			f.done = h.end
			return h, true
		}
	}
}

// pick takes the first of what the scan and the patterns have found, where none of the others can come before it.
func (f *finder) pick() (hit, bool) {
	if !f.looked {
		f.ahead, f.looked = f.scan.next()
	}
	limit, best, from := math.MaxInt, hit{start: math.MaxInt}, -1
	switch {
	case f.looked:
		best = f.ahead
		best.start = max(best.start, f.done)
	case f.scan.goes:
		return hit{}, false
	case !f.scan.final:
		limit = f.scan.hold
	}
	for i := range f.customs {
		c := &f.customs[i]
		if c.taken == len(c.hits) {
			if !c.ended {
				limit = min(limit, c.window.base-f.base)
			}
			continue
		}
		h := c.hits[c.taken]
		h.start, h.end = max(h.start-f.base, f.done), h.end-f.base
		if h.start < best.start || (h.start == best.start && h.end > best.end) {
			best, from = h, i
		}
	}
	if best.start >= limit || best.start == math.MaxInt {
		return hit{}, false
	}
	if from < 0 {
		f.looked = false
		return best, true
	}
	if c := &f.customs[from]; c.taken+1 == len(c.hits) {
		c.hits, c.taken = c.hits[:0], 0
	} else {
		c.taken++
	}
	return best, true
}

// hold is the offset from where on the text could be part of a value, once next has found no more.
func (f *finder) hold() int {
	out := f.scan.hold
	if f.looked {
		out = f.ahead.start
	}
	for i := range f.customs {
		c := &f.customs[i]
		if c.taken < len(c.hits) {
			out = min(out, c.hits[c.taken].start-f.base)
		} else if !c.ended {
			out = min(out, c.window.base-f.base)
		}
	}
	return max(out, f.done)
}

// wholeText is a whole text and its shadow.
type wholeText struct {
	text, shadow string
	from         shadowMap
}

func (t *wholeText) read(text string) {
	t.text, t.shadow = text, text
	t.from.odd = t.from.odd[:0]
	if plainText(bytesOf(text)) < len(text) {
		t.shadow = alias(t.from.append(make([]byte, 0, len(text)), bytesOf(text), 0))
	}
}

// extent gives what of the text a part of the shadow stands for.
func (t *wholeText) extent(start, end int) extent {
	return extent{t.from.at(start).start, t.from.at(end - 1).end}
}

// valueEnd gives the end of what stands for a value: all of it, or the begin of one that is too long.
func (h hit) valueEnd(d *Detector, shadow string) int {
	if !h.long {
		return h.end
	}
	most := keyMost
	switch d.names[h.index] {
	case entityNames[entityURL]:
		most = urlMost
	case entityNames[entityJWT]:
		most = jwtMost
	case entityNames[entityPrivateKey]:
		most = pemMost
	}
	end := h.start + most
	for end > h.start && shadow[end]&0xC0 == 0x80 { // not within a character
		end--
	}
	return end
}
