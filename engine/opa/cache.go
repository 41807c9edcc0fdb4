package opa

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const (
	// cacheSlots bounds the decisions that one query keeps. With keys of their greatest length they take 4 MiB.
	cacheSlots = 1 << 10
	// cacheWays is how many places a key may be kept at.
	cacheWays = 4
)

// cache keeps the decisions of one query by the values that it read. It lives as long as the policy, so that other modules
// or data begin with an empty one. Asking takes no lock.
type cache struct {
	seed  maphash.Seed
	slots [cacheSlots]atomic.Pointer[kept]
}

// kept is one decision.
type kept struct {
	key      string
	decision *Decision
	value    any
	used     atomic.Bool // since the last time that a place was looked for
}

func newCache() *cache { return &cache{seed: maphash.MakeSeed()} }

// keyBuffer is where a key is put together.
type keyBuffer struct{ b []byte }

//nolint:gochecknoglobals // a pool holds nothing that an evaluation can see
var keyBuffers = sync.Pool{New: func() any { return &keyBuffer{b: make([]byte, 0, 256)} }}

// set returns the places for a key.
func (c *cache) set(key []byte) []atomic.Pointer[kept] {
	at := maphash.Bytes(c.seed, key) % (cacheSlots / cacheWays) * cacheWays
	return c.slots[at : at+cacheWays]
}

// get returns the decision for a key, nil where there is none.
func (c *cache) get(key []byte) *kept {
	set := c.set(key)
	for i := range set {
		if k := set[i].Load(); k != nil && k.key == string(key) {
			if !k.used.Load() {
				k.used.Store(true)
			}
			return k
		}
	}
	return nil
}

// put keeps a decision in a free place, or in that of one that was not asked for lately.
func (c *cache) put(key []byte, d *Decision, value any) {
	fresh := &kept{key: string(key), decision: d, value: value}
	set := c.set(key)
	for i := range set {
		if k := set[i].Load(); k == nil || k.key == fresh.key {
			set[i].Store(fresh)
			return
		}
	}
	for i := range set {
		if k := set[i].Load(); !k.used.Swap(false) {
			set[i].Store(fresh)
			return
		}
	}
	set[0].Store(fresh) // all were used, and now they have to be used again to stay
}
