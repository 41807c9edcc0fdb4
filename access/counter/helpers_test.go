package counter

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"weir/test/services"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quick makes tests of dead gateways short.
func quick() timing {
	t := defaultTiming()
	t.beat, t.lease, t.park = 50*time.Millisecond, time.Second, 50*time.Millisecond
	return t
}

// open connects to a server as one more gateway.
func open(tb testing.TB, o RedisOptions, t timing) *Redis {
	tb.Helper()
	o.Log = zerolog.New(zerolog.NewTestWriter(tb)).Level(zerolog.InfoLevel)
	r, err := newRedis(o, t)
	if err != nil {
		tb.Fatalf("connecting: %v", err)
	}
	tb.Cleanup(func() { _ = r.Close() }) // where a test has stopped the server it cannot give anything back
	return r
}

// client is a plain connection to a server, to look behind the counters.
func client(tb testing.TB, addr string) *redis.Client {
	tb.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	tb.Cleanup(func() { c.Close() })
	return c
}

func reserve(tb testing.TB, c Counters, charges ...Charge) *Reservation {
	tb.Helper()
	r := &Reservation{Charges: charges}
	if err := c.Reserve(tb.Context(), r); err != nil {
		tb.Fatalf("reserving: %v", err)
	}
	return r
}

// taken is reserve that must go through.
func taken(tb testing.TB, c Counters, charges ...Charge) *Reservation {
	tb.Helper()
	r := reserve(tb, c, charges...)
	if r.Refused != -1 {
		tb.Fatalf("reserving %+v: got charge %d refused in %+v, want none", charges, r.Refused, r.States)
	}
	return r
}

func settle(tb testing.TB, c Counters, r *Reservation, actual ...int64) {
	tb.Helper()
	c.Settle(r, actual)
	flush(tb, c)
}

func flush(tb testing.TB, c Counters) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 10*time.Second)
	defer cancel()
	if err := c.Flush(ctx); err != nil {
		tb.Fatalf("flushing: %v", err)
	}
}

func state(tb testing.TB, c Counters, charge Charge) State {
	tb.Helper()
	states, err := c.Read(tb.Context(), []Charge{charge})
	if err != nil || len(states) != 1 {
		tb.Fatalf("reading: got %v and %v", states, err)
	}
	return states[0]
}

// eventually waits for something that another goroutine or a server does.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("after 10 s it is still not so that %s", what)
		}
	}
}

// ledger is a store that usage reaches at once.
type ledger struct {
	mu    sync.Mutex
	slots map[string]map[int64]int64
	err   error
	calls int
}

func (l *ledger) spend(counter string, at, used int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.slots == nil {
		l.slots = map[string]map[int64]int64{}
	}
	if l.slots[counter] == nil {
		l.slots[counter] = map[int64]int64{}
	}
	l.slots[counter][at] += used
}

func (l *ledger) load(_ context.Context, counter string, oldest int64) (map[int64]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	found := map[int64]int64{}
	for at, used := range l.slots[counter] {
		if at == 0 || at >= oldest {
			found[at] = used
		}
	}
	return found, l.err
}

func (l *ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *ledger) total(counter string) (sum int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, used := range l.slots[counter] {
		sum += used
	}
	return sum
}

var errBroken = errors.New("the store is broken")

// each runs a test over every kind of counters.
func each(t *testing.T, load Load, test func(t *testing.T, c Counters)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { test(t, NewMemory(MemoryOptions{Load: load})) })
	t.Run("redis", func(t *testing.T) {
		addr, _ := services.Redis(t)
		test(t, open(t, RedisOptions{URL: "redis://" + addr, Load: load}, quick()))
	})
}
