package counter

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// What the reserve script answers.
	answerTaken, answerRefused, answerRead, answerDead = 0, 1, 2, 3
	// Every attempt after the first has a reason that is rare by itself: a broken connection, a late heartbeat, a counter to
	// be read, settlements on their way. More than one of each means that something else is wrong.
	maxAttempts = 8
	// What a refused call waits for settlements of this gateway that are on their way.
	refusedWait = 50 * time.Millisecond
)

// Reserve takes every charge or none, in one round trip unless a counter has to be read from the store. What is refused while
// settlements of this gateway are on their way is tried once more after them, so that a caller who waits for one answer
// before asking again does not meet its own reservation.
func (r *Redis) Reserve(ctx context.Context, res *Reservation) error {
	if err := prepare(res); err != nil || len(res.Charges) == 0 {
		return err
	}
	if r.overfull() {
		return fmt.Errorf("%w: %d settlements wait to be counted", ErrUnavailable, maxWaiting)
	}
	waited := false
	for range maxAttempts {
		l, err := r.ready(ctx)
		if err != nil && r.link.Load().up {
			continue // it came back at this moment
		}
		if err != nil {
			return r.instead(ctx, res, err)
		}
		began := time.Now()
		answer, missing, err := r.ask(ctx, l, "take", res.Charges, res)
		switch {
		case err != nil && !out(err):
			return unavailable("reserving", err)
		case err != nil:
			r.down(l, began, err)
			continue
		case answer == answerDead:
			r.down(l, began, errDead)
			continue
		case answer == answerRead:
			for _, i := range missing {
				if err := r.read(ctx, &res.Charges[i]); err != nil {
					return err
				}
			}
			continue
		case answer == answerRefused && !waited && r.settling(ctx, res.Charges[res.Refused].Counter):
			waited = true
			res.Refused = -1
			continue
		case answer == answerTaken:
			r.hold(res.Charges, l.incarnation)
		}
		return nil
	}
	return fmt.Errorf("%w: no answer in %d attempts", ErrUnavailable, maxAttempts)
}

// Read tells the state of counters.
func (r *Redis) Read(ctx context.Context, charges []Charge) ([]State, error) {
	res := Reservation{Charges: charges}
	if err := prepare(&res); err != nil {
		return nil, err
	}
	for range maxAttempts {
		l, err := r.ready(ctx)
		if err != nil {
			if local, _ := r.ownCounters(); local != nil {
				return local.Read(ctx, charges)
			}
			if r.link.Load().up {
				continue
			}
			return nil, err
		}
		began := time.Now()
		answer, missing, err := r.ask(ctx, l, "read", charges, &res)
		switch {
		case err != nil && !out(err):
			return nil, unavailable("reading", err)
		case err != nil:
			r.down(l, began, err)
		case answer == answerRead:
			for _, i := range missing {
				if err := r.read(ctx, &charges[i]); err != nil {
					return nil, err
				}
			}
		default:
			return res.States, nil
		}
	}
	return nil, fmt.Errorf("%w: no answer in %d attempts", ErrUnavailable, maxAttempts)
}

// ask runs the script that reserves. Missing names the charges whose counters have to be read from the store.
func (r *Redis) ask(ctx context.Context, l *link, what string, charges []Charge, res *Reservation) (answer int64, missing []int64, err error) {
	keys := make([]string, 0, 2+len(charges))
	keys = append(keys, r.beats, l.held)
	args := make([]any, 0, 3+5*len(charges))
	args = append(args, what, l.me, r.t.grace.Milliseconds())
	for i := range charges {
		c := &charges[i]
		keys = append(keys, r.key(c.Counter))
		args = append(args, c.Limit, c.Amount, c.Oldest, c.Expires*1000, r.flags(c))
	}
	list, err := r.run(ctx, r.scripts.reserve, keys, args...)
	if err != nil {
		return 0, nil, err
	}
	if answer, err = whole(list, 0); err != nil {
		return 0, nil, err
	}
	switch answer {
	case answerDead:
	case answerRead:
		for i := 1; i < len(list); i++ {
			n, err := whole(list, i)
			if err != nil || n < 0 || int(n) >= len(charges) {
				return 0, nil, fmt.Errorf("the script named the charge %d of %d: %w", n, len(charges), err)
			}
			missing = append(missing, n)
		}
	default:
		return answer, nil, r.fill(list, res)
	}
	return answer, missing, nil
}

// fill takes over the states of counters.
func (*Redis) fill(list []any, res *Reservation) error {
	refused, err := whole(list, 1)
	if err != nil {
		return err
	}
	if refused >= int64(len(res.Charges)) {
		return fmt.Errorf("the script refused the charge %d of %d", refused, len(res.Charges))
	}
	res.Refused = int(refused)
	for i := range res.States {
		if res.States[i].Used, err = whole(list, 2+2*i); err != nil {
			return err
		}
		if res.States[i].Reserved, err = whole(list, 3+2*i); err != nil {
			return err
		}
	}
	return nil
}

func (r *Redis) durable(c *Charge) bool { return c.Durable && r.o.Load != nil }

// flags are a charge's as the script reads them.
func (r *Redis) flags(c *Charge) int {
	n := 0
	if c.Concurrent {
		n |= 1
	}
	if r.durable(c) && !c.Concurrent {
		n |= 2
	}
	if c.Spill {
		n |= 4
	}
	return n
}

// read fills a counter that Redis does not have with what the store knows.
func (r *Redis) read(ctx context.Context, c *Charge) error {
	return r.loads.do(ctx, c.Counter, func(ctx context.Context) error {
		// Another call may have been first, and what was settled since is not old.
		there, err := r.client.HExists(ctx, r.key(c.Counter), "i").Result()
		if err != nil || there {
			return err
		}
		began := r.Now().UnixMilli()
		r.mu.Lock()
		r.waiting.cut(c.Counter, began)
		r.mu.Unlock()
		slots, err := r.o.Load(ctx, c.Counter, c.Oldest)
		if err != nil {
			return err
		}
		args := make([]any, 0, 3+2*len(slots))
		args = append(args, began, r.t.grace.Milliseconds(), c.Expires*1000)
		for at, used := range slots {
			args = append(args, at, max(0, used))
		}
		if _, err := r.run(ctx, r.scripts.init, []string{r.key(c.Counter)}, args...); err != nil {
			return err
		}
		r.mu.Lock()
		r.waiting.unpark(c.Counter)
		r.mu.Unlock()
		r.wake(r.work)
		return nil
	})
}

// hold notes what was reserved under an incarnation. If another has begun meanwhile it is reserved there too.
func (r *Redis) hold(charges []Charge, incarnation int64) {
	now := r.Now().UnixMilli()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range charges {
		c := &charges[i]
		if c.Amount == 0 {
			continue
		}
		if before, ok := r.held[c.Counter]; ok {
			r.held[c.Counter] = add(before, c.Amount)
		} else {
			r.held[strings.Clone(c.Counter)] = c.Amount
		}
		if incarnation != r.incarnation {
			r.waiting.add(c, r.durable(c), 0, -c.Amount, now)
			r.wake(r.work)
		}
	}
}

// settling waits a little for settlements of a counter that are on their way, and reports whether there were any.
func (r *Redis) settling(ctx context.Context, counter string) bool {
	timer := time.NewTimer(refusedWait)
	defer timer.Stop()
	for some := false; ; some = true {
		r.mu.Lock()
		touched, told := r.waiting.touches(counter), r.waiting.told
		r.mu.Unlock()
		if !touched {
			return some
		}
		select {
		case <-told:
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

func (r *Redis) overfull() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting.order) >= maxWaiting
}

// instead counts in this gateway where that is allowed.
func (r *Redis) instead(ctx context.Context, res *Reservation, cause error) error {
	local, id := r.ownCounters()
	if local == nil {
		return cause
	}
	if err := local.Reserve(ctx, res); err != nil {
		return err
	}
	res.Local, res.ID = true, id
	if res.Refused < 0 {
		r.hold(res.Charges, 0)
	}
	return nil
}

// ownCounters are those that count while Redis cannot, nil where they may not or need not. Each absence of Redis begins with
// what the store knows, as far as counters are durable.
func (r *Redis) ownCounters() (local *Memory, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.link.Load(); r.o.OnError != AllowLocal || l.closed || l.up {
		return nil, ""
	}
	if r.local == nil {
		r.locals++
		r.localID = "local-" + strconv.FormatInt(r.locals, 10)
		r.local = NewMemory(MemoryOptions{Now: r.Now, Max: r.o.Max, Load: r.o.Load})
	}
	return r.local, r.localID
}
