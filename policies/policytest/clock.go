package policytest

import (
	"sync"
	"time"
)

// clock is the time of one script. It stands still but for advance, so that rests end when the script says so and answers
// are the same in every run; a nanosecond passes with each reading, so that the order of calls can be read from it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// newClock begins at the time that docs/testing.md names: a Monday morning, in the middle of no limit of a calendar.
func newClock() *clock {
	return &clock{now: time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)}
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Nanosecond)
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
