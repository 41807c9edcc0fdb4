//go:build !race

package bench

import (
	"testing"
	"time"

	"weir/access/journal"
)

// accessAllocs are what an exchange with access keys is left with: the text that headers of limits are cut from, that of the
// row of usage, what the row adds to budgets, its time as JSON, and the header with the cost.
const accessAllocs = 5

// TestAccessAllocs counts what access keys, budgets, limits and usage add to an exchange, all of the process included but for
// handing on rows to the store, which is done in batches behind it.
func TestAccessAllocs(t *testing.T) {
	for _, tt := range accessed() {
		t.Run(tt.name, func(t *testing.T) {
			a := newAccess(t, tt.who, journal.Options{FlushEvery: time.Hour, BatchRows: 1 << 20})
			for range 50 { // pools and buffers grow
				a.ask(t)
			}
			got := testing.AllocsPerRun(500, func() { a.ask(t) })
			t.Logf("%v allocations an exchange", got)
			want := float64(accessAllocs)
			if tt.who == callersAnybody {
				want = 0
			}
			if got > want {
				t.Errorf("got %v allocations an exchange, want at most %v", got, want)
			}
		})
	}
}
