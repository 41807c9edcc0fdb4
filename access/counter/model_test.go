package counter

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// 10,000 operations, chosen by fixed seeds, against a model that is too simple to be wrong.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			each(t, nil, func(t *testing.T, c Counters) {
				t.Helper()
				compare(t, c, rand.New(rand.NewPCG(seed, 5)), 5000)
			})
		})
	}
}

func compare(t *testing.T, c Counters, random *rand.Rand, operations int) {
	t.Helper()
	m := model{}
	type call struct {
		real, model *Reservation
	}
	var flying []call
	now := time.Now().Unix()
	refusals := 0
	for range operations {
		now += random.Int64N(40)
		if len(flying) > 0 && random.IntN(5) < 2 {
			i := random.IntN(len(flying))
			f := flying[i]
			flying[i] = flying[len(flying)-1]
			flying = flying[:len(flying)-1]
			actual := make([]int64, len(f.real.Charges))
			for i := range actual {
				actual[i] = random.Int64N(2 * (f.real.Charges[i].Amount + 1))
			}
			settle(t, c, f.real, actual...)
			m.settle(f.model, actual)
			continue
		}
		charges := someCharges(random, now)
		if random.IntN(4) == 0 {
			got, err := c.Read(t.Context(), charges)
			if want := m.read(charges); err != nil || !cmp.Equal(got, want) {
				t.Fatalf("reading %+v: got %+v and %v, want %+v", charges, got, err, want)
			}
			continue
		}
		f := call{&Reservation{Charges: charges}, &Reservation{Charges: charges}}
		if err := c.Reserve(t.Context(), f.real); err != nil {
			t.Fatalf("reserving: %v", err)
		}
		m.reserve(f.model)
		if f.real.Refused != f.model.Refused || !cmp.Equal(f.real.States, f.model.States) {
			t.Fatalf("reserving %+v: got %+v, want %+v", charges, f.real, f.model)
		}
		if f.real.Refused >= 0 {
			refusals++
			continue
		}
		flying = append(flying, f)
	}
	if refusals < operations/20 || refusals > operations/2 {
		t.Errorf("%d of %d operations were refused: this tests little", refusals, operations)
	}
}

func someCharges(random *rand.Rand, now int64) []Charge {
	far := time.Now().Unix() + 1e6
	rolling := now - now%60
	all := []Charge{
		{Counter: "total", Limit: 40_000, Spill: true},
		{Counter: "rolling", Limit: 250, Slot: rolling, Oldest: rolling - 59*60, Expires: far},
		{Counter: "hour", Limit: 200, Slot: now - now%3600, Oldest: now - now%3600, Expires: far, Spill: true},
		{Counter: "flying", Limit: 8, Concurrent: true, Expires: far},
		{Counter: "minute", Limit: 12, Slot: rolling, Oldest: rolling, Expires: far},
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	charges := all[:1+random.IntN(len(all))]
	for i := range charges {
		if charges[i].Amount = random.Int64N(9); charges[i].Concurrent {
			charges[i].Amount = 1
		}
	}
	return charges
}

// model counts without any thought of speed, memory or other gateways.
type model map[string]*modelled

type modelled struct {
	slots    map[int64]int64
	reserved int64
}

func (m model) of(c *Charge) *modelled {
	if m[c.Counter] == nil {
		m[c.Counter] = &modelled{slots: map[int64]int64{}}
	}
	return m[c.Counter]
}

func (m model) state(c *Charge) State {
	s := State{Reserved: m.of(c).reserved}
	for at, used := range m.of(c).slots {
		if !c.Concurrent && (at == 0 || at >= c.Oldest) {
			s.Used += used
		}
	}
	return s
}

func (m model) read(charges []Charge) (states []State) {
	for i := range charges {
		states = append(states, m.state(&charges[i]))
	}
	return states
}

func (m model) reserve(r *Reservation) {
	r.Refused = -1
	for i := range r.Charges {
		c := &r.Charges[i]
		s := m.state(c)
		if s.Used+s.Reserved+c.Amount > c.Limit && (!c.Spill || s.Used >= c.Limit || s.Reserved != 0) {
			r.Refused, r.States = i, m.read(r.Charges)
			return
		}
	}
	for i := range r.Charges {
		m.of(&r.Charges[i]).reserved += r.Charges[i].Amount
	}
	r.States = m.read(r.Charges)
}

func (m model) settle(r *Reservation, actual []int64) {
	for i := range r.Charges {
		c := m.of(&r.Charges[i])
		c.reserved -= r.Charges[i].Amount
		c.slots[r.Charges[i].Slot] += actual[i]
	}
}

// spendBudget has clients spend a budget of $1.00 by calls of $0.001 to $0.01 that cost something else than was estimated,
// and checks that it is neither overdrawn nor left.
func spendBudget(t *testing.T, gateways ...Counters) {
	t.Helper()
	const clients, limit, cent = 64, 1_000_000_000, 10_000_000
	budget := Charge{Counter: "budget", Limit: limit, Spill: true}
	requests := Charge{Counter: "requests", Limit: 1 << 40, Amount: 1}
	flying := Charge{Counter: "flying", Limit: 40, Amount: 1, Concurrent: true}
	var spent, calls, most, now atomic.Int64
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() {
			c, random := gateways[i%len(gateways)], rand.New(rand.NewPCG(uint64(i), 7))
			for {
				mine := budget
				mine.Amount = cent/10 + random.Int64N(cent-cent/10)
				r := &Reservation{Charges: []Charge{requests, mine, flying}}
				if err := c.Reserve(t.Context(), r); err != nil {
					t.Errorf("reserving: %v", err)
					return
				}
				if r.Refused == 1 && r.States[1].Reserved == 0 {
					return
				}
				if r.Refused >= 0 {
					time.Sleep(time.Duration(random.IntN(1000)) * time.Microsecond)
					continue
				}
				for n := now.Add(1); ; {
					if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
						break
					}
				}
				time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
				actual := mine.Amount/2 + random.Int64N(mine.Amount)
				spent.Add(actual)
				calls.Add(1)
				now.Add(-1)
				c.Settle(r, []int64{1, actual, 0})
			}
		})
	}
	wait.Wait()
	for _, c := range gateways {
		flush(t, c)
	}
	if got := spent.Load(); got < limit-cent || got > limit+clients*cent {
		t.Errorf("got %d billionths spent, want about %d", got, limit)
	}
	if most.Load() > flying.Limit {
		t.Errorf("got %d calls at once, want at most %d", most.Load(), flying.Limit)
	}
	t.Logf("%d calls spent %d billionths of %d, %d at once", calls.Load(), spent.Load(), limit, most.Load())
	for i, c := range gateways {
		states, err := c.Read(t.Context(), []Charge{budget, requests, flying})
		if want := []State{{spent.Load(), 0}, {calls.Load(), 0}, {0, 0}}; err != nil || !cmp.Equal(states, want) {
			t.Errorf("gateway %d: got %+v and %v, want %+v", i, states, err, want)
		}
	}
}
