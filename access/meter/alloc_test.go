//go:build !race

package meter

import (
	"testing"

	"weir/access"
)

// A call allocates nothing but the string that the headers of limits are cut from.
func TestReserveAllocates(t *testing.T) {
	budgets, limits := five()
	r := newRig(t, budgets, limits)
	r.Meter.counters = r.counters.Counters
	x, c := exchange(), call("claude-opus-4", 1000, 0.01)
	for range 100 {
		once(t, r, x, c)
	}
	if got := testing.AllocsPerRun(500, func() { once(t, r, x, c) }); got > 1 {
		t.Errorf("got %v allocations a call, want at most 1", got)
	}
	nobody := newRig(t, nil, []*access.Quota{})
	if got := testing.AllocsPerRun(500, func() {
		if nobody.Reserve(x, c) != nil {
			t.Fatal("got a refusal")
		}
		nobody.Settle(x, c)
	}); got != 0 {
		t.Errorf("got %v allocations a call without quotas, want none", got)
	}
}
