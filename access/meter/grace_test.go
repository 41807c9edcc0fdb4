package meter

import (
	"testing"
	"time"

	"weir/access"
	"weir/engine"
)

// TestGrace: a client that goes on as soon as it has read its answer is not refused for the call that was just over.
func TestGrace(t *testing.T) {
	for _, q := range []*access.Quota{budget("b", "1", "month"), limit("c", access.UnitConcurrent, "1", "")} {
		t.Run(q.Unit, func(t *testing.T) {
			var r *rig
			if q.Unit == access.UnitConcurrent {
				r = newRig(t, nil, []*access.Quota{q})
			} else {
				r = newRig(t, []*access.Quota{q}, nil)
			}
			first, next := call("gpt-4o", 1000, 0.9), call("gpt-4o", 1000, 0.9)
			if err := r.Reserve(exchange(), first); err != nil {
				t.Fatal(err)
			}
			go func() {
				time.Sleep(5 * time.Millisecond)
				r.end(first, endFailed, 0, 0)
			}()
			if err := r.Reserve(exchange(), next); err != nil {
				t.Errorf("got %v, want the next call let through once the first is settled", err)
			}
			err := r.Reserve(exchange(), call("gpt-4o", 1000, 0.9))
			if e := engine.AsError(err); e == nil || e.RetryAfter <= 0 {
				t.Errorf("got %v, want a refusal while the call is under way", err)
			}
		})
	}
}
