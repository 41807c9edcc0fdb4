package content

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxPhrase bounds one phrase in its folded form: a long sentence, and what a stream may have to hold back.
	maxPhrase = 512
	// maxPhrases bounds a list: more than the lists of any language's vocabulary have, built in a second.
	maxPhrases = 500_000
	// maxPhraseBytes bounds all phrases of a list together; each byte costs about twenty of memory.
	maxPhraseBytes = 16 << 20
)

// PhraseMatch is how phrases are looked for.
type PhraseMatch uint8

// The ways, which can be added up.
const (
	// PhraseAnywhere finds phrases inside of words too.
	PhraseAnywhere PhraseMatch = 1 << iota
	// PhraseExactCase tells upper from lower case.
	PhraseExactCase
)

var (
	errEmptyPhrase = errors.New("the phrase has nothing in it that could be found")
	errLongPhrase  = fmt.Errorf("the phrase is over %d bytes", maxPhrase)
	errManyPhrases = fmt.Errorf("at most %d phrases of %d bytes together are taken", maxPhrases, maxPhraseBytes)
)

// PhraseError says which phrase of a list is wrong.
type PhraseError struct {
	Index int // in the list, from 0; -1 is the list
	Err   error
}

// Error says what is wrong.
func (e *PhraseError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *PhraseError) Unwrap() error { return e.Err }

// Phrases finds any of a list of phrases in one pass over a text, whatever their number (Aho and Corasick's automaton over
// the folded text). It never changes and serves any number of texts at once.
//
// The states of the automaton are numbered by level, so that those that follow one state stand side by side: a state
// costs 29 bytes, where a table of what follows each would cost a kilobyte. Only the first two levels have such tables.
type Phrases struct {
	fold     *folding
	anywhere bool
	lanes    [256]uint8 // the bit of a byte in masks
	states   []phraseState
	labels   []byte   // the byte that leads to a state
	phrase   []uint32 // the state's own phrase in the list, from 1; 0 = none
	table    []uint32 // what follows the root and the states of the first level, 0 = nothing
	wide     uint32   // the last state that has a table
	begins   []uint64 // a bit for the hash of each word that phrases begin with; nil where they may begin anywhere
	alone    []uint64 // the same for those that a phrase has alone, or in front of anything but a blank and a word
	pairs    []uint64 // the same for the others with the word behind them
	ring     int      // a power of two, and more than the longest phrase has
}

// phraseState is a state: a text that a phrase begins with.
type phraseState struct {
	mask  uint64 // the lanes of the bytes that lead on
	first uint32 // the first state that follows
	fail  uint32 // the longest end of the text that is a state
	match uint32 // the state itself if it is a phrase, else the longest of those ends that is one; 0 = none
	depth uint16 // how long the text is
	fan   uint8  // how many states follow; UTF-8 has fewer bytes
	alike bool   // two of the bytes that lead on share a lane
}

// ownBytes are those that phrases are mostly made of. Each has a bit of masks of its own; the others share the rest.
const (
	ownBytes = "abcdefghijklmnopqrstuvwxyz0123456789 -'.,@/_"
	ownLanes = uint8(len(ownBytes))
)

func phraseLanes() (lanes [256]uint8) {
	for i := range lanes {
		lanes[i] = ownLanes + uint8(i)%(64-ownLanes)
	}
	for i := range len(ownBytes) {
		lanes[ownBytes[i]] = uint8(i)
	}
	return lanes
}

// CompilePhrases makes the automaton of a list. The error is a *PhraseError.
func CompilePhrases(list []string, how PhraseMatch) (*Phrases, error) {
	p := &Phrases{fold: foldingOf(how), anywhere: how&PhraseAnywhere != 0, lanes: phraseLanes()}
	if len(list) > maxPhrases {
		return nil, &PhraseError{Index: -1, Err: errManyPhrases}
	}
	folded := make([]foldedPhrase, len(list))
	var all []byte
	longest := 0
	for i, text := range list {
		if len(text) > maxUndecided {
			return nil, &PhraseError{Index: i, Err: errLongPhrase}
		}
		from := len(all)
		all = p.foldPhrase(all, text)
		switch n := len(all) - from; {
		case n == 0:
			return nil, &PhraseError{Index: i, Err: errEmptyPhrase}
		case n > maxPhrase:
			return nil, &PhraseError{Index: i, Err: errLongPhrase}
		case len(all) > maxPhraseBytes:
			return nil, &PhraseError{Index: -1, Err: errManyPhrases}
		default:
			longest = max(longest, n)
		}
		folded[i] = foldedPhrase{from: from, to: len(all), index: i}
	}
	shadow := string(all)
	for i := range folded {
		folded[i].text = shadow[folded[i].from:folded[i].to]
	}
	slices.SortStableFunc(folded, func(a, b foldedPhrase) int { return p.compare(a.text, b.text) })
	p.ring = 1 << bits.Len(uint(longest))
	p.build(folded, len(all))
	if !p.anywhere {
		p.learnWords(folded)
	}
	return p, nil
}

// compare orders phrases by the lanes of their bytes, so that a mask tells which of the states that follow is meant.
func (p *Phrases) compare(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return cmp.Or(cmp.Compare(p.lanes[a[i]], p.lanes[b[i]]), cmp.Compare(a[i], b[i]))
		}
	}
	return cmp.Compare(len(a), len(b))
}

type foldedPhrase struct {
	text            string
	from, to, index int
}

// foldPhrase appends the phrase as it stands in folded text, without white space around it.
func (p *Phrases) foldPhrase(dst []byte, text string) []byte {
	from := len(dst)
	s := phraseScan{p: p, sink: func(r rune, _ unitClass) { dst = utf8.AppendRune(dst, r) }}
	_ = scanText(&s, strings.TrimFunc(text, func(r rune) bool { return classOf(r) == unitSpace || classOf(r) == unitSkip })) // only a search fails
	s.end()
	if len(dst) > from && dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// phraseSpan is a run of sorted phrases that begin alike.
type phraseSpan struct {
	lo, hi int
}

// build numbers the states level by level.
func (p *Phrases) build(sorted []foldedPhrase, size int) {
	p.states = make([]phraseState, 1, size+1)
	p.labels, p.phrase = make([]byte, 1, size+1), make([]uint32, 1, size+1)
	parent := make([]uint32, 1, size+1)
	spans := append(make([]phraseSpan, 0, size+1), phraseSpan{hi: len(sorted)})
	for node := 0; node < len(spans); node++ {
		s, depth := spans[node], p.states[node].depth
		for s.lo < s.hi && len(sorted[s.lo].text) == int(depth) {
			if p.phrase[node] == 0 { // the first in the list, of those that fold alike
				p.phrase[node] = uint32(sorted[s.lo].index) + 1 //nolint:gosec // at most maxPhrases
			}
			s.lo++
		}
		first := len(p.states)
		p.states[node].first = uint32(first) //nolint:gosec // at most maxPhraseBytes
		for s.lo < s.hi {
			b, hi := sorted[s.lo].text[depth], s.lo+1
			for hi < s.hi && sorted[hi].text[depth] == b {
				hi++
			}
			bit := uint64(1) << p.lanes[b]
			p.states[node].alike = p.states[node].alike || p.states[node].mask&bit != 0
			p.states[node].mask |= bit
			p.states = append(p.states, phraseState{depth: depth + 1})
			p.labels, p.phrase = append(p.labels, b), append(p.phrase, 0)
			parent = append(parent, uint32(node))
			spans = append(spans, phraseSpan{s.lo, hi})
			s.lo = hi
		}
		p.states[node].fan = uint8(len(p.states) - first) //nolint:gosec // one for each byte that UTF-8 has
	}
	p.tables()
	p.links(parent)
}

// tables writes out what follows the root and each state of the first level.
func (p *Phrases) tables() {
	p.wide = uint32(p.states[0].fan)
	p.table = make([]uint32, (int(p.wide)+1)<<8)
	for node := range p.wide + 1 {
		s := &p.states[node]
		for next := s.first; next < s.first+uint32(s.fan); next++ {
			p.table[node<<8|uint32(p.labels[next])] = next
		}
	}
}

// links finds the ends of each state's text that are states and phrases themselves. Where only whole words count, an end
// that begins within a word is none.
func (p *Phrases) links(parent []uint32) {
	for i := range p.states[1:] {
		node := i + 1
		s, up := &p.states[node], parent[node]
		if up != 0 {
			s.fail = p.next(p.states[up].fail, p.labels[node], p.starts(p.labels[up], p.labels[node]))
		}
		if s.match = p.states[s.fail].match; p.phrase[node] != 0 {
			s.match = uint32(node)
		}
	}
}

// starts reports whether a phrase may begin with the byte behind another one. It is sure only of ASCII.
func (p *Phrases) starts(prev, b byte) bool {
	return p.anywhere || prev >= utf8.RuneSelf || b >= utf8.RuneSelf || asciiClass(prev) != unitWord || asciiClass(b) != unitWord
}

// next is the state behind another one and a byte; starts says whether a phrase may begin with it.
func (p *Phrases) next(node uint32, b byte, starts bool) uint32 {
	lane := p.lanes[b]
	for node > p.wide {
		s := &p.states[node]
		if bit := uint64(1) << (lane & 63); s.mask&bit != 0 {
			next := s.first
			if !s.alike {
				next += uint32(bits.OnesCount64(s.mask & (bit - 1))) //nolint:gosec // below 64
				if lane < ownLanes || p.labels[next] == b {
					return next
				}
			} else if i := bytes.IndexByte(p.labels[next:next+uint32(s.fan)], b); i >= 0 {
				return next + uint32(i) //nolint:gosec // below 256
			}
		}
		node = s.fail
	}
	if node != 0 {
		if next := p.table[node<<8|uint32(b)]; next != 0 {
			return next
		}
	}
	if !starts { // what comes in front of the first level is the root
		return 0
	}
	return p.table[b]
}
