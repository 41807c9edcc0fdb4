package counter

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// A counter takes about 300 bytes: this many are 80 MB, and more than a gateway of one machine has callers.
	defaultMax = 1 << 18
	// Looking at four old counters for each new one forgets what has expired faster than it can come.
	sweepSteps = 4
	// Looking at all counters takes some ten milliseconds, in which nobody is served: not more often than once a second.
	sweepPause = 1
	// In seconds: a counter that was just made is about to be used by the call that it was made for.
	sweepGrace = 10
)

// MemoryOptions are what a Memory is made with.
type MemoryOptions struct {
	Now  func() time.Time // nil = time.Now
	Max  int              // how many counters are kept at most; 0 = 262,144
	Load Load             // reads durable counters that are met for the first time; nil = they begin with what Seed said
}

// Memory counts in this process. Counters are forgotten when they have expired; where all of them are live and there is no
// room for another, what needs another is refused.
type Memory struct {
	now   func() time.Time
	max   int
	load  Load
	loads loads

	// One lock for all: what is done under it takes less time than taking the locks of several counters in order.
	mu       sync.Mutex
	counters map[string]*tally
	order    []*tally
	cursor   int   // in order: the next to be looked at for expiry
	swept    int64 // Unix seconds when all were looked at
}

// tally is one counter.
type tally struct {
	name     string
	place    int    // in order
	slots    []slot // ascending
	ever     int64  // slot 0
	windowed int64  // sum of slots
	reserved int64
	oldest   int64 // slots before it are gone
	expires  int64 // Unix seconds, 0 = never
	born     int64 // Unix seconds
}

type slot struct{ at, used int64 }

// fullError is returned where there is no room for a counter.
type fullError int

func (e fullError) Error() string {
	return fmt.Sprintf("no room for another counter: all %d are live", int(e))
}

// Is makes it an ErrUnavailable to callers who only ask whether counting works.
func (e fullError) Is(target error) bool { return target == ErrUnavailable }

// NewMemory returns counters without anything counted.
func NewMemory(o MemoryOptions) *Memory {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Max <= 0 {
		o.Max = defaultMax
	}
	return &Memory{now: o.Now, max: o.Max, load: o.Load, counters: map[string]*tally{}}
}

// Now is the time of this machine.
func (m *Memory) Now() time.Time { return m.now() }

// Reserve takes every charge or none.
func (m *Memory) Reserve(ctx context.Context, r *Reservation) error {
	if err := prepare(r); err != nil {
		return err
	}
	for {
		missing, err := m.reserve(r)
		if err != nil || missing < 0 {
			return err
		}
		if err := m.read(ctx, &r.Charges[missing]); err != nil {
			return err
		}
	}
}

// reserve does it, or names the charge whose counter has to be read first.
func (m *Memory) reserve(r *Reservation) (missing int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range r.Charges {
		c := &r.Charges[i]
		t := m.counters[c.Counter]
		if t == nil {
			if c.Durable && m.load != nil {
				m.release(r.Charges[:i])
				return i, nil
			}
			if t, err = m.add(c.Counter); err != nil {
				m.release(r.Charges[:i])
				return -1, err
			}
		}
		t.advance(c.Oldest)
		t.expires = c.Expires
		if !admits(c, t.state(c)) {
			m.release(r.Charges[:i])
			r.Refused = i
			m.states(r.Charges, r.States)
			return -1, nil
		}
		t.reserved = add(t.reserved, c.Amount)
		r.States[i] = t.state(c)
	}
	return -1, nil
}

// read asks the store for a counter that is not here.
func (m *Memory) read(ctx context.Context, c *Charge) error {
	return m.loads.do(ctx, c.Counter, func(ctx context.Context) error {
		if m.has(c.Counter) {
			return nil // another call was first
		}
		slots, err := m.load(ctx, c.Counter, c.Oldest)
		if err != nil {
			return err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.counters[c.Counter] != nil {
			return nil // somebody has seeded it
		}
		t, err := m.add(c.Counter)
		if err != nil {
			return err
		}
		t.expires = c.Expires
		for at, used := range slots {
			t.count(at, used)
		}
		return nil
	})
}

// Settle gives back what was reserved and counts actual amounts.
func (m *Memory) Settle(r *Reservation, actual []int64) {
	if r.Refused >= 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range r.Charges {
		c := &r.Charges[i]
		t := m.counters[c.Counter]
		if t != nil {
			t.reserved = max(0, t.reserved-c.Amount)
		}
		m.count(c, t, spent(actual, i))
	}
}

// count adds to a counter. One that was forgotten, as nothing was reserved of it, comes back, even above the maximum: calls in
// flight are few. What durable counters lack is in the store.
func (m *Memory) count(c *Charge, t *tally, used int64) {
	if c.Concurrent || used == 0 {
		return
	}
	if t == nil {
		if c.Durable && m.load != nil {
			return
		}
		t = m.insert(c.Counter, m.now().Unix())
		t.expires = c.Expires
	}
	t.count(c.Slot, used)
}

// countLater counts calls that were reserved elsewhere.
func (m *Memory) countLater(charges []Charge, actual []int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range charges {
		m.count(&charges[i], m.counters[charges[i].Counter], spent(actual, i))
	}
}

// release gives back what charges reserved.
func (m *Memory) release(charges []Charge) {
	for i := range charges {
		if t := m.counters[charges[i].Counter]; t != nil {
			t.reserved = max(0, t.reserved-charges[i].Amount)
		}
	}
}

// Read tells the state of counters. It does not keep those that nobody has counted.
func (m *Memory) Read(ctx context.Context, charges []Charge) ([]State, error) {
	if m.load != nil {
		for i := range charges {
			c := &charges[i]
			if !c.Durable || m.has(c.Counter) {
				continue
			}
			if err := m.read(ctx, c); err != nil {
				return nil, err
			}
		}
	}
	states := make([]State, len(charges))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.states(charges, states)
	return states, nil
}

func (m *Memory) has(counter string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counters[counter] != nil
}

func (m *Memory) states(charges []Charge, states []State) {
	for i := range charges {
		states[i] = State{}
		if t := m.counters[charges[i].Counter]; t != nil {
			states[i] = t.state(&charges[i])
		}
	}
}

// Seed sets what is used in a slot, as long as nothing is reserved of the counter or used in that slot.
func (m *Memory) Seed(counter string, at, used int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.counters[counter]
	if t == nil {
		var err error
		if t, err = m.add(counter); err != nil {
			return // so is the first call that needs it
		}
	}
	if t.reserved == 0 && t.usedAt(at) == 0 {
		t.count(at, max(0, used))
	}
}

// Flush has nothing to wait for.
func (m *Memory) Flush(context.Context) error { return nil }

// Close has nothing to give back: reservations end with the process.
func (m *Memory) Close() error { return nil }

// add makes room for a counter and returns it empty. The name may belong to a buffer that is used again.
func (m *Memory) add(counter string) (*tally, error) {
	now := m.now().Unix()
	for range sweepSteps {
		m.sweep(now)
	}
	if len(m.order) >= m.max && now >= m.swept+sweepPause {
		m.swept = now
		for range len(m.order) {
			m.sweep(now)
		}
	}
	if len(m.order) >= m.max {
		return nil, fullError(m.max)
	}
	return m.insert(counter, now), nil
}

func (m *Memory) insert(counter string, now int64) *tally {
	t := &tally{name: strings.Clone(counter), place: len(m.order), born: now}
	m.counters[t.name] = t
	m.order = append(m.order, t)
	return t
}

// sweep looks at the next counter and forgets it where nobody would miss it.
func (m *Memory) sweep(now int64) {
	if len(m.order) == 0 {
		return
	}
	if m.cursor >= len(m.order) {
		m.cursor = 0
	}
	t := m.order[m.cursor]
	if !t.idle(now) {
		m.cursor++
		return
	}
	last := m.order[len(m.order)-1]
	m.order[t.place], last.place = last, t.place
	m.order[len(m.order)-1] = nil
	m.order = m.order[:len(m.order)-1]
	delete(m.counters, t.name)
}

// idle reports whether a counter holds nothing that will be asked for.
func (t *tally) idle(now int64) bool {
	if t.reserved > 0 || now < t.born+sweepGrace {
		return false
	}
	return t.expires > 0 && t.expires <= now || t.ever == 0 && t.windowed == 0
}

// state is what a charge finds.
func (t *tally) state(c *Charge) State {
	if c.Concurrent {
		return State{Reserved: t.reserved}
	}
	used := t.windowed
	for i := 0; i < len(t.slots) && t.slots[i].at < c.Oldest; i++ {
		used -= t.slots[i].used
	}
	return State{Used: add(t.ever, used), Reserved: t.reserved}
}

// advance forgets slots that count no longer. A clock that was ahead and is set back takes what is oldest back with it, or
// nothing would be counted until it is there again.
func (t *tally) advance(oldest int64) {
	back := oldest <= t.oldest
	t.oldest = oldest
	if back {
		return
	}
	gone := 0
	for gone < len(t.slots) && t.slots[gone].at < oldest {
		gone++
	}
	if gone == 0 {
		return
	}
	t.slots = t.slots[:copy(t.slots, t.slots[gone:])]
	t.windowed = 0
	for i := range t.slots {
		t.windowed = add(t.windowed, t.slots[i].used)
	}
}

// count adds to a slot.
func (t *tally) count(at, used int64) {
	if used <= 0 || at != 0 && at < t.oldest {
		return
	}
	if at == 0 {
		t.ever = add(t.ever, used)
		return
	}
	t.windowed = add(t.windowed, used)
	i := len(t.slots) // nearly always the last one, or the one after it
	for i > 0 && t.slots[i-1].at > at {
		i--
	}
	if i > 0 && t.slots[i-1].at == at {
		t.slots[i-1].used = add(t.slots[i-1].used, used)
		return
	}
	t.slots = slices.Insert(t.slots, i, slot{at, used})
}

func (t *tally) usedAt(at int64) int64 {
	if at == 0 {
		return t.ever
	}
	for i := range t.slots {
		if t.slots[i].at == at {
			return t.slots[i].used
		}
	}
	return 0
}
