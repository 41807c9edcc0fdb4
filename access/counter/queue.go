package counter

import (
	"slices"
	"strings"
	"time"
)

const (
	// How many settlements wait at most before new calls are refused: 20 MB.
	maxWaiting = 1 << 16
	// How many are told at once: a fraction of a millisecond for the server, which does nothing else meanwhile.
	batchSize = 256
	// How long an amount waits for its counter to be read from the store. Usage has reached the store long before.
	parkLimit = 10 * time.Minute
)

// queue is what Redis has not been told yet: at most one entry for each slot of each counter.
type queue struct {
	lag     int64 // ms
	entries map[slotKey]*settlement
	order   []*settlement
	parked  int           // entries that wait for their counter
	telling []*settlement // on their way
	told    chan struct{} // closed when they are
}

type slotKey struct {
	counter string
	at      int64
	durable bool
}

// settlement is what was settled in one slot of a counter.
type settlement struct {
	slotKey
	expires int64
	first   int64 // ms: when the first was
	old     int64 // settled before since
	recent  int64 // settled then or later, within the lag of the store
	since   int64 // ms
	back    int64 // of what is reserved; negative = to be reserved
	parked  bool
	retry   int64 // parked: ms when it is tried again
}

func newQueue(lag time.Duration) queue {
	return queue{lag: lag.Milliseconds(), entries: map[slotKey]*settlement{}, told: make(chan struct{})}
}

// add notes what a charge has used and gives back.
func (q *queue) add(c *Charge, durable bool, used, back, now int64) {
	if used == 0 && back == 0 {
		return
	}
	k := slotKey{c.Counter, c.Slot, durable}
	e := q.entries[k]
	if e == nil {
		k.counter = strings.Clone(k.counter)
		e = &settlement{slotKey: k, first: now, since: now}
		q.put(e)
	}
	e.expires = c.Expires
	e.back += back
	if now-e.since > q.lag {
		e.old, e.recent, e.since = add(e.old, e.recent), 0, now
	}
	e.recent = add(e.recent, used)
	if e.parked && back != 0 {
		// What is given back does not wait for the counter; the rest is parked again.
		e.parked = false
		q.parked--
	}
}

func (q *queue) put(e *settlement) {
	q.entries[e.slotKey] = e
	q.order = append(q.order, e)
}

// take removes what is told next, oldest first.
func (q *queue) take(now int64) []*settlement {
	var kept []*settlement
	next := 0
	for ; next < len(q.order) && len(q.telling) < batchSize; next++ {
		e := q.order[next]
		if e.parked && now < e.retry {
			kept = append(kept, e)
			continue
		}
		if e.parked {
			q.parked--
			e.parked = false
		}
		delete(q.entries, e.slotKey)
		q.telling = append(q.telling, e)
	}
	q.order = slices.Replace(q.order, 0, next, kept...)
	return q.telling
}

// done notes that what was taken is told. Missing counters have to be read first: theirs waits.
func (q *queue) done(missing []int64, now, retry int64) {
	for _, i := range missing {
		if i < 0 || int(i) >= len(q.telling) {
			continue
		}
		e := q.telling[i]
		if now-e.first > parkLimit.Milliseconds() {
			continue
		}
		e.back = 0
		q.park(e, retry)
	}
	q.telling = nil
	close(q.told)
	q.told = make(chan struct{})
}

// park puts an entry back, and what came meanwhile with it.
func (q *queue) park(e *settlement, retry int64) {
	n := q.entries[e.slotKey]
	if n == nil {
		e.parked, e.retry = true, retry
		q.parked++
		q.put(e)
		return
	}
	n.first = e.first
	if n.old == 0 && n.since-e.since <= q.lag {
		n.old, n.recent, n.since = e.old, add(n.recent, e.recent), e.since
		return
	}
	n.old = add(n.old, add(e.old, e.recent))
}

// cut marks what was settled of a counter before its reading from the store begins. From now on that is old.
func (q *queue) cut(counter string, now int64) {
	for _, list := range [][]*settlement{q.order, q.telling} {
		for _, e := range list {
			if e.durable && e.counter == counter {
				e.old, e.recent, e.since = add(e.old, e.recent), 0, now
			}
		}
	}
}

// unpark has what waits for a counter told at once.
func (q *queue) unpark(counter string) {
	for _, e := range q.order {
		if e.parked && e.counter == counter {
			e.parked = false
			q.parked--
		}
	}
}

// keepBack forgets what is to be given back: another incarnation begins, without it.
func (q *queue) keepBack() {
	for _, e := range q.order {
		e.back = 0
	}
}

// idle reports whether nothing waits but for its counter.
func (q *queue) idle() bool { return len(q.order) == q.parked && len(q.telling) == 0 }

// touches reports whether something of a counter waits.
func (q *queue) touches(counter string) bool {
	for _, list := range [][]*settlement{q.telling, q.order} {
		if slices.ContainsFunc(list, func(e *settlement) bool { return !e.parked && e.counter == counter }) {
			return true
		}
	}
	return false
}
