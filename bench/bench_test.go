package bench

import (
	"bytes"
	"testing"

	"weir/engine"
	"weir/engine/wire"
)

// BenchmarkPeek is the scan of a body of 1 KB: all that a request without rules on its body needs.
func BenchmarkPeek(b *testing.B) {
	text := ChatBody(0, false)
	var p wire.Peek
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if problem := p.Read(wire.OpenAIChat, text); problem != nil {
			b.Fatal(problem)
		}
	}
}

// phases runs on_request of a policy on one exchange again and again. The exchange asks for the list of models, which
// ends a run right behind on_request; its body was scanned before, as BenchmarkPeek counts that.
type phases struct {
	plan *engine.Plan
	x    *engine.Exchange
	sent int // header fields that came from the client
}

func newPhases(tb testing.TB, policy string) *phases {
	tb.Helper()
	g := runGateway(tb, policy, "127.0.0.1:9")
	p := &phases{plan: g.store.Load(), x: engine.NewExchange()}
	text := body(ChatBody(0, false))
	prepare(p.x, g.address(tb), text)
	if err := text.LoadBody(p.x); err != nil {
		tb.Fatal(err)
	}
	p.x.Request.API = wire.Models
	p.sent = len(p.x.Request.Headers)
	return p
}

func (p *phases) run(tb testing.TB, added int) {
	tb.Helper()
	h := &p.x.Request.Headers
	*h = (*h)[:p.sent]
	if err := p.plan.Run(p.x); err != nil {
		tb.Fatal(err)
	}
	if got := len(*h) - p.sent; got != added {
		tb.Fatalf("got %d header fields from the rules, want %d", got, added)
	}
}

// BenchmarkPhases is on_request of the policies.
func BenchmarkPhases(b *testing.B) {
	tests := []struct {
		name   string
		policy string
		added  int
	}{
		{"empty", "empty", 0},
		{"10rules", "rules", 1},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			p := newPhases(b, tt.policy)
			b.ReportAllocs()
			for b.Loop() {
				p.run(b, tt.added)
			}
		})
	}
}

// stream is a streamed answer on its way through the engine's relay, from a provider that never stops.
type stream struct {
	x   *engine.Exchange
	buf []byte
	// over counts events that came with the last one asked for.
	over int
}

func newStream(tb testing.TB) *stream {
	tb.Helper()
	g := runGateway(tb, "empty", startProvider(tb, endlessStream()))
	s := &stream{x: g.runtime.Exchange(), buf: make([]byte, 16<<10)}
	prepare(s.x, g.address(tb), ChatBody(0, true))
	if err := g.store.Load().Run(s.x); err != nil {
		tb.Fatal(err)
	}
	if s.x.Reply.Stream == nil {
		tb.Fatalf("got a whole answer, want a stream: %s", s.x.Reply.Body)
	}
	tb.Cleanup(func() {
		s.x.Cancel(engine.ClientGone())
		_ = s.x.Reply.Stream.Close() // there is no answer to lose
		s.x.Finish()
		g.runtime.Release(s.x)
	})
	return s
}

// next reads until the next event is there.
func (s *stream) next(tb testing.TB) {
	tb.Helper()
	for s.over == 0 {
		n, err := s.x.Reply.Stream.Read(s.buf)
		if err != nil {
			tb.Fatal(err)
		}
		s.over = bytes.Count(s.buf[:n], []byte("\n\n"))
	}
	s.over--
}

// BenchmarkStreamEvent is one event of a stream through the relay, the reading of the socket included.
func BenchmarkStreamEvent(b *testing.B) {
	s := newStream(b)
	b.ReportAllocs()
	for b.Loop() {
		s.next(b)
	}
}

// BenchmarkExchange is a whole exchange over loopback sockets: the client, the gateway with its access log and the
// provider, all in this process.
func BenchmarkExchange(b *testing.B) {
	for _, policy := range []string{"empty", "rules"} {
		b.Run(policy, func(b *testing.B) {
			a := newAsker(b, runGateway(b, policy, startProvider(b, wholeAnswer())))
			b.ReportAllocs()
			for b.Loop() {
				a.ask(b)
			}
		})
	}
}
