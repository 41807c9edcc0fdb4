package counter

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReserveAdmits(t *testing.T) {
	type step struct {
		name   string
		charge Charge
		actual int64 // -1 = stays reserved
		taken  bool
		want   State
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"up to the limit", []step{
			{"first", Charge{Limit: 10, Amount: 6}, -1, true, State{0, 6}},
			{"too much", Charge{Limit: 10, Amount: 5}, -1, false, State{0, 6}},
			{"the rest", Charge{Limit: 10, Amount: 4}, 3, true, State{0, 10}},
			{"what the last one left", Charge{Limit: 10, Amount: 2}, -1, false, State{3, 6}},
			{"no more than that", Charge{Limit: 10, Amount: 1}, -1, true, State{3, 7}},
		}},
		{"spill", []step{
			{"larger than the limit", Charge{Limit: 10, Amount: 30, Spill: true}, 4, true, State{0, 30}},
			{"something is left", Charge{Limit: 10, Amount: 30, Spill: true}, -1, true, State{4, 30}},
			{"something is reserved", Charge{Limit: 10, Amount: 30, Spill: true}, -1, false, State{4, 30}},
		}},
		{"spill of what is used up", []step{
			{"uses all", Charge{Limit: 10, Amount: 1, Spill: true}, 10, true, State{0, 1}},
			{"nothing is left", Charge{Limit: 10, Amount: 1, Spill: true}, -1, false, State{10, 0}},
			{"nothing is wanted", Charge{Limit: 10, Spill: true}, -1, true, State{10, 0}},
		}},
		{"no spill", []step{{"larger than the limit", Charge{Limit: 10, Amount: 30}, -1, false, State{0, 0}}}},
		{"concurrent", []step{
			{"first", Charge{Limit: 2, Amount: 1, Concurrent: true}, 0, true, State{0, 1}},
			{"settled with an amount", Charge{Limit: 2, Amount: 1, Concurrent: true}, 7, true, State{0, 1}},
			{"second", Charge{Limit: 2, Amount: 1, Concurrent: true}, -1, true, State{0, 1}},
			{"third", Charge{Limit: 2, Amount: 1, Concurrent: true}, -1, true, State{0, 2}},
			{"fourth", Charge{Limit: 2, Amount: 1, Concurrent: true}, -1, false, State{0, 2}},
		}},
		{"windows", []step{
			{"one slot", Charge{Limit: 10, Amount: 4, Slot: 60, Oldest: 0}, 4, true, State{0, 4}},
			{"another", Charge{Limit: 10, Amount: 4, Slot: 120, Oldest: 60}, 4, true, State{4, 4}},
			{"both count", Charge{Limit: 10, Amount: 4, Slot: 120, Oldest: 60}, -1, false, State{8, 0}},
			{"the first has gone", Charge{Limit: 10, Amount: 4, Slot: 180, Oldest: 120}, 4, true, State{4, 4}},
			{"for ever", Charge{Limit: 20, Amount: 1, Slot: 0, Oldest: 180}, 2, true, State{4, 1}},
			{"it counts later too", Charge{Limit: 20, Amount: 1, Slot: 600, Oldest: 600}, -1, true, State{2, 1}},
		}},
		{"large numbers", []step{
			{"first", Charge{Limit: 1 << 62, Amount: 1 << 61}, 1 << 61, true, State{0, 1 << 61}},
			{"second", Charge{Limit: 1 << 62, Amount: 1 << 60}, -1, true, State{1 << 61, 1 << 60}},
			{"too much", Charge{Limit: 1 << 62, Amount: 1 << 61}, -1, false, State{1 << 61, 1 << 60}},
		}},
	}
	each(t, nil, func(t *testing.T, c Counters) {
		t.Helper()
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				for _, s := range tt.steps {
					s.charge.Counter = tt.name
					r := reserve(t, c, s.charge)
					if (r.Refused == -1) != s.taken || r.States[0] != s.want || r.Local {
						t.Fatalf("%s: got refused %d and %+v, want taken %v and %+v", s.name, r.Refused, r.States[0], s.taken, s.want)
					}
					if s.actual >= 0 {
						settle(t, c, r, s.actual)
					} else if r.Refused >= 0 {
						settle(t, c, r, 5) // changes nothing
					}
				}
			})
		}
	})
}

func TestReserveTakesAllOrNone(t *testing.T) {
	each(t, nil, func(t *testing.T, c Counters) {
		t.Helper()
		a, b, d := Charge{Counter: "a", Limit: 10, Amount: 6}, Charge{Counter: "b", Limit: 5, Amount: 3}, Charge{Counter: "d", Limit: 9, Amount: 1}
		first := taken(t, c, a, b, d)
		second := reserve(t, c, d, a, b)
		if want := []State{{0, 1}, {0, 6}, {0, 3}}; second.Refused != 1 || !cmp.Equal(second.States, want) {
			t.Errorf("refused: got %d in %+v, want 1 in %+v", second.Refused, second.States, want)
		}
		settle(t, c, first, 1, 2) // the third is left out: nothing was used
		states, err := c.Read(t.Context(), []Charge{a, b, d, {Counter: "unknown"}})
		if want := []State{{1, 0}, {2, 0}, {0, 0}, {0, 0}}; err != nil || !cmp.Equal(states, want) {
			t.Errorf("afterwards: got %+v and %v, want %+v", states, err, want)
		}
	})
}

func TestReserveOneCounterTwice(t *testing.T) {
	each(t, nil, func(t *testing.T, c Counters) {
		t.Helper()
		a := Charge{Counter: "a", Limit: 10, Amount: 5}
		r := taken(t, c, a, a)
		if want := []State{{0, 5}, {0, 10}}; !cmp.Equal(r.States, want) {
			t.Errorf("got %+v, want %+v", r.States, want)
		}
		settle(t, c, r, 1, 2)
		a.Amount = 4
		if r := reserve(t, c, a, a); r.Refused != 1 || !cmp.Equal(r.States, []State{{3, 0}, {3, 0}}) {
			t.Errorf("got refused %d in %+v, want 1 and nothing reserved", r.Refused, r.States)
		}
	})
}

func TestReserveRefusesNonsense(t *testing.T) {
	each(t, nil, func(t *testing.T, c Counters) {
		t.Helper()
		for _, charge := range []Charge{{Counter: "a", Limit: 1, Amount: -1}, {Limit: 1, Amount: 1}} {
			if err := c.Reserve(t.Context(), &Reservation{Charges: []Charge{charge}}); err == nil || errors.Is(err, ErrUnavailable) {
				t.Errorf("%+v: got %v, want an error", charge, err)
			}
		}
		if r := taken(t, c); len(r.States) != 0 {
			t.Errorf("no charges: got %+v", r.States)
		}
	})
}

func TestReservationIsUsedAgain(t *testing.T) {
	each(t, nil, func(t *testing.T, c Counters) {
		t.Helper()
		r := taken(t, c, Charge{Counter: "a", Limit: 10, Amount: 4}, Charge{Counter: "b", Limit: 10, Amount: 4})
		settle(t, c, r, 4, 4)
		r.Charges = r.Charges[:1]
		for _, want := range []State{{4, 4}, {8, 0}} {
			if err := c.Reserve(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(r.States, []State{want}) {
				t.Errorf("got %+v, want %+v", r.States, want)
			}
			c.Settle(r, []int64{4})
			flush(t, c)
		}
	})
}

func TestNamesAreNotKept(t *testing.T) {
	each(t, nil, func(t *testing.T, c Counters) {
		t.Helper()
		name := []byte("one name")
		r := taken(t, c, Charge{Counter: alias(name), Limit: 10, Amount: 2})
		c.Settle(r, []int64{2})
		copy(name, "garbage!")
		flush(t, c)
		if got := state(t, c, Charge{Counter: "one name"}); got != (State{2, 0}) {
			t.Errorf("got %+v, want 2 used", got)
		}
	})
}

func TestSeed(t *testing.T) {
	each(t, nil, func(t *testing.T, c Counters) {
		t.Helper()
		c.Seed("a", 0, 5)
		c.Seed("a", 60, 2)
		c.Seed("a", 0, 100)
		if got := state(t, c, Charge{Counter: "a"}); got != (State{7, 0}) {
			t.Errorf("got %+v, want 7 used", got)
		}
		r := taken(t, c, Charge{Counter: "b", Limit: 10, Amount: 1})
		settle(t, c, r, 3)
		c.Seed("b", 0, 9)
		if got := state(t, c, Charge{Counter: "b"}); got != (State{3, 0}) {
			t.Errorf("a counter that was counted: got %+v, want 3 used", got)
		}
	})
}

func TestDurableCountersAreRead(t *testing.T) {
	var store ledger
	store.spend("a", 0, 4)
	store.spend("a", 60, 2)
	store.spend("a", 120, 1)
	each(t, store.load, func(t *testing.T, c Counters) {
		t.Helper()
		store.fail(errBroken)
		durable := Charge{Counter: "a", Limit: 100, Amount: 10, Slot: 120, Oldest: 120, Durable: true}
		if err := c.Reserve(t.Context(), &Reservation{Charges: []Charge{durable}}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a broken store: got %v, want %v", err, ErrUnavailable)
		}
		store.fail(nil)
		before := store.calls
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				r := reserve(t, c, Charge{Counter: "other", Limit: 100, Amount: 1}, durable)
				if r.Refused != -1 || r.States[1].Used != 5 {
					t.Errorf("got %+v, want 5 used", r)
				}
			})
		}
		wait.Wait()
		if got := store.calls - before; got != 1 {
			t.Errorf("got %d readings, want 1", got)
		}
		if got := state(t, c, durable); got != (State{5, 80}) {
			t.Errorf("got %+v, want 5 used and 80 reserved", got)
		}
		fresh := Charge{Counter: "fresh", Durable: true}
		if got := state(t, c, fresh); got != (State{}) {
			t.Errorf("a counter that the store does not know: got %+v", got)
		}
	})
}

func TestNow(t *testing.T) {
	each(t, nil, func(t *testing.T, c Counters) {
		t.Helper()
		if off := time.Since(c.Now()).Abs(); off > 500*time.Millisecond {
			t.Errorf("the clock is off by %v", off)
		}
	})
}
