package bench

import (
	"testing"

	"weir/access/journal"
)

// accessed are the exchanges that are compared.
func accessed() []struct {
	name string
	who  callers
} {
	return []struct {
		name string
		who  callers
	}{
		{"anybody", callersAnybody}, {"keys", callersKeys}, {"scoped", callersScoped}, {"ringed", callersRinged},
	}
}

// BenchmarkAccess is a whole exchange over loopback sockets without access keys and with them: the key, three budgets and two
// limits, and the row of usage in the queue's file and on its way to a store that costs nothing.
func BenchmarkAccess(b *testing.B) {
	for _, bb := range accessed() {
		b.Run(bb.name, func(b *testing.B) {
			a := newAccess(b, bb.who, journal.Options{})
			b.ReportAllocs()
			for b.Loop() {
				a.ask(b)
			}
		})
	}
}
