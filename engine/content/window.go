package content

import (
	"regexp/syntax"
	"unicode/utf8"
)

// window runs one pattern over one text that comes in pieces. It walks the pattern's automaton over the text once,
// keeps it between pieces, and so knows at any time from where on the text could still be part of a match: what stands
// before leaves. Offsets count from the begin of the text.
//
// It finds what regexp.ReplaceAll finds in the whole text: leftmost matches, the pattern's own preference among those
// that begin at one place, and no empty match right behind another one.
type window struct {
	p       *Pattern
	buf     []byte // the text from base on: what was fed, or own
	own     []byte // the held text between pieces
	out     []byte // what may leave
	base    int
	pos     int // the next character to read
	sent    int // what stands before is out
	search  int // where the search for the next match began
	last    int // the end of the last match
	prev    rune
	before  rune // the character before base
	ahead   threads
	now     threads
	grow    growth
	group   []int // of the match found so far
	matched bool
	fed     bool // buf is what was fed
	wrote   bool // out holds something
	hit     func(text []byte)
}

// start begins a text.
func (w *window) start(p *Pattern) {
	w.p = p
	w.buf, w.base, w.pos, w.sent, w.search, w.last = nil, 0, 0, 0, 0, 0
	w.prev, w.before = -1, -1
	w.ahead.clear()
	w.now.clear()
	w.matched = false
	if len(w.group) != p.caps {
		w.group = make([]int, p.caps)
		w.grow.reset(p)
	}
}

// held is how many bytes are kept back.
func (w *window) held() int {
	return len(w.buf)
}

// feed takes the next text and gives what may leave now: the text itself where all of it may and nothing was held.
func (w *window) feed(text []byte) ([]byte, error) {
	w.out, w.wrote = w.out[:0], false
	w.fed = len(w.buf) == 0
	if w.fed {
		w.buf = text
	} else {
		w.own = append(w.own, text...)
		w.buf = w.own
	}
	if err := w.run(more); err != nil {
		return nil, err
	}
	if w.fed && !w.wrote && w.safe() == w.base+len(w.buf) {
		w.keep(w.base + len(w.buf))
		return text, nil
	}
	end := w.safe()
	w.out = append(w.out, w.text(w.sent, end)...)
	w.keep(end)
	return w.out, nil
}

// end gives what was held back; the window is ready for another text.
func (w *window) end() ([]byte, error) {
	w.out, w.wrote, w.fed = w.out[:0], false, false
	err := w.run(final)
	if err == nil {
		w.out = append(w.out, w.text(w.sent, w.base+len(w.buf))...)
	}
	w.own = w.own[:0]
	w.start(w.p)
	return w.out, err
}

func (w *window) text(from, to int) []byte {
	return w.buf[from-w.base : to-w.base]
}

// safe is the offset from where on the text could still be part of a match.
func (w *window) safe() int {
	end := w.pos
	if w.ahead.len() > 0 {
		end = min(end, w.ahead.group(0)[0])
	}
	if w.now.len() > 0 {
		end = min(end, w.now.group(0)[0])
	}
	if w.matched {
		end = min(end, w.group[0])
	}
	return max(end, w.sent)
}

// keep forgets what stands before the offset.
func (w *window) keep(from int) {
	if from > w.base {
		w.before, _ = utf8.DecodeLastRune(w.text(w.base, from))
	}
	rest := w.buf[from-w.base:]
	if w.fed {
		w.own = append(w.own[:0], rest...)
	} else {
		w.own = w.own[:copy(w.own, rest)]
	}
	w.buf, w.base, w.sent = w.own, from, from
	w.search = max(w.search, from)
}

// supply says whether more text may come.
type supply uint8

const (
	more supply = iota
	final
)

// run reads the text as far as it goes.
func (w *window) run(s supply) error {
	for {
		if len(w.out) > maxResult {
			return ErrTooLong
		}
		if !w.p.asserts && w.ahead.len() > 0 {
			w.advance(0)
			w.settle()
		}
		if w.ahead.len() == 0 && w.now.len() == 0 {
			if w.matched {
				w.replace()
				continue
			}
			w.skip()
		}
		r, size := rune(-1), 0
		if rest := w.buf[w.pos-w.base:]; len(rest) > 0 {
			if r, size = rune(rest[0]), 1; r >= utf8.RuneSelf {
				if s == more && !utf8.FullRune(rest) {
					return nil
				}
				r, size = utf8.DecodeRune(rest)
			}
		} else if s == more {
			return nil
		}
		w.step(r, size)
		switch {
		case r < 0 && w.matched:
			w.ahead.clear()
			w.replace()
			if w.search > w.base+len(w.buf) {
				return nil
			}
		case r < 0:
			return nil
		case w.overlong():
			if err := w.undecided(); err != nil {
				return err
			}
		}
	}
}

// skip passes over characters that no match begins with.
func (w *window) skip() {
	if w.p.empty {
		return
	}
	rest := w.buf[w.pos-w.base:]
	i := 0
	for i < len(rest) && !w.p.begins(w.prev, rest[i]) {
		if rest[i] < utf8.RuneSelf {
			w.prev = rune(rest[i])
			i++
			continue
		}
		if !utf8.FullRune(rest[i:]) {
			break
		}
		r, n := utf8.DecodeRune(rest[i:])
		w.prev = r
		i += n
	}
	w.pos += i
	w.search = w.pos
}

// advance turns the threads that were carried on into those that stand before a character; what surrounds the place
// decides which of them go on.
func (w *window) advance(around syntax.EmptyOp) {
	w.grow.begin()
	for i := range w.ahead.len() {
		copy(w.grow.group, w.ahead.group(i))
		w.grow.add(&w.now, w.p.prog, w.ahead.pcs[i], w.pos, around)
	}
	w.ahead.clear()
}

// settle takes the match that the threads have reached: those behind it are no longer wanted.
func (w *window) settle() {
	for i := range w.now.len() {
		if w.p.prog.Inst[w.now.pcs[i]].Op == syntax.InstMatch {
			w.take(i)
			w.now.cut(i)
			return
		}
	}
}

func (w *window) take(i int) {
	copy(w.group, w.now.group(i))
	w.group[1] = w.pos
	w.matched = true
}

// step reads one character, or the end of the text where r is negative.
func (w *window) step(r rune, size int) {
	var around syntax.EmptyOp
	if w.p.asserts {
		around = syntax.EmptyOpContext(w.prev, r)
		w.advance(around)
	}
	if !w.matched && (w.p.empty || (r >= 0 && w.p.begins(w.prev, w.buf[w.pos-w.base]))) {
		w.seed(around)
	}
	for i := range w.now.len() {
		in := &w.p.prog.Inst[w.now.pcs[i]]
		if in.Op == syntax.InstMatch {
			w.take(i)
			break
		}
		if r >= 0 && matches(in, r) {
			w.ahead.push(int(in.Out), w.now.group(i))
		}
	}
	w.now.clear()
	w.pos += size
	w.prev = r
}
