package meter

import (
	"testing"

	"weir/access"
	"weir/engine"
)

// five are three budgets and two limits, one of each scope and with a selector.
func five() (budgets, limits []*access.Quota) {
	opus, team, key := budget("opus", "500000000", "week"), budget("team", "500000000", "month"), budget("key", "500000000", "day")
	opus.TeamID, opus.When = "team_research", "m.id.startsWith('claude-opus')"
	team.TeamID = "team_research"
	key.Per = []string{"access_key"}
	rpm, tpm := limit("rpm", access.UnitRequests, "2000000000", "60s"), limit("tpm", access.UnitTokens, "2000000000000", "60s")
	tpm.Per, tpm.Rolling = []string{"access_key", "model"}, true
	return []*access.Quota{opus, team, key}, []*access.Quota{rpm, tpm}
}

func BenchmarkReserveSettle(b *testing.B) {
	budgets, limits := five()
	r := newRig(b, budgets, limits)
	r.Meter.counters = r.counters.Counters
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		x := exchange()
		c := call("claude-opus-4", 1000, 0.01)
		for pb.Next() {
			once(b, r, x, c)
		}
	})
}

// once is what a call costs before and after it, but for its row.
func once(tb testing.TB, r *rig, x *engine.Exchange, c *engine.Call) {
	tb.Helper()
	if err := r.Reserve(x, c); err != nil {
		tb.Fatal(err)
	}
	h, ok := c.Hold.(*hold)
	if !ok || len(h.quotas) != 5 {
		tb.Fatal("got no five charges")
	}
	r.settle(h, c, endAnswered)
	r.freeHold(h)
	c.Hold = nil
	l, _ := x.Metered().(*ledger)
	l.reset()
	r.ledgers.Put(l)
	x.Reset()
	x.Caller = engine.Caller{ID: "aigk_1", Name: "one", Kind: kindAccessKey, TeamID: "team_research"}
}

func BenchmarkFinish(b *testing.B) {
	budgets, limits := five()
	r := newRig(b, budgets, limits)
	r.Meter.counters = r.counters.Counters
	x := exchange()
	calls, attempts := []engine.Call{*call("claude-opus-4", 1000, 0.01)}, []engine.Attempt{{Number: 1, Provider: "anthropic", Model: "claude-opus-4", Status: 200}}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Reserve(x, &calls[0]); err != nil {
			b.Fatal(err)
		}
		r.finish(x, calls, attempts)
		r.journal.rows = r.journal.rows[:0]
	}
}
