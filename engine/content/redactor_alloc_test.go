//go:build !race

package content

import (
	"strings"
	"testing"

	"weir/engine/wire"
)

// usual are eight entities as rules on personal data and keys have them.
func usual(tb testing.TB) *Detector {
	tb.Helper()
	return detector(tb, DetectorConfig{Entities: []string{"email", "phone", "credit_card", "ssn", "iban", "ip", "url", "api_key"}})
}

func masked(dst []byte, _ Finding, _ string) ([]byte, error) {
	return append(dst, "***"...), nil
}

// redactEvents takes a stream of events through a redactor.
func redactEvents(tb testing.TB, rewriter *wire.TextRewriter, filter wire.TextFilter, out []byte, events []wire.Event) []byte {
	tb.Helper()
	rewriter.Reset(wire.OpenAIChat, wire.FrameSSE, filter)
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

// TestRedactorAllocs gates the hot path: a stream and a text without findings cost no allocation once the buffers have
// grown.
func TestRedactorAllocs(t *testing.T) {
	events := streamEvents(t, 50)
	r := NewRedactor(usual(t), wire.AllTextKinds, masked)
	var (
		rewriter wire.TextRewriter
		out      []byte
	)
	if got := testing.AllocsPerRun(20, func() { out = redactEvents(t, &rewriter, r, out, events) }); got != 0 {
		t.Errorf("got %v allocations a stream, want none", got)
	}
	text := "nothing that anybody looks for, größer als 20 or 1,5"
	if got := testing.AllocsPerRun(20, func() { _, _ = r.ReplaceAll(wire.TextUser, text) }); got != 0 {
		t.Errorf("whole: got %v allocations, want none", got)
	}
	var found []Finding
	if got := testing.AllocsPerRun(20, func() { found = r.detector.Find(found[:0], text) }); got != 0 || len(found) > 0 {
		t.Errorf("found: got %v allocations and %v, want none", got, found)
	}
}

// pass is a filter that lets everything go, to tell the cost of the redactor from that of the events.
type pass struct{}

func (pass) Feed(dst []byte, _ wire.TextChannel, text []byte) (out []byte, held int, err error) {
	return append(dst, text...), 0, nil
}

func (pass) End(dst []byte, _ wire.TextChannel) (out []byte, err error) {
	return dst, nil
}

// prose is an answer as models write them, with numbers, a little code and a finding here and there.
const prose = "The migration has three steps. First, back up the database (about 20 GB) with `pg_dump --format=custom`, then check the " +
	"archive's size and its date, 2024-01-15. Second, run the script below; it takes 5-10 minutes on version 14.2 and prints a line " +
	"for every table:\n\n```go\nfor i := range rows {\n\tfmt.Fprintf(w, \"%d: %s\\n\", i, rows[i].Name)\n}\n```\n\nIf anything fails, don't " +
	"panic: the transaction is rolled back and nothing is lost. Third, write to the team. They usually answer within 24 hours, and " +
	"on weekdays sooner. Keep in mind that row_count and max_rows differ when the filter is on; see section 3.2 for why.\n\n"

func BenchmarkRedactStream(b *testing.B) {
	words := streamEvents(b, 200)
	answer := textEvents(b, prose, 12)
	for _, tt := range []struct {
		name   string
		filter wire.TextFilter
		events []wire.Event
	}{
		{"pass/words", pass{}, words},
		{"pass/prose", pass{}, answer},
		{"eight/words", NewRedactor(usual(b), wire.AllTextKinds, masked), words},
		{"eight/prose", NewRedactor(usual(b), wire.AllTextKinds, masked), answer},
		{"all/prose", NewRedactor(detector(b, DetectorConfig{Entities: Entities()}), wire.AllTextKinds, masked), answer},
	} {
		b.Run(tt.name, func(b *testing.B) {
			var (
				rewriter wire.TextRewriter
				out      []byte
			)
			b.ReportAllocs()
			for b.Loop() {
				out = redactEvents(b, &rewriter, tt.filter, out, tt.events)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(tt.events)), "ns/event")
		})
	}
}

// BenchmarkRedactFeed is the redactor's own part of an event.
func BenchmarkRedactFeed(b *testing.B) {
	r := NewRedactor(usual(b), wire.AllTextKinds, masked)
	ch := wire.TextChannel{Slot: 1, Kind: wire.TextAssistant}
	var pieces [][]byte
	for rest := prose; rest != ""; {
		n := min(4+len(pieces)%17, len(rest))
		pieces = append(pieces, []byte(rest[:n]))
		rest = rest[n:]
	}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range pieces {
			out, _, _ = r.Feed(out[:0], ch, p)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(pieces)), "ns/event")
}

func BenchmarkRedactWhole(b *testing.B) {
	texts := map[string]string{
		"prose":    strings.Repeat(prose, 100<<10/len(prose)),
		"chinese":  strings.Repeat("迁移分三步。首先备份数据库,然后检查文件的大小。", 1600),
		"numbers":  strings.Repeat("12 345 6.78 90, 2024-01-15 12:30 ", 3200),
		"findings": strings.Repeat("write to joe@example.com or call +1 555 123 4567; ", 2000),
	}
	sets := map[string]*Detector{"eight": usual(b), "all": detector(b, DetectorConfig{Entities: Entities()})}
	for name, text := range texts {
		for set, d := range sets {
			b.Run(name+"/"+set, func(b *testing.B) {
				r := NewRedactor(d, wire.AllTextKinds, masked)
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := r.ReplaceAll(wire.TextUser, text); err != nil {
						b.Fatalf("redacting: %v", err)
					}
				}
			})
		}
	}
}

// textEvents are the events of an answer that comes in pieces of n bytes at most.
func textEvents(tb testing.TB, text string, n int) []wire.Event {
	tb.Helper()
	var out strings.Builder
	for _, piece := range chunks(text, n) {
		var quoted []byte
		quoted = wire.AppendString(quoted, piece)
		out.WriteString("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":")
		out.Write(quoted)
		out.WriteString("},\"finish_reason\":null}]}\n\n")
	}
	out.WriteString("data: [DONE]\n\n")
	s := wire.NewSplitter(wire.FrameSSE, 0)
	s.Feed([]byte(out.String()))
	var events []wire.Event
	for {
		var ev wire.Event
		ok, err := s.Next(&ev)
		if err != nil {
			tb.Fatalf("cutting: %v", err)
		}
		if !ok {
			return events
		}
		events = append(events, ev)
	}
}

func chunks(text string, n int) []string {
	var out []string
	for text != "" {
		k := min(n, len(text))
		out = append(out, text[:k])
		text = text[k:]
	}
	return out
}
