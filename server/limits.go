package server

import (
	"math"
	"runtime/debug"
	"sync/atomic"
	"time"

	"weir/engine"
)

// Limits bound what clients can make the gateway hold and wait for. Zero fields take the defaults of the option table.
type Limits struct {
	Body        int64         // bytes of one body, before and after decompression
	Headers     int           // bytes of one request head
	Ratio       int64         // decompressed to compressed bytes of a body
	Memory      int64         // bytes of all bodies and answers together; 0 = from GOMEMLIMIT
	Connections int           // open connections
	Exchanges   int           // exchanges in flight
	Queue       int           // exchanges that wait for one of those to end
	QueueWait   time.Duration // how long they wait

	HeaderTimeout time.Duration // from the first byte of a request to the end of its head
	BodyTimeout   time.Duration // for the whole body
	IdleTimeout   time.Duration // between two requests
	WriteTimeout  time.Duration // for each write
}

const (
	// memoryShare is the part of GOMEMLIMIT that bodies and answers may take: bodies are copied once for an edit and once more for the
	// socket, so that a quarter keeps the whole under three quarters.
	memoryShare = 4
	// memoryDefault is the budget where GOMEMLIMIT is not set: ten bodies of the greatest size allowed.
	memoryDefault = 512 << 20
)

// budget counts the bytes that bodies and answers hold, over the whole process.
type budget struct {
	total int64
	used  atomic.Int64
}

func newBudget(configured int64) *budget {
	total := configured
	if total <= 0 {
		total = memoryDefault
		if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
			total = limit / memoryShare
		}
	}
	return &budget{total: total}
}

// take reserves n bytes, or none.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.total {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// gate lets so many exchanges run at once and a few more wait for a moment.
type gate struct {
	limit   int64
	queue   int64
	wait    time.Duration
	running atomic.Int64
	waiting atomic.Int64
	freed   chan struct{}
}

func newGate(l *Limits) *gate {
	return &gate{
		limit: int64(l.Exchanges), queue: int64(l.Queue), wait: l.QueueWait, freed: make(chan struct{}, l.Queue+1),
	}
}

// enter lets the exchange in, after a wait if need be; an error says that it must be refused.
func (g *gate) enter() error {
	if g.tryEnter() {
		return nil
	}
	if g.waiting.Add(1) > g.queue {
		g.waiting.Add(-1)
		return errOverloaded("the gateway has as many requests in flight as it may")
	}
	defer g.waiting.Add(-1)
	t := time.NewTimer(g.wait)
	defer t.Stop()
	for {
		if g.tryEnter() { // again after counting as waiting, so that no freed place is missed
			return nil
		}
		select {
		case <-g.freed:
		case <-t.C:
			return errOverloaded("no place became free in time")
		}
	}
}

func (g *gate) tryEnter() bool {
	if g.running.Add(1) <= g.limit {
		return true
	}
	g.running.Add(-1)
	return false
}

func (g *gate) leave() {
	g.running.Add(-1)
	if g.waiting.Load() > 0 {
		select {
		case g.freed <- struct{}{}:
		default:
		}
	}
}

// overloadedRetry is the retry-after of a full gateway: calls take seconds, so that a place is likely after one.
const overloadedRetry = time.Second

func errOverloaded(message string) *engine.Error {
	return &engine.Error{Code: engine.CodeOverloaded, Message: message, RetryAfter: overloadedRetry, Retryable: true}
}

// stats counts what happens at the sockets; the admin listener shows it.
type stats struct {
	exchanges    atomic.Int64
	slowReaders  atomic.Int64
	hangups      atomic.Int64
	refused      atomic.Int64
	acceptErrors atomic.Int64
	logsDropped  atomic.Int64
}
