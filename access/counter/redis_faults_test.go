package counter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/test/services"
)

func TestRedisPausedFailsFast(t *testing.T) {
	addr, server := services.Redis(t)
	const timeout = 200 * time.Millisecond
	r := open(t, RedisOptions{URL: "redis://" + addr, Timeout: timeout}, quick())
	budget := Charge{Counter: "budget", Limit: 100, Amount: 10}
	held := taken(t, r, budget)
	server.Pause()
	for i, atMost := range []time.Duration{2 * timeout, timeout / 2, timeout / 2} {
		began := time.Now()
		err := r.Reserve(t.Context(), &Reservation{Charges: []Charge{budget}})
		if took := time.Since(began); !errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || took > atMost {
			t.Errorf("call %d: got %v after %v, want %v within %v", i, err, took, ErrUnavailable, atMost)
		}
	}
	if _, err := r.Read(t.Context(), []Charge{budget}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("reading: got %v", err)
	}
	began := time.Now()
	r.Settle(held, []int64{9})
	if took := time.Since(began); took > timeout/2 {
		t.Errorf("settling took %v", took)
	}
	time.Sleep(2 * timeout) // what was sent meanwhile waits in the server's socket
	server.Resume()
	eventually(t, "it answers", func() bool {
		return r.Reserve(t.Context(), &Reservation{Charges: []Charge{{Counter: "other", Limit: 1}}}) == nil
	})
	flush(t, r)
	time.Sleep(timeout)
	if got := state(t, r, budget); got != (State{9, 0}) {
		t.Errorf("afterwards: got %+v, want 9 used and nothing that came late", got)
	}
}

func TestRedisAllowLocal(t *testing.T) {
	addr, server := services.Redis(t)
	var store ledger
	store.spend("budget", 0, 30)
	o := RedisOptions{URL: "redis://" + addr, Timeout: 200 * time.Millisecond, OnError: AllowLocal, Load: store.load, Lag: 50 * time.Millisecond}
	r := open(t, o, quick())
	budget := Charge{Counter: "budget", Limit: 100, Amount: 20, Durable: true}
	requests := Charge{Counter: "requests", Limit: 100, Amount: 1, Expires: time.Now().Unix() + 1000}
	before := taken(t, r, budget, requests)
	server.Pause()
	local := taken(t, r, budget, requests)
	if !local.Local || local.States[0] != (State{30, 20}) {
		t.Fatalf("away: got %+v, want what the store knows", local)
	}
	store.spend("budget", 0, 15)
	r.Settle(before, []int64{15, 1}) // counts here too
	over := budget
	over.Amount = 50
	if got := reserve(t, r, over); got.Refused != 0 || !got.Local || got.States[0] != (State{45, 20}) {
		t.Errorf("over the limit: got %+v", got)
	}
	if got := state(t, r, budget); got != (State{45, 20}) {
		t.Errorf("reading: got %+v", got)
	}
	short := taken(t, r, Charge{Counter: "budget", Limit: 100, Amount: 5, Durable: true})
	store.spend("budget", 0, 5)
	r.Settle(short, []int64{5})
	server.Resume()
	eventually(t, "it answers", func() bool { return r.link.Load().up })
	flush(t, r)
	eventually(t, "what is in flight is held", func() bool { return state(t, r, budget) == State{50, 20} })
	store.spend("budget", 0, 20)
	settle(t, r, local, 20, 1)
	if got := state(t, r, budget); got != (State{70, 0}) {
		t.Errorf("back: got %+v, want 70 used", got)
	}
	if got := state(t, r, requests); got != (State{2, 0}) {
		t.Errorf("back: got %+v requests, want 2 used", got)
	}
	if got := reserve(t, r, budget); got.Refused != -1 || got.Local {
		t.Errorf("back: got %+v, want it reserved in Redis", got)
	}
}

func TestRedisAllowLocalWithoutTheStore(t *testing.T) {
	addr, server := services.Redis(t)
	var store ledger
	store.fail(errBroken)
	server.Stop()
	r := open(t, RedisOptions{URL: "redis://" + addr, Timeout: 50 * time.Millisecond, OnError: AllowLocal, Load: store.load}, quick())
	err := r.Reserve(t.Context(), &Reservation{Charges: []Charge{{Counter: "budget", Limit: 100, Amount: 20, Durable: true}}})
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("a budget that nobody knows: got %v, want %v", err, ErrUnavailable)
	}
	if got := taken(t, r, Charge{Counter: "requests", Limit: 100, Amount: 1}); !got.Local {
		t.Errorf("got %+v, want it reserved here", got)
	}
}

func TestRedisDemoted(t *testing.T) {
	addr, _ := services.Redis(t)
	r := open(t, RedisOptions{URL: "redis://" + addr, Timeout: 100 * time.Millisecond}, quick())
	budget := Charge{Counter: "budget", Limit: 100, Amount: 10}
	held := taken(t, r, budget)
	raw := client(t, addr)
	if err := raw.ReplicaOf(t.Context(), "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it refuses", func() bool {
		return errors.Is(r.Reserve(t.Context(), &Reservation{Charges: []Charge{budget}}), ErrUnavailable)
	})
	r.Settle(held, []int64{4})
	if err := raw.ReplicaOf(t.Context(), "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it answers", func() bool { return r.link.Load().up })
	flush(t, r)
	if got := state(t, r, budget); got != (State{4, 0}) {
		t.Errorf("got %+v, want 4 used", got)
	}
}

func TestRedisStartsWithoutAServer(t *testing.T) {
	addr, server := services.Redis(t)
	server.Stop()
	r := open(t, RedisOptions{URL: "redis://" + addr, Timeout: 100 * time.Millisecond}, quick())
	charge := Charge{Counter: "a", Limit: 10, Amount: 1}
	if err := r.Reserve(t.Context(), &Reservation{Charges: []Charge{charge}}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, want %v", err, ErrUnavailable)
	}
	server.Start()
	eventually(t, "it answers", func() bool { return r.link.Load().up })
	taken(t, r, charge)
}

// A connection that breaks is not the caller's trouble.
func TestRedisConnectionsBreak(t *testing.T) {
	addr, _ := services.Redis(t)
	r := open(t, RedisOptions{URL: "redis://" + addr}, defaultTiming())
	raw := client(t, addr)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 200 {
				settle(t, r, taken(t, r, Charge{Counter: "a", Limit: 1 << 40, Amount: 1}), 1)
			}
		})
	}
	for range 20 {
		if err := raw.ClientKillByFilter(t.Context(), "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	wait.Wait()
	flush(t, r)
	eventually(t, "everything is counted once", func() bool { return state(t, r, Charge{Counter: "a"}) == State{1600, 0} })
}

// Calls, settlements and heartbeats of which nobody knows whether Redis has seen them: it is counted what was settled, and
// nothing stays reserved.
func TestRedisPausesLoseNothing(t *testing.T) {
	addr, server := services.Redis(t)
	o := RedisOptions{URL: "redis://" + addr, Timeout: 50 * time.Millisecond}
	gateways := []*Redis{open(t, o, quick()), open(t, o, quick())}
	budget := Charge{Counter: "budget", Limit: 1 << 40, Amount: 10}
	var used, refused atomic.Int64
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			c, random := gateways[i%2], rand.New(rand.NewPCG(uint64(i), 9))
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := &Reservation{Charges: []Charge{budget, {Counter: "flying", Limit: 1 << 40, Amount: 1, Concurrent: true}}}
				if err := c.Reserve(t.Context(), r); err != nil {
					refused.Add(1)
					time.Sleep(5 * time.Millisecond)
					continue
				}
				time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
				actual := random.Int64N(20)
				used.Add(actual)
				c.Settle(r, []int64{actual, 0})
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range 8 {
		server.Pause()
		time.Sleep(time.Duration(20+random.IntN(200)) * time.Millisecond)
		server.Resume()
		time.Sleep(time.Duration(50+random.IntN(100)) * time.Millisecond)
	}
	close(stop)
	wait.Wait()
	for _, c := range gateways {
		flush(t, c)
	}
	if used.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d used and %d refused: this tests little", used.Load(), refused.Load())
	}
	for i, c := range gateways {
		eventually(t, fmt.Sprintf("gateway %d reads what was used", i), func() bool {
			states, err := c.Read(t.Context(), []Charge{budget, {Counter: "flying", Concurrent: true}})
			return err == nil && cmp.Equal(states, []State{{used.Load(), 0}, {}})
		})
	}
	t.Logf("%d used, %d calls refused, incarnations %d and %d", used.Load(), refused.Load(), gateways[0].incarnation, gateways[1].incarnation)
}
