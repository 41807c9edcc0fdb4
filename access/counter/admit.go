package counter

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// loadLimit is what reading one counter from the store may take: a store that is slow by the two seconds of our fault tests
// is still waited for.
const loadLimit = 5 * time.Second

// admits reports whether a charge goes through as its counter stands.
func admits(c *Charge, s State) bool {
	if add(add(s.Used, s.Reserved), c.Amount) <= c.Limit {
		return true
	}
	return c.Spill && s.Used < c.Limit && s.Reserved == 0
}

// unavailable says why counting does not work. The cause is not wrapped: a deadline of ours is not one of the client.
func unavailable(what string, cause error) error {
	return fmt.Errorf("%w: %s: %s", ErrUnavailable, what, cause.Error())
}

// add is a sum that stops at the largest number instead of turning negative.
func add(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// prepare checks the charges of a reservation and makes it ready to be filled in.
func prepare(r *Reservation) error {
	for i := range r.Charges {
		if c := &r.Charges[i]; c.Amount < 0 || c.Counter == "" {
			return fmt.Errorf("charge %d: an amount of %d from the counter %q cannot be reserved", i, c.Amount, c.Counter)
		}
	}
	r.ID, r.Local, r.Refused = "", false, -1
	r.States = slices.Grow(r.States[:0], len(r.Charges))[:len(r.Charges)]
	return nil
}

// spent is what a charge is settled with.
func spent(actual []int64, i int) int64 {
	if i >= len(actual) {
		return 0
	}
	return max(0, actual[i])
}

// loads reads each counter once at a time, however many calls wait for it.
type loads struct {
	mu  sync.Mutex
	now map[string]*loading
}

type loading struct {
	done chan struct{}
	err  error
}

// do reads a counter, or waits for another call that does.
func (l *loads) do(ctx context.Context, counter string, read func(context.Context) error) error {
	l.mu.Lock()
	if p := l.now[counter]; p != nil {
		l.mu.Unlock()
		select {
		case <-p.done:
			return p.err
		case <-ctx.Done():
			return fmt.Errorf("waiting for a counter to be read: %w", ctx.Err())
		}
	}
	p := &loading{done: make(chan struct{}), err: errors.New("reading the counter panicked")}
	if l.now == nil {
		l.now = map[string]*loading{}
	}
	counter = strings.Clone(counter) // others may wait for it when the call that it came with is over
	l.now[counter] = p
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.now, counter)
		l.mu.Unlock()
		close(p.done)
	}()
	// Others wait for this too: it must not end because the first client hung up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadLimit)
	defer cancel()
	if p.err = read(ctx); p.err != nil {
		p.err = unavailable("reading a counter from the store", p.err)
	}
	return p.err
}
