package content

import (
	"regexp/syntax"
	"unicode/utf8"
)

// threads are the ways in which a match may go on, in the pattern's order of preference: earlier begins first. Each is
// a place in the program and the ends of groups so far.
type threads struct {
	pcs    []int
	groups []int
	width  int
}

func (t *threads) len() int {
	return len(t.pcs)
}

func (t *threads) clear() {
	t.cut(0)
}

func (t *threads) cut(n int) {
	t.pcs = t.pcs[:n]
	t.groups = t.groups[:n*t.width]
}

func (t *threads) push(pc int, group []int) {
	t.pcs = append(t.pcs, pc)
	t.groups = append(t.groups, group...)
	t.width = len(group)
}

func (t *threads) group(i int) []int {
	return t.groups[i*t.width : (i+1)*t.width : (i+1)*t.width]
}

// rebase has all threads begin at pos, without what their groups held before it.
func (t *threads) rebase(pos int) {
	for i := range t.len() {
		group := t.group(i)
		for j := range group {
			group[j] = -1
		}
		group[0] = pos
	}
}

// growth adds threads to a list with all that they lead to without a character; a place is added once.
type growth struct {
	group []int // of the thread that is added
	seen  []uint32
	turn  uint32
}

func (g *growth) reset(p *Pattern) {
	g.group = make([]int, p.caps)
	g.seen = make([]uint32, len(p.prog.Inst))
	g.turn = 0
}

// begin begins another list.
func (g *growth) begin() {
	g.turn++
	if g.turn == 0 { // the marks of four billion lists ago would count again
		clear(g.seen)
		g.turn = 1
	}
}

func (g *growth) add(to *threads, prog *syntax.Prog, pc, pos int, around syntax.EmptyOp) {
	for g.seen[pc] != g.turn {
		g.seen[pc] = g.turn
		in := &prog.Inst[pc]
		switch in.Op {
		case syntax.InstFail:
			return
		case syntax.InstAlt, syntax.InstAltMatch:
			g.add(to, prog, int(in.Out), pos, around)
			pc = int(in.Arg)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^around != 0 { //nolint:gosec // the program's own flags
				return
			}
			pc = int(in.Out)
		case syntax.InstNop:
			pc = int(in.Out)
		case syntax.InstCapture:
			i := int(in.Arg)
			if i >= len(g.group) {
				pc = int(in.Out)
				continue
			}
			was := g.group[i]
			g.group[i] = pos
			g.add(to, prog, int(in.Out), pos, around)
			g.group[i] = was
			return
		default:
			to.push(pc, g.group)
			return
		}
	}
}

// matches reports whether the instruction reads the character.
func matches(in *syntax.Inst, r rune) bool {
	switch in.Op {
	case syntax.InstRune:
		return in.MatchRune(r)
	case syntax.InstRune1:
		return r == in.Rune[0]
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return r != '\n'
	default:
		return false
	}
}

// seed begins a match at this place, as what is wanted least.
func (w *window) seed(around syntax.EmptyOp) {
	if w.now.len() == 0 {
		w.grow.begin()
	}
	for i := range w.grow.group {
		w.grow.group[i] = -1
	}
	w.grow.group[0] = w.pos
	w.grow.add(&w.now, w.p.prog, w.p.prog.Start, w.pos, around)
}

// replace puts the replacement in place of the match found and goes on behind it.
func (w *window) replace() {
	from, to := w.group[0], w.group[1]
	w.out = append(w.out, w.text(w.sent, from)...)
	if to > w.last || from == 0 {
		w.insert(from, to)
	}
	w.wrote = true
	w.sent, w.last, w.matched = to, to, false
	_, width := utf8.DecodeRune(w.buf[w.search-w.base:])
	switch {
	case w.search+width > to:
		w.search += width
	case w.search >= to:
		w.search++
	default:
		w.search = to
	}
	w.now.clear()
	w.pos, w.prev = w.search, w.before
	if end := min(w.search, w.base+len(w.buf)); end > w.base {
		w.prev, _ = utf8.DecodeLastRune(w.text(w.base, end))
	}
}

// insert appends the replacement of the match.
func (w *window) insert(from, to int) {
	w.hit(w.text(from, to))
	for i, at := range w.group {
		if at >= 0 {
			w.group[i] = at - w.base
		}
	}
	w.out = w.p.expand(w.out, w.buf, w.group)
}

// overlong reports whether the pattern is undecided about more text than its longest match.
func (w *window) overlong() bool {
	if w.p.bounded || w.ahead.len() == 0 {
		return false
	}
	from := w.open()
	return w.pos-from > w.p.max && utf8.RuneCount(w.text(from, w.pos)) > w.p.max
}

// open is where the text begins that the pattern is undecided about.
func (w *window) open() int {
	from := w.ahead.group(0)[0]
	if w.matched {
		from = min(from, w.group[0])
	}
	return from
}

// undecided masks or blocks the text that the pattern is undecided about. What the pattern goes on with belongs to the
// same text and is masked as well, as a match that begins here.
func (w *window) undecided() error {
	if w.p.full == FullBlock {
		return ErrUndecided
	}
	from := w.open()
	if !w.matched || w.group[0] != from {
		for i := range w.group {
			w.group[i] = -1
		}
		w.group[0], w.group[1] = from, from // $0 must not let it out
	}
	w.out = append(w.out, w.text(w.sent, from)...)
	w.insert(from, w.pos)
	w.wrote, w.matched = true, false
	w.sent, w.last, w.search = w.pos, w.pos, w.pos
	w.ahead.rebase(w.pos)
	return nil
}
