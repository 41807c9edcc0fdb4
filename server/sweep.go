package server

import (
	"context"
	"time"

	"weir/engine"
)

const (
	// sweepAge is the age from which an exchange's socket is looked at: most are over before, and pay nothing.
	sweepAge = 250 * time.Millisecond
	// sweepEvery keeps the cancellation well within a second of the hang-up (age + one round) at four system calls a
	// second for each thousand open streams.
	sweepEvery = 250 * time.Millisecond
)

// sweeper looks for clients that hung up. fasthttp does not read a connection while its handler runs, so nothing else
// would notice before the next write, and on an answer that is not streamed there is only one.
type sweeper struct {
	listeners []*listener
	clock     func() int64
	stats     *stats
	watched   []*conn
	poll      pollSet
}

func (s *sweeper) run(ctx context.Context) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.sweep()
		}
	}
}

func (s *sweeper) sweep() {
	s.watched = s.watched[:0]
	before := s.clock() - int64(sweepAge)
	for _, l := range s.listeners {
		l.each(func(c *conn) {
			if c.fd >= 0 && c.watch.Load() == watchBusy && c.since.Load() <= before {
				s.watched = append(s.watched, c)
			}
		})
	}
	for _, c := range s.poll.gone(s.watched) {
		if c.cancel(engine.ClientGone()) {
			s.stats.hangups.Add(1)
		}
	}
	clear(s.watched)
}
