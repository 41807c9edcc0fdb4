package gate

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

const (
	// maxFailures is how many wrong keys an address may send in a window before it is told to wait: what a program with an
	// old key sends before somebody looks.
	maxFailures = 20
	// failureWindow is that of the promise: so many a minute.
	failureWindow = 60
	// failureSlots bounds the memory to half a megabyte. Addresses that meet in a slot are limited together, which only
	// those notice that send wrong keys.
	failureSlots = 1 << 16
)

// failures counts refusals by address in a table that nobody can fill or flush.
type failures struct {
	seed  maphash.Seed
	began time.Time
	slots [failureSlots]atomic.Uint64 // when the window began, in seconds, and how many failed in it
}

func newFailures(now time.Time) *failures {
	return &failures{seed: maphash.MakeSeed(), began: now.Add(-2 * failureWindow * time.Second)} // so that a slot of zero is old
}

// add counts a refusal and reports whether there were too many, and when the next one counts anew. Networks of IPv6 count as
// one address: who has one has all of them.
func (f *failures) add(from netip.Addr, now time.Time) (wait time.Duration, over bool) {
	b := from.As16()
	part := b[:]
	if from.Is6() {
		part = b[:8]
	}
	slot := &f.slots[maphash.Bytes(f.seed, part)%failureSlots]
	second := uint64(max(0, now.Sub(f.began)) / time.Second)
	for {
		old := slot.Load()
		start, count := old>>32, old&(1<<32-1)
		if second >= start+failureWindow || start > second {
			start, count = second, 0
		}
		if count < maxFailures {
			if slot.CompareAndSwap(old, start<<32|(count+1)) {
				return 0, false
			}
			continue
		}
		return time.Duration(start+failureWindow-second) * time.Second, true
	}
}
