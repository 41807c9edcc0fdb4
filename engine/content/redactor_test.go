package content

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine/wire"
)

func detector(tb testing.TB, cfg DetectorConfig) *Detector {
	tb.Helper()
	d, err := NewDetector(cfg)
	if err != nil {
		tb.Fatalf("making the detector: %v", err)
	}
	return d
}

// labelled writes a finding as <entity:value>, with a mark where its offsets do not fit its value.
func labelled(dst []byte, f Finding, value string) ([]byte, error) {
	dst = append(dst, '<')
	dst = append(dst, f.Entity...)
	dst = append(dst, ':')
	dst = append(dst, value...)
	if f.End-f.Start != len(value) {
		dst = append(dst, '?')
	}
	return append(dst, '>'), nil
}

// redactPieces feeds the text cut at the given places and checks that no more is held than was fed.
func redactPieces(tb testing.TB, r *Redactor, pieces ...string) string {
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

// redactorPatterns are patterns that overlap what the entities find, one another, and words beyond ASCII.
func redactorPatterns() []CustomPattern {
	return []CustomPattern{
		{Name: "employee", Pattern: `\bEMP-\d{3,6}\b`},
		{Name: "project", Pattern: `(?i)project \w+`, MaxLength: 20},
		{Name: "at", Pattern: `\w+@\w+`, MaxLength: 12},
		{Name: "word", Pattern: `größe|[٠-٩]{4}x`},
	}
}

// redactSplits checks that any cuts of a text give what the whole gives.
func redactSplits(t *testing.T, d *Detector, text string, cuts uint16) {
	t.Helper()
	whole := NewRedactor(d, wire.AllTextKinds, labelled)
	want, err := whole.ReplaceAll(wire.TextUser, text)
	if err != nil {
		t.Fatalf("whole: %v", err)
	}
	r := NewRedactor(d, wire.AllTextKinds, labelled)
	for range 2 { // the second time in buffers that were used
		var pieces []string
		rest := text
		for i := 0; rest != ""; i++ {
			n := min(len(rest), 1+int(cuts>>(i%13)&7))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		r.counts = make([]int, len(d.names))
		if got := redactPieces(t, r, pieces...); got != want {
			t.Fatalf("in pieces %q:\n got %q\nwant %q", pieces, got, want)
		}
		if diff := cmp.Diff(whole.counted(), r.counted()); diff != "" {
			t.Fatalf("in pieces %q: counts (-whole +pieces)\n%s", pieces, diff)
		}
	}
}

// FuzzRedactorSplits checks that any cuts of any text, within characters too, redact what the whole text has redacted.
func FuzzRedactorSplits(f *testing.F) {
	for i, text := range splitTexts() {
		f.Add(text, uint16(i*7919+13), uint16(0xFFFF), i%2 == 0)
		f.Add(text, uint16(0), uint16(1<<(i%12)), i%3 == 0)
	}
	for i, s := range samples(f) {
		if i%8 != 0 { // enough to begin with, and little enough for a short run
			continue
		}
		f.Add(s.text, uint16(i*7919), uint16(0xFFFF), i%7 == 0)
	}
	f.Fuzz(func(t *testing.T, text string, cuts, set uint16, patterns bool) {
		if len(text) > 2000 {
			return
		}
		redactSplits(t, splitDetector(t, set, patterns), text, cuts)
	})
}

func splitDetector(tb testing.TB, set uint16, patterns bool) *Detector {
	tb.Helper()
	var cfg DetectorConfig
	for i, name := range Entities() {
		if set&(1<<i) != 0 {
			cfg.Entities = append(cfg.Entities, name)
		}
	}
	if patterns {
		cfg.Patterns = redactorPatterns()
	}
	return detector(tb, cfg)
}

// joinCanary puts strings together that scanners of secrets would report in one piece.
func joinCanary(parts ...string) string {
	return strings.Join(parts, "")
}

func splitTexts() []string {
	pem := joinCanary("-----BEGIN RSA PRIV", "ATE KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF0dEJ\nabc==\n-----END RSA PRIV", "ATE KEY-----")
	jwt := joinCanary("eyJhbGciOiJIUzI1NiJ9", ".", "eyJzdWIiOiIxMjM0NSJ9", ".", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P")
	return []string{
		"mail joe.smith+tag@example.com, or \"a.b\"@example.org; call +1 (555) 123-4567 or 030 12345678.",
		"card 4111 1111 1111 1111, ssn 123-45-6789, iban DE89 3704 0044 0532 0130 00, ip 10.0.0.1/8 and 2001:db8::1.",
		"see https://example.com/a_(b)?q=1), keys " + joinCanary("AK", "IAIOSFODNN7EXAMPLE") + " " + joinCanary("gh", "p_0123456789abcdefghijABCDEFGHIJ012345") + " end",
		"key:\n" + pem + "\nthen " + jwt + ". done",
		"j\u200boe@exam\u00adple.com ４１１１ １１１１ １１１１ １１１１ ①②③ joe@bücher.de почта@пример.рф 电话13812345678",
		"\xff\xe2\x80 joe@x.com \xf0\x9f\x98 EMP-1234 project apollo joe@host größe ٤٤٤٤x",
		"secret access key = " + joinCanary("wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYEXAMPLEKEY") + " v1.2.3.4 1.2.3.4 12:30:45 fe80::1%eth0 a::b ::1",
		"x" + strings.Repeat("a", 90) + "@example.com " + strings.Repeat("1 ", 30) + strings.Repeat("9", 40) + " (555) 123-4567@x.de",
		`"phone": "\n555-123-4567", tel 0171/1234567 (0)20 7946 0958 1-800-555-0199 2024-01-15 112-1234567-1234567`,
		"+1 555 123 4567x123, (714)801-4193x14, 555-123-4567x, 13707786024 电话：13707786024 OID 1.3.101.110 10.0.0.1-10.0.0.5 icon@2x.png. a@b.c.",
		joinCanary("s", "k-", "proj-AbCd1234efGH5678ijKL9012mnOP") + " https://x https:// http:/ :// a@b a@b.c @ -----BEGIN PRIV -----B",
	}
}

// TestRedactorSplits cuts each text at every two places, and into single bytes.
func TestRedactorSplits(t *testing.T) {
	all := uint16(1<<entityCount - 1)
	for i, text := range splitTexts() {
		for _, set := range []uint16{all, 1 << (i % int(entityCount)), all &^ (1 << entityURL) &^ 1} {
			for _, patterns := range []bool{false, true} {
				d := splitDetector(t, set, patterns)
				want, err := NewRedactor(d, wire.AllTextKinds, labelled).ReplaceAll(wire.TextUser, text)
				if err != nil {
					t.Fatalf("whole: %v", err)
				}
				r := NewRedactor(d, wire.AllTextKinds, labelled)
				for i := range len(text) + 1 {
					for j := i; j <= len(text); j += 1 + (i+j)%37 {
						if got := redactPieces(t, r, text[:i], text[i:j], text[j:]); got != want {
							t.Fatalf("set %x, patterns %v, cut at %d and %d:\n got %q\nwant %q", set, patterns, i, j, got, want)
						}
					}
				}
				redactSplits(t, d, text, 0)
				redactSplits(t, d, text, 0xACE1)
			}
		}
	}
}

// TestRedactorLong checks that values longer than any of their kind are taken whole, however they come, with little
// held, and that their begin stands for them.
func TestRedactorLong(t *testing.T) {
	long := strings.Repeat("aB3dE6gH", 4000)
	begin, end := joinCanary("-----BEGIN PRIV", "ATE KEY-----\n"), joinCanary("\n-----END PRIV", "ATE KEY-----")
	tests := []struct{ name, text, want string }{
		{"url", "go https://x.com/" + long + " on", "go X on"},
		{"key", "go " + joinCanary("s", "k-") + long + " on", "go X on"},
		{"token", "go eyJ" + long + " on", "go X on"},
		{"private key", "go " + begin + long + end + " on joe@x.com", "go X on X"},
		{"private key without an end", "go " + begin + long, "go X"},
	}
	cfg := DetectorConfig{Entities: Entities(), Patterns: []CustomPattern{{Name: "p", Pattern: `6gH\w{3}`}, {Name: "on", Pattern: "H on joe"}}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := detector(t, DetectorConfig{Entities: Entities()})
			var values []string
			replace := func(dst []byte, _ Finding, value string) ([]byte, error) {
				values = append(values, strings.Clone(value))
				return append(dst, 'X'), nil
			}
			got, err := NewRedactor(d, wire.AllTextKinds, replace).ReplaceAll(wire.TextUser, tt.text)
			if err != nil || got != tt.want {
				t.Fatalf("whole: got %q, %v, want %q", got, err, tt.want)
			}
			want := values
			for _, size := range []int{1, 7, 100, 5000, 100000} {
				values = nil
				r := NewRedactor(d, wire.AllTextKinds, replace)
				ch := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
				var (
					out  []byte
					held int
				)
				for rest := tt.text; rest != ""; {
					n := min(size, len(rest))
					if out, held, err = r.Feed(out, ch, []byte(rest[:n])); err != nil || held > pemMost+n {
						t.Fatalf("size %d: got %d bytes held, %v", size, held, err)
					}
					rest = rest[n:]
				}
				if out, err = r.End(out, ch); err != nil || string(out) != tt.want {
					t.Fatalf("size %d: got %.100q, %v, want %q", size, out, err, tt.want)
				}
				if diff := cmp.Diff(want, values); diff != "" {
					t.Fatalf("size %d: values (-whole +pieces)\n%.500s", size, diff)
				}
			}
			block := cfg
			block.Patterns, block.Full = nil, FullBlock
			r := NewRedactor(detector(t, block), wire.AllTextKinds, replace)
			if _, err := r.ReplaceAll(wire.TextUser, tt.text); !errors.Is(err, ErrUndecided) {
				t.Errorf("blocked: got %v, want %v", err, ErrUndecided)
			}
			if _, _, err := r.Feed(nil, wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}, []byte(tt.text)); !errors.Is(err, ErrUndecided) && !strings.HasSuffix(tt.name, "end") {
				t.Errorf("blocked in a stream: got %v, want %v", err, ErrUndecided)
			}
			redactSplits(t, detector(t, cfg), tt.text[:200]+tt.text[len(tt.text)-40:], 0x1357)
			redactSplits(t, detector(t, cfg), tt.text, 0xFFFF)
		})
	}
}
