package actions

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// limiterShards keeps requests of different keys from waiting for each other: several times the cores of a machine.
	limiterShards = 64
	// maxBuckets bounds the keys of one limit that are counted at a time: some 25 MB, and more callers than one gateway
	// has within a window. Keys are hashed, so a shard is full when it holds its part.
	maxBuckets = 1 << 17
	// maxEntries bounds the entries of all windows of one limit together, beyond the two that each has in itself: 64 MiB.
	maxEntries = 1 << 22
	// pinnedTries is how many keys with a request under way are passed over in the search for one to forget.
	pinnedTries = 8
)

// bucketID names a bucket by two keyed hashes of its values. The values themselves, which may be credentials, are not kept,
// and who does not know the seeds, which are new in every process, cannot make two that agree.
type bucketID [2]uint64

// limiter counts what was let in for each key of one limit.
type limiter struct {
	capacity uint64
	length   int64 // of the window, in nanoseconds
	tick     int64
	start    time.Time
	seeds    [2]maphash.Seed
	perShard int
	room     atomic.Int64 // entries that windows may still take
	shards   [limiterShards]shard
}

// shard is a part of the buckets, in the order in which they were last charged.
type shard struct {
	mu             sync.Mutex
	buckets        map[bucketID]*bucket
	oldest, newest *bucket
	spare          *bucket // a forgotten one to use again
	_              [24]byte
}

// bucket is the window of one key.
type bucket struct {
	id           bucketID
	window       window
	older, newer *bucket
	pending      int // requests whose cost is not known yet
}

// admittance is what a limiter says of one request.
type admittance struct {
	ok        bool
	full      bool          // refused because too many keys are counted
	remaining uint64        // what may still come in now
	reset     time.Duration // until everything is free again if nothing more comes
	wait      time.Duration // until the request would have been let in; 0 = never, or now
}

func newLimiter(capacity uint64, length time.Duration, start time.Time) *limiter {
	l := &limiter{
		capacity: capacity, length: int64(length), tick: 1, start: start, perShard: maxBuckets / limiterShards,
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
	}
	if capacity > exactEntries {
		l.tick = max(int64(length)/exactEntries, 1)
	}
	l.room.Store(maxEntries)
	return l
}

// clock is an instant on the limiter's own clock. It is monotonic where the instant is.
func (l *limiter) clock(now time.Time) int64 { return max(int64(now.Sub(l.start)), 0) }

func (l *limiter) shard(id bucketID) *shard { return &l.shards[id[0]%limiterShards] }

// take lets cost in for a key, or says for how long it does not.
func (l *limiter) take(id bucketID, at time.Time, cost uint64) admittance {
	now := l.clock(at)
	s := l.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[id]
	a, ok := l.judge(b, now, cost)
	if !ok || cost == 0 {
		return a
	}
	if b == nil {
		if b = l.insert(s, id, now); b == nil {
			return l.overfull(s, now)
		}
	}
	b.window.add(now, cost, l.tick, &l.room)
	s.touch(b)
	a.remaining -= cost
	a.reset = time.Duration(b.window.idle(now, l.length))
	return a
}

// hold lets a request in whose cost is not known yet, while anything is left for its key. Each hold that was ok ends with
// settle.
func (l *limiter) hold(id bucketID, at time.Time) admittance {
	now := l.clock(at)
	s := l.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[id]
	a, ok := l.judge(b, now, 1)
	if !ok {
		return a
	}
	if b == nil {
		if b = l.insert(s, id, now); b == nil {
			return l.overfull(s, now)
		}
	}
	b.pending++
	return a
}

// settle charges what a request cost that was held. More than the capacity is like the capacity: nothing comes in until
// it has left the window.
func (l *limiter) settle(id bucketID, at time.Time, cost uint64) {
	now := l.clock(at)
	s := l.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[id] // there, as pending buckets are not forgotten
	b.pending--
	b.window.expire(now, l.length, &l.room)
	if cost > 0 {
		b.window.add(now, min(cost, l.capacity), l.tick, &l.room)
		s.touch(b)
	} else if b.window.n == 0 && b.pending == 0 {
		s.unlink(b)
		s.linkOldest(b)
	}
}

// judge says whether cost fits, without charging it. A bucket that is not there is empty.
func (l *limiter) judge(b *bucket, now int64, cost uint64) (a admittance, ok bool) {
	if b == nil {
		return admittance{ok: cost <= l.capacity, remaining: l.capacity}, cost <= l.capacity
	}
	b.window.expire(now, l.length, &l.room)
	used := b.window.used()
	if used < l.capacity {
		a.remaining = l.capacity - used
	}
	a.ok = used+cost <= l.capacity
	a.reset = time.Duration(b.window.idle(now, l.length))
	if !a.ok {
		a.wait = time.Duration(b.window.wait(now, l.length, cost, l.capacity))
	}
	return a, a.ok
}

// overfull refuses a new key where every key is in use.
func (l *limiter) overfull(s *shard, now int64) admittance {
	a := admittance{full: true}
	if s.oldest != nil {
		a.wait = time.Duration(s.oldest.window.idle(now, l.length))
	}
	a.reset = a.wait
	return a
}

// insert makes a bucket, after forgetting up to two that are empty: so the number falls where fewer keys are in use. It
// returns nil where there are too many and none is empty.
func (l *limiter) insert(s *shard, id bucketID, now int64) *bucket {
	l.forget(s, now)
	l.forget(s, now)
	if len(s.buckets) >= l.perShard {
		return nil
	}
	b := s.spare
	s.spare = nil
	if b == nil {
		b = &bucket{}
	}
	b.id = id
	if s.buckets == nil {
		s.buckets = map[bucketID]*bucket{}
	}
	s.buckets[id] = b
	s.linkNewest(b)
	return b
}

// forget takes out the bucket that was charged longest ago, if its window is empty: what is forgotten is nothing.
func (l *limiter) forget(s *shard, now int64) {
	b := s.oldest
	for range pinnedTries {
		if b == nil || b.pending == 0 {
			break
		}
		s.touch(b)
		b = s.oldest
	}
	if b == nil || b.pending > 0 {
		return
	}
	b.window.expire(now, l.length, &l.room)
	if b.window.n > 0 {
		return
	}
	b.window.release(&l.room)
	b.window.reset()
	s.unlink(b)
	delete(s.buckets, b.id)
	s.spare = b
}

// touch moves a bucket to the newest end.
func (s *shard) touch(b *bucket) {
	if s.newest == b {
		return
	}
	s.unlink(b)
	s.linkNewest(b)
}

func (s *shard) linkNewest(b *bucket) {
	b.older, b.newer = s.newest, nil
	if s.newest != nil {
		s.newest.newer = b
	}
	s.newest = b
	if s.oldest == nil {
		s.oldest = b
	}
}

func (s *shard) linkOldest(b *bucket) {
	b.older, b.newer = nil, s.oldest
	if s.oldest != nil {
		s.oldest.older = b
	}
	s.oldest = b
	if s.newest == nil {
		s.newest = b
	}
}

func (s *shard) unlink(b *bucket) {
	if b.older != nil {
		b.older.newer = b.newer
	} else {
		s.oldest = b.newer
	}
	if b.newer != nil {
		b.newer.older = b.older
	} else {
		s.newest = b.older
	}
	b.older, b.newer = nil, nil
}
