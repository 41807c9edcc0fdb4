//go:build !race

package content

import (
	"fmt"
	"strings"
	"testing"

	"weir/engine/wire"
)

// eight are patterns as rules on personal data and keys have them.
func eight(tb testing.TB) []*Pattern {
	tb.Helper()
	from := []string{
		`\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b`, `\b\d{3}-\d{2}-\d{4}\b`, `\b(?:\d[ -]?){13,19}\b`, `\bAKIA[0-9A-Z]{16}\b`,
		`\bgh[pousr]_\w{36}\b`, `\bsk-[\w-]{20,200}`, `\b(?:\d{1,3}\.){3}\d{1,3}\b`, `https?://[^\s"]+`,
	}
	out := make([]Replacement, 0, len(from))
	for _, f := range from {
		out = append(out, Replacement{From: f, To: "***"})
	}
	return compile(tb, out...)
}

func streamEvents(tb testing.TB, n int) []wire.Event {
	tb.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word %d\"},\"finish_reason\":null}]}\n\n", i)
	}
	b.WriteString("data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	s := wire.NewSplitter(wire.FrameSSE, 0)
	s.Feed([]byte(b.String()))
	var out []wire.Event
	for {
		var ev wire.Event
		ok, err := s.Next(&ev)
		if err != nil {
			tb.Fatalf("cutting: %v", err)
		}
		if !ok {
			return out
		}
		out = append(out, ev)
	}
}

func play(tb testing.TB, rewriter *wire.TextRewriter, r *Replacer, out []byte, events []wire.Event) []byte {
	tb.Helper()
	rewriter.Reset(wire.OpenAIChat, wire.FrameSSE, r)
	out = out[:0]
	var err error
	for i := range events {
		if out, err = rewriter.Event(out, &events[i]); err != nil {
			tb.Fatalf("event %d: %v", i, err)
		}
	}
	if out, err = rewriter.End(out); err != nil {
		tb.Fatalf("end: %v", err)
	}
	return out
}

// TestStreamAllocs gates the hot path: a stream in which nothing matches costs no allocation once the buffers have
// grown, however much of it is held back for a while.
func TestStreamAllocs(t *testing.T) {
	events := streamEvents(t, 50)
	r := NewReplacer(eight(t), wire.AllTextKinds)
	var (
		rewriter wire.TextRewriter
		out      []byte
	)
	if got := testing.AllocsPerRun(20, func() { out = play(t, &rewriter, r, out, events) }); got != 0 {
		t.Errorf("got %v allocations a stream, want none", got)
	}
	text := "nothing that matches anything at all"
	if got := testing.AllocsPerRun(20, func() { _, _ = r.ReplaceAll(wire.TextUser, text) }); got != 0 {
		t.Errorf("whole: got %v allocations, want none", got)
	}
}

func BenchmarkStream(b *testing.B) {
	events := streamEvents(b, 200)
	for name, patterns := range map[string][]*Pattern{"none": nil, "literal": compile(b, Replacement{From: "secret"}), "eight": eight(b)} {
		b.Run(name, func(b *testing.B) {
			r := NewReplacer(patterns, wire.AllTextKinds)
			var (
				rewriter wire.TextRewriter
				out      []byte
			)
			b.ReportAllocs()
			for b.Loop() {
				out = play(b, &rewriter, r, out, events)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
		})
	}
}
