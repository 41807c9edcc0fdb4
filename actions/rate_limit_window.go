package actions

import (
	"sort"
	"sync/atomic"
)

const (
	// exactEntries is up to how many admissions a window keeps each with its own time. Beyond it time is counted in ticks
	// of that part of the window: a mebibyte for the busiest of keys, and room that comes back 0.0015 % of the window late.
	exactEntries = 1 << 16
	// maxRing bounds a log for costs that are settled late, when more may have been let in than the limit allows.
	maxRing = 2 * exactEntries
	// keptRing is the ring that a window keeps when it is empty, so that a key which comes and goes does not make one anew
	// each time.
	keptRing = 16
)

// admission is what was let in at one moment, or within one tick. The total is counted over the life of the window and may
// wrap: only differences are read.
type admission struct {
	at    int64  // nanoseconds on the limiter's clock
	total uint64 // with everything let in before
}

// window is the log of one key: everything that was let in within the length of the window, oldest first. What is let in
// at a counts at t while t - a is less than the length, so a sum over the log is the sum over that window, to the
// nanosecond. Where entries share a tick they count from the last of them: never too little.
type window struct {
	ring  []admission // its length is a power of two
	first [2]admission
	head  int
	n     int
	gone  uint64 // total of what has left the window
}

func (w *window) reset() { *w = window{} }

func (w *window) at(i int) *admission { return &w.ring[(w.head+i)&(len(w.ring)-1)] }

// used is what was let in within the window. Call expire before.
func (w *window) used() uint64 {
	if w.n == 0 {
		return 0
	}
	return w.at(w.n-1).total - w.gone
}

// expire forgets what is no longer in the window.
func (w *window) expire(now, length int64, room *atomic.Int64) {
	if w.n == 0 {
		return
	}
	for w.n > 0 && now-w.ring[w.head].at >= length {
		w.gone = w.ring[w.head].total
		w.head = (w.head + 1) & (len(w.ring) - 1)
		w.n--
	}
	if w.n == 0 {
		w.head = 0
		if len(w.ring) > keptRing {
			w.release(room)
		}
	}
}

// release gives the ring back; the window must be empty.
func (w *window) release(room *atomic.Int64) {
	if len(w.ring) > len(w.first) {
		room.Add(int64(len(w.ring)))
	}
	w.ring, w.head, w.n = nil, 0, 0
}

// newest is when the last was let in. The window must not be empty.
func (w *window) newest() int64 { return w.at(w.n - 1).at }

// add lets cost in. Time never runs backwards in a window: who read the clock earlier and came later counts as later.
func (w *window) add(now int64, cost uint64, tick int64, room *atomic.Int64) {
	total := w.gone + cost
	if w.n > 0 {
		last := w.at(w.n - 1)
		now = max(now, last.at)
		total = last.total + cost
		if now == last.at || now/tick == last.at/tick || w.n == len(w.ring) && !w.grow(room) {
			last.at, last.total = now, total
			return
		}
	} else if w.ring == nil {
		w.ring = w.first[:]
	}
	w.n++
	*w.at(w.n - 1) = admission{at: now, total: total}
}

// grow doubles the ring while the limiter has room for it. Without room the newest entry takes what comes: it is then
// forgotten later than it could be, and no more is let in than may be.
func (w *window) grow(room *atomic.Int64) bool {
	size := 2 * len(w.ring)
	needed := int64(size)
	if len(w.ring) > len(w.first) {
		needed -= int64(len(w.ring))
	}
	if size > maxRing || room.Add(-needed) < 0 {
		if size <= maxRing {
			room.Add(needed)
		}
		return false
	}
	ring := make([]admission, size)
	for i := range w.n {
		ring[i] = *w.at(i)
	}
	w.ring, w.head = ring, 0
	return true
}

// wait is how long it takes until cost fits under the capacity, if nothing else is let in: 0 where it fits now or never.
func (w *window) wait(now, length int64, cost, capacity uint64) int64 {
	used := w.used()
	if used+cost <= capacity || cost > capacity {
		return 0
	}
	excess := used + cost - capacity
	i := sort.Search(w.n, func(i int) bool { return w.at(i).total-w.gone >= excess })
	return w.at(i).at + length - now
}

// idle is how long it takes until the window is empty.
func (w *window) idle(now, length int64) int64 {
	if w.n == 0 {
		return 0
	}
	return max(w.newest()+length-now, 0)
}
