package meter

import (
	"sync"
	"time"
)

// maxValues bounds the values of one quota's expressions that get a counter of their own. Expressions may read what
// clients choose, such as a tag: without a bound one of them could take the memory that counts for all.
const maxValues = 20_000

// values are those of a quota's expressions in this window.
type values struct {
	mu    sync.Mutex
	seen  map[string]struct{}
	since time.Time
}

// admits reports whether a value may have a counter of its own; all others share one. After a window, 0 = it has none, the
// values begin anew.
func (v *values) admits(value []byte, window time.Duration) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.seen[string(value)]; ok {
		return true
	}
	if len(v.seen) >= maxValues {
		if window <= 0 || time.Since(v.since) < window {
			return false
		}
		clear(v.seen)
	}
	if len(v.seen) == 0 {
		v.seen, v.since = map[string]struct{}{}, time.Now()
	}
	v.seen[string(value)] = struct{}{}
	return true
}
