//go:build !race

package opa

import (
	"context"
	"testing"
	"time"

	"weir/engine/vars"
)

func TestAllocations(t *testing.T) {
	q := query(t, compile(t, tenRules), "data.access.decision", vars.PhaseRequest)
	src := benchSource().index()
	ask := func() {
		if r, err := q.Eval(context.Background(), Evaluation{Source: src, Deadline: time.Minute}); err != nil || !r.Decision.Allow {
			t.Fatal(r, err)
		}
	}
	ask()
	if n := testing.AllocsPerRun(200, ask); n > 0 {
		t.Errorf("a decision that was kept allocates %v times, want 0", n)
	}
	q.cache = nil
	// OPA itself allocates 171 times for this module, with its input built.
	if n := testing.AllocsPerRun(200, ask); n > 225 {
		t.Errorf("a decision allocates %v times, want at most 225", n)
	}
}
