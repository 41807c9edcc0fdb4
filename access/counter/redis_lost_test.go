package counter

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"weir/test/services"
)

// zero is a heartbeat that is long over.
func zero(incarnation string) redis.Z { return redis.Z{Member: incarnation} }

// A gateway that was stopped for longer than its lease holds again what is in flight.
func TestRedisHoldsAgainAfterALateHeartbeat(t *testing.T) {
	addr, _ := services.Redis(t)
	o := RedisOptions{URL: "redis://" + addr}
	r, other := open(t, o, quick()), open(t, o, quick())
	budget := Charge{Counter: "budget", Limit: 100, Amount: 60}
	res := taken(t, r, budget)
	if err := client(t, addr).ZAdd(t.Context(), "{weir}:beats", zero(r.link.Load().me)).Err(); err != nil {
		t.Fatal(err)
	}
	if got := state(t, other, budget); got != (State{}) {
		t.Fatalf("dead: got %+v, want nothing reserved", got)
	}
	eventually(t, "it is held again", func() bool { return state(t, other, budget) == State{0, 60} })
	small := Charge{Counter: "budget", Limit: 100, Amount: 1}
	settle(t, r, taken(t, r, small), 3)
	settle(t, r, res, 50)
	if got := state(t, other, budget); got != (State{53, 0}) {
		t.Errorf("settled: got %+v, want 53 used", got)
	}
}

// A heartbeat that is found to be late by a reservation costs that reservation some more round trips, and nothing else.
func TestRedisReservesWithADeadIncarnation(t *testing.T) {
	addr, _ := services.Redis(t)
	timing := defaultTiming()
	timing.beat = time.Hour
	r := open(t, RedisOptions{URL: "redis://" + addr}, timing)
	held := taken(t, r, Charge{Counter: "a", Limit: 10, Amount: 4})
	if err := client(t, addr).FlushAll(t.Context()).Err(); err != nil { // the scripts stay
		t.Fatal(err)
	}
	res := taken(t, r, Charge{Counter: "a", Limit: 10, Amount: 4})
	if res.States[0] != (State{0, 8}) {
		t.Errorf("got %+v, want both reserved", res.States[0])
	}
	if err := client(t, addr).ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	settle(t, r, held, 4)
	settle(t, r, res, 2)
	if got := state(t, r, Charge{Counter: "a"}); got != (State{6, 0}) {
		t.Errorf("got %+v, want 6 used", got)
	}
}

func TestRedisLostIsReadFromTheStore(t *testing.T) {
	addr, server := services.Redis(t)
	var store ledger
	o := RedisOptions{URL: "redis://" + addr, Load: store.load, Lag: time.Millisecond}
	gateways := []*Redis{open(t, o, defaultTiming()), open(t, o, defaultTiming())}
	budget := Charge{Counter: "budget", Limit: 1 << 40, Amount: 10, Durable: true}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			c, random := gateways[i%2], rand.New(rand.NewPCG(uint64(i), 3))
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := &Reservation{Charges: []Charge{budget}}
				if err := c.Reserve(t.Context(), r); err != nil {
					if !errors.Is(err, ErrUnavailable) {
						t.Errorf("got %v", err)
					}
					time.Sleep(10 * time.Millisecond)
					continue
				}
				time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond)
				actual := random.Int64N(20)
				store.spend("budget", 0, actual)
				c.Settle(r, []int64{actual})
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	server.Kill()
	time.Sleep(time.Second)
	server.Start()
	eventually(t, "the budget is counted again", func() bool {
		return gateways[0].Reserve(t.Context(), &Reservation{Charges: []Charge{{Counter: "budget", Limit: 1, Durable: true}}}) == nil
	})
	time.Sleep(300 * time.Millisecond)
	close(stop)
	wait.Wait()
	for _, c := range gateways {
		flush(t, c)
	}
	for i, c := range gateways {
		got := state(t, c, budget)
		// What a call had in the store but not settled when the counter was read counts twice.
		const most = 2 * 16 * 20
		if off := got.Used - store.total("budget"); got.Reserved != 0 || off < 0 || off > most {
			t.Errorf("gateway %d: got %+v, want %d used", i, got, store.total("budget"))
		}
		t.Logf("gateway %d: %+v of %d", i, got, store.total("budget"))
	}
	if gateways[0].waiting.parked != 0 || len(gateways[0].held) != 0 {
		t.Errorf("left: %d parked, %v held", gateways[0].waiting.parked, gateways[0].held)
	}
}

// What was settled before the counter is read is in the store, and what is settled afterwards is not.
func TestRedisCountsOnceWhatWaitsForAReading(t *testing.T) {
	addr, _ := services.Redis(t)
	var store ledger
	o := RedisOptions{URL: "redis://" + addr, Load: store.load, Lag: 100 * time.Millisecond}
	r, other := open(t, o, quick()), open(t, o, quick())
	budget := Charge{Counter: "budget", Limit: 1 << 40, Amount: 10, Durable: true}
	flying := make([]*Reservation, 0, 4)
	for range 4 {
		flying = append(flying, taken(t, r, budget))
	}
	theirs, late := taken(t, other, budget), taken(t, other, budget)
	if err := client(t, addr).Del(t.Context(), "{weir}:c:budget").Err(); err != nil {
		t.Fatal(err)
	}
	for _, f := range flying[:2] { // both are in the store before the reading
		store.spend("budget", 0, 7)
		settle(t, r, f, 7)
	}
	store.spend("budget", 0, 5)
	settle(t, other, theirs, 5)
	time.Sleep(4 * o.Lag)
	store.spend("budget", 0, 5)
	settle(t, other, late, 5) // young: nobody knows whether it is in the store
	if got := state(t, r, budget); got.Used != 7+7+5+5 && got.Used != 7+7+5+5+5 {
		t.Errorf("read: got %+v, want 24 used", got)
	}
	flush(t, other)
	eventually(t, "the young one is counted", func() bool { return state(t, r, budget).Used == 7+7+5+5+5 })
	settle(t, r, flying[2], 1)
	settle(t, r, flying[3], 2)
	time.Sleep(4 * quick().park)
	if got := state(t, other, budget); got.Used != 29+3 {
		t.Errorf("afterwards: got %+v, want 32 used", got)
	}
}

// A batch that was counted, whose answer was lost, is told again and not counted again; an older copy counts no more either.
func TestRedisCountsABatchOnce(t *testing.T) {
	addr, _ := services.Redis(t)
	var store ledger
	r := open(t, RedisOptions{URL: "redis://" + addr, Load: store.load}, quick())
	me := r.link.Load().me
	batch := func(number int) []any {
		list, err := r.run(t.Context(), r.scripts.settle, []string{r.beats, r.key2("told:x"), r.key2("held:" + me), r.key("a"), r.key("b")},
			number, me, 1000, 1000, 0, 0, 5, 0, 0, 0, 0 /**/, 0, 0, 5, 0, 1, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, number := range []int{7, 7, 6} {
		if got := batch(number); !cmp.Equal(got, []any{int64(1)}) {
			t.Errorf("batch %d: got %v, want the second to be missing", number, got)
		}
	}
	if got := state(t, r, Charge{Counter: "a"}); got.Used != 5 {
		t.Errorf("got %+v, want 5 used", got)
	}
	batch(8)
	if got := state(t, r, Charge{Counter: "a"}); got.Used != 10 {
		t.Errorf("the next batch: got %+v, want 10 used", got)
	}
}

// A call that was let through by an incarnation that has ended when the answer arrives is in flight all the same.
func TestRedisHoldsALateAnswer(t *testing.T) {
	addr, _ := services.Redis(t)
	r := open(t, RedisOptions{URL: "redis://" + addr}, defaultTiming())
	res := &Reservation{Charges: []Charge{{Counter: "a", Limit: 10, Amount: 4}}, Refused: -1}
	r.hold(res.Charges, r.link.Load().incarnation-1)
	flush(t, r)
	if got := state(t, r, res.Charges[0]); got != (State{0, 4}) {
		t.Errorf("got %+v, want 4 reserved", got)
	}
	settle(t, r, res, 3)
	if got := state(t, r, res.Charges[0]); got != (State{3, 0}) {
		t.Errorf("settled: got %+v, want 3 used", got)
	}
}

// What was sent for an earlier incarnation and arrives late changes nothing.
func TestRedisIgnoresWhatComesLate(t *testing.T) {
	addr, _ := services.Redis(t)
	timing := defaultTiming()
	timing.beat = time.Hour
	r := open(t, RedisOptions{URL: "redis://" + addr}, timing)
	budget := Charge{Counter: "a", Limit: 10, Amount: 4}
	taken(t, r, budget)
	late := r.link.Load()
	if err := r.join(t.Context()); err != nil || r.link.Load().me == late.me {
		t.Fatalf("another incarnation: got %v and %s", err, r.link.Load().me)
	}
	var res Reservation
	res.Charges = []Charge{budget}
	if answer, _, err := r.ask(t.Context(), late, "take", res.Charges, &res); err != nil || answer != answerDead {
		t.Errorf("reserving: got %d and %v, want %d", answer, err, answerDead)
	}
	list, err := r.run(t.Context(), r.scripts.join, []string{r.beats, late.held, r.key("a")}, r.id, late.incarnation, 5000, 100)
	if n, _ := whole(list, 0); err != nil || n != 0 {
		t.Errorf("joining: got %v and %v, want it ignored", list, err)
	}
	list, err = r.run(t.Context(), r.scripts.beat, []string{r.beats}, late.me, 5000)
	if n, _ := whole(list, 0); err != nil || n != 0 {
		t.Errorf("a heartbeat: got %v and %v, want it ignored", list, err)
	}
	if got := state(t, r, budget); got != (State{0, 4}) {
		t.Errorf("got %+v, want 4 reserved once", got)
	}
}
