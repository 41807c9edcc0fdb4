package content

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"weir/engine/wire"
)

func phrases(tb testing.TB, how PhraseMatch, list ...string) *Phrases {
	tb.Helper()
	p, err := CompilePhrases(list, how)
	if err != nil {
		tb.Fatalf("got %v, want phrases that compile", err)
	}
	return p
}

// find gives the phrases that are found in a whole text, in the order in which they end.
func find(t *testing.T, p *Phrases, text string) []int {
	t.Helper()
	var got []int
	s := phraseScan{p: p, ring: make([]int, p.ring), hit: func(i int) { got = append(got, i) }}
	if err := scanText(&s, text); err != nil {
		t.Fatal(err)
	}
	s.end()
	return got
}

func TestPhrases(t *testing.T) {
	const zeroWidth, softHyphen, accent = "\u200b", "\u00ad", "\u0301"
	tests := []struct {
		name string
		how  PhraseMatch
		list []string
		text string
		want string
	}{
		{"a word", 0, []string{"bomb"}, "a bomb, here", "[0]"},
		{"the whole text", 0, []string{"bomb"}, "bomb", "[0]"},
		{"begin and end", 0, []string{"bomb", "here"}, "bomb is here", "[0 1]"},
		{"not inside of a word", 0, []string{"bomb"}, "bombastic aplomb bombs bomb_ 2bomb", "[]"},
		{"inside of a word", PhraseAnywhere, []string{"bomb"}, "bombastic bombs", "[0 0]"},
		{"case", 0, []string{"Trade Secret"}, "TRADE secret", "[0]"},
		{"exact case", PhraseExactCase, []string{"ACME"}, "acme Acme ACME", "[0]"},
		{"white space", 0, []string{"trade  secret"}, "trade\n\t secret", "[0]"},
		{"too much white space", 0, []string{"trade secret"}, "trade" + strings.Repeat(" ", 2*maxBlanks) + "secret", "[]"},
		{"white space around", 0, []string{"  trade secret\t"}, "trade secret", "[0]"},
		{"a phrase in a phrase", 0, []string{"project x", "x", "secret project x files"}, "secret project x files", "[0 1 2]"},
		{"overlapping", 0, []string{"a b c", "b c d"}, "a b c d", "[0 1]"},
		{"a failed begin", 0, []string{"a a b"}, "a a a b", "[0]"},
		{"a failed begin inside of a word", PhraseAnywhere, []string{"aab"}, "aaab", "[0]"},
		{"the same twice", 0, []string{"Bomb", "bomb"}, "bomb", "[0]"},
		{"punctuation ends it", 0, []string{"c++"}, "c++11 c++ C++.", "[0 0 0]"},
		{"punctuation begins it", 0, []string{".env"}, "the.env .envy", "[0]"},
		{"hyphens part words", 0, []string{"bomb"}, "bomb-making", "[0]"},
		{"invisible characters", 0, []string{"bomb"}, "b" + zeroWidth + "o" + softHyphen + "mb" + zeroWidth, "[0]"},
		{"invisible characters in the phrase", 0, []string{"b" + zeroWidth + "omb" + zeroWidth}, "bomb", "[0]"},
		{"compatibility forms", 0, []string{"bomb"}, "ｂｏｍｂ 𝐛𝐨𝐦𝐛 ⓑⓞⓜⓑ", "[0 0 0]"},
		{"composed and not", 0, []string{"café", "cafe" + accent + "s"}, "cafe" + accent + " café cafés", "[0 0 1]"},
		{"a mark is part of its letter", 0, []string{"cafe"}, "café cafe" + accent, "[]"},
		{"a mark is part of its letter anywhere", PhraseAnywhere, []string{"cafe"}, "décafé décafes", "[0]"},
		{"marks in another order", 0, []string{"e\u0323\u0302x"}, "e\u0302\u0323x ệx", "[0 0]"},
		{"sharp s", 0, []string{"strasse"}, "Straße STRAẞE", "[0 0]"},
		{"final sigma", 0, []string{"ΟΔΟΣ"}, "οδος οδοσ", "[0 0]"},
		{"cyrillic", 0, []string{"Бомба"}, "бомба бомбардир", "[0]"},
		{"scripts without spaces", 0, []string{"爆弾", "ระเบิด"}, "これは爆弾です นี่คือระเบิดนะ", "[0 1]"},
		{"a voiced kana is another", 0, []string{"か"}, "が か\u3099 か", "[0]"},
		{"hangul", 0, []string{"폭탄"}, "폭탄 \u1111\u1169\u11a8\u1110\u1161\u11ab 폭탄을", "[0 0]"},
		{"a hangul syllable is whole", PhraseAnywhere, []string{"가"}, "각 가", "[0]"},
		{"no text", 0, []string{"a"}, "", "[]"},
		{"bad UTF-8", 0, []string{"bomb"}, "\xff bomb \xc3", "[0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fmt.Sprint(find(t, phrases(t, tt.how, tt.list...), tt.text)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestPhrasesRefused(t *testing.T) {
	tests := []struct {
		name  string
		list  []string
		index int
	}{
		{"empty", []string{"a", " \t"}, 1},
		{"nothing to see", []string{"\u200b"}, 0},
		{"long", []string{"a", "b", strings.Repeat("x", maxPhrase+1)}, 2},
		{"long before it is folded", []string{strings.Repeat("\u200b", maxUndecided) + "x"}, 0},
		{"many", make([]string, maxPhrases+1), -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := CompilePhrases(tt.list, 0)
			bad, ok := errors.AsType[*PhraseError](err)
			if !ok || bad.Index != tt.index {
				t.Errorf("got %v, want an error of phrase %d", err, tt.index)
			}
		})
	}
}

func beginsWithMark(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return classOf(r) == unitMark
}

// naive looks for each phrase at each character of a folded text.
func naive(p *Phrases, list []string, text string) map[int]int {
	type unit struct {
		r     rune
		class unitClass
	}
	fold := func(text string) (out []unit) {
		s := phraseScan{p: p, sink: func(r rune, class unitClass) { out = append(out, unit{r, class}) }}
		_ = scanText(&s, text)
		s.end()
		return out
	}
	word := func(units []unit, i int) unitClass { // of the letter that a mark belongs to
		for i >= 0 && units[i].class == unitMark {
			i--
		}
		if i < 0 {
			return unitOther
		}
		return units[i].class
	}
	units, got := fold(text), map[int]int{}
	for n, phrase := range list {
		want := fold(strings.TrimSpace(phrase))
	next:
		for i := 0; i+len(want) <= len(units); i++ {
			for j := range want {
				if units[i+j].r != want[j].r {
					continue next
				}
			}
			end := i + len(want)
			if end < len(units) && units[end].class == unitMark {
				continue
			}
			if !p.anywhere {
				if units[i].class == unitWord && word(units, i-1) == unitWord {
					continue
				}
				if end < len(units) && units[end].class == unitWord && word(units, end-1) == unitWord {
					continue
				}
			}
			got[n]++
		}
	}
	return got
}

// randomText makes a text of few characters, so that phrases nearly match everywhere.
func randomText(rng *rand.Rand, n int) string {
	letters := []string{"a", "b", "A", " ", "  ", "-", "é", "\u0301", "\u200b", "ж", "爆", "ｂ", "가", "ß", "s"}
	var b strings.Builder
	for range n {
		b.WriteString(letters[rng.IntN(len(letters))])
	}
	return b.String()
}

func TestPhrasesAreThoseOfNaiveSearch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		list, folded := []string{}, map[string]bool{}
		how := PhraseMatch(rng.IntN(4))
		for range 1 + rng.IntN(6) {
			phrase := randomText(rng, 1+rng.IntN(5))
			p, err := CompilePhrases([]string{phrase}, how)
			if err != nil {
				continue
			}
			if shadow := string(p.foldPhrase(nil, phrase)); !folded[shadow] && !beginsWithMark(shadow) {
				folded[shadow] = true
				list = append(list, phrase)
			}
		}
		if len(list) == 0 {
			continue
		}
		p := phrases(t, how, list...)
		text := randomText(rng, 40)
		got := map[int]int{}
		for _, i := range find(t, p, text) {
			got[i]++
		}
		for i := range list {
			list[i] = string(p.foldPhrase(nil, list[i]))
		}
		if want := naive(p, list, text); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("how %d, %q in %q: got %v, want %v", how, list, text, got, want)
		}
	}
}

// screened feeds a text in pieces and gives what left, and the error.
func screened(s *Screen, pieces []string) (string, error) {
	ch := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
	var out []byte
	left := 0
	for _, piece := range pieces {
		var held int
		var err error
		before := len(out)
		if out, held, err = s.Feed(out, ch, []byte(piece)); err != nil {
			return string(out), err
		}
		if left += len(piece) - (len(out) - before); left != held {
			return string(out), fmt.Errorf("%d bytes are missing and %d are said to be held", left, held)
		}
	}
	out, err := s.End(out, ch)
	return string(out), err
}

func TestScreenHoldsBack(t *testing.T) {
	list := phrases(t, 0, "trade secret", "trade")
	tests := []struct {
		name string
		text []string
		left string
		err  error
	}{
		{"nothing", []string{"hello ", "world"}, "hello world", nil},
		{"within a phrase", []string{"the top ", "tra", "de secret"}, "the top ", ErrFound},
		{"at its end", []string{"the tra", "de", " and"}, "the ", ErrFound},
		{"nearly", []string{"the tra", "dexit"}, "the tradexit", nil},
		{"a begin at the end", []string{"a tra"}, "a tra", nil},
		{"found at the end", []string{"a trade"}, "a ", ErrFound},
		{"unseen characters that never end", []string{"a t", strings.Repeat("\u200b", maxUndecided)}, "a ", ErrUndecided},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewScreen(list, nil, wire.AllTextKinds)
			left, err := screened(s, tt.text)
			if left != tt.left || !errors.Is(err, tt.err) {
				t.Errorf("got %q and %v, want %q and %v", left, err, tt.left, tt.err)
			}
			if found := s.Found(); found.Any() != (tt.err == ErrFound) { //nolint:errorlint // which of the table's
				t.Errorf("got %+v", found)
			}
		})
	}
}

func TestScreenPatterns(t *testing.T) {
	pattern, err := Compile(Replacement{From: `\bkey-[0-9]{4}\b`, Full: FullBlock})
	if err != nil {
		t.Fatal(err)
	}
	s := NewScreen(phrases(t, 0, "bomb"), []*Pattern{pattern}, wire.AllTextKinds)
	left, err := screened(s, []string{"a key-1", "23 key-", "123", "4."})
	if left != "a key-123 " || !errors.Is(err, ErrFound) || s.Found().Pattern != 0 || s.Found().Phrase != -1 {
		t.Errorf("got %q, %v and %+v", left, err, s.Found())
	}
	s = NewScreen(nil, []*Pattern{pattern}, wire.TextKinds(0).Of(wire.TextUser))
	for _, kind := range []wire.TextKind{wire.TextAssistant, wire.TextUser, wire.TextUser} {
		if text, err := s.Check(kind, "key-1234 key-1234"); err != nil || text != "key-1234 key-1234" {
			t.Errorf("got %q and %v, want the text as it is", text, err)
		}
	}
	if got := s.Found(); got != (Screened{Phrase: -1, Pattern: 0, Patterns: 2}) {
		t.Errorf("got %+v", got)
	}
}

// A screen finds the same however the text is cut, lets everything else through, and nothing of what it finds.
func FuzzPhrasesSplits(f *testing.F) {
	f.Add("the Trade  se\u200bcret is a café", "trade secret", "café", uint16(3), uint16(9), uint8(0))
	f.Add("aaab", "aab", "b", uint16(1), uint16(2), uint8(1))
	f.Add("가각 ẞ e\u0302\u0323x", "각", "ệx", uint16(1), uint16(2), uint8(3))
	f.Fuzz(func(t *testing.T, text, one, two string, a, b uint16, how uint8) {
		text = strings.ToValidUTF8(text, "?")
		p, err := CompilePhrases([]string{one, two}, PhraseMatch(how&3))
		if err != nil {
			return
		}
		whole := NewScreen(p, nil, wire.AllTextKinds)
		_, failed := whole.Check(wire.TextAssistant, text)
		i, j := min(int(a), len(text)), min(int(b), len(text))
		if i > j {
			i, j = j, i
		}
		for i > 0 && i < len(text) && !utf8.RuneStart(text[i]) {
			i--
		}
		for j > 0 && j < len(text) && !utf8.RuneStart(text[j]) {
			j--
		}
		cut := NewScreen(p, nil, wire.AllTextKinds)
		left, err := screened(cut, []string{text[:i], text[i:j], text[j:]})
		switch {
		case failed != nil && !whole.Found().Any():
			if !errors.Is(err, ErrUndecided) {
				t.Errorf("got %v, want the whole text's %v", err, failed)
			}
		case whole.Found().Any() != errors.Is(err, ErrFound):
			t.Errorf("got %v, want what the whole text gives: %+v", err, whole.Found())
		case err == nil && left != text:
			t.Errorf("got %q, want %q", left, text)
		}
		leak := NewScreen(p, nil, wire.AllTextKinds)
		if _, err := leak.Check(wire.TextAssistant, left); err == nil && leak.Found().Any() && !strings.HasPrefix(text, left) {
			t.Errorf("got %q, which holds a phrase", left)
		}
	})
}
