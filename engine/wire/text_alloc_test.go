//go:build !race

package wire

import "testing"

// passFilter lets everything go at once.
type passFilter struct{}

func (passFilter) Feed(dst []byte, _ TextChannel, text []byte) ([]byte, int, error) {
	return append(dst, text...), 0, nil
}

func (passFilter) End(dst []byte, _ TextChannel) ([]byte, error) { return dst, nil }

// rewriteAll takes a stream's events through a rewriter.
func rewriteAll(tb testing.TB, r *TextRewriter, api API, framing Framing, filter TextFilter, out []byte, events []Event) []byte {
	tb.Helper()
	r.Reset(api, framing, filter)
	out = out[:0]
	var err error
	for i := range events {
		if out, err = r.Event(out, &events[i]); err != nil {
			tb.Fatalf("event %d: %v", i, err)
		}
	}
	if out, err = r.End(out); err != nil {
		tb.Fatalf("end: %v", err)
	}
	return out
}

// cutEvents are the events of a stream, to keep.
func cutEvents(tb testing.TB, framing Framing, stream string) []Event {
	tb.Helper()
	s := NewSplitter(framing, 0)
	s.Feed([]byte(stream))
	var out []Event
	for {
		var ev Event
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

// TestTextRewriterAllocs gates the hot path: once its buffers have grown, a stream that nothing changes costs none.
func TestTextRewriterAllocs(t *testing.T) {
	cases := rewriteResponsesCases()[:2]
	cases = append(cases, rewriteGeminiCases()...)
	cases = append(cases, rewriteAnthropicCases()...)
	for _, tt := range rewriteChatCases() {
		if tt.api == APIUnknown {
			tt.api = OpenAIChat
		}
		cases = append(cases, tt)
	}
	var r TextRewriter
	for _, tt := range cases {
		if tt.name == "arguments that were cut" || tt.name == "several lines of data" {
			continue // rare, and worth one
		}
		events := cutEvents(t, tt.framing, tt.in)
		var out []byte
		if got := testing.AllocsPerRun(20, func() { out = rewriteAll(t, &r, tt.api, tt.framing, passFilter{}, out, events) }); got != 0 {
			t.Errorf("%v/%s: got %v allocations a stream, want none", tt.api, tt.name, got)
		}
	}
}

func BenchmarkTextRewriter(b *testing.B) {
	events := cutEvents(b, FrameSSE, chatStream(100))
	var (
		r   TextRewriter
		out []byte
	)
	b.ReportAllocs()
	for b.Loop() {
		out = rewriteAll(b, &r, OpenAIChat, FrameSSE, passFilter{}, out, events)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}
