package content

import (
	"errors"
	"regexp/syntax"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"weir/engine/wire"
)

func compile(tb testing.TB, replacements ...Replacement) []*Pattern {
	tb.Helper()
	out := make([]*Pattern, 0, len(replacements))
	for _, r := range replacements {
		p, err := Compile(r)
		if err != nil {
			tb.Fatalf("compiling %q: %v", r.From, err)
		}
		out = append(out, p)
	}
	return out
}

// replaceWhole is what the standard library makes of a whole text.
func replaceWhole(patterns []*Pattern, text string) string {
	for _, p := range patterns {
		text = p.re.ReplaceAllString(text, string(p.to))
	}
	return text
}

// replacePieces feeds the text cut at the given places.
func replacePieces(tb testing.TB, r *Replacer, pieces ...string) string {
	tb.Helper()
	ch := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
	var out []byte
	for _, piece := range pieces {
		var err error
		if out, _, err = r.Feed(out, ch, []byte(piece)); err != nil {
			tb.Fatalf("feeding %q: %v", piece, err)
		}
	}
	out, err := r.End(out, ch)
	if err != nil {
		tb.Fatalf("ending: %v", err)
	}
	return string(out)
}

func TestReplacer(t *testing.T) {
	tests := []struct {
		name, from, to, text string
	}{
		{"literal", "secret", "***", "a secret, secrets and a secre"},
		{"deleted", "secret ", "", "a secret and a secret plan"},
		{"group", `(\w+)@(\w+)\.com`, "$2 at ${1}!", "joe@example.com, ann@host.com and bob@host"},
		{"group 0", `b+`, "[$0]", "abbbc bb"},
		{"dollar", "money", "$$", "money"},
		{"unknown group", "a", "<$x>", "banana"},
		{"preference", "ab|abcd", "X", "abcd abc"},
		{"other preference", "abcd|ab", "X", "abcd abc abcabcd"},
		{"overlap", "abc|bcde", "X", "abcde bcde"},
		{"late decision", "a(.*b)?", "X", "a1 b2\na3 c4"},
		{"lazy", "<.*?>", "", "a <b> c <d> e <f"},
		{"word edges", `\bcat\b`, "dog", "cat concat cats cat. a cat"},
		{"not at a word's edge", `\Bcat`, "dog", "cat concat cats"},
		{"begin of text", `^a`, "X", "aa\na"},
		{"begin of lines", `(?m)^a`, "X", "aa\na\nba"},
		{"end of lines", `(?m)a$`, "X", "aa\na\nab\na"},
		{"end of text", `a$`, "X", "aa\na"},
		{"end of text by letter", `a\z`, "X", "aa\na"},
		{"empty", "", "-", "aé世"},
		{"may be empty", "a*", "-", "baaac aa"},
		{"may be empty at an edge", `\b`, "|", "a bc, d"},
		{"empty end", `$`, ".", "ab"},
		{"any case", "(?i)KELVIN", "K", "\u212Aelvin kelvin KELVIN"},
		{"not ASCII", "é+|世界", "X", "caféé, 世界 世"},
		{"emoji", "😀.", "X", "a😀😀b😀"},
		{"not UTF-8", "a.b", "X", "a\xffb a\xf0\x9fb"},
		{"counted", `\d{3}-\d{2}-\d{4}`, "###", "ssn 123-45-6789, 123-45-678, 1123-45-67890"},
		{"many", "a", "aa", strings.Repeat("ab", 50)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			patterns := compile(t, Replacement{From: tt.from, To: tt.to})
			want := replaceWhole(patterns, tt.text)
			whole := NewReplacer(patterns, wire.AllTextKinds)
			if got, err := whole.ReplaceAll(wire.TextUser, tt.text); err != nil || got != want {
				t.Errorf("whole: got %q, %v, want %q", got, err, want)
			}
			for i := range len(tt.text) + 1 {
				for j := i; j <= len(tt.text); j++ {
					r := NewReplacer(patterns, wire.AllTextKinds)
					if got := replacePieces(t, r, tt.text[:i], tt.text[i:j], tt.text[j:]); got != want {
						t.Fatalf("cut at %d and %d: got %q, want %q", i, j, got, want)
					}
					if diff := cmp.Diff(whole.Matches(), r.Matches()); diff != "" {
						t.Fatalf("cut at %d and %d: matches (-whole +pieces)\n%s", i, j, diff)
					}
				}
			}
			var bytewise []string
			for i := range len(tt.text) {
				bytewise = append(bytewise, tt.text[i:i+1])
			}
			if got := replacePieces(t, NewReplacer(patterns, wire.AllTextKinds), bytewise...); got != want {
				t.Errorf("byte by byte: got %q, want %q", got, want)
			}
		})
	}
}

// TestReplacerHolds pins that no more is held back than could still match.
func TestReplacerHolds(t *testing.T) {
	tests := []struct {
		name, from string
		feed       []string
		want       []string // what leaves after each piece
	}{
		{"nothing that could match", "secret", []string{"hello ", "world"}, []string{"hello ", "world"}},
		{"a begin", "secret", []string{"my sec", "ond"}, []string{"my ", "second"}},
		{"a whole match leaves at once", "secret", []string{"my sec", "ret"}, []string{"my ", "X"}},
		{"the shorter begin", "aab", []string{"aa", "a", "b"}, []string{"", "a", "X"}},
		{"an edge needs the next character", `secret\b`, []string{"secret", "ive"}, []string{"", "secretive"}},
		{"a greedy one goes on", `\d+`, []string{"a12", "34", " b"}, []string{"a", "", "X b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReplacer(compile(t, Replacement{From: tt.from, To: "X"}), wire.AllTextKinds)
			ch := wire.TextChannel{Slot: 3, Kind: wire.TextAssistant}
			kept := 0
			for i, piece := range tt.feed {
				out, held, err := r.Feed(nil, ch, []byte(piece))
				if err != nil || string(out) != tt.want[i] {
					t.Fatalf("piece %d: got %q, %v, want %q", i, out, err, tt.want[i])
				}
				kept += len(piece) - len(out)
				if !strings.Contains(tt.want[i], "X") && held != kept {
					t.Errorf("piece %d: got %d bytes held, want %d", i, held, kept)
				}
			}
		})
	}
}

func TestReplacerInOrder(t *testing.T) {
	patterns := compile(t,
		Replacement{From: "cat", To: "dog"}, Replacement{From: "dogs?", To: "horse"}, Replacement{From: "or", To: "OR"})
	text := "cats and dogs or a cat"
	want := "hORse and hORse OR a hORse"
	if got := replaceWhole(patterns, text); got != want {
		t.Fatalf("whole: got %q, want %q", got, want)
	}
	for i := range len(text) + 1 {
		r := NewReplacer(patterns, wire.AllTextKinds)
		if got := replacePieces(t, r, text[:i], text[i:]); got != want {
			t.Errorf("cut at %d: got %q, want %q", i, got, want)
		}
		if diff := cmp.Diff([]Matches{{First: "cat", Count: 2}, {First: "dogs", Count: 3}, {First: "or", Count: 4}}, r.Matches()); diff != "" {
			t.Errorf("cut at %d: matches (-want +got)\n%s", i, diff)
		}
	}
}

// TestReplacerFull pins what a window does that is full and undecided: however the text comes, nothing of it leaves.
func TestReplacerFull(t *testing.T) {
	text := "go " + strings.Repeat("x", 25) + " on"
	tests := []struct {
		name, from, to, want string
		max                  int
	}{
		{"masked", `x+@`, "[$0]", "go [][]xxx on", 10},
		{"known so far", `x+`, "[$0]", "go [xxxxxxxxxx][xxxxxxxxxx][xxx] on", 10},
		{"longer than the text", `x+@`, "-", text, 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			patterns := compile(t, Replacement{From: tt.from, To: tt.to, MaxLength: tt.max})
			for i := range len(text) + 1 {
				if got := replacePieces(t, NewReplacer(patterns, wire.AllTextKinds), text[:i], text[i:]); got != tt.want {
					t.Fatalf("cut at %d: got %q, want %q", i, got, tt.want)
				}
			}
		})
	}
	r := NewReplacer(compile(t, Replacement{From: `x+@`, MaxLength: 10, Full: FullBlock}), wire.AllTextKinds)
	if _, _, err := r.Feed(nil, wire.TextChannel{}, []byte(text)); !errors.Is(err, ErrUndecided) {
		t.Errorf("blocked: got %v, want %v", err, ErrUndecided)
	}
}

func TestReplacerKinds(t *testing.T) {
	r := NewReplacer(compile(t, Replacement{From: "a", To: "b"}), wire.TextKinds(0).Of(wire.TextUser))
	if got, _ := r.ReplaceAll(wire.TextSystem, "aa"); got != "aa" {
		t.Errorf("another kind: got %q, want it as it was", got)
	}
	if got, _ := r.ReplaceAll(wire.TextUser, "aa"); got != "bb" {
		t.Errorf("its kind: got %q, want %q", got, "bb")
	}
	repeat := wire.TextChannel{Kind: wire.TextUser, Repeat: true}
	out, _, err := r.Feed(nil, repeat, []byte("aa"))
	if err != nil || string(out) != "bb" || r.Matches()[0].Count != 2 {
		t.Errorf("a repeated text: got %q, %v, %d matches, want it replaced and not counted", out, err, r.Matches()[0].Count)
	}
}

func TestMaxMatch(t *testing.T) {
	tests := []struct {
		from    string
		runes   int
		bounded bool
	}{
		{"abc", 3, true},
		{"a|bcd|e?", 3, true},
		{`\d{3}-\d{2,4}`, 8, true},
		{"(ab){2,}", 2, false},
		{"a+", 1, false},
		{"a.*b", 3, false},
		{`\bfoo$`, 3, true},
		{"(?:){3,}x", 1, true},
		{"[é世]?.", 2, true},
		{"((a{100}){100}){10}", 0, true}, // refused by the parser
		{"(?:^|$)*", 0, true},
	}
	for _, tt := range tests {
		re, err := syntax.Parse(tt.from, syntax.Perl)
		if err != nil {
			continue
		}
		runes, bounded := MaxMatch(re)
		if bounded != tt.bounded || (bounded && runes != tt.runes) {
			t.Errorf("%s: got %d, %v, want %d, %v", tt.from, runes, bounded, tt.runes, tt.bounded)
		}
	}
}

func TestCompileLimits(t *testing.T) {
	tests := []struct {
		name    string
		in      Replacement
		max     int
		bounded bool
		fails   bool
	}{
		{name: "computed", in: Replacement{From: "abc"}, max: 3, bounded: true},
		{name: "default", in: Replacement{From: "a+"}, max: DefaultMaxLength},
		{name: "given", in: Replacement{From: "a+", MaxLength: 40}, max: 40},
		{name: "given above the computed", in: Replacement{From: "abc", MaxLength: 40}, max: 3, bounded: true},
		{name: "too long", in: Replacement{From: "a+", MaxLength: MaxMaxLength + 1}, fails: true},
		{name: "not RE2", in: Replacement{From: "(?=a)"}, fails: true},
		{name: "too large", in: Replacement{From: strings.Repeat("a", maxSource+1)}, fails: true},
		{name: "too many steps", in: Replacement{From: strings.Repeat("(?:abcdefgh){1000}", 3)}, fails: true},
	}
	for _, tt := range tests {
		p, err := Compile(tt.in)
		if (err != nil) != tt.fails {
			t.Errorf("%s: got %v, want failure %v", tt.name, err, tt.fails)
		}
		if p != nil {
			if runes, bounded := p.MaxLength(); runes != tt.max || bounded != tt.bounded {
				t.Errorf("%s: got %d, %v, want %d, %v", tt.name, runes, bounded, tt.max, tt.bounded)
			}
		}
	}
}

// FuzzReplacer checks that any cuts of any text give what the standard library gives for the whole.
func FuzzReplacer(f *testing.F) {
	for _, s := range []string{"secret", "(a|ab)(c|bcd)(d*)", `\b\w+@\w+\b`, "a*", "(?m)^x|y$", "(?i)k+", "a(.*b)?", "", `\B`} {
		f.Add(s, "<$1>", "ab abcd\nsecret a@b kK xy\xff é", uint16(0x5a5a))
	}
	f.Fuzz(func(t *testing.T, from, to, text string, cuts uint16) {
		if len(text) > 200 || len(from) > 60 {
			return
		}
		p, err := Compile(Replacement{From: from, To: to})
		if err != nil || utf8.RuneCountInString(text) > p.max && !p.bounded {
			return
		}
		want := replaceWhole([]*Pattern{p}, text)
		whole := NewReplacer([]*Pattern{p}, wire.AllTextKinds)
		if got, _ := whole.ReplaceAll(wire.TextUser, text); got != want {
			t.Fatalf("%q in %q, whole: got %q, want %q", from, text, got, want)
		}
		r := NewReplacer([]*Pattern{p}, wire.AllTextKinds)
		for range 2 { // the second time in windows that were used
			var pieces []string
			rest := text
			for i := 0; rest != ""; i++ {
				n := min(len(rest), 1+int(cuts>>(i%13)&7))
				pieces = append(pieces, rest[:n])
				rest = rest[n:]
			}
			if got := replacePieces(t, r, pieces...); got != want {
				t.Fatalf("%q in %q: got %q, want %q", from, pieces, got, want)
			}
		}
	})
}

// TestTooLong checks that a long replacement cannot make gigabytes of a text that matches everywhere.
func TestTooLong(t *testing.T) {
	patterns := compile(t, Replacement{From: "a", To: strings.Repeat("b", 4<<10)})
	text := strings.Repeat("a", 64<<10)
	r := NewReplacer(patterns, wire.AllTextKinds)
	if _, err := r.ReplaceAll(wire.TextUser, text); !errors.Is(err, ErrTooLong) {
		t.Errorf("whole: got %v, want %v", err, ErrTooLong)
	}
	if _, _, err := r.Feed(nil, wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}, []byte(text)); !errors.Is(err, ErrTooLong) {
		t.Errorf("stream: got %v, want %v", err, ErrTooLong)
	}
	if _, err := r.ReplaceMessage(nil, wire.FrameSSE, &wire.Event{Raw: []byte("data: " + text + "\n\n"), Data: []byte(text)}, nil); !errors.Is(err, ErrTooLong) {
		t.Errorf("message: got %v, want %v", err, ErrTooLong)
	}
}

// TestMaskGoesOn checks that the rest of a text that was longer than the longest match is masked too: a key of a thousand
// characters must not leave from its twentieth on. What stands behind the match leaves.
func TestMaskGoesOn(t *testing.T) {
	key := "sk-" + strings.Repeat("a", 1000)
	tests := []struct{ name, from, to, text, want string }{
		{"a word", `sk-\w+`, "", "key " + key + " end", "key  end"},
		{"between edges", `\bsk-\w+\b`, "", "key " + key + ". sk-a end", "key .  end"},
		{"to the end", `(?s)sk-.*`, "", "key " + key + " end", "key "},
		{"groups of what was masked", `(sk)-(\w+)`, "$1", "key " + key + " sk-b end", "key sk sk end"},
		{"something else in between", `sk-\w+|end`, "", "key " + key + " end.", "key  ."},
	}
	for _, tt := range tests {
		for _, size := range []int{1, 7, 64, 5000} {
			r := NewReplacer(compile(t, Replacement{From: tt.from, To: tt.to, MaxLength: 20}), wire.AllTextKinds)
			ch := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
			var got []byte
			for rest := tt.text; rest != ""; {
				n := min(size, len(rest))
				var (
					held int
					err  error
				)
				if got, held, err = r.Feed(got, ch, []byte(rest[:n])); err != nil || held > 25 {
					t.Fatalf("%s: got %v and %d bytes held", tt.name, err, held)
				}
				rest = rest[n:]
			}
			got, err := r.End(got, ch)
			if err != nil || string(got) != tt.want {
				t.Errorf("%s in pieces of %d: got %q and %v, want %q", tt.name, size, got, err, tt.want)
			}
		}
	}
}
