package counter

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"weir/test/services"
)

// fourCharges are those of a caller with a budget of the key, one of the team, a limit of requests and one of calls in flight.
func fourCharges() (m *Memory, r *Reservation, actual []int64) {
	m = NewMemory(MemoryOptions{})
	for slot := int64(60); slot < 3600; slot += 60 {
		m.Seed("requests", slot, 1)
	}
	return m, &Reservation{Charges: []Charge{
		{Counter: "quota_key:aigk_01", Limit: 1 << 60, Amount: 1000, Slot: 3600, Oldest: 3600, Spill: true, Durable: true},
		{Counter: "quota_team:team_01", Limit: 1 << 60, Amount: 1000, Spill: true, Durable: true},
		{Counter: "requests", Limit: 1 << 60, Amount: 1, Slot: 3600, Oldest: 60},
		{Counter: "flying", Limit: 1 << 60, Amount: 1, Concurrent: true},
	}}, []int64{900, 900, 1, 0}
}

func BenchmarkMemory(b *testing.B) {
	m, r, actual := fourCharges()
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Reserve(context.Background(), r); err != nil {
			b.Fatal(err)
		}
		m.Settle(r, actual)
	}
}

func BenchmarkMemoryParallel(b *testing.B) {
	m, first, actual := fourCharges()
	b.RunParallel(func(pb *testing.PB) {
		r := &Reservation{Charges: first.Charges}
		for pb.Next() {
			if err := m.Reserve(context.Background(), r); err != nil {
				b.Error(err)
			}
			m.Settle(r, actual)
		}
	})
}

// serverTime is the processor time that a server has taken, in seconds. Unlike the time on the clock it says the same on a busy
// machine.
func serverTime(b *testing.B, c *redis.Client) (sum float64) {
	b.Helper()
	info, err := c.Info(b.Context(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name != "used_cpu_user" && name != "used_cpu_sys" {
			continue
		}
		seconds, err := strconv.ParseFloat(value, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += seconds
	}
	return sum
}

func BenchmarkRedis(b *testing.B) {
	addr, _ := services.Redis(b)
	r, raw := open(b, RedisOptions{URL: "redis://" + addr}, defaultTiming()), client(b, addr)
	report := func(b *testing.B, before float64) {
		b.Helper()
		b.ReportMetric((serverTime(b, raw)-before)*1e6/float64(b.N), "server-µs/op")
	}
	_, first, actual := fourCharges()
	b.Run("one at a time", func(b *testing.B) {
		defer report(b, serverTime(b, raw))
		for b.Loop() {
			if err := r.Reserve(b.Context(), first); err != nil {
				b.Fatal(err)
			}
			r.Settle(first, actual)
		}
	})
	b.Run("many at once", func(b *testing.B) {
		defer report(b, serverTime(b, raw))
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			res := &Reservation{Charges: first.Charges}
			for pb.Next() {
				if err := r.Reserve(b.Context(), res); err != nil {
					b.Error(err)
				}
				r.Settle(res, actual)
			}
		})
	})
	ping := redis.NewClient(&redis.Options{Addr: addr, PoolSize: poolSize, Protocol: 2})
	defer ping.Close()
	b.Run("ping one at a time", func(b *testing.B) {
		defer report(b, serverTime(b, raw))
		for b.Loop() {
			if err := ping.Ping(b.Context()).Err(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ping many at once", func(b *testing.B) {
		defer report(b, serverTime(b, raw))
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := ping.Ping(b.Context()).Err(); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
