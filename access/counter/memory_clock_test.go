package counter

import (
	"testing"
	"time"
)

// A clock that was ahead for a moment and is set back does not keep anything from being counted.
func TestMemoryWithAClockThatIsSetBack(t *testing.T) {
	w := watch{time.Unix(1_000_000, 0)}
	m := NewMemory(MemoryOptions{Now: w.now})
	hour := func() Charge {
		from := w.at.Unix() / 3600 * 3600
		return Charge{Counter: "hour", Limit: 10, Amount: 1, Slot: from, Oldest: from, Expires: from + 7200}
	}
	m.Settle(taken(t, m, hour()), []int64{4})
	w.at = w.at.AddDate(3, 0, 0)
	m.Settle(taken(t, m, hour()), []int64{1})
	w.at = time.Unix(1_000_060, 0)
	for range 5 {
		m.Settle(taken(t, m, hour()), []int64{2})
	}
	if got := state(t, m, hour()); got.Used < 10 {
		t.Errorf("got %+v, want what was used since", got)
	}
	if got := reserve(t, m, hour()); got.Refused != 0 {
		t.Errorf("got %+v, want a refusal", got)
	}
}

// What was used of a window that is over is no part of the next, when it is told late, and the other way round.
func TestMemoryAcrossTheEndOfAWindow(t *testing.T) {
	m := NewMemory(MemoryOptions{})
	before := Charge{Counter: "c", Limit: 100, Amount: 3, Slot: 3600, Oldest: 3600, Expires: 1 << 40}
	after := before
	after.Slot, after.Oldest = 7200, 7200
	late := taken(t, m, before)
	m.Settle(taken(t, m, after), []int64{5})
	straggler := taken(t, m, before) // its time was read before that of the one that went first
	m.Settle(late, []int64{4})
	m.Settle(straggler, []int64{1})
	if got := state(t, m, after); got != (State{Used: 5}) {
		t.Errorf("got %+v, want what was used in the window", got)
	}
	if got := reserve(t, m, after).States[0]; got != (State{Used: 5, Reserved: 3}) {
		t.Errorf("got %+v, want the same once it is counted again", got)
	}
}
