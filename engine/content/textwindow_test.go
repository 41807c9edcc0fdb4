package content

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"weir/engine/wire"
)

// windowsOf feeds a text in pieces of the given size in characters and gives its windows, those that are final with a $ behind them, and
// what left.
func windowsOf(tb testing.TB, size, piece int, text string) (windows []string, left string) {
	tb.Helper()
	w := NewWindows(size, wire.AllTextKinds, func(w TextWindow) (string, error) {
		shown := strings.Clone(w.Text)
		if w.Final {
			shown += "$"
		}
		if w.Index != len(windows) {
			tb.Errorf("got window %d, want %d", w.Index, len(windows))
		}
		windows = append(windows, shown)
		return w.Text, nil
	})
	ch := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
	var out []byte
	fed := 0
	for rest := text; rest != ""; {
		n := 0
		for range piece {
			_, m := utf8.DecodeRuneInString(rest[n:])
			n += m
		}
		fed += n
		var held int
		var err error
		if out, held, err = w.Feed(out, ch, []byte(rest[:n])); err != nil {
			tb.Fatal(err)
		}
		if held != fed-len(out) {
			tb.Errorf("got %d bytes held, want %d", held, fed-len(out))
		}
		if got := utf8.RuneCountInString(text[len(out):fed]); got > size {
			tb.Errorf("got %d characters held back, want at most %d", got, size)
		}
		rest = rest[n:]
	}
	out, err := w.End(out, ch)
	if err != nil {
		tb.Fatal(err)
	}
	return windows, string(out)
}

func TestWindows(t *testing.T) {
	tests := []struct {
		name string
		size int
		text string
		want []string
	}{
		{"nothing", 20, "", nil},
		{"no sentence", 20, "hello there", []string{"hello there$"}},
		{"sentences", 40, "One. Two! Three? Four", []string{"One. ", "Two! ", "Three? ", "Four$"}},
		{"the end of the text", 40, "One. Two.", []string{"One. ", "Two.$"}},
		{"numbers and names", 60, "It costs 3.50 at example.com today", []string{"It costs 3.50 at example.com today$"}},
		{"several marks", 40, "What?! No... Yes", []string{"What?! ", "No... ", "Yes$"}},
		{"quotes and brackets", 60, `He said "no." (Really.) “Yes.” So`, []string{`He said "no." `, "(Really.) ", "“Yes.” ", "So$"}},
		{"lines", 40, "one\ntwo\n\nthree", []string{"one\n", "two\n", "\nthree$"}},
		{"lines of another system", 40, "one.\r\ntwo", []string{"one.\r", "\ntwo$"}},
		{"Chinese", 40, "你好。你好！「好吗？」好", []string{"你好。", "你好！", "「好吗？」", "好$"}},
		{"Hindi and Arabic", 40, "नमस्ते। कैसे؟ हाँ", []string{"नमस्ते। ", "कैसे؟ ", "हाँ$"}},
		{"full, at a word", 12, "alpha beta gamma delta", []string{"alpha beta ", "gamma delta$"}},
		{"full, one word", 8, "abcdefghijklmnop q", []string{"abcdefgh", "ijklmnop", " q$"}},
		{"full, no words in the script", 4, "一二三四五六", []string{"一二三四", "五六$"}},
		{"full of white space", 4, "      a", []string{"    ", "  a$"}},
		{"a sentence as long as the window", 6, "Hello. You", []string{"Hello.", " You$"}},
		{"bytes that are no text", 20, "a\xff\xfe b. c", []string{"a\xff\xfe b. ", "c$"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for piece := 1; piece <= len(tt.text)+1; piece++ {
				got, left := windowsOf(t, tt.size, piece, tt.text)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Fatalf("in pieces of %d: got a difference (-want +got):\n%s", piece, diff)
				}
				if left != tt.text {
					t.Fatalf("in pieces of %d: got %q, want what came", piece, left)
				}
			}
		})
	}
}

// TestWindowsChange checks that what a decision makes of a window leaves in its place, that texts do not mix, and that a
// text that is told once more becomes what it became before, without another decision.
func TestWindowsChange(t *testing.T) {
	n := 0
	w := NewWindows(64, wire.AllTextKinds, func(w TextWindow) (string, error) {
		n++
		return fmt.Sprintf("<%d %s %s>", n, w.Kind, strings.TrimSpace(w.Text)), nil
	})
	one := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
	two := wire.TextChannel{Slot: 2, Kind: wire.TextToolArguments}
	var out []byte
	feed := func(ch wire.TextChannel, text string) {
		t.Helper()
		var err error
		if out, _, err = w.Feed(out, ch, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	end := func(ch wire.TextChannel) {
		t.Helper()
		var err error
		if out, err = w.End(out, ch); err != nil {
			t.Fatal(err)
		}
	}
	feed(one, "Hello. Yo")
	feed(two, "Par")
	feed(one, "u")
	feed(two, "is")
	end(two)
	end(one)
	if want := "<1 assistant Hello.><2 tool_arguments Paris><3 assistant You>"; string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
	out = out[:0]
	again := wire.TextChannel{Slot: 0, Kind: wire.TextAssistant, Repeat: true}
	feed(again, "Hello. You")
	end(again)
	if want := "<1 assistant Hello.><3 assistant You>"; string(out) != want || n != 3 {
		t.Errorf("told once more: got %q after %d decisions, want %q after 3", out, n, want)
	}
	out = out[:0]
	feed(again, "Something else.")
	end(again)
	if want := "<4 assistant Something else.>"; string(out) != want {
		t.Errorf("told for the first time: got %q, want %q", out, want)
	}
	if got := w.Count(); got != 4 {
		t.Errorf("got %d windows, want 4", got)
	}
}

// TestWindowsRefuse checks that nothing of a window leaves that was decided against, and that other kinds are not asked about.
func TestWindowsRefuse(t *testing.T) {
	stop := errors.New("stop")
	w := NewWindows(64, wire.TextKinds(0).Of(wire.TextAssistant), func(w TextWindow) (string, error) {
		if strings.Contains(w.Text, "secret") {
			return "", stop
		}
		return w.Text, nil
	})
	ch := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
	out, held, err := w.Feed(nil, ch, []byte("All is well. The secret is out. More."))
	if !errors.Is(err, stop) || string(out) != "All is well. " || held != 0 {
		t.Errorf("got %q, %d held and %v, want the first sentence and an error", out, held, err)
	}
	if out, err = w.End(nil, ch); err != nil || len(out) > 0 {
		t.Errorf("after a refusal: got %q and %v, want nothing", out, err)
	}
	other := wire.TextChannel{Slot: 2, Kind: wire.TextReasoning}
	if out, held, err = w.Feed(nil, other, []byte("secret")); err != nil || string(out) != "secret" || held != 0 {
		t.Errorf("another kind: got %q, %d held and %v, want it to pass", out, held, err)
	}
	if out, err = w.End(nil, other); err != nil || len(out) > 0 {
		t.Errorf("another kind: got %q and %v, want nothing more", out, err)
	}
}

// TestWindowsForget checks that the memory of a stream is bounded, and that a window that is not remembered is decided
// about again.
func TestWindowsForget(t *testing.T) {
	n := 0
	w := NewWindows(64, wire.AllTextKinds, func(w TextWindow) (string, error) { n++; return w.Text, nil })
	for i := range maxRemembered + 10 {
		ch := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
		if _, _, err := w.Feed(nil, ch, fmt.Appendf(nil, "Sentence %d. ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.decided) > maxRemembered {
		t.Errorf("got %d windows remembered, want at most %d", len(w.decided), maxRemembered)
	}
	before := n
	again := wire.TextChannel{Kind: wire.TextAssistant, Repeat: true}
	if _, _, err := w.Feed(nil, again, fmt.Appendf(nil, "Sentence 1. Sentence %d. ", maxRemembered+5)); err != nil {
		t.Fatal(err)
	}
	if n != before+1 {
		t.Errorf("got %d decisions about what was told before, want 1", n-before)
	}
}

// FuzzWindows holds windows to what they promise: the same for every split, nothing lost, nothing held too long.
func FuzzWindows(f *testing.F) {
	f.Add("One. Two! 你好。\n\nThree (four.) five", uint8(12), uint8(3))
	f.Add("   \n \r\n a", uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, text string, size, piece uint8) {
		text = strings.ToValidUTF8(text, "?")
		if text == "" {
			return
		}
		whole, left := windowsOf(t, int(size)+1, len(text)+1, text)
		if left != text {
			t.Fatalf("got %q, want %q", left, text)
		}
		split, left := windowsOf(t, int(size)+1, int(piece)+1, text)
		if left != text {
			t.Fatalf("split: got %q, want %q", left, text)
		}
		if diff := cmp.Diff(whole, split); diff != "" {
			t.Fatalf("got other windows for another split (-whole +split):\n%s", diff)
		}
	})
}

func BenchmarkWindows(b *testing.B) {
	text := []byte("The quick brown fox jumps over the lazy dog. ")
	w := NewWindows(DefaultWindow, wire.AllTextKinds, func(w TextWindow) (string, error) { return w.Text, nil })
	ch := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, _, err = w.Feed(out[:0], ch, text[:4]); err != nil {
			b.Fatal(err)
		}
		if out, _, err = w.Feed(out[:0], ch, text[4:]); err != nil {
			b.Fatal(err)
		}
	}
}
