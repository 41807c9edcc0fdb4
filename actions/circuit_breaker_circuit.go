package actions

import (
	"slices"
	"strings"
	"sync"
	"time"

	"weir/engine"
)

const (
	// breakerBuckets is the number of parts of a window in the model this language mirrors.
	breakerBuckets = 10
	// maxCircuits bounds the targets with a circuit of their own, as clients can name models that no catalog knows. What
	// comes later shares one circuit for each provider.
	maxCircuits = 4096
	// probeLease is how long a probe may be out. No call takes that long by default; one that vanished without a word must
	// not keep its target shut out for ever.
	probeLease = 10 * time.Minute
)

type breakerSettings struct {
	ratio           float64
	volume          int64
	window, tripped time.Duration
}

// breaker holds a circuit for each target.
type breaker struct {
	breakerSettings

	now   func() time.Time
	start time.Time

	mu       sync.Mutex
	circuits map[circuitKey]*circuit
	swept    int64 // when idle circuits were last looked for
}

// circuitKey is a model at a provider.
type circuitKey struct{ provider, model string }

type circuitState uint8

const (
	circuitClosed circuitState = iota
	circuitOpen
	circuitHalfOpen
)

// circuit counts the calls of one target. Its generation rises with every change of state, so that a call which began
// before the change is known by its old number and says nothing about what came after.
type circuit struct {
	state      circuitState
	generation uint64
	until      int64 // of circuitOpen
	probing    bool  // of circuitHalfOpen: one call is out
	probed     int64 // when it went
	buckets    [breakerBuckets]breakerBucket
}

type breakerBucket struct {
	slot          int64
	total, failed int64
}

// permit is a call that was let through. Without a circuit it is none.
type permit struct {
	circuit    *circuit
	generation uint64
}

func newBreaker(s breakerSettings, now func() time.Time) *breaker {
	return &breaker{breakerSettings: s, now: now, start: now(), circuits: map[circuitKey]*circuit{}}
}

// clock is monotonic where the gateway's clock is.
func (b *breaker) clock() int64 { return max(int64(b.now().Sub(b.start)), 0) }

// allow lets a call through, or says for how long the target is not called.
func (b *breaker) allow(provider, model string) (permit, time.Duration) {
	now := b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.circuit(circuitKey{provider, model}, now)
	if c.state == circuitClosed {
		b.judge(c, now)
	}
	switch {
	case c.state == circuitClosed:
	case c.state == circuitOpen && now < c.until:
		return permit{}, time.Duration(c.until - now)
	case c.state == circuitHalfOpen && c.probing && now-c.probed < int64(probeLease):
		return permit{}, minBreakerTime // the probe ends when it ends; ask again soon
	default:
		c.enter(circuitHalfOpen)
		c.probing, c.probed = true, now
	}
	return permit{circuit: c, generation: c.generation}, 0
}

// done counts how a call ended.
func (b *breaker) done(p permit, o engine.Outcome) {
	now := b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	c := p.circuit
	if c == nil || c.generation != p.generation {
		return
	}
	switch {
	case o == engine.OutcomeNeutral:
		c.probing = false
	case c.state == circuitHalfOpen && o == engine.OutcomeFailure:
		b.trip(c, now)
	default:
		if c.state == circuitHalfOpen {
			c.enter(circuitClosed)
		}
		bucket := b.bucket(c, now)
		bucket.total++
		if o == engine.OutcomeFailure {
			bucket.failed++
		}
		b.judge(c, now)
	}
}

// judge opens a closed circuit whose window is over both thresholds.
func (b *breaker) judge(c *circuit, now int64) {
	total, failed := b.count(c, now)
	if total >= b.volume && float64(failed)/float64(total) >= b.ratio {
		b.trip(c, now)
	}
}

func (b *breaker) trip(c *circuit, now int64) {
	c.enter(circuitOpen)
	c.until = now + int64(b.tripped)
}

// enter changes the state. A window is of one time of being closed.
func (c *circuit) enter(s circuitState) {
	c.state, c.probing = s, false
	c.generation++
	if s == circuitClosed {
		c.buckets = [breakerBuckets]breakerBucket{}
	}
}

func (b *breaker) slot(now int64) int64 { return now / (int64(b.window) / breakerBuckets) }

func (b *breaker) bucket(c *circuit, now int64) *breakerBucket {
	slot := b.slot(now)
	bucket := &c.buckets[slot%breakerBuckets]
	if bucket.slot != slot {
		*bucket = breakerBucket{slot: slot}
	}
	return bucket
}

// count sums up the window: the bucket of now and the nine before it.
func (b *breaker) count(c *circuit, now int64) (total, failed int64) {
	oldest := b.slot(now) - breakerBuckets + 1
	for i := range c.buckets {
		if c.buckets[i].slot >= oldest {
			total += c.buckets[i].total
			failed += c.buckets[i].failed
		}
	}
	return total, failed
}

// circuit finds a target's circuit, or makes it.
func (b *breaker) circuit(t circuitKey, now int64) *circuit {
	if c := b.circuits[t]; c != nil {
		return c
	}
	if len(b.circuits) >= maxCircuits {
		b.sweep(now)
	}
	if len(b.circuits) >= maxCircuits {
		t.model = ""
		if c := b.circuits[t]; c != nil {
			return c
		}
	}
	c := &circuit{generation: 1}
	b.circuits[circuitKey{strings.Clone(t.provider), strings.Clone(t.model)}] = c // names may be of the request
	return c
}

// sweep forgets circuits that are closed and have nothing in their window, at most once for each bucket of time.
func (b *breaker) sweep(now int64) {
	if b.swept == b.slot(now)+1 {
		return
	}
	b.swept = b.slot(now) + 1
	for t, c := range b.circuits {
		if total, _ := b.count(c, now); c.state == circuitClosed && total == 0 {
			c.generation++ // a call that is still under way no longer counts
			delete(b.circuits, t)
		}
	}
}

// openTargets lists the targets that would not be called now, sorted.
func (b *breaker) openTargets() []any {
	now := b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	names := []string{}
	for t, c := range b.circuits {
		if c.state == circuitOpen && now < c.until {
			names = append(names, targetName(t.provider, t.model))
		}
	}
	slices.Sort(names)
	out := make([]any, len(names))
	for i, name := range names {
		out[i] = name
	}
	return out
}
