//go:build !race

package actions

import (
	"testing"
	"time"

	"weir/engine"
)

func TestLimiterDoesNotAllocate(t *testing.T) {
	l := newLimiter(100, time.Second, time.Unix(0, 0))
	now := int64(0)
	step := func() {
		now += int64(10 * time.Millisecond)
		l.take(bucketID{3, 3}, time.Unix(0, now), 1)
	}
	for range 1000 {
		step()
	}
	if got := testing.AllocsPerRun(1000, step); got != 0 {
		t.Errorf("got %v allocations a request, want none", got)
	}
}

// TestRateLimitAllocates only the string that the values of its headers are cut from.
func TestRateLimitAllocates(t *testing.T) {
	a, x := limitOf(t, "capacity: 1000000, rate: 60s, bucket_key: [\"req.headers['x-tier'][0]\", conn.client_ip]")
	limit, ok := a.(*rateLimit)
	if !ok {
		t.Fatal("got another action, want rate-limit")
	}
	do := func() {
		x.Reset()
		x.Conn.ClientText = "192.0.2.7"
		x.Request.Headers = append(x.Request.Headers, engine.Header{Name: "x-tier", Value: "gold"})
		id, err := limit.id(x, nil) // all of Do but the results, which are made only where a policy reads them
		got := limit.admit(x, id, 1)
		limit.headers.tell(x, &got)
		if err != nil || !got.ok {
			t.Fatalf("got %v and %v, want it let in", got, err)
		}
	}
	for range 1000 {
		do()
	}
	if got := testing.AllocsPerRun(1000, do); got > 1 {
		t.Errorf("got %v allocations a request, want at most 1", got)
	}
}
