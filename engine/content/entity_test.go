package content

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample is one text of testdata/entities.txt.
type sample struct {
	line   int
	entity string
	text   string
	want   []Finding
	wrong  bool // the detector is known to get it wrong
}

// samples reads testdata/entities.txt.
func samples(tb testing.TB) []sample {
	tb.Helper()
	data, err := os.ReadFile("testdata/entities.txt")
	if err != nil {
		tb.Fatalf("reading the samples: %v", err)
	}
	var out []sample
	entity := ""
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "# ") || line == "#":
		case strings.HasPrefix(line, "== "):
			entity = strings.TrimPrefix(line, "== ")
			if !slices.Contains(Entities(), entity) {
				tb.Fatalf("line %d: no entity %q", i+1, entity)
			}
		default:
			s := sample{line: i + 1, entity: entity}
			line, s.wrong = strings.CutPrefix(line, "~ ")
			s.mark(tb, strings.ReplaceAll(line, "«+»", ""))
			out = append(out, s)
		}
	}
	return out
}

// mark reads the marks and escapes of a line.
func (s *sample) mark(tb testing.TB, line string) {
	tb.Helper()
	var b strings.Builder
	for line != "" {
		switch {
		case strings.HasPrefix(line, "⟪"):
			s.want = append(s.want, Finding{Start: b.Len(), Entity: s.entity})
			line = strings.TrimPrefix(line, "⟪")
		case strings.HasPrefix(line, "⟫"):
			s.want[len(s.want)-1].End = b.Len()
			line = strings.TrimPrefix(line, "⟫")
		case strings.HasPrefix(line, `\u{`):
			code, rest, _ := strings.Cut(line[3:], "}")
			r, err := strconv.ParseUint(code, 16, 32)
			if err != nil {
				tb.Fatalf("line %d: %v", s.line, err)
			}
			b.WriteRune(rune(r))
			line = rest
		case strings.HasPrefix(line, `\`):
			r, _, rest, err := strconv.UnquoteChar(line, 0)
			if err != nil {
				tb.Fatalf("line %d: %v", s.line, err)
			}
			b.WriteRune(r)
			line = rest
		default:
			b.WriteByte(line[0])
			line = line[1:]
		}
	}
	s.text = b.String()
}

// figures are what the samples of an entity come to.
type figures struct {
	samples, values, found, missed, false, wrong int
}

func (f figures) row(entity string) string {
	percent := func(part, all int) string {
		if all == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(all))
	}
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %s | %s |\n", entity, f.samples, f.values, f.found, f.missed, f.false,
		percent(f.found, f.found+f.false), percent(f.found, f.values))
}

// measure runs the detector of one entity over its samples.
func measure(t *testing.T) map[string]figures {
	t.Helper()
	out := map[string]figures{}
	for _, s := range samples(t) {
		f := out[s.entity]
		f.samples++
		f.values += len(s.want)
		got := detector(t, DetectorConfig{Entities: []string{s.entity}}).Find(nil, s.text)
		for _, g := range got {
			if slices.Contains(s.want, g) {
				f.found++
			} else {
				f.false++
			}
		}
		for _, w := range s.want {
			if !slices.Contains(got, w) {
				f.missed++
			}
		}
		if right := cmp.Equal(got, s.want); right == s.wrong {
			values := make([]string, 0, len(got))
			for _, g := range got {
				values = append(values, s.text[g.Start:g.End])
			}
			t.Errorf("line %d: %s in %q: found %q; right: %v, marked as wrong: %v", s.line, s.entity, s.text, values, right, s.wrong)
		}
		if s.wrong {
			f.wrong++
		}
		out[s.entity] = f
	}
	return out
}

// TestEntitySamples checks each sample, and that docs/entities.md says what they come to.
func TestEntitySamples(t *testing.T) {
	found := measure(t)
	var table strings.Builder
	table.WriteString("| Entity | Samples | Values in them | Found | Missed | Found that are none | Precision | Recall |\n|---|---|---|---|---|---|---|---|\n")
	all := figures{}
	for _, name := range Entities() {
		f := found[name]
		if f.samples < 20 {
			t.Errorf("%s: got %d samples, want 20 at least", name, f.samples)
		}
		table.WriteString(f.row("`" + name + "`"))
		all.samples += f.samples
		all.values += f.values
		all.found += f.found
		all.missed += f.missed
		all.false += f.false
	}
	table.WriteString(all.row("all"))
	if all.samples < 300 {
		t.Errorf("got %d samples, want 300 at least", all.samples)
	}
	page, err := os.ReadFile("../../docs/entities.md")
	if err != nil {
		t.Fatalf("reading the page: %v", err)
	}
	if !bytes.Contains(page, []byte(table.String())) {
		t.Errorf("docs/entities.md does not hold the table of figures; put this in place of it:\n%s", table.String())
	}
}

// TestEntitySamplesTogether checks that no value of a sample leaves where all entities are looked for at once, whole
// and in pieces.
func TestEntitySamplesTogether(t *testing.T) {
	d := detector(t, DetectorConfig{Entities: Entities()})
	for _, s := range samples(t) {
		redactSplits(t, d, s.text, uint16(s.line*7919))
		if s.wrong {
			continue
		}
		hidden := make([]bool, len(s.text))
		for _, f := range d.Find(nil, s.text) {
			for i := f.Start; i < f.End; i++ {
				hidden[i] = true
			}
		}
		for _, w := range s.want {
			if slices.Contains(hidden[w.Start:w.End], false) {
				t.Errorf("line %d: %q leaves in part of %q", s.line, s.text[w.Start:w.End], s.text)
			}
		}
	}
}

// TestEntityNames pins the names that policies use.
func TestEntityNames(t *testing.T) {
	want := "email phone credit_card ssn iban ip url aws_key github_token private_key jwt api_key"
	if got := strings.Join(Entities(), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(keyPrefixes) > 64 {
		t.Errorf("got %d prefixes, want 64 at most: sets of them are one word", len(keyPrefixes))
	}
	for i := range keyPrefixes {
		if p := &keyPrefixes[i]; p.trigger < 1 || p.trigger > keyPrefixLookback || p.trigger >= len(p.text) {
			t.Errorf("%s: got the trigger at %d", p.text, p.trigger)
		}
	}
}
