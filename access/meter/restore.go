package meter

import (
	"context"
	"fmt"

	"weir/access/counter"
	"weir/access/journal"
	"weir/access/store"
)

// Restore tells counters that are kept in memory what was used before the gateway started. It is called before the first
// exchange; usage that a gateway before this one could not hand on goes into the store first.
func (m *Meter) Restore(ctx context.Context, st store.Store) error {
	if err := m.journal.Flush(ctx); err != nil {
		return fmt.Errorf("handing on the usage of before: %w", err)
	}
	s := m.current()
	if len(s.bases) == 0 {
		return nil
	}
	since := m.counters.Now().Add(-2 * s.longestWindow).Unix() // calendar windows may be longer than they usually are
	spent, err := st.Spent(ctx, "", since)
	if err != nil {
		return fmt.Errorf("reading what was used before: %w", err)
	}
	for i := range spent {
		if s.counts(spent[i].Counter) {
			m.counters.Seed(spent[i].Counter, spent[i].Slot, spent[i].Amount)
		}
	}
	return nil
}

// Load reads what was used of a counter whose memory was lost, for counters that are shared. What the store does not have
// yet is handed on to it first.
func Load(st store.Store, q journal.Queue) counter.Load {
	return func(ctx context.Context, name string, oldest int64) (map[int64]int64, error) {
		if err := q.Flush(ctx); err != nil {
			return nil, fmt.Errorf("handing on usage: %w", err)
		}
		spent, err := st.Spent(ctx, name, oldest)
		if err != nil {
			return nil, fmt.Errorf("reading what was used of %s: %w", name, err)
		}
		out := make(map[int64]int64, len(spent))
		for i := range spent {
			out[spent[i].Slot] += spent[i].Amount
		}
		return out, nil
	}
}
