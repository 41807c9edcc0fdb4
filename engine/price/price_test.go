package price

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestParseAndString(t *testing.T) {
	tests := []struct {
		text string
		want USD
	}{
		{"0", 0},
		{"1", Dollar},
		{"12.5", 12*Dollar + Dollar/2},
		{"0.0001851", 185_100_000},
		{"0.000000000001", 1},
		{"-0.000000000001", -1},
		{"-3.25", -3*Dollar - Dollar/4},
		{"9223372.036854775807", math.MaxInt64},
		{"-9223372.036854775807", -math.MaxInt64},
		{"100.000000000001", 100*Dollar + 1},
	}
	for _, tt := range tests {
		got, err := Parse(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("Parse(%q): got %d, %v, want %d", tt.text, got, err, tt.want)
		}
		if got := tt.want.String(); got != tt.text {
			t.Errorf("String of %d: got %q, want %q", tt.want, got, tt.text)
		}
		if got := string(tt.want.AppendText([]byte("cost "))); got != "cost "+tt.text {
			t.Errorf("AppendText of %d: got %q", tt.want, got)
		}
	}
	for text, want := range map[string]USD{"007.50": 7*Dollar + Dollar/2, "-0": 0, "1.000000000000": Dollar} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q): got %d, %v, want %d", text, got, err, want)
		}
	}
	if got := USD(math.MinInt64).String(); got != "-9223372.036854775808" {
		t.Errorf("got %q for the number that has no opposite", got)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		text string
		want error
	}{
		{"", errSyntax},
		{"-", errSyntax},
		{".5", errSyntax},
		{"5.", errSyntax},
		{"+1", errSyntax},
		{"1e3", errSyntax},
		{" 1", errSyntax},
		{"1,5", errSyntax},
		{"$1", errSyntax},
		{"1.2.3", errSyntax},
		{"--1", errSyntax},
		{"0x1", errSyntax},
		{"NaN", errSyntax},
		{"٣", errSyntax},
		{"1.-5", errSyntax},
		{"1_000", errSyntax},
		{"0.0000000000001", errDecimals},
		{"9223372.036854775808", errRange},
		{"9223373", errRange},
		{"99999999999999999999999", errRange},
		{"-9223372.036854775808", errRange},
	}
	for _, tt := range tests {
		if got, err := Parse(tt.text); !errors.Is(err, tt.want) || got != 0 {
			t.Errorf("Parse(%q): got %v, %v, want %v", tt.text, got, err, tt.want)
		}
	}
	if _, err := Parse(strings.Repeat("x", 1<<20)); len(err.Error()) > 200 {
		t.Errorf("an error of %d bytes repeats what was wrong", len(err.Error()))
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0", "1.5", "-0.000000000001", "9223372.036854775807", "1e9", ".1", "00.10"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := Parse(text)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		if !ok || new(big.Rat).Mul(want, big.NewRat(int64(Dollar), 1)).Cmp(big.NewRat(int64(u), 1)) != 0 {
			t.Fatalf("Parse(%q): got %d", text, u)
		}
		again, err := Parse(u.String())
		if err != nil || again != u {
			t.Fatalf("%d is %q, which is %d, %v", u, u.String(), again, err)
		}
	})
}

func TestSumsStopAtTheLargestAmount(t *testing.T) {
	const top = USD(math.MaxInt64)
	tests := []struct {
		name      string
		got, want USD
	}{
		{"sum", Dollar.Add(2 * Dollar), 3 * Dollar},
		{"difference", Dollar.Add(-2 * Dollar), -Dollar},
		{"sum above", top.Add(1), top},
		{"sum far above", top.Add(top), top},
		{"sum below", (-top).Add(-1), -top},
		{"sum far below", (-top).Add(-top), -top},
		{"opposites", top.Add(-top), 0},
		{"product", (Dollar / 4).Mul(6), Dollar + Dollar/2},
		{"negative product", Dollar.Mul(-2), -2 * Dollar},
		{"product of negatives", (-Dollar).Mul(-2), 2 * Dollar},
		{"nothing", Dollar.Mul(0), 0},
		{"the largest", USD(1).Mul(math.MaxInt64), top},
		{"product above", Dollar.Mul(Dollar.int()), top},
		{"product just above", USD(2).Mul(1 << 62), top},
		{"product below", Dollar.Mul(-Dollar.int()), -top},
		{"the smallest number", USD(1).Mul(math.MinInt64), -top},
		{"billionths above", FromNano(math.MaxInt64), top},
		{"billionths", FromNano(1_500_000_000), Dollar + Dollar/2},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, tt.got, tt.want)
		}
	}
}

func (u USD) int() int64 { return int64(u) }

func TestNanoRoundsUp(t *testing.T) {
	tests := []struct {
		amount USD
		want   int64
	}{{0, 0}, {1, 1}, {999, 1}, {1000, 1}, {1001, 2}, {Dollar, 1e9}, {-1, 0}, {-1000, -1}, {-1001, -1}, {math.MaxInt64, 9223372036854776}}
	for _, tt := range tests {
		if got := tt.amount.Nano(); got != tt.want {
			t.Errorf("%d: got %d, want %d", tt.amount, got, tt.want)
		}
		if back := FromNano(tt.amount.Nano()); back < tt.amount {
			t.Errorf("%d comes back as %d, which is less", tt.amount, back)
		}
	}
}
