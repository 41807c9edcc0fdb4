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

// learnWords notes the words that phrases begin with, as far as they are ASCII: a word of a text that goes on with
// something else is looked at in any case.
func (p *Phrases) learnWords(list []foldedPhrase) {
	size := min(maxWordBits, 1<<bits.Len(uint(max(len(list)*wordBits, 1024)-1)))
	p.begins = make([]uint64, size/64)
	for i := range list {
		hash, text := uint32(wordHash), list[i].text
		for j := 0; j < len(text) && asciiClass(text[j]) == unitWord; j++ {
			hash = (hash ^ uint32(text[j])) * wordPrime
		}
		at := p.bit(hash)
		p.begins[at>>6] |= 1 << (at & 63)
	}
}

// bit is the place of a hash in the set.
func (p *Phrases) bit(hash uint32) uint32 {
	return (hash ^ hash>>15) & uint32(len(p.begins)*64-1) //nolint:gosec // at most maxWordBits
}

// passWord gives the end of the ASCII word that a text has at i, if it is known that no phrase begins with it, and else i.
func passWord[T string | []byte](p *Phrases, text T, i int) int {
	hash, end := uint32(wordHash), i
	for end < len(text) && p.fold.word[text[end]] {
		hash = (hash ^ uint32(p.fold.ascii[text[end]].b)) * wordPrime
		end++
	}
	if end == len(text) || text[end] >= 0x80 {
		return i // more of the word may come, or it goes on with what folds to ASCII, or with a mark
	}
	if at := p.bit(hash); p.begins[at>>6]&(1<<(at&63)) != 0 {
		return i
	}
	return end
}
