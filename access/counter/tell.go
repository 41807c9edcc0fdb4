package counter

import (
	"context"
	"fmt"
	"time"
)

// Settle gives back what was reserved and counts actual amounts. It does not wait for Redis.
func (r *Redis) Settle(res *Reservation, actual []int64) {
	if res.Refused >= 0 {
		return
	}
	now := r.Now().UnixMilli()
	r.mu.Lock()
	for i := range res.Charges {
		c := &res.Charges[i]
		if left := r.held[c.Counter] - c.Amount; left > 0 {
			r.held[c.Counter] = left
		} else {
			delete(r.held, c.Counter)
		}
		used := spent(actual, i)
		if c.Concurrent {
			used = 0
		}
		r.waiting.add(c, r.durable(c), used, c.Amount, now)
	}
	local, own := r.local, res.Local && res.ID == r.localID
	r.mu.Unlock()
	switch {
	case local == nil:
	case own:
		local.Settle(res, actual)
	default:
		local.countLater(res.Charges, actual)
	}
	r.wake(r.work)
}

// tell tells Redis what waits, one batch after the other.
func (r *Redis) tell(ctx context.Context) {
	var last time.Time
	retry := time.NewTicker(r.t.park)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
		case <-r.work:
		}
		for {
			// What is given back belongs to an incarnation that has begun.
			l := r.await(ctx)
			if l == nil || !pause(ctx, r.t.gap-time.Since(last)) {
				return
			}
			if r.link.Load() != l {
				continue
			}
			last = time.Now()
			batch, incarnation := r.next()
			if len(batch) == 0 {
				break
			}
			if !r.deliver(ctx, batch, incarnation) {
				return
			}
		}
	}
}

// next takes a batch and gives it a number.
func (r *Redis) next() (batch []*settlement, incarnation int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	batch = r.waiting.take(r.Now().UnixMilli())
	if len(batch) > 0 {
		r.batch++
	}
	return batch, r.incarnation
}

// deliver tells Redis a batch, again and again until it has heard. False means that the counters are closed.
func (r *Redis) deliver(ctx context.Context, batch []*settlement, incarnation int64) bool {
	me := r.incarnated(incarnation)
	keys := make([]string, 0, 3+len(batch))
	keys = append(keys, r.beats, r.key2("told:"+r.id), r.key2("held:"+me))
	args := make([]any, 0, 4+7*len(batch))
	args = append(args, r.batch, me, r.t.grace.Milliseconds(), r.o.Lag.Milliseconds())
	r.mu.Lock()
	for _, e := range batch {
		durable := 0
		if e.durable {
			durable = 1
		}
		keys = append(keys, r.key(e.counter))
		args = append(args, e.at, e.old, e.recent, e.since, durable, e.expires*1000, e.back)
	}
	r.mu.Unlock()
	for {
		l := r.await(ctx)
		if l == nil {
			return false
		}
		began := time.Now()
		list, err := r.run(ctx, r.scripts.settle, keys, args...)
		if err != nil && out(err) {
			r.down(l, began, fmt.Errorf("counting what was used: %w", err))
			continue
		}
		if err != nil {
			r.o.Log.Error().Err(err).Int("settlements", len(batch)).Msg("the shared counters refuse what was used")
			r.down(l, began, err) // what the batch gives back goes with this incarnation
		}
		missing := make([]int64, 0, len(list))
		for i := range list {
			if n, err := whole(list, i); err == nil {
				missing = append(missing, n)
			}
		}
		now := r.Now().UnixMilli()
		r.mu.Lock()
		r.waiting.done(missing, now, now+r.t.park.Milliseconds())
		r.mu.Unlock()
		return true
	}
}

// await waits until Redis can be reached. Nil means that the counters are closed.
func (r *Redis) await(ctx context.Context) *link {
	for {
		l := r.link.Load()
		if l.up {
			return l
		}
		select {
		case <-l.changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// pause waits for a time and reports whether the context lasted.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
