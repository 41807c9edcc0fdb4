package content

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine/wire"
)

func TestNewDetector(t *testing.T) {
	tests := []struct {
		name, want string
		cfg        DetectorConfig
	}{
		{"unknown", "no such entity", DetectorConfig{Entities: []string{"e-mail"}}},
		{"pattern with an entity's name", "of that name", DetectorConfig{Entities: []string{"email"}, Patterns: []CustomPattern{{Name: "email", Pattern: "a"}}}},
		{"two patterns of a name", "of that name", DetectorConfig{Patterns: []CustomPattern{{Name: "a", Pattern: "a"}, {Name: "a", Pattern: "b"}}}},
		{"not RE2", "compiling", DetectorConfig{Patterns: []CustomPattern{{Name: "a", Pattern: "(?=a)"}}}},
		{"too many", "at most", DetectorConfig{Patterns: make([]CustomPattern, maxPatterns+1)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := NewDetector(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	d := detector(t, DetectorConfig{Entities: []string{"ip", "ip"}})
	if got := d.Find(nil, "1.1.1.1"); len(got) != 1 {
		t.Errorf("an entity twice: got %v", got)
	}
}

// TestFindOverlaps pins what wins where values overlap: the leftmost, then the longer one; nothing of the other leaves.
func TestFindOverlaps(t *testing.T) {
	all := DetectorConfig{Entities: Entities()}
	with := func(patterns ...CustomPattern) DetectorConfig {
		return DetectorConfig{Entities: Entities(), Patterns: patterns}
	}
	tests := []struct {
		name, text, want string
		cfg              DetectorConfig
	}{
		{"an address in a URL", "https://joe@example.com/", "<url:https://joe@example.com/>", all},
		{"a number in an address", "555-123-4567@example.com", "<email:555-123-4567@example.com>", all},
		{"a card that could be a phone", "378282246310005", "<credit_card:378282246310005>", all},
		{"a token in a URL", "https://x.com/?t=" + joinCanary("gh", "p_16C7e42F292c6912E7710c838347Ae178B4a"), "<url:https://x.com/?t=" + joinCanary("gh", "p_16C7e42F292c6912E7710c838347Ae178B4a>"), all},
		{"a pattern in an address", "joe@example.com", "<email:joe@example.com>", with(CustomPattern{Name: "p", Pattern: "example"})},
		{"a pattern longer than an address", "joe@example.com/x", "<p:joe@example.com/x>", with(CustomPattern{Name: "p", Pattern: `joe\S{1,20}`})},
		{"a pattern before an address", "mr joe@example.com", "<p:mr joe><email:@example.com>", with(CustomPattern{Name: "p", Pattern: "mr joe"})},
		{"a pattern that goes on behind an address", "joe@example.com now", "<email:joe@example.com><p: now>", with(CustomPattern{Name: "p", Pattern: "com now"})},
		{"two patterns", "abcdef", "a<p:bcd><q:ef>", with(CustomPattern{Name: "q", Pattern: "cdef"}, CustomPattern{Name: "p", Pattern: "bcd"})},
		{"digits of another script in a pattern", "id ٤٥٦ and 456", "id <p:٤٥٦> and <p:456>", with(CustomPattern{Name: "p", Pattern: "٤٥٦"})},
		{"a match of nothing", "abc", "abc", with(CustomPattern{Name: "p", Pattern: "x*"})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := detector(t, tt.cfg)
			r := NewRedactor(d, wire.AllTextKinds, labelled)
			if got, err := r.ReplaceAll(wire.TextUser, tt.text); err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
			for cuts := range uint16(64) {
				redactSplits(t, d, tt.text, cuts*1021)
			}
		})
	}
}

// TestFindTogether checks that a detector serves several at once.
func TestFindTogether(t *testing.T) {
	d := detector(t, DetectorConfig{Entities: Entities(), Patterns: []CustomPattern{{Name: "p", Pattern: `x\d+`, Full: FullBlock}}})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				if got := d.Find(nil, "joe@example.com and x1"); len(got) != 2 {
					t.Errorf("got %v", got)
				}
			}
		})
	}
	group.Wait()
	if got := d.Find(nil, "x"+strings.Repeat("1", 1000)); len(got) == 0 {
		t.Error("a text that a pattern would block is not found")
	}
}

// TestRedactorHolds pins that no more is held back than could still become a value.
func TestRedactorHolds(t *testing.T) {
	one := func(names ...string) DetectorConfig { return DetectorConfig{Entities: names} }
	tests := []struct {
		name string
		cfg  DetectorConfig
		feed []string
		want []string // what leaves after each piece
	}{
		{"no entity", one(), []string{"joe", "@x.com"}, []string{"joe", "@x.com"}},
		{"words before an address", one("email"), []string{"hello there joe", "@example.com", " x"}, []string{"hello there ", "", "* "}},
		{"words that become none", one("email"), []string{"hello", " there"}, []string{"", "hello "}},
		{"words and cards", one("credit_card"), []string{"hello", " there", " 42", " x"}, []string{"hello", " there", " ", "42 x"}},
		{"a local part that is too long", one("email"), []string{strings.Repeat("a", 70)}, []string{strings.Repeat("a", 6)}},
		{"a number that is decided", one("credit_card"), []string{"42424242424242424242424242", "4"}, []string{"42424242424242424242424242", "4"}},
		{"a scheme", one("url"), []string{"see https", ": x"}, []string{"see ", "https: "}},
		{"a prefix", one("api_key"), []string{"task s", "k", "ill"}, []string{"task ", "", "skill"}},
		{"two letters", one("iban"), []string{"in DE", " 8"}, []string{"in ", "DE 8"}},
		{"dashes", one("private_key"), []string{"a -----BEGI", "N x"}, []string{"a ", "-----BEGIN x"}},
		{"script without spaces", one("email"), []string{"请写信"}, []string{"请写信"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewRedactor(detector(t, tt.cfg), wire.AllTextKinds, func(dst []byte, _ Finding, _ string) ([]byte, error) {
				return append(dst, '*'), nil
			})
			ch := wire.TextChannel{Slot: 3, Kind: wire.TextAssistant}
			kept := 0
			for i, piece := range tt.feed {
				out, held, err := r.Feed(nil, ch, []byte(piece))
				if err != nil || string(out) != tt.want[i] {
					t.Fatalf("piece %d: got %q, %v, want %q", i, out, err, tt.want[i])
				}
				kept += len(piece) - len(out)
				if !strings.Contains(string(out), "*") && held != kept {
					t.Errorf("piece %d: got %d bytes held, want %d", i, held, kept)
				}
			}
		})
	}
}

// TestRedactorKinds pins which texts are left alone, what is counted, and that an error of the replacement blocks.
func TestRedactorKinds(t *testing.T) {
	d := detector(t, DetectorConfig{Entities: []string{"ip", "email"}})
	r := NewRedactor(d, wire.TextKinds(0).Of(wire.TextUser), labelled)
	const text = "joe@example.com joe@example.com 1.1.1.1"
	if got, _ := r.ReplaceAll(wire.TextSystem, text); got != text {
		t.Errorf("another kind: got %q, want it as it was", got)
	}
	if out, _, _ := r.Feed(nil, wire.TextChannel{Slot: 1, Kind: wire.TextSystem}, []byte(text)); string(out) != text {
		t.Errorf("another kind in a stream: got %q, want it as it was", out)
	}
	if _, err := r.ReplaceAll(wire.TextUser, text); err != nil {
		t.Fatalf("its kind: %v", err)
	}
	for _, repeat := range []bool{true, false} {
		ch := wire.TextChannel{Slot: 1, Kind: wire.TextUser, Repeat: repeat}
		out, _, _ := r.Feed(nil, ch, []byte(text))
		out, _ = r.End(out, ch)
		if want := "<email:joe@example.com> <email:joe@example.com> <ip:1.1.1.1>"; string(out) != want {
			t.Errorf("repeat %v: got %q, want %q", repeat, out, want)
		}
	}
	if diff := cmp.Diff([]foundCount{{"ip", 2}, {"email", 4}}, r.counted()); diff != "" {
		t.Errorf("counts (-want +got)\n%s", diff)
	}
	failure := errors.New("no")
	r = NewRedactor(d, wire.AllTextKinds, func(dst []byte, _ Finding, _ string) ([]byte, error) { return dst, failure })
	if _, err := r.ReplaceAll(wire.TextUser, text); !errors.Is(err, failure) {
		t.Errorf("whole: got %v, want %v", err, failure)
	}
	if out, _, err := r.Feed(nil, wire.TextChannel{Slot: 1}, []byte(text)); !errors.Is(err, failure) || len(out) > 0 {
		t.Errorf("stream: got %q, %v, want %v", out, err, failure)
	}
	r = NewRedactor(d, wire.AllTextKinds, func(dst []byte, _ Finding, _ string) ([]byte, error) {
		return append(dst, make([]byte, 32<<20)...), nil
	})
	if _, err := r.ReplaceAll(wire.TextUser, text); !errors.Is(err, ErrTooLong) {
		t.Errorf("long replacements: got %v, want %v", err, ErrTooLong)
	}
}

// TestShadow compares the quick tables with what they stand for, for every character.
func TestShadow(t *testing.T) {
	for r := rune(0x80); r <= 0x10FFFF; r++ {
		text := []byte(string(r))
		if r >= 0xD800 && r < 0xE000 {
			continue
		}
		if plainRune(r) && !ownShadow(r, text) {
			t.Errorf("%U is not its own shadow", r)
		}
	}
	tests := []struct{ text, want string }{
		{"plain, größe, 世界, Ω, ж, שלום 😀", "plain, größe, 世界, Ω, ж, שלום 😀"},
		{"ＡＢ１２＠．", "AB12@."},
		{"٤٢ ४२ ۴۲ 𝟒𝟐 ④②", "42 42 42 42 42"},
		{"a\u200bb\u00adc\u2060d\ufefff\u202eg\ufe0fh\u0332i\u20e3", "abcdfghi"},
		{"ﬁ ㎏ ½", "fi kg 1⁄2"},
		{"\xff a\xe2\x80", "\xff a\xe2\x80"},
	}
	for _, tt := range tests {
		var m shadowMap
		if got := m.append(nil, []byte(tt.text), 0); string(got) != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}
