//go:build !race

package counter

import (
	"context"
	"testing"
)

func TestMemoryAllocatesNothing(t *testing.T) {
	m, r, actual := fourCharges()
	got := testing.AllocsPerRun(1000, func() {
		if err := m.Reserve(context.Background(), r); err != nil || r.Refused >= 0 {
			t.Fatalf("got refused %d and %v", r.Refused, err)
		}
		m.Settle(r, actual)
	})
	if got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}
