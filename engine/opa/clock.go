package opa

import (
	"sync"
	"sync/atomic"
	"time"
)

// clock ends an evaluation when its time is up. It is OPA's Cancel with a timer of its own, which later evaluations use
// again: setting a timer costs a fraction of making a context.
type clock struct {
	timer *time.Timer
	up    atomic.Bool
	mu    sync.Mutex
	late  chan struct{} // closed for whoever waits for a turn; nil while nobody does
}

//nolint:gochecknoglobals // a pool holds nothing that an evaluation can see
var clocks = sync.Pool{New: func() any {
	c := &clock{}
	c.timer = time.AfterFunc(time.Hour, c.Cancel)
	c.timer.Stop()
	return c
}}

// startClock begins an evaluation that may take d.
func startClock(d time.Duration) *clock {
	c, _ := clocks.Get().(*clock) // nothing else is in the pool
	c.timer.Reset(max(d, 0))
	return c
}

// stop ends the evaluation. A clock that has rung, or is about to, is not used again.
func (c *clock) stop() {
	if c.timer.Stop() && !c.up.Load() {
		clocks.Put(c)
	}
}

// Cancel implements topdown.Cancel.
func (c *clock) Cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up.Store(true)
	if c.late != nil {
		close(c.late)
		c.late = nil
	}
}

// Cancelled implements topdown.Cancel.
func (c *clock) Cancelled() bool { return c.up.Load() }

// wait takes a turn, and reports whether there was one before the time was up.
func (c *clock) wait(turns chan<- struct{}) bool {
	late := make(chan struct{})
	c.mu.Lock()
	if c.up.Load() {
		c.mu.Unlock()
		return false
	}
	c.late = late
	c.mu.Unlock()
	select {
	case turns <- struct{}{}:
		c.mu.Lock()
		c.late = nil
		c.mu.Unlock()
		return true
	case <-late:
		return false
	}
}
