package content

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

const (
	// DefaultMaxLength is the longest match, in characters, of a pattern that has none by itself: more than any e-mail
	// address, URL without query or key that policies look for, and little enough to hold back.
	DefaultMaxLength = 256
	// MaxMaxLength bounds the longest match that a policy may give: each channel of each stream may have to hold as much
	// for each pattern.
	MaxMaxLength = 8192
	// maxSource bounds a pattern's text. A list of a few hundred words fits; longer lists belong in a block list.
	maxSource = 8 << 10
	// maxProgram bounds a compiled pattern, since every character of a text may cost as many steps.
	maxProgram = 20000
)

// Full is what becomes of text that fills the window while the pattern is still undecided about it.
type Full uint8

// The choices. FullMask puts the replacement in place of the whole window; FullBlock is ErrUndecided. Neither lets the
// text pass.
const (
	FullMask Full = iota
	FullBlock
)

// ErrUndecided says that a text is longer than the longest match of a pattern that cannot yet tell whether it matches.
var ErrUndecided = errors.New("the text is longer than the pattern's longest match and may still match")

// Replacement is one replacement as a policy states it: From is RE2, To may hold $1 or ${name} for groups and $$ for a
// dollar sign. MaxLength is the longest match in characters; 0 computes it from the pattern.
type Replacement struct {
	From, To  string
	MaxLength int
	Full      Full
}

// Pattern is a compiled replacement. It never changes and serves any number of streams at once.
type Pattern struct {
	re      *regexp.Regexp
	to      []byte
	prog    *syntax.Prog
	full    Full
	max     int       // the longest match in characters
	bounded bool      // no match can be longer than max
	caps    int       // how many ends of groups a match carries
	ascii   [2]uint64 // the ASCII characters that a match may begin with
	wide    bool      // others may begin one
	empty   bool      // it may match without a character
	asserts bool      // a match depends on what stands around it
	groups  bool      // the replacement holds $
	edge    bool      // every match begins at the edge of a word
}

// Compile compiles a replacement.
func Compile(r Replacement) (*Pattern, error) {
	if len(r.From) > maxSource {
		return nil, fmt.Errorf("a pattern has %d bytes; at most %d are taken", len(r.From), maxSource)
	}
	if r.MaxLength < 0 || r.MaxLength > MaxMaxLength {
		return nil, fmt.Errorf("a longest match of %d characters is outside 1 to %d", r.MaxLength, MaxMaxLength)
	}
	re, err := regexp.Compile(r.From)
	if err != nil {
		return nil, fmt.Errorf("compiling the pattern: %w", err)
	}
	tree, err := syntax.Parse(r.From, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("compiling the pattern: %w", err)
	}
	p := &Pattern{re: re, to: []byte(r.To), full: r.Full, caps: 2}
	p.max, p.bounded = MaxMatch(tree)
	p.limit(r.MaxLength)
	if p.prog, err = syntax.Compile(tree.Simplify()); err != nil {
		return nil, fmt.Errorf("compiling the pattern: %w", err)
	}
	if len(p.prog.Inst) > maxProgram {
		return nil, fmt.Errorf("the pattern compiles to %d steps; at most %d are taken", len(p.prog.Inst), maxProgram)
	}
	if p.groups = bytes.IndexByte(p.to, '$') >= 0; p.groups {
		p.caps = 2 * (re.NumSubexp() + 1)
	}
	p.learn()
	p.edge = p.edged()
	for i := range p.prog.Inst {
		p.asserts = p.asserts || p.prog.Inst[i].Op == syntax.InstEmptyWidth
	}
	return p, nil
}

// limit settles the longest match: the given one, else the computed one, else the default.
func (p *Pattern) limit(given int) {
	switch {
	case given > 0 && (!p.bounded || given < p.max):
		p.max, p.bounded = given, false
	case given > 0: // the computed one is shorter
	case !p.bounded:
		p.max = DefaultMaxLength
	case p.max > MaxMaxLength:
		p.max, p.bounded = MaxMaxLength, false
	}
}

// MaxLength is the pattern's longest match in characters. Bounded says that no match can be longer; otherwise longer
// text that may still match is masked or blocked.
func (p *Pattern) MaxLength() (runes int, bounded bool) {
	return p.max, p.bounded
}

// String is the pattern as it was written.
func (p *Pattern) String() string {
	return p.re.String()
}

// learn notes what a match may begin with.
func (p *Pattern) learn() {
	todo, seen := []int{p.prog.Start}, make([]bool, len(p.prog.Inst))
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		in := &p.prog.Inst[pc]
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, int(in.Out), int(in.Arg))
		case syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstNop:
			todo = append(todo, int(in.Out))
		case syntax.InstMatch:
			p.empty = true
		case syntax.InstFail:
		default:
			p.begin(in)
		}
	}
}

// edged reports whether the first thing that a match asks for is the edge of a word.
func (p *Pattern) edged() bool {
	in := &p.prog.Inst[p.prog.Start]
	for in.Op == syntax.InstCapture || in.Op == syntax.InstNop {
		in = &p.prog.Inst[in.Out]
	}
	return in.Op == syntax.InstEmptyWidth && syntax.EmptyOp(in.Arg)&syntax.EmptyWordBoundary != 0 //nolint:gosec // the program's own flags
}

func (p *Pattern) begin(in *syntax.Inst) {
	for r := range rune(utf8.RuneSelf) {
		if in.MatchRune(r) {
			p.ascii[r>>6] |= 1 << (r & 63)
		}
	}
	switch in.Op {
	case syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		p.wide = true
	default:
		last := in.Rune[len(in.Rune)-1]
		folds := len(in.Rune) == 1 && syntax.Flags(in.Arg)&syntax.FoldCase != 0 //nolint:gosec // the program's own flags; k is also the sign of kelvin
		p.wide = p.wide || last >= utf8.RuneSelf || folds
	}
}

// begins reports whether a match may begin with a character that begins with the byte, behind prev.
func (p *Pattern) begins(prev rune, b byte) bool {
	if p.edge && syntax.IsWordChar(prev) == syntax.IsWordChar(rune(b)) { // no byte of the others is a word's
		return false
	}
	if b >= utf8.RuneSelf {
		return p.wide
	}
	return p.ascii[b>>6]&(1<<(b&63)) != 0
}

// expand appends the replacement of a match; groups holds offsets in text.
func (p *Pattern) expand(dst, text []byte, groups []int) []byte {
	if !p.groups {
		return append(dst, p.to...)
	}
	return p.re.Expand(dst, p.to, text, groups)
}
