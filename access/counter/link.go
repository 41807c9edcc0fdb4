package counter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// A server that is gone is asked again soon, as calls are refused meanwhile, but not more often than twice a second once
	// it has been gone for long.
	firstPause, lastPause = 20 * time.Millisecond, 500 * time.Millisecond
	// How many counters a dead gateway's reservations are taken from in one step: a fraction of a millisecond for the server.
	cleanStep = 256
)

var (
	errDead  = errors.New("the heartbeat was late or is lost")
	errStale = errors.New("a later incarnation has begun")
)

// link is a time in which Redis can be reached, or not. It does not change; another takes its place.
type link struct {
	up          bool
	closed      bool
	incarnation int64
	me, held    string        // up: name of the incarnation, and the key that lists what it holds
	since       time.Time     // not up: since when it is not
	err         error         // what calls get then
	changed     chan struct{} // not up: closed when it is over
}

// ready returns the link where Redis can be reached. A moment without is waited for, as long as one answer may take; then
// calls fail at once.
func (r *Redis) ready(ctx context.Context) (*link, error) {
	for {
		l := r.link.Load()
		if l.up {
			return l, nil
		}
		left := r.o.Timeout - time.Since(l.since)
		if l.closed || left <= 0 {
			return nil, l.err
		}
		timer := time.NewTimer(left)
		select {
		case <-l.changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("waiting for the shared counters: %w", ctx.Err())
		}
		timer.Stop()
	}
}

// down notes that something which began at a time did not work. All that follows waits until another incarnation has begun.
func (r *Redis) down(l *link, began time.Time, err error) {
	next := &link{since: began, err: unavailable("no connection", err), changed: make(chan struct{})}
	if l.up && r.link.CompareAndSwap(l, next) {
		r.o.Log.Warn().Err(err).Msg("the shared counters do not answer")
		r.wake(r.kick)
	}
}

// keep keeps this gateway's incarnation alive, begins another where that failed, and forgets what dead gateways hold.
func (r *Redis) keep(ctx context.Context) {
	beat := time.NewTicker(r.t.beat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		case <-r.kick:
		}
		if l := r.link.Load(); l.up {
			r.beat(ctx, l)
		}
		if !r.link.Load().up {
			r.rejoin(ctx)
		}
	}
}

// beat is one heartbeat.
func (r *Redis) beat(ctx context.Context, l *link) {
	sent, began := r.clock.local(), time.Now()
	list, err := r.run(ctx, r.scripts.beat, []string{r.beats}, l.me, r.t.lease.Milliseconds())
	if err != nil {
		r.down(l, began, fmt.Errorf("keeping reservations alive: %w", err))
		return
	}
	alive, err1 := whole(list, 0)
	micros, err2 := whole(list, 1)
	if err := errors.Join(err1, err2); err != nil {
		r.down(l, began, err)
		return
	}
	r.clock.set(micros, sent)
	if alive == 0 {
		r.down(l, began, errDead)
		return
	}
	for _, dead := range list[2:] {
		if incarnation, ok := dead.(string); ok {
			if err := r.clean(ctx, incarnation); err != nil {
				r.o.Log.Warn().Err(err).Msg("reservations of an ended gateway were not forgotten yet")
				return
			}
		}
	}
}

// clean forgets what a dead incarnation holds. It does not count from the moment of its death: this only makes room.
func (r *Redis) clean(ctx context.Context, incarnation string) error {
	for ctx.Err() == nil {
		held := r.key2("held:" + incarnation)
		limited, cancel := context.WithTimeout(ctx, r.o.Timeout)
		some, err := r.client.SRandMemberN(limited, held, cleanStep).Result()
		cancel()
		if err != nil {
			return fmt.Errorf("listing counters: %w", err)
		}
		left, err := r.run(ctx, r.scripts.clean, append([]string{r.beats, held}, some...), incarnation, "")
		if err != nil {
			return fmt.Errorf("cleaning counters: %w", err)
		}
		if n, err := whole(left, 0); err != nil || n <= 0 {
			return err
		}
	}
	return nil
}

// rejoin begins another incarnation, for as long as it takes.
func (r *Redis) rejoin(ctx context.Context) {
	began, pause := time.Now(), firstPause
	for {
		err := r.join(ctx)
		if err == nil {
			r.o.Log.Info().Dur("after", time.Since(began)).Msg("the shared counters answer")
			return
		}
		r.o.Log.Debug().Err(err).Msg("the shared counters still do not answer")
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = min(2*pause, lastPause)
		if redis.HasErrorPrefix(err, "READONLY") {
			pause = firstPause // each answer has closed one connection to what was the master
		}
	}
}

// join begins another incarnation.
func (r *Redis) join(ctx context.Context) error {
	r.mu.Lock()
	r.incarnation++
	number := r.incarnation
	me := r.incarnated(number)
	keys := append(make([]string, 0, 2+len(r.held)), r.beats, r.key2("held:"+me))
	args := append(make([]any, 0, 3+len(r.held)), r.id, number, r.t.lease.Milliseconds())
	for counter, amount := range r.held {
		keys, args = append(keys, r.key(counter)), append(args, amount)
	}
	r.waiting.keepBack()
	r.mu.Unlock()

	sent := r.clock.local()
	list, err := r.run(ctx, r.scripts.join, keys, args...)
	if err != nil {
		return fmt.Errorf("beginning to count: %w", err)
	}
	begun, err1 := whole(list, 0)
	micros, err2 := whole(list, 1)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if begun == 0 {
		return errStale
	}
	r.clock.set(micros, sent)
	r.mu.Lock()
	old := r.link.Swap(&link{up: true, incarnation: number, me: me, held: r.key2("held:" + me)})
	r.local = nil
	r.mu.Unlock()
	if !old.up {
		close(old.changed)
	}
	r.wake(r.work)
	return nil
}
