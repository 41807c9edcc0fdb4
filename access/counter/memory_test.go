package counter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// alias is a string that changes with its bytes, as those of a connection's buffer do.
func alias(b []byte) string { return unsafe.String(&b[0], len(b)) }

// watch is a clock that is set.
type watch struct{ at time.Time }

func (w *watch) now() time.Time { return w.at }

func TestMemoryForgetsExpiredCounters(t *testing.T) {
	w := watch{time.Unix(1000, 0)}
	m := NewMemory(MemoryOptions{Now: w.now, Max: 50})
	held := taken(t, m, Charge{Counter: "held", Limit: 1, Amount: 1, Expires: 1001})
	for i := range 49 {
		m.Settle(taken(t, m, Charge{Counter: strconv.Itoa(i), Limit: 10, Amount: 1, Expires: 1060 + int64(i%2)*1000}), []int64{1})
	}
	more := &Reservation{Charges: []Charge{{Counter: "0", Limit: 10, Amount: 1, Expires: 1060}, {Counter: "more", Limit: 10, Amount: 1}}}
	err := m.Reserve(t.Context(), more)
	if !errors.Is(err, ErrUnavailable) || err.Error() != "no room for another counter: all 50 are live" {
		t.Errorf("full: got %v", err)
	}
	if got := state(t, m, more.Charges[0]); got.Reserved != 0 {
		t.Errorf("full: got %+v, want nothing reserved", got)
	}
	w.at = time.Unix(1061, 0)
	for i := range 20 {
		taken(t, m, Charge{Counter: fmt.Sprint("more", i), Limit: 10, Amount: 1})
	}
	if want := 1 + 24 + 20; len(m.counters) != want || len(m.order) != want {
		t.Errorf("got %d and %d counters, want %d: those that have not expired", len(m.counters), len(m.order), want)
	}
	if got := state(t, m, Charge{Counter: "held"}); got.Reserved != 1 {
		t.Errorf("a counter in use was forgotten: got %+v", got)
	}
	m.Settle(held, []int64{1})
	for i, c := range m.order {
		if c.place != i || m.counters[c.name] != c {
			t.Errorf("%q is at %d and says %d", c.name, i, c.place)
		}
	}
}

func TestMemoryStaysSmall(t *testing.T) {
	w := watch{time.Unix(1000, 0)}
	m := NewMemory(MemoryOptions{Now: w.now})
	for i := range 20_000 {
		w.at = w.at.Add(time.Second)
		c := Charge{Counter: strconv.Itoa(i), Limit: 10, Amount: 1, Expires: w.at.Unix() + 60}
		m.Settle(taken(t, m, c), []int64{1})
	}
	if len(m.counters) > 200 {
		t.Errorf("got %d counters, want about 60", len(m.counters))
	}
}

func TestMemoryCountsWhatWasForgotten(t *testing.T) {
	w := watch{time.Unix(1000, 0)}
	m := NewMemory(MemoryOptions{Now: w.now, Max: 1})
	r := taken(t, m, Charge{Counter: "a", Limit: 10})
	w.at = w.at.Add(time.Minute)
	taken(t, m, Charge{Counter: "b", Limit: 10, Amount: 1})
	m.Settle(r, []int64{4})
	if got := state(t, m, Charge{Counter: "a"}); got.Used != 4 {
		t.Errorf("got %+v, want 4 used", got)
	}
}

func TestMemoryReadsManyDurableCounters(t *testing.T) {
	m := NewMemory(MemoryOptions{Load: func(context.Context, string, int64) (map[int64]int64, error) { return nil, nil }})
	charges := make([]Charge, 10)
	for i := range charges {
		charges[i] = Charge{Counter: strconv.Itoa(i), Limit: 10, Durable: true, Expires: 1}
	}
	taken(t, m, charges...)
}

func TestMemoryBudget(t *testing.T) { spendBudget(t, NewMemory(MemoryOptions{})) }

// Settlements that come late, slots that come in any order and limits that change meet the same sums as in the model.
func FuzzMemoryWindows(f *testing.F) {
	f.Add(uint64(1), uint16(200))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		random, m, want := rand.New(rand.NewPCG(seed, 1)), NewMemory(MemoryOptions{}), model{}
		now := int64(1000)
		for range steps % 2000 {
			now += random.Int64N(30)
			c := Charge{Counter: "a", Limit: 50, Amount: random.Int64N(5), Slot: now - random.Int64N(200), Oldest: now - 100}
			got, expected := &Reservation{Charges: []Charge{c}}, &Reservation{Charges: []Charge{c}}
			if err := m.Reserve(t.Context(), got); err != nil {
				t.Fatal(err)
			}
			want.reserve(expected)
			if got.Refused != expected.Refused || !cmp.Equal(got.States, expected.States) {
				t.Fatalf("got %+v, want %+v", got, expected)
			}
			if got.Refused < 0 {
				actual := []int64{random.Int64N(10)}
				m.Settle(got, actual)
				want.settle(expected, actual)
			}
		}
	})
}
