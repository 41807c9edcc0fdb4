package content

import "math/bits"

// Where only whole words count, most words of a text can be passed over without a look at the automaton: no phrase begins
// with them. Which those are, a set of hashes tells, wrongly for one in sixteen.

const (
	wordHash  = 2166136261
	wordPrime = 16777619 // Fowler, Noll and Vo's
	// wordBits is how many bits there are for each word that phrases begin with.
	wordBits = 16
	// maxWordBits keeps the set within what a processor has at hand.
	maxWordBits = 1 << 22
)

// learnWords notes the words that phrases begin with, and of those that go on with a blank and another word both of them. It
// is sure only of ASCII: a word of a text that goes on with something else is looked at in any case.
func (p *Phrases) learnWords(list []foldedPhrase) {
	size := min(maxWordBits, 1<<bits.Len(uint(max(len(list)*wordBits, 1024)-1)))
	p.begins, p.alone, p.pairs = make([]uint64, size/64), make([]uint64, size/64), make([]uint64, size/64)
	for i := range list {
		text := list[i].text
		hash, end := wordOf(text, 0, wordHash)
		p.note(p.begins, hash)
		if end < len(text) && text[end] == ' ' {
			second, after := wordOf(text, end+1, hash*wordPrime)
			if after > end+1 && (after == len(text) || text[after] < 0x80) {
				p.note(p.pairs, second)
				continue
			}
		}
		p.note(p.alone, hash)
	}
}

// wordOf hashes the folded word that stands at i, behind what was hashed before.
func wordOf(text string, i int, hash uint32) (sum uint32, end int) {
	for i < len(text) && asciiClass(text[i]) == unitWord {
		hash = (hash ^ uint32(text[i])) * wordPrime
		i++
	}
	return hash, i
}

func (p *Phrases) note(set []uint64, hash uint32) {
	at := p.bit(hash)
	set[at>>6] |= 1 << (at & 63)
}

func (p *Phrases) noted(set []uint64, hash uint32) bool {
	at := p.bit(hash)
	return set[at>>6]&(1<<(at&63)) != 0
}

// bit is the place of a hash in a set.
func (p *Phrases) bit(hash uint32) uint32 {
	return (hash ^ hash>>15) & uint32(len(p.begins)*64-1) //nolint:gosec // at most maxWordBits
}

// passWord gives the end of the ASCII word that a text has at i, if it is known that no phrase begins with it, and else i.
func passWord[T string | []byte](p *Phrases, text T, i int) int {
	hash, end := passHash(p, text, i, wordHash)
	if end == len(text) || text[end] >= 0x80 {
		return i // more of the word may come, or it goes on with what folds to ASCII, or with a mark
	}
	if !p.noted(p.begins, hash) {
		return end
	}
	if p.noted(p.alone, hash) || end+1 == len(text) {
		return i
	}
	if p.fold.ascii[text[end]].class != unitSpace {
		return end // every phrase that begins with it goes on with a blank
	}
	next := text[end+1]
	if next >= 0x80 || p.fold.ascii[next].class == unitSpace {
		return i
	}
	second, after := passHash(p, text, end+1, hash*wordPrime)
	if after == len(text) || text[after] >= 0x80 || (after > end+1 && p.noted(p.pairs, second)) {
		return i
	}
	return end
}

// passHash hashes the ASCII word that a text has at i, as it is folded.
func passHash[T string | []byte](p *Phrases, text T, i int, hash uint32) (sum uint32, end int) {
	for i < len(text) && p.fold.word[text[i]] {
		hash = (hash ^ uint32(p.fold.ascii[text[i]].b)) * wordPrime
		i++
	}
	return hash, i
}
