package upstream

import (
	"sync"
	"time"
)

// trustedIdle is how long a pooled connection is used again without asking its socket whether the peer closed it or sent
// what nobody asked for: the system call is a twentieth of a small request's cost. Bytes behind an answer that came with
// it are seen without it; what a peer sends a moment later reaches only requests to that same peer, which answers those
// anyway; and a connection closed within the moment is redialled in the same attempt.
const trustedIdle = time.Millisecond

// pool holds an endpoint's connections. The last one put back is the first one taken: the rest go idle and are closed.
type pool struct {
	ep *Endpoint

	mu      sync.Mutex
	idle    []*conn
	open    int  // connections and dials, idle ones included
	watched bool // the endpoint is on the reaper's list
	shutOff bool
}

// take returns an idle connection that is still alive, or nil and the right to dial one.
func (p *pool) take(now time.Time) (*conn, error) {
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			err := p.reserve()
			p.mu.Unlock()
			return nil, err
		}
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if !p.expired(c, now) && (now.Sub(c.idleSince) < trustedIdle || c.alive()) {
			c.reused = true
			return c, nil
		}
		c.close()
	}
}

// reserve counts one more connection; the caller holds the lock.
func (p *pool) reserve() error {
	if p.shutOff {
		return refuse(ErrClosed, "client is closed")
	}
	if p.open >= p.ep.maxConns {
		return refuse(ErrTooManyConns, "limit of the endpoint reached")
	}
	p.open++
	return nil
}

// release uncounts a connection that is closed or was never made.
func (p *pool) release() {
	p.mu.Lock()
	p.open--
	p.mu.Unlock()
}

// put takes back a connection whose answer was read to its end.
func (p *pool) put(c *conn, now time.Time) {
	c.rest(now)
	if now.Sub(c.born) >= p.ep.maxAge {
		c.close()
		return
	}
	p.mu.Lock()
	if p.shutOff {
		p.mu.Unlock()
		c.close()
		return
	}
	p.idle = append(p.idle, c)
	watched := p.watched
	p.watched = true
	p.mu.Unlock()
	if !watched && !p.ep.client.watchIdle(p.ep) {
		p.shut()
	}
}

func (p *pool) expired(c *conn, now time.Time) bool {
	return now.Sub(c.idleSince) >= p.ep.maxIdle || now.Sub(c.born) >= p.ep.maxAge
}

// reap closes expired idle connections and reports whether any are left to watch.
func (p *pool) reap(now time.Time) bool {
	p.mu.Lock()
	var dead []*conn
	kept := p.idle[:0]
	for _, c := range p.idle {
		if p.expired(c, now) {
			dead = append(dead, c)
		} else {
			kept = append(kept, c)
		}
	}
	clear(p.idle[len(kept):])
	p.idle = kept
	p.watched = len(kept) > 0
	watched := p.watched
	p.mu.Unlock()
	for _, c := range dead {
		c.close()
	}
	return watched
}

// shut closes the idle connections; those in use close when their calls do.
func (p *pool) shut() {
	p.mu.Lock()
	p.shutOff = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}

func (p *pool) unused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open == 0
}
