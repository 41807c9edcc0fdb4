package upstream

import (
	"context"
	"io"
	"sync"
	"time"
)

const (
	// drainBytes and drainTime are what a connection may cost to be saved: a new one costs two to three round trips and
	// some 6 KiB of handshake. After the last event of a stream only the end of the framing is left as a rule.
	drainBytes = 8 << 10
	drainTime  = time.Second
	// drainTurn is how long one slow connection holds up the others.
	drainTurn = 10 * time.Millisecond
	// drainQueue bounds the connections waiting: at a turn each, a full queue still goes round within drainTime.
	drainQueue = 64
)

// drainer reads the rest of bodies that nobody wants, in one goroutine.
type drainer struct {
	mu     sync.Mutex
	closed bool
	queue  chan *draining
}

type draining struct {
	conn  *conn
	until time.Time
	bytes int
}

func newDrainer() *drainer {
	return &drainer{queue: make(chan *draining, drainQueue)}
}

// add takes a connection over, unless its rest is known to be too long or too many wait already.
func (d *drainer) add(c *conn) bool {
	if c.kind == frameLength && c.left > drainBytes {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	select {
	case d.queue <- &draining{conn: c, until: time.Now().Add(drainTime)}:
		return true
	default:
		return false
	}
}

func (d *drainer) run(ctx context.Context) {
	var waiting []*draining
	defer func() { d.shut(waiting) }()
	for {
		if len(waiting) == 0 {
			select {
			case <-ctx.Done():
				return
			case one := <-d.queue:
				waiting = append(waiting, one)
			}
		}
		queue := d.queue
		if len(waiting) >= drainQueue {
			queue = nil
		}
		select {
		case <-ctx.Done():
			return
		case one := <-queue:
			waiting = append(waiting, one)
			continue
		default:
		}
		one := waiting[0]
		waiting = append(waiting[:0], waiting[1:]...)
		if one.turn() {
			waiting = append(waiting, one)
		}
	}
}

// turn reads for a moment and reports whether another turn is worth it.
func (one *draining) turn() (again bool) {
	c := one.conn
	now := time.Now()
	c.sock.wanted = now.Add(drainTurn)
	for {
		n, err := c.discardBuffered()
		one.bytes += n
		if err == io.EOF && c.reusable() { //nolint:errorlint // data returns the bare value
			c.ep.pool.put(c, time.Now())
			return false
		}
		if err != errNeedMore || one.bytes > drainBytes { //nolint:errorlint // never wrapped
			break
		}
		if err := c.fill(); err != nil {
			if isTimeout(err) && now.Before(one.until) {
				return true
			}
			break
		}
	}
	c.close()
	return false
}

func (d *drainer) shut(waiting []*draining) {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	for _, one := range waiting {
		one.conn.close()
	}
	for {
		select {
		case one := <-d.queue:
			one.conn.close()
		default:
			return
		}
	}
}
