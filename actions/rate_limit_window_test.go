package actions

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// event is what the model of a window was told.
type event struct {
	at   int64
	cost uint64
}

// naive is a window as one would write it down: every admission, summed up anew each time.
type naive struct {
	events   []event
	capacity uint64
	length   int64
}

// used is what was let in during the length before now.
func (m *naive) used(now, length int64) (sum uint64) {
	for _, e := range m.events {
		if now-e.at < length {
			sum += e.cost
		}
	}
	return sum
}

func (m *naive) fits(now int64, cost uint64) bool { return m.used(now, m.length)+cost <= m.capacity }

// wait is the time until cost fits, found by trying every moment at which something leaves.
func (m *naive) wait(now int64, cost uint64) int64 {
	for _, e := range m.events { // in the order of time
		if at := e.at + m.length; at > now && m.used(at, m.length)+cost <= m.capacity {
			return at - now
		}
	}
	return 0
}

// walk makes up requests: bursts, pauses, and moments at which something just leaves the window or just does not.
func walk(r *rand.Rand, m *naive, steps int, do func(now int64, cost uint64)) {
	now := int64(0)
	for range steps {
		switch r.IntN(8) {
		case 0, 1, 2:
		case 3, 4, 5:
			now += r.Int64N(m.length/8) + 1
		case 6:
			if n := len(m.events); n > 0 {
				now = max(now, m.events[r.IntN(n)].at+m.length-r.Int64N(2))
			}
		default:
			if r.IntN(10) == 0 {
				now += 2 * m.length
			}
		}
		do(now, uint64(r.Int64N(int64(m.capacity/4)+2)))
	}
}

func TestWindowIsExact(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := &naive{capacity: 1 + r.Uint64N(40), length: 20 + r.Int64N(1000)}
		l := newLimiter(m.capacity, time.Duration(m.length), time.Unix(0, 0))
		id := bucketID{seed, 1}
		walk(r, m, 400, func(now int64, cost uint64) {
			want := m.fits(now, cost)
			wait := int64(0)
			if !want {
				wait = m.wait(now, cost)
			}
			used := m.used(now, m.length)
			got := l.take(id, time.Unix(0, now), cost)
			if got.ok != want || int64(got.wait) != wait {
				t.Fatalf("seed %d at %d: got %v and a wait of %d for %d with %d of %d used, want %v and %d",
					seed, now, got.ok, got.wait, cost, used, m.capacity, want, wait)
			}
			if got.ok && cost > 0 {
				m.events = append(m.events, event{now, cost})
				used += cost
			}
			if got.remaining != m.capacity-used {
				t.Fatalf("seed %d at %d: got %d left, want %d", seed, now, got.remaining, m.capacity-used)
			}
		})
	}
}

// TestWindowInTicks holds windows that count in ticks to both sides of what the page says: never too much, and room at most
// one tick late.
func TestWindowInTicks(t *testing.T) {
	refusedByTicks := 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		m := &naive{capacity: 20 + r.Uint64N(40), length: 200 + r.Int64N(1000)}
		l := newLimiter(m.capacity, time.Duration(m.length), time.Unix(0, 0))
		l.tick = 1 + m.length/16
		id := bucketID{seed, 1}
		walk(r, m, 400, func(now int64, cost uint64) {
			got := l.take(id, time.Unix(0, now), cost)
			late := m.used(now, m.length+l.tick)+cost <= m.capacity
			if got.ok && !m.fits(now, cost) || !got.ok && late {
				t.Fatalf("seed %d at %d: got %v, want %v by the window and %v a tick later", seed, now, got.ok, m.fits(now, cost), late)
			}
			if !got.ok && m.fits(now, cost) {
				refusedByTicks++
			}
			if got.ok && cost > 0 {
				m.events = append(m.events, event{now, cost})
			}
		})
		if entries := l.shard(id).buckets[id].window.n; entries > 18 {
			t.Fatalf("seed %d: got %d entries, want at most one for each tick", seed, entries)
		}
	}
	if refusedByTicks == 0 {
		t.Error("got no refusal that a tick explains, want some: the walk does not test ticks")
	}
}

func TestTicksBeginBeyondExactEntries(t *testing.T) {
	if l := newLimiter(exactEntries, time.Minute, time.Time{}); l.tick != 1 {
		t.Errorf("got a tick of %d for the largest exact capacity, want 1", l.tick)
	}
	if l := newLimiter(maxCapacity, time.Minute, time.Time{}); l.tick != int64(time.Minute)/exactEntries {
		t.Errorf("got a tick of %d for the largest capacity, want %d", l.tick, int64(time.Minute)/exactEntries)
	}
}

// TestWindowWithoutRoom is a limiter whose memory is spent: it lets in less, never more, and recovers.
func TestWindowWithoutRoom(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		m := &naive{capacity: 10 + r.Uint64N(40), length: 200 + r.Int64N(1000)}
		l := newLimiter(m.capacity, time.Duration(m.length), time.Unix(0, 0))
		l.room.Store(8)
		id := bucketID{seed, 1}
		last := int64(0)
		walk(r, m, 300, func(now int64, cost uint64) {
			got := l.take(id, time.Unix(0, now), cost)
			if got.ok && !m.fits(now, cost) {
				t.Fatalf("seed %d at %d: got in, want a refusal", seed, now)
			}
			if got.ok && cost > 0 {
				m.events = append(m.events, event{now, cost})
			}
			last = now
		})
		if got := l.take(id, time.Unix(0, last+m.length), m.capacity); !got.ok {
			t.Fatalf("seed %d: got a refusal a window later, want everything free", seed)
		}
		if got := l.take(id, time.Unix(0, last+2*m.length), 0); got.remaining != m.capacity {
			t.Fatalf("seed %d: got %d left, want %d", seed, got.remaining, m.capacity)
		}
		if room := l.room.Load(); room < 0 || room > 8 {
			t.Fatalf("seed %d: got room for %d, want between 0 and 8", seed, room)
		}
	}
}

// TestLimiterGivesRoomBack counts the entries that windows hold against the room that is left.
func TestLimiterGivesRoomBack(t *testing.T) {
	l := newLimiter(1000, time.Minute, time.Unix(0, 0))
	for i := range 500 {
		l.take(bucketID{1, 1}, time.Unix(0, int64(i)), 1)
	}
	if got, want := l.room.Load(), int64(maxEntries-512); got != want {
		t.Errorf("got room for %d, want %d", got, want)
	}
	l.take(bucketID{1, 1}, time.Unix(61, 0), 0)
	if got := l.room.Load(); got != maxEntries {
		t.Errorf("got room for %d, want %d", got, maxEntries)
	}
}

func TestLimiterAdmitsExactlyTheCapacity(t *testing.T) {
	const capacity, workers, each = 1000, 16, 500
	l := newLimiter(capacity, time.Hour, time.Now())
	var in [workers]int
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for range each {
				if l.take(bucketID{7, 7}, time.Now(), 1).ok {
					in[w]++
				}
			}
		})
	}
	group.Wait()
	sum := 0
	for _, n := range in {
		sum += n
	}
	if sum != capacity {
		t.Errorf("got %d in, want exactly %d", sum, capacity)
	}
}

// TestLimiterUnderWayOfTime lets the clock run while many ask, with costs, and looks at every window afterwards.
func TestLimiterUnderWayOfTime(t *testing.T) {
	const capacity, length = 50, 1000
	l := newLimiter(capacity, length, time.Unix(0, 0))
	var mu sync.Mutex
	now := int64(0)
	m := &naive{capacity: capacity, length: length}
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 4))
			for range 2000 {
				mu.Lock() // the clock and the log of the test together, so that the log is in the order of time
				now += r.Int64N(20)
				cost := r.Uint64N(4)
				if l.take(bucketID{7, 7}, time.Unix(0, now), cost).ok {
					m.events = append(m.events, event{now, cost})
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	full := 0
	var sum uint64
	first := 0
	for _, e := range m.events {
		sum += e.cost
		for e.at-m.events[first].at >= length {
			sum -= m.events[first].cost
			first++
		}
		if sum > capacity {
			t.Fatalf("got %d in the window that ends at %d, want at most %d", sum, e.at, capacity)
		}
		if sum == capacity {
			full++
		}
	}
	if full == 0 {
		t.Error("got no window that is full, want some")
	}
}

func TestTimeDoesNotRunBackwards(t *testing.T) {
	l := newLimiter(2, time.Second, time.Unix(100, 0))
	id := bucketID{1, 1}
	l.take(id, time.Unix(105, 0), 1)
	if got := l.take(id, time.Unix(104, 0), 1); got.reset != 2*time.Second {
		t.Errorf("got everything free after %v, want what came later to count as at 105", got.reset)
	}
	if got := l.take(id, time.Unix(105, int64(999*time.Millisecond)), 1); got.ok {
		t.Error("got in, want both of the window to count until 106")
	}
	if got := l.take(id, time.Unix(106, 0), 2); !got.ok {
		t.Error("got a refusal, want everything free at 106")
	}
	if got := l.take(id, time.Unix(50, 0), 1); got.ok {
		t.Error("got in at a time before the limiter, want a refusal")
	}
}

func TestLimiterForgetsOnlyWhatIsIdle(t *testing.T) {
	l := newLimiter(1, time.Minute, time.Unix(0, 0))
	l.perShard = 4
	same := func(i uint64) bucketID { return bucketID{i * limiterShards, i} }
	for i := range uint64(4) {
		if !l.take(same(i), time.Unix(int64(i), 0), 1).ok {
			t.Fatalf("got a refusal of key %d, want it counted", i)
		}
	}
	got := l.take(same(9), time.Unix(10, 0), 1)
	if got.ok || !got.full || got.wait != 50*time.Second {
		t.Errorf("got %+v, want a refusal of a new key until the first is idle", got)
	}
	if l.take(same(0), time.Unix(10, 0), 1).ok {
		t.Error("got key 0 in again, want it still counted")
	}
	if got := l.take(same(9), time.Unix(60, 0), 1); !got.ok {
		t.Errorf("got %+v, want the new key in the place of the idle one", got)
	}
	if l.take(same(1), time.Unix(60, 0), 1).ok {
		t.Error("got key 1 in again, want it still counted")
	}
	if n := len(l.shard(same(0)).buckets); n != 4 {
		t.Errorf("got %d buckets, want 4", n)
	}
	if l.take(same(20), time.Unix(600, 0), 2).ok {
		t.Error("got in, want a cost over the capacity refused")
	}
	l.take(same(21), time.Unix(600, 0), 1)
	l.take(same(22), time.Unix(600, 0), 1)
	if n := len(l.shard(same(0)).buckets); n != 2 {
		t.Errorf("got %d buckets, want the idle ones forgotten as new ones come", n)
	}
}

func TestHoldAndSettle(t *testing.T) {
	l := newLimiter(100, time.Minute, time.Unix(0, 0))
	id := bucketID{1, 1}
	if a, b := l.hold(id, time.Unix(0, 0)), l.hold(id, time.Unix(0, 0)); !a.ok || !b.ok {
		t.Fatal("got a refusal, want both in while nothing is known")
	}
	l.settle(id, time.Unix(5, 0), 60)
	if got := l.hold(id, time.Unix(5, 0)); !got.ok || got.remaining != 40 {
		t.Errorf("got %+v, want in with 40 left", got)
	}
	l.settle(id, time.Unix(6, 0), 5000)
	if got := l.hold(id, time.Unix(7, 0)); got.ok || got.wait != 59*time.Second || got.remaining != 0 {
		t.Errorf("got %+v, want a refusal until the great cost has left the window", got)
	}
	l.settle(id, time.Unix(8, 0), 0)
	if got := l.hold(id, time.Unix(66, 0)); !got.ok || got.remaining != 100 {
		t.Errorf("got %+v, want everything free", got)
	}
}

func TestHeldKeysAreNotForgotten(t *testing.T) {
	l := newLimiter(1, time.Minute, time.Unix(0, 0))
	l.perShard = 2
	a, b, c := bucketID{0, 1}, bucketID{0, 2}, bucketID{0, 3}
	l.hold(a, time.Unix(0, 0))
	l.take(b, time.Unix(0, 0), 1)
	if got := l.hold(c, time.Unix(1, 0)); got.ok || !got.full {
		t.Errorf("got %+v, want no room beside a held key and a counted one", got)
	}
	if got := l.take(c, time.Unix(61, 0), 1); !got.ok {
		t.Errorf("got %+v, want the place of the idle key", got)
	}
	l.settle(a, time.Unix(62, 0), 0)
	if got := l.take(b, time.Unix(62, 0), 1); !got.ok {
		t.Errorf("got %+v, want the place of the key that was held and cost nothing", got)
	}
}
