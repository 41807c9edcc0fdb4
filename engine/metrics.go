package engine

import (
	"math/bits"
	"sync/atomic"
	"time"

	"weir/engine/catalog"
)

const (
	// metricSlots of metricSlot each make the rolling window of five minutes: long enough for a p95 at one request a
	// second, short enough to forget an incident within one.
	metricSlots = 30
	metricSlot  = 10 * time.Second
	// metricTick is how long a snapshot is served before it is made anew.
	metricTick = time.Second
	// latencyBuckets is log-linear: four buckets an octave from 1 ms to over a day, within 25 % of the value.
	latencyBuckets = 108
)

// failureKind sorts failures for error rates.
type failureKind uint8

const (
	failureNone failureKind = iota
	failureTimeout
	failureLimit
	failureClient
	failureServer
)

// rates counts requests and failures over a rolling window, without locks.
type rates struct {
	slots [metricSlots]rateSlot
}

type rateSlot struct {
	epoch atomic.Int64
	count atomic.Int64
	fails [failureServer + 1]atomic.Int64
}

// slot returns the slot of now, cleared if it held an older turn. Two goroutines may clear it together at the turn of
// a slot; a few counts lost there are within what a rolling figure promises.
func (r *rates) slot(now time.Time) *rateSlot {
	epoch := now.UnixNano() / int64(metricSlot)
	s := &r.slots[epoch%metricSlots]
	if old := s.epoch.Load(); old != epoch && s.epoch.CompareAndSwap(old, epoch) {
		s.count.Store(0)
		for i := range s.fails {
			s.fails[i].Store(0)
		}
	}
	return s
}

func (r *rates) add(now time.Time, kind failureKind) {
	s := r.slot(now)
	s.count.Add(1)
	if kind != failureNone {
		s.fails[kind].Add(1)
	}
}

func (r *rates) read(now time.Time) (count int64, rate catalog.ErrorRate) {
	newest := now.UnixNano() / int64(metricSlot)
	var fails [failureServer + 1]int64
	for i := range r.slots {
		s := &r.slots[i]
		if e := s.epoch.Load(); e <= newest-metricSlots || e > newest {
			continue
		}
		count += s.count.Load()
		for k := range fails {
			fails[k] += s.fails[k].Load()
		}
	}
	if count == 0 {
		return 0, rate
	}
	share := func(n int64) float64 { return float64(n) / float64(count) }
	rate.Timeout, rate.RateLimit = share(fails[failureTimeout]), share(fails[failureLimit])
	rate.Client, rate.Server = share(fails[failureClient]), share(fails[failureServer])
	rate.Total = share(fails[failureTimeout] + fails[failureLimit] + fails[failureClient] + fails[failureServer])
	return count, rate
}

// latency is a rolling mean and p95 of durations in milliseconds, without locks: two generations of a histogram.
type latency struct {
	epoch atomic.Int64
	sum   [2]atomic.Int64
	n     [2]atomic.Int64
	hist  [2][latencyBuckets]atomic.Int32
}

// latencyGeneration is half the window: the figures cover between one and two generations.
const latencyGeneration = metricSlots * metricSlot / 2

func (l *latency) add(now time.Time, ms int64) {
	g := l.generation(now)
	l.sum[g].Add(ms)
	l.n[g].Add(1)
	l.hist[g][latencyBucket(ms)].Add(1)
}

func (l *latency) generation(now time.Time) int {
	epoch := now.UnixNano() / int64(latencyGeneration)
	g := int(epoch & 1)
	old := l.epoch.Load()
	if old != epoch && l.epoch.CompareAndSwap(old, epoch) {
		l.clear(g)
		if old != epoch-1 {
			l.clear(1 - g)
		}
	}
	return g
}

func (l *latency) clear(g int) {
	l.sum[g].Store(0)
	l.n[g].Store(0)
	for i := range l.hist[g] {
		l.hist[g][i].Store(0)
	}
}

func (l *latency) read(now time.Time) (avg, p95 int64) {
	l.generation(now)
	n := l.n[0].Load() + l.n[1].Load()
	if n == 0 {
		return 0, 0
	}
	avg = (l.sum[0].Load() + l.sum[1].Load()) / n
	rank := n - n/20 // the smallest value that 95 % do not exceed
	for i := range latencyBuckets {
		rank -= int64(l.hist[0][i].Load()) + int64(l.hist[1][i].Load())
		if rank <= 0 {
			return avg, latencyBound(i)
		}
	}
	return avg, latencyBound(latencyBuckets - 1)
}

// latencyBucket maps milliseconds to a bucket: 0..3 are themselves, then four buckets an octave.
func latencyBucket(ms int64) int {
	if ms < 4 {
		return int(max(ms, 0))
	}
	octave := bits.Len64(uint64(ms)) - 3 // 4..7 is octave 0
	i := 4 + octave*4 + int(ms>>octave)&3
	return min(i, latencyBuckets-1)
}

// latencyBound is the largest value of a bucket.
func latencyBound(i int) int64 {
	if i < 4 {
		return int64(i)
	}
	octave, quarter := (i-4)/4, int64((i-4)%4)
	return (5+quarter)<<octave - 1
}

// modelStats holds the rolling figures of one model at one provider.
type modelStats struct {
	rates      rates
	gateway    latency
	upstream   latency
	firstToken latency
	perToken   latency
	input      atomic.Int64
	output     atomic.Int64
	estimated  atomic.Int64
	busy       atomic.Int64 // calls in flight
	callers    callerStats  // of the whole gateway's figures only

	snapshot atomic.Pointer[metricSnapshot]
}

type metricSnapshot struct {
	at time.Time
	m  *catalog.Metrics
}

// metrics returns a snapshot at most metricTick old, nil without traffic.
func (s *modelStats) metrics(now time.Time) *catalog.Metrics {
	old := s.snapshot.Load()
	if old != nil && now.Sub(old.at) < metricTick && !now.Before(old.at) {
		return old.m
	}
	fresh := &metricSnapshot{at: now, m: s.compute(now)}
	if s.snapshot.CompareAndSwap(old, fresh) {
		return fresh.m
	}
	return s.snapshot.Load().m
}

func (s *modelStats) compute(now time.Time) *catalog.Metrics {
	count, rate := s.rates.read(now)
	if count == 0 {
		return nil
	}
	m := &catalog.Metrics{
		RequestCount: count, ErrorRate: rate, Quota: unknownQuota,
		StartTime: now.Add(-metricSlots * metricSlot).Unix(), EndTime: now.Unix(),
	}
	l := &m.Latency
	l.GatewayAvg, l.GatewayP95 = s.gateway.read(now)
	l.UpstreamAvg, l.UpstreamP95 = s.upstream.read(now)
	l.TimeToFirstTokenAvg, l.TimeToFirstTokenP95 = s.firstToken.read(now)
	l.TimePerOutputTokenAvg, l.TimePerOutputTokenP95 = s.perToken.read(now)
	m.Token.ProviderInput, m.Token.ProviderOutput = s.input.Load(), s.output.Load()
	m.Token.EstimatedInput = s.estimated.Load()
	return m
}
