package engine

import (
	"testing"
	"time"
)

func TestLatencyBuckets(t *testing.T) {
	for ms := range int64(100_000) {
		i := latencyBucket(ms)
		if bound := latencyBound(i); bound < ms {
			t.Fatalf("%d ms is in bucket %d, which ends at %d", ms, i, bound)
		}
		if i > 0 && latencyBound(i-1) >= ms {
			t.Fatalf("%d ms is in bucket %d, but fits the one before", ms, i)
		}
	}
}

func TestLatency(t *testing.T) {
	var l latency
	now := time.Unix(1_800_000_000, 0)
	for i := range int64(100) {
		l.add(now, i+1)
	}
	if avg, p95 := l.read(now); avg != 50 || p95 < 95 || p95 > 111 {
		t.Errorf("got avg %d p95 %d, want 50 and about 95", avg, p95)
	}
	if avg, p95 := l.read(now.Add(2 * latencyGeneration)); avg != 0 || p95 != 0 {
		t.Errorf("got avg %d p95 %d after the window, want 0", avg, p95)
	}
}

func TestRates(t *testing.T) {
	var r rates
	now := time.Unix(1_800_000_000, 0)
	for i := range 10 {
		kind := failureNone
		switch i {
		case 0:
			kind = failureTimeout
		case 1, 2:
			kind = failureLimit
		case 3:
			kind = failureServer
		}
		r.add(now, kind)
	}
	n, rate := r.read(now)
	if n != 10 || rate.Total != 0.4 || rate.RateLimit != 0.2 || rate.Timeout != 0.1 || rate.Server != 0.1 {
		t.Errorf("got %d %+v", n, rate)
	}
	if n, _ := r.read(now.Add(metricSlots * metricSlot)); n != 0 {
		t.Errorf("got %d requests after the window, want 0", n)
	}
}

func TestKeyRestDoublesAndIsBounded(t *testing.T) {
	var h keyHealth
	now := time.Unix(1_800_000_000, 0)
	for i, want := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second} {
		h.limited(now, "m", 0)
		_, until := h.ready(now, "m")
		if got := until.Sub(now); got != want {
			t.Errorf("rest %d: got %s, want %s", i, got, want)
		}
	}
	h.limited(now, "m", time.Hour)
	if _, until := h.ready(now, "m"); until.Sub(now) != maxRest {
		t.Errorf("got %s, want at most %s", until.Sub(now), maxRest)
	}
	if ready, _ := h.ready(now, "other"); !ready {
		t.Error("the rest of one model holds for another")
	}
	h.refused(now)
	if ready, _ := h.ready(now, "other"); ready {
		t.Error("a refused key is used for another model")
	}
	h.succeeded("m")
	if ready, _ := h.ready(now, "m"); !ready {
		t.Error("a key that worked still rests")
	}
}

func TestProviderProbe(t *testing.T) {
	var h providerHealth
	now := time.Unix(1_800_000_000, 0)
	for range failuresToRest {
		h.failed(now)
	}
	if h.ready(now) {
		t.Fatal("a failing provider does not rest")
	}
	later := now.Add(providerRest)
	if !h.ready(later) {
		t.Fatal("no probe after the rest")
	}
	if h.ready(later) {
		t.Fatal("two probes at once")
	}
	h.released()
	if !h.ready(later) {
		t.Fatal("no probe after one that said nothing")
	}
	h.succeeded()
	for range 2 {
		if !h.ready(later) {
			t.Fatal("a provider that answered still rests")
		}
	}
}

func TestStoredIDsForgetTheOldest(t *testing.T) {
	s := newStoredIDs(2)
	for _, id := range []string{"a", "b", "c"} {
		s.Put(id, StoredAt{Caller: id})
	}
	if _, ok := s.Get("a"); ok {
		t.Error("the oldest is still there")
	}
	for _, id := range []string{"b", "c"} {
		if at, ok := s.Get(id); !ok || at.Caller != id {
			t.Errorf("%s: got %v %v", id, at, ok)
		}
	}
	s.Delete("b")
	s.Put("d", StoredAt{})
	s.Put("e", StoredAt{})
	if _, ok := s.Get("e"); !ok {
		t.Error("the newest is not there")
	}
}
