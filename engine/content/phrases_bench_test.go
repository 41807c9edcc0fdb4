package content

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"weir/engine/wire"
)

// vocabulary makes words that look like a language's: syllables, the short ones often.
func vocabulary(rng *rand.Rand, n int) []string {
	syllables := strings.Fields("an be co de er fo ga hi in ja ka le mo na or pe qui ro st ti un ve wa xe ya zo tion ment ing pre con sub tra lit der")
	out := make([]string, n)
	for i := range out {
		var b strings.Builder
		for range 1 + rng.IntN(4) {
			b.WriteString(syllables[rng.IntN(len(syllables))])
		}
		out[i] = b.String()
	}
	return out
}

// blockList makes phrases of the words, each with one that no text holds.
func blockList(rng *rand.Rand, words []string, n int) []string {
	out := make([]string, n)
	for i := range out {
		parts := make([]string, 0, 4)
		for range 1 + rng.IntN(3) {
			parts = append(parts, words[rng.IntN(len(words))])
		}
		parts = append(parts, fmt.Sprintf("q%05d", i))
		out[i] = strings.Join(parts, " ")
	}
	return out
}

// benchmarkText searches 100 KB for 10,000 phrases; of the words of the text one in so many begins a phrase.
func benchmarkText(b *testing.B, how PhraseMatch, shared int, sep string) {
	b.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	words := vocabulary(rng, 5000)
	list := blockList(rng, append(vocabulary(rng, len(words)-len(words)/shared), words[:len(words)/shared]...), 10_000)
	p := phrases(b, how, list...)
	var text strings.Builder
	for text.Len() < 100_000 {
		text.WriteString(words[rng.IntN(len(words))] + sep)
	}
	s := NewScreen(p, nil, wire.AllTextKinds)
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Check(wire.TextUser, text.String()); err != nil || s.Found().Any() {
			b.Fatal(err, s.Found())
		}
	}
}

func BenchmarkPhrases(b *testing.B) {
	b.Run("words", func(b *testing.B) { benchmarkText(b, 0, 10, " ") })
	b.Run("near", func(b *testing.B) { benchmarkText(b, 0, 1, " ") })
	b.Run("anywhere", func(b *testing.B) { benchmarkText(b, PhraseAnywhere, 10, " ") })
	b.Run("wide", func(b *testing.B) { benchmarkText(b, 0, 10, "é ж 漢 ") })
}

func BenchmarkCompilePhrases(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 4))
	list := blockList(rng, vocabulary(rng, 5000), 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CompilePhrases(list, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScreenEvent(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 4))
	words := vocabulary(rng, 5000)
	s := NewScreen(phrases(b, 0, blockList(rng, words, 10_000)...), nil, wire.AllTextKinds)
	ch := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, _, err = s.Feed(out[:0], ch, []byte(" the answer")); err != nil {
			b.Fatal(err)
		}
	}
}
