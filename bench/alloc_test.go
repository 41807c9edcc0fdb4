//go:build !race

package bench

import (
	"testing"

	"weir/engine/wire"
)

// The gates are what the code reaches: lower them when it gets better, and say why when they must rise.
const (
	phasesAllocs   = 0
	exchangeAllocs = 0
)

func TestPeekAllocs(t *testing.T) {
	text := ChatBody(0, false)
	var p wire.Peek
	if got := testing.AllocsPerRun(100, func() {
		if problem := p.Read(wire.OpenAIChat, text); problem != nil {
			t.Fatal(problem)
		}
	}); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

func TestPhasesAllocs(t *testing.T) {
	tests := []struct {
		name  string
		added int
		want  float64
	}{
		{"empty", 0, 0},
		{"rules", 1, phasesAllocs},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPhases(t, tt.name)
			if got := testing.AllocsPerRun(100, func() { p.run(t, tt.added) }); got > tt.want {
				t.Errorf("got %v allocations, want at most %v", got, tt.want)
			}
		})
	}
}

func TestStreamAllocs(t *testing.T) {
	s := newStream(t)
	if got := testing.AllocsPerRun(2000, func() { s.next(t) }); got != 0 {
		t.Errorf("got %v allocations an event, want 0", got)
	}
}

// TestExchangeAllocs counts all of the process: the client and the provider of the test allocate nothing.
func TestExchangeAllocs(t *testing.T) {
	a := newAsker(t, runGateway(t, "rules", startProvider(t, wholeAnswer())))
	for range 20 { // pools and buffers grow
		a.ask(t)
	}
	got := testing.AllocsPerRun(500, func() { a.ask(t) })
	t.Logf("%v allocations an exchange", got)
	if got > exchangeAllocs {
		t.Errorf("got %v allocations an exchange, want at most %d", got, exchangeAllocs)
	}
}
