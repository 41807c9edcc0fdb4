package counter

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"weir/test/services"
)

func TestRedisBudgetOfTwoGateways(t *testing.T) {
	addr, _ := services.Redis(t)
	o := RedisOptions{URL: "redis://" + addr}
	spendBudget(t, open(t, o, defaultTiming()), open(t, o, defaultTiming()))
	raw := client(t, addr)
	for _, counter := range []string{"budget", "requests", "flying"} {
		fields, err := raw.HGetAll(t.Context(), "{weir}:c:"+counter).Result()
		if err != nil {
			t.Fatal(err)
		}
		for name := range fields {
			if strings.HasPrefix(name, "r") {
				t.Errorf("%s: the reservation %s is left", counter, name)
			}
		}
	}
}

func TestRedisTakesOneRoundTrip(t *testing.T) {
	addr, _ := services.Redis(t)
	timing := defaultTiming()
	timing.beat = time.Hour
	r := open(t, RedisOptions{Addrs: []string{addr}}, timing)
	_, res, actual := fourCharges()
	if err := r.Reserve(t.Context(), res); err != nil { // sends the scripts
		t.Fatal(err)
	}
	settle(t, r, res, actual...)
	raw := client(t, addr)
	if err := raw.ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	const calls = 300
	flying := make([]*Reservation, 0, calls)
	for range calls {
		_, res, _ := fourCharges()
		if err := r.Reserve(t.Context(), res); err != nil || res.Refused >= 0 {
			t.Fatalf("got %+v and %v", res, err)
		}
		flying = append(flying, res)
	}
	if got := executed(t, raw, "evalsha"); got != calls {
		t.Errorf("reserving: got %d scripts for %d calls, want one each", got, calls)
	}
	for _, res := range flying {
		r.Settle(res, actual)
	}
	flush(t, r)
	settling := executed(t, raw, "evalsha") - calls
	if settling < 1 || settling > 20 || executed(t, raw, "eval") > 0 {
		t.Errorf("settling: got %d scripts for %d calls, want few", settling, calls)
	}
	t.Logf("%d calls: %d scripts to reserve, %d to settle", calls, calls, settling)
}

// executed reads how often the server was told a command by a client.
func executed(t *testing.T, raw *redis.Client, command string) int {
	t.Helper()
	info, err := raw.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(info, "cmdstat_"+command+":calls=")
	if !found {
		return 0
	}
	number, _, _ := strings.Cut(rest, ",")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRedisForgetsTheReservationsOfADeadGateway(t *testing.T) {
	addr, _ := services.Redis(t)
	o := RedisOptions{URL: "redis://" + addr}
	living, dying := open(t, o, quick()), open(t, o, quick())
	budget := Charge{Counter: "budget", Limit: 100, Amount: 60}
	flying := Charge{Counter: "flying", Limit: 1, Amount: 1, Concurrent: true}
	taken(t, dying, budget, flying)
	settle(t, dying, taken(t, dying, Charge{Counter: "budget", Limit: 100, Amount: 1}), 7)
	if r := reserve(t, living, budget, flying); r.Refused != 0 || r.States[0] != (State{7, 60}) {
		t.Fatalf("while it lives: got %+v", r)
	}
	dying.stop() // without giving anything back
	began := time.Now()
	eventually(t, "the reservations are gone", func() bool {
		return reserve(t, living, budget, flying).Refused == -1
	})
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("that took %v, with a lease of %v", took, quick().lease)
	}
	raw := client(t, addr)
	eventually(t, "nothing is left of the dead", func() bool {
		keys, err := raw.Keys(t.Context(), "*held*").Result()
		beats, err2 := raw.ZCard(t.Context(), "{weir}:beats").Result()
		fields, err3 := raw.HLen(t.Context(), "{weir}:c:flying").Result()
		return errors.Join(err, err2, err3) == nil && len(keys) == 1 && beats == 1 && fields == 1
	})
	if got := state(t, living, budget); got != (State{7, 60}) {
		t.Errorf("afterwards: got %+v, want what was settled and the new reservation", got)
	}
}

func TestRedisCloseGivesBack(t *testing.T) {
	addr, _ := services.Redis(t)
	o := RedisOptions{URL: "redis://" + addr}
	staying, leaving := open(t, o, defaultTiming()), open(t, o, defaultTiming())
	budget := Charge{Counter: "budget", Limit: 100, Amount: 60}
	used := taken(t, leaving, Charge{Counter: "budget", Limit: 100, Amount: 5})
	taken(t, leaving, budget)
	leaving.Settle(used, []int64{5})
	if err := leaving.Close(); err != nil {
		t.Fatal(err)
	}
	if got := state(t, staying, budget); got != (State{5, 0}) {
		t.Errorf("got %+v, want 5 used", got)
	}
	if err := leaving.Reserve(t.Context(), &Reservation{Charges: []Charge{budget}}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after Close: got %v", err)
	}
	if n, err := client(t, addr).Exists(t.Context(), "{weir}:held:"+leaving.incarnated(1)).Result(); n != 0 || err != nil {
		t.Errorf("what it held is left: %d, %v", n, err)
	}
}

func TestRedisStopsAtTheLargestNumber(t *testing.T) {
	addr, _ := services.Redis(t)
	r := open(t, RedisOptions{URL: "redis://" + addr}, quick())
	charge := Charge{Counter: "a", Limit: 1 << 62, Amount: 1}
	first, second := taken(t, r, charge), taken(t, r, charge)
	settle(t, r, first, 1<<62-1)
	raw := client(t, addr)
	if err := raw.HIncrBy(t.Context(), "{weir}:c:a", "s0", 1<<62).Err(); err != nil {
		t.Fatal(err)
	}
	settle(t, r, second, 100)
	if got, err := raw.HGet(t.Context(), "{weir}:c:a", "s0").Int64(); err != nil || got != math.MaxInt64 {
		t.Errorf("got %d and %v, want the largest number", got, err)
	}
	if got := reserve(t, r, charge); got.Refused != 0 || got.States[0].Used < 1<<62 {
		t.Errorf("got %+v, want it refused", got)
	}
}

func TestRedisExpires(t *testing.T) {
	addr, _ := services.Redis(t)
	var store ledger
	timing := quick()
	timing.grace = 0
	r := open(t, RedisOptions{URL: "redis://" + addr, Load: store.load}, timing)
	soon := time.Now().Unix() + 2
	window := Charge{Counter: "window", Limit: 10, Amount: 1, Slot: soon - 60, Oldest: soon - 60, Expires: soon}
	durable := window
	durable.Counter, durable.Durable = "durable", true
	settle(t, r, taken(t, r, window, durable), 1, 1)
	late := taken(t, r, window, durable)
	forever := taken(t, r, Charge{Counter: "ever", Limit: 10, Amount: 1})
	raw := client(t, addr)
	eventually(t, "the counters are gone", func() bool {
		n, err := raw.Exists(t.Context(), "{weir}:c:window", "{weir}:c:durable").Result()
		return err == nil && n == 0
	})
	settle(t, r, late, 5, 5) // too late to count
	settle(t, r, forever, 2)
	keys, err := raw.Keys(t.Context(), "{weir}:c:*").Result()
	if err != nil || !cmp.Equal(keys, []string{"{weir}:c:ever"}) {
		t.Errorf("got the keys %v and %v, want the one that does not expire", keys, err)
	}
}

func TestRedisClock(t *testing.T) {
	addr, _ := services.Redis(t)
	r := open(t, RedisOptions{URL: "redis://" + addr, Now: func() time.Time { return time.Now().Add(-time.Hour) }}, quick())
	if off := time.Since(r.Now()).Abs(); off > 500*time.Millisecond {
		t.Errorf("with a local clock that is an hour late: off by %v", off)
	}
}

// Everything that one script touches has to be in one slot.
func TestRedisCluster(t *testing.T) {
	addr, _ := services.RedisCluster(t)
	var store ledger
	store.spend("budget", 0, 5)
	o := RedisOptions{URL: "redis://" + addr + "?addr=" + addr, Load: store.load}
	r, dying := open(t, o, quick()), open(t, o, quick())
	if got := fmt.Sprintf("%T", r.client); got != "*redis.ClusterClient" {
		t.Fatalf("got a %s", got)
	}
	charges := []Charge{{Counter: "budget", Limit: 100, Amount: 10, Durable: true}, {Counter: "flying", Limit: 9, Amount: 1, Concurrent: true}}
	taken(t, dying, charges...)
	settle(t, dying, taken(t, dying, charges...), 7)
	dying.stop()
	eventually(t, "the reservations of the dead are gone", func() bool { return state(t, r, charges[0]) == State{12, 0} })
	settle(t, r, taken(t, r, charges...), 8)
	if got := state(t, r, charges[0]); got != (State{20, 0}) {
		t.Errorf("got %+v, want 20 used", got)
	}
	r.down(r.link.Load(), time.Now(), errDead)
	taken(t, r, charges...)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestNewRedisRefuses(t *testing.T) {
	for _, o := range []RedisOptions{
		{},
		{URL: "redis://:canary@127.0.0.1:port"},
		{URL: "http://user:canary@127.0.0.1"},
		{URL: "redis://:canary@127.0.0.1?nonsense=1"},
		{URL: "redis://:can%zzary@127.0.0.1"},
		{URL: "redis://127.0.0.1", Addrs: []string{"127.0.0.1:1"}},
		{URL: "redis://127.0.0.1", Prefix: "a{b}"},
	} {
		r, err := NewRedis(o)
		if err == nil {
			r.Close()
			t.Errorf("%+v: got no error", o)
			continue
		}
		if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, "can") && strings.Contains(text, "ary") {
			t.Errorf("the error repeats the password: %s", text)
		}
	}
}

func TestNewRedisReadsURLs(t *testing.T) {
	for url, want := range map[string]string{
		"redis://u:p@127.0.0.1:1/3":                                  "*redis.Client",
		"redis://u:p@127.0.0.1:1?addr=127.0.0.1:2":                   "*redis.ClusterClient",
		"rediss://u:p@127.0.0.1:1?master_name=main&addr=127.0.0.1:2": "*redis.Client",
		"unix:///tmp/redis.sock":                                     "*redis.Client",
	} {
		c, err := connect(&RedisOptions{URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if got := fmt.Sprintf("%T", c); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
		c.Close()
	}
}
