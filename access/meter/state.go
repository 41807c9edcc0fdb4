package meter

import (
	"context"
	"fmt"
	"time"

	"weir/access"
	"weir/access/counter"
)

// State reads the counter of a budget or limit and tells when its window ends, zero where it never does. Ok is false
// where the quota has a counter for each of several callers or models, or none that can be read.
func (m *Meter) State(ctx context.Context, def *access.Quota) (s counter.State, resets time.Time, ok bool, err error) {
	q := m.current().all[def.ID]
	if q == nil || q.broken != nil || !q.fixed {
		return counter.State{}, time.Time{}, false, nil
	}
	span := q.span(m.counters.Now())
	states, err := m.counters.Read(ctx, []counter.Charge{q.charge(q.counter, span, 0)})
	if err != nil {
		return counter.State{}, time.Time{}, false, fmt.Errorf("reading the counter of %s: %w", def.ID, err)
	}
	if span.reset != 0 {
		resets = time.Unix(span.reset, 0).UTC()
	}
	return states[0], resets, len(states) > 0, nil
}
