package meter

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"weir/access"
	"weir/access/counter"
	"weir/engine"
)

// A quota that does not compile, or fails as it runs, refuses what it would have counted.
func TestFailClosed(t *testing.T) {
	tests := []struct {
		name string
		spec func(q *access.Quota)
	}{
		{"syntax of when", func(q *access.Quota) { q.When = "m.id ==" }},
		{"unknown field", func(q *access.Quota) { q.When = "m.name == 'x'" }},
		{"unknown unit", func(q *access.Quota) { q.Unit = "euro" }},
		{"bad limit", func(q *access.Quota) { q.Limit = "-1" }},
		{"bad window", func(q *access.Quota) { q.Window = "fortnight" }},
		{"bad per", func(q *access.Quota) { q.Per = []string{"m.id"} }},
		{"its own budget", func(q *access.Quota) { q.When = "caller.budget.remaining_usd > 1.0" }},
		{"fails as it runs", func(q *access.Quota) { q.When = "int(caller.name) > 3" }},
		{"per fails as it runs", func(q *access.Quota) { q.Per = []string{"string(int(caller.name))"} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := budget("b", "100", "day")
			q.TeamID = "team_research"
			tt.spec(q)
			r := newRig(t, []*access.Quota{q}, nil)
			wantRefusal(t, r.Reserve(exchange(), call("a", 1, 1)), engine.CodePolicyFailed, 500)
			x := exchange()
			x.Caller.TeamID = ""
			if err := r.Reserve(x, call("a", 1, 1)); err != nil {
				t.Errorf("got %v, want others let through", err)
			}
		})
	}
}

// A changed limit holds at once and keeps what was used; another unit, window or per begins anew.
func TestChanges(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("b", "1", "month")}, nil)
	c := call("a", 1, 1)
	if err := r.Reserve(exchange(), c); err != nil {
		t.Fatal(err)
	}
	r.end(c, endAnswered, 1, 1)
	wantRefusal(t, r.Reserve(exchange(), call("a", 1, 1)), engine.CodeBudgetExceeded, 402)
	r.dir.change([]*access.Quota{budget("b", "3", "month")}, nil)
	if err := r.Reserve(exchange(), call("a", 1, 1)); err != nil || r.state(t, "b").Used != nano {
		t.Errorf("got %v and %+v, want room and what was used before", err, r.state(t, "b"))
	}
	r.dir.change([]*access.Quota{budget("b", "3", "day")}, nil)
	if got := r.state(t, "b"); got != (counter.State{}) {
		t.Errorf("got %+v, want a new window to begin with nothing", got)
	}
	r.dir.mu.Lock() // a directory that did not tell
	r.dir.now = snapshot([]*access.Quota{budget("b", "0", "day")}, nil)
	r.dir.now.Revision = 99
	r.dir.mu.Unlock()
	wantRefusal(t, r.Reserve(exchange(), call("a", 1, 1)), engine.CodeBudgetExceeded, 402)
}

// A directory that only noted that nothing changed does not have its quotas made ready again, and one that changed does
// not have those made again that did not.
func TestQuotasAreKept(t *testing.T) {
	a, b := budget("a", "1", "day"), budget("b", "1", "day")
	r := newRig(t, []*access.Quota{a, b}, nil)
	before := r.current()
	same := *r.dir.now
	same.Synced = time.Now()
	r.dir.now = &same
	if got := r.current(); got != before || r.seen.Load() != &same {
		t.Error("got another set, want the same")
	}
	changed := *b
	changed.Limit = "2"
	r.dir.change([]*access.Quota{a, &changed}, nil)
	now := r.current()
	if now.all["a"] != before.all["a"] || now.all["b"] == before.all["b"] || now.all["b"].limit != 2*nano {
		t.Error("got others, want the changed quota made ready and no other")
	}
}

// Nobody knows whom an object was for that cannot be read: it might have been for anybody.
func TestBrokenObjects(t *testing.T) {
	r := newRig(t, nil, nil)
	now := snapshot(nil, nil)
	now.Broken = map[string]access.Broken{"aigk_9": {Kind: access.KindAccessKey, ID: "aigk_9", Reason: "bad"}}
	r.dir.now = now
	if err := r.Reserve(exchange(), call("a", 1, 1)); err != nil {
		t.Errorf("got %v, want broken keys to be no matter of budgets", err)
	}
	now = snapshot(nil, nil)
	now.Broken = map[string]access.Broken{"bud_9": {Kind: access.KindBudget, ID: "bud_9", Reason: "bad"}}
	r.dir.now = now
	wantRefusal(t, r.Reserve(exchange(), call("a", 1, 1)), engine.CodePolicyFailed, 500)
}

// A change while calls run is seen by the calls that begin after it.
func TestChangesWhileCallsRun(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("b", "1000", "day")}, nil)
	r.Meter.counters = r.counters.Counters
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			x := exchange()
			for range 200 {
				c := call("a", 1, 0.001)
				if err := r.Reserve(x, c); err != nil {
					t.Error(err)
					return
				}
				r.end(c, endAnswered, 1, 0.001)
				r.finish(x, []engine.Call{*c}, nil)
			}
		})
	}
	for n := range 50 {
		r.dir.change([]*access.Quota{budget("b", strconv.Itoa(1000+n), "day")}, nil)
	}
	wg.Wait()
	if got := r.state(t, "b"); got != (counter.State{Used: 4 * 200 * 1_000_000}) {
		t.Errorf("got %+v, want every call counted", got)
	}
	r.dir.change([]*access.Quota{budget("b", "0", "day")}, nil)
	wantRefusal(t, r.Reserve(exchange(), call("a", 1, 1)), engine.CodeBudgetExceeded, 402)
}
