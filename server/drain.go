package server

import (
	"context"
	"time"

	"weir/engine"
)

const (
	// drainPoll is how often the end of the last exchange is looked for; nobody waits for it but the operator.
	drainPoll = 20 * time.Millisecond
	// drainUnwind is what exchanges that were ended get to write their last event, after which sockets close.
	drainUnwind = 2 * time.Second
)

// Shutdown drains: readiness goes first, then after a wait the listeners close, exchanges run to their end within the
// bound, those that do not are ended with an error in their API's shape. It returns when all is over.
func (g *Gateway) Shutdown() {
	g.stopOnce.Do(func() {
		g.drain()
		g.access.close()
		close(g.finished)
	})
	<-g.finished
}

func (g *Gateway) drain() {
	if g.ready.Swap(false) && g.config.Drain.Wait > 0 {
		g.log.Info().Dur("wait", g.config.Drain.Wait).Msg("draining: no longer ready")
		g.wait(g.config.Drain.Wait, func() bool { return false })
	}
	g.closing.Store(true)
	for _, l := range g.listeners {
		_ = l.Close() // it may be closed already
	}
	ctx, cancel := context.WithCancel(context.Background())
	idle := make(chan struct{})
	go func() { // closes idle connections at once and busy ones as they become idle
		defer close(idle)
		_ = g.http.ShutdownWithContext(ctx) // what is left is aborted below
	}()
	g.wait(g.config.Drain.Timeout, g.idle)
	if left := g.active.Load(); left > 0 {
		g.log.Warn().Int64("exchanges", left).Msg("ending the exchanges that are left")
		g.each(func(c *conn) { c.cancel(engine.Errorf(engine.CodeDraining, "the gateway is shutting down")) })
		g.wait(drainUnwind, g.idle)
	}
	g.wait(drainUnwind, func() bool { return g.open() == 0 })
	cancel()
	<-idle
	g.each((*conn).abort)
	if g.admin != nil {
		ctx, cancel := context.WithTimeout(context.Background(), drainUnwind)
		defer cancel()
		_ = g.adminHTTP.ShutdownWithContext(ctx) // nothing depends on it any more
		_ = g.admin.Close()                      // fasthttp closes only what it has begun to serve
	}
}

func (g *Gateway) idle() bool { return g.active.Load() == 0 }

func (g *Gateway) open() (n int64) {
	for _, l := range g.listeners {
		n += l.open.Load()
	}
	return n
}

func (g *Gateway) each(fn func(*conn)) {
	for _, l := range g.listeners {
		l.each(fn)
	}
}

// wait waits until done reports true, at most for d.
func (g *Gateway) wait(d time.Duration, done func() bool) {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	poll := time.NewTicker(drainPoll)
	defer poll.Stop()
	for !done() {
		select {
		case <-poll.C:
		case <-deadline.C:
			return
		}
	}
}

func (g *Gateway) closeListeners() {
	for _, l := range g.listeners {
		_ = l.Close() // nothing was served on it
	}
	if g.admin != nil {
		_ = g.admin.Close() // nothing was served on it
	}
}
