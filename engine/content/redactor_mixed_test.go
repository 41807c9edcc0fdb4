package content

import (
	"math/rand/v2"
	"strings"
	"testing"

	"weir/engine/wire"
)

// mixedText joins parts of samples with what often stands between values, and with what breaks characters.
func mixedText(rng *rand.Rand, texts []string) string {
	glue := []string{
		"", "", " ", "-", ".", "@", ":", "/", "\n", "\u200b", "x", "1", "é", "谢", "(", ")", `\n`, "+", "=", `"`, "0", " card ",
		" phone ", "\xff", "\xe2\x80", "secret key ",
	}
	var b strings.Builder
	for range 1 + rng.IntN(6) {
		text := texts[rng.IntN(len(texts))]
		from := rng.IntN(len(text) + 1)
		to := from + rng.IntN(len(text)-from+1)
		if rng.IntN(3) == 0 {
			from = 0
		}
		if rng.IntN(3) == 0 {
			to = len(text)
		}
		b.WriteString(text[from:to])
		b.WriteString(glue[rng.IntN(len(glue))])
	}
	return b.String()
}

// TestRedactorMixed cuts texts made of parts of samples, for detectors of any set of entities.
func TestRedactorMixed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	texts := splitTexts()
	for _, s := range samples(t) {
		texts = append(texts, s.text)
	}
	for range 600 {
		set := uint16(1<<entityCount - 1)
		if rng.IntN(2) == 0 {
			set = uint16(rng.IntN(1 << entityCount))
		}
		d := splitDetector(t, set, rng.IntN(3) == 0)
		text := mixedText(rng, texts)
		for range 3 {
			redactSplits(t, d, text, uint16(rng.IntN(1<<16)))
		}
	}
}

// redactThrough takes a stream through a redactor and gives the data of the events that come out.
func redactThrough(t *testing.T, s source, stream string, r *Redactor) []string {
	t.Helper()
	var (
		rewriter wire.TextRewriter
		ev       wire.Event
		got      []byte
		datas    []string
	)
	rewriter.Reset(s.api, s.framing, r)
	split := wire.NewSplitter(s.framing, 0)
	split.Feed([]byte(stream))
	for ok, err := split.Next(&ev); ok; ok, err = split.Next(&ev) {
		if err != nil {
			t.Fatalf("cutting: %v", err)
		}
		if got, err = rewriter.Event(got, &ev); err != nil {
			t.Fatalf("event %q: %v", ev.Raw, err)
		}
	}
	got, err := rewriter.End(got)
	if err != nil {
		t.Fatalf("end: %v", err)
	}
	split.Reset(s.framing, 0)
	split.Feed(got)
	for ok, _ := split.Next(&ev); ok; ok, _ = split.Next(&ev) {
		if len(ev.Data) > 0 {
			datas = append(datas, string(ev.Data))
		}
	}
	return datas
}

// TestRedactorEvents takes texts through the streams of every API, in tool arguments too.
func TestRedactorEvents(t *testing.T) {
	d := detector(t, DetectorConfig{Entities: Entities(), Patterns: redactorPatterns()})
	for _, s := range sources() {
		t.Run(s.name, func(t *testing.T) {
			for i, text := range splitTexts() {
				text = strings.ToValidUTF8(text, "")
				want, err := NewRedactor(d, wire.AllTextKinds, labelled).ReplaceAll(wire.TextAssistant, text)
				if err != nil {
					t.Fatalf("whole: %v", err)
				}
				for seed := range uint16(6) {
					stream := s.stream(text, seed%2 == 0, seed*2617+uint16(i))
					datas := redactThrough(t, s, stream, NewRedactor(d, wire.AllTextKinds, labelled))
					if got := s.read(t, datas); got != want {
						t.Fatalf("text %d, seed %d:\n got %q\nwant %q", i, seed, got, want)
					}
				}
			}
		})
	}
}
