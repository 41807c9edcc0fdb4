//go:build !race

package actions

import (
	"testing"

	"weir/engine/wire"
)

// TestRestoreStreamAllocs gates the hot path: an event without placeholders costs no allocation.
func TestRestoreStreamAllocs(t *testing.T) {
	r, _ := restorable(t, "joe@example.com", "ann@example.com")
	f := []*textStream{restoringStream(r)}
	events := chatEvents(t, words(64)...)[:64]
	out := pass(t, f, events, nil)
	if got := testing.AllocsPerRun(20, func() { out = pass(t, f, events, out) }); got != 0 {
		t.Errorf("got %v allocations for 64 events, want none", got)
	}
}

// TestRedactStreamAllocs gates the same for an event in which nothing is found.
func TestRedactStreamAllocs(t *testing.T) {
	x := exchange()
	x.Request.API = wire.OpenAIChat
	run, err := redactOf(t, "").begin(x)
	if err != nil {
		t.Fatal(err)
	}
	f := []*textStream{newTextStream(x, run.filter())}
	events := chatEvents(t, words(64)...)[:64]
	out := pass(t, f, events, nil)
	if got := testing.AllocsPerRun(20, func() { out = pass(t, f, events, out) }); got != 0 {
		t.Errorf("got %v allocations for 64 events, want none", got)
	}
}

// BenchmarkRestoreEvent is what one event costs that passes restoring without a placeholder in it.
func BenchmarkRestoreEvent(b *testing.B) {
	r := &redacted{}
	if _, err := r.placeholder("EMAIL", "joe@example.com", true); err != nil {
		b.Fatal(err)
	}
	f := []*textStream{restoringStream(r)}
	events := chatEvents(b, words(64)...)[:64]
	out := pass(b, f, events, nil)
	b.ReportAllocs()
	for b.Loop() {
		out = pass(b, f, events, out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}

func restoringStream(r *redacted) *textStream {
	x := exchange()
	x.Request.API = wire.OpenAIChat
	return newTextStream(x, newRestorer(r))
}
