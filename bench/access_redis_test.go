package bench

import (
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"weir/access/counter"
	"weir/test/services"
)

// slowed passes connections on to a server whose answers take a while longer, as over a network.
type slowed struct {
	addr  string
	delay atomic.Int64 // nanoseconds
}

func newSlowed(tb testing.TB, server string) *slowed {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &slowed{addr: l.Addr().String()}
	var all sync.WaitGroup
	tb.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", server)
			if err != nil {
				from.Close()
				continue
			}
			all.Go(func() {
				defer to.Close()
				_, _ = io.Copy(to, from) // until the client is gone
			})
			all.Go(func() {
				defer from.Close()
				s.answer(from, to)
			})
		}
	})
	return s
}

func (s *slowed) answer(from, to net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := to.Read(buf)
		if err != nil {
			return
		}
		time.Sleep(time.Duration(s.delay.Load()))
		if _, err := from.Write(buf[:n]); err != nil {
			return
		}
	}
}

// fiveCharges are those of three budgets and two limits.
func fiveCharges(caller int) (r *counter.Reservation, actual []int64) {
	key := "|aigk_" + strconv.Itoa(caller)
	return &counter.Reservation{Charges: []counter.Charge{
		{Counter: "week", Limit: 1 << 50, Amount: 1000, Slot: 3600, Oldest: 3600, Spill: true, Durable: true},
		{Counter: "month", Limit: 1 << 50, Amount: 1000, Slot: 3600, Oldest: 3600, Spill: true, Durable: true},
		{Counter: "day" + key, Limit: 1 << 50, Amount: 1000, Slot: 3600, Oldest: 3600, Spill: true, Durable: true},
		{Counter: "requests", Limit: 1 << 50, Amount: 1, Slot: 3600, Oldest: 3600},
		{Counter: "tokens" + key, Limit: 1 << 50, Amount: 300, Slot: 3600, Oldest: 60},
	}}, []int64{900, 900, 900, 1, 280}
}

func newShared(tb testing.TB) (*counter.Redis, *slowed, *redis.Client) {
	tb.Helper()
	addr, _ := services.Redis(tb)
	s := newSlowed(tb, addr)
	c, err := counter.NewRedis(counter.RedisOptions{URL: "redis://" + s.addr, Log: zerolog.Nop()})
	if err != nil {
		tb.Fatal(err)
	}
	raw := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2})
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
		raw.Close()
	})
	once(tb, c, 0) // scripts are there
	return c, s, raw
}

// once is what a call asks of counters, and how long it waits before and after it.
func once(tb testing.TB, c counter.Counters, caller int) (before, after time.Duration) {
	tb.Helper()
	r, actual := fiveCharges(caller)
	began := time.Now()
	if err := c.Reserve(context.Background(), r); err != nil || r.Refused >= 0 {
		tb.Errorf("got refused %d and %v", r.Refused, err)
	}
	reserved := time.Now()
	c.Settle(r, actual)
	return reserved.Sub(began), time.Since(reserved)
}

// TestSharedCountersOneTrip: a call waits for one answer of Redis before it is made, however many budgets and limits it has, and
// for none after it.
func TestSharedCountersOneTrip(t *testing.T) {
	c, s, _ := newShared(t)
	const calls, trip = 40, 20 * time.Millisecond
	s.delay.Store(int64(trip))
	fastest, settled := time.Hour, time.Hour
	for range calls {
		before, after := once(t, c, 1)
		fastest, settled = min(fastest, before), min(settled, after)
	}
	t.Logf("a round trip takes %v: Reserve takes %v, Settle %v", trip, fastest, settled)
	if fastest < trip || fastest >= 2*trip {
		t.Errorf("got %v for a reservation, want one round trip of %v", fastest, trip)
	}
	if settled > trip/10 {
		t.Errorf("got %v for a settlement, want no round trip", settled)
	}
}

// TestSharedCountersBatch: settlements go to Redis many at a time: beside one command a call there are few.
func TestSharedCountersBatch(t *testing.T) {
	c, _, raw := newShared(t)
	const workers, calls = 16, 100
	began := evaluations(t, raw)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for range calls {
				once(t, c, w)
			}
		})
	}
	all.Wait()
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := evaluations(t, raw) - began
	t.Logf("%d scripts run for %d calls: %.2f a call", n, workers*calls, float64(n)/(workers*calls))
	if n > workers*calls*3/2 {
		t.Errorf("got %d scripts run for %d calls, want settlements in batches", n, workers*calls)
	}
}

// evaluations is how many scripts a server has run.
func evaluations(tb testing.TB, c *redis.Client) (n int) {
	tb.Helper()
	text, err := c.Info(tb.Context(), "commandstats").Result()
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(text) {
		_, rest, ok := strings.Cut(line, "cmdstat_evalsha:calls=")
		if !ok {
			continue
		}
		calls, _, _ := strings.Cut(rest, ",")
		if n, err = strconv.Atoi(calls); err != nil {
			tb.Fatal(err)
		}
	}
	return n
}
