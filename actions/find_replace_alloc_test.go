//go:build !race

package actions

import (
	"testing"

	"weir/engine/content"
	"weir/engine/wire"
)

// words make a stream of some length that no pattern of the tests matches.
func words(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = [...]string{" the", " weather", " in", " Paris", " is", " 21", " degrees", "."}[i%8]
	}
	return out
}

func patternsOfRules() []content.Replacement {
	return []content.Replacement{
		{From: `\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b`, To: "(address)"},
		{From: `\bsk-[\w-]{20,200}`, To: "(key)"},
		{From: `\b\d{3}-\d{2}-\d{4}\b`, To: "(number)"},
	}
}

// pass takes the events through the filters without their end, as often as is wanted.
func pass(tb testing.TB, filters []*textStream, events []wire.Event, out []byte) []byte {
	tb.Helper()
	out = out[:0]
	var err error
	for i := range events {
		for _, f := range filters {
			if out, err = f.Event(out, &events[i]); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return out
}

// TestStreamFilterAllocs gates the hot path: an event in which nothing matches costs no allocation.
func TestStreamFilterAllocs(t *testing.T) {
	filters := partsOf(t, streamWindow, nil, patternsOfRules()...)
	events := chatEvents(t, words(64)...)[:64]
	out := pass(t, filters, events, nil)
	if got := testing.AllocsPerRun(20, func() { out = pass(t, filters, events, out) }); got != 0 {
		t.Errorf("got %v allocations for 64 events, want none", got)
	}
}

// BenchmarkStreamEvent is what one event costs that passes a filter in which nothing matches.
func BenchmarkStreamEvent(b *testing.B) {
	for name, rules := range map[string][]content.Replacement{"one": {{From: `\bsk-[\w-]{20,200}`}}, "three": patternsOfRules(), "literal": {{From: "Project Umbra"}}} {
		b.Run(name, func(b *testing.B) {
			filters := partsOf(b, streamWindow, nil, rules...)
			events := chatEvents(b, words(64)...)[:64]
			out := pass(b, filters, events, nil)
			b.ReportAllocs()
			for b.Loop() {
				out = pass(b, filters, events, out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
		})
	}
}
