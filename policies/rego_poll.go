package policies

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"
)

const (
	// firstRetry is the wait behind the first failure; it doubles with each further one.
	firstRetry = time.Second
	// maxRetry bounds it, so that a server that is back is found soon.
	maxRetry = time.Minute
	// quickest is the least time between two questions, whatever the server does.
	quickest = 500 * time.Millisecond
)

// poll asks for new revisions until the context ends, and wakes the caller for each.
func (r *remote) poll(ctx context.Context, log zerolog.Logger, wake func()) {
	defer r.client.CloseIdleConnections()
	failures := 0
	wait := r.firstWait()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		began := time.Now()
		fresh, err := r.refresh(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			failures++
		} else {
			failures = 0
		}
		r.tell(log, err)
		if fresh {
			wake()
		}
		timer.Reset(r.pause(fresh, failures, time.Since(began)))
	}
}

// firstWait is none where there is only the copy that was kept, or nothing.
func (r *remote) firstWait() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.newest == nil || r.newest.stored {
		return 0
	}
	if r.holds {
		return quickest
	}
	return around(r.spec.poll)
}

// pause is the wait until the next question.
func (r *remote) pause(fresh bool, failures int, took time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case failures > 0:
		return around(min(firstRetry<<min(failures-1, 10), maxRetry))
	case r.holds && (fresh || took >= quickest):
		return max(quickest-took, 0)
	default: // a server that says at once that nothing is new does not hold questions
		return around(r.spec.poll)
	}
}

// around spreads waits, so that replicas that were started together do not ask together for ever.
func around(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64())) //nolint:gosec // it spreads load and protects nothing
}

// refresh asks once and reports whether there is a new revision. One that does not verify is no revision.
func (r *remote) refresh(ctx context.Context) (fresh bool, err error) {
	r.mu.Lock()
	before, hold, etag := r.newest, time.Duration(0), ""
	if before != nil {
		etag = before.etag
	}
	if r.holds && etag != "" {
		hold = longPoll
	}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, hold+transferTime)
	defer cancel()
	snap, err := r.fetch(ctx, etag, hold)
	if err != nil && !errors.Is(err, errNotModified) {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = time.Now()
	switch {
	case snap == nil:
		return false, nil
	case before != nil && before.sum == snap.sum:
		same := *before // with what the server calls it now
		same.etag, same.stored = snap.etag, false
		if r.active == before {
			r.active = &same
		}
		r.newest = &same
		return false, nil
	default:
		r.newest, r.unused = snap, problem{}
		return true, nil
	}
}

// tell logs the first of a series of equal errors, and its end.
func (r *remote) tell(log zerolog.Logger, err error) {
	if !r.note(&r.failed, err) {
		return
	}
	if err != nil {
		log.Warn().Err(err).Str("bundle", r.name).Msg("bundle not refreshed, the one in use stays")
		return
	}
	log.Info().Str("bundle", r.name).Msg("bundle refreshed again")
}
