package meter

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/access"
	"weir/access/counter"
	"weir/access/store"
	"weir/engine"
	"weir/engine/price"
	"weir/engine/wire"
)

func TestSettle(t *testing.T) {
	const reserved = 500_000_000 // of half a dollar
	tests := []struct {
		name      string
		end       ending
		usage     wire.Usage
		cost      price.Cost
		usd       int64
		tokens    int64
		requests  int64
		estimated bool
	}{
		{"answered", endAnswered, wire.Usage{Input: 100, Output: 50, CacheRead: 80, Reasoning: 20, Known: true}, price.Cost{USD: price.Dollar / 4, Known: true}, 250_000_000, 150, 1, false},
		{"rounded up", endAnswered, wire.Usage{Input: 1, Known: true}, price.Cost{USD: 1, Known: true}, 1, 1, 1, false},
		{"for nothing", endAnswered, wire.Usage{Input: 1, Known: true}, price.Cost{Known: true}, 0, 1, 1, false},
		{"more than reserved", endAnswered, wire.Usage{Input: 5000, Known: true}, price.Cost{USD: 2 * price.Dollar, Known: true}, 2 * nano, 5000, 1, false},
		{"answered without usage", endAnswered, wire.Usage{}, price.Cost{}, reserved, 1000, 1, true},
		{"answered without a price", endAnswered, wire.Usage{Input: 7, Known: true}, price.Cost{}, reserved, 7, 1, true},
		{"failed", endFailed, wire.Usage{}, price.Cost{}, 0, 0, 1, false},
		{"failed and told its usage", endFailed, wire.Usage{Input: 9, Known: true}, price.Cost{USD: price.Dollar / 10, Known: true}, 100_000_000, 9, 1, false},
		{"cut with usage", endCut, wire.Usage{Input: 9, Output: 1, Known: true}, price.Cost{USD: price.Dollar / 10, Known: true}, 100_000_000, 10, 1, false},
		{"cut without usage", endCut, wire.Usage{}, price.Cost{}, 500_000, 500, 1, true}, // its input at a dollar a million
		{"never sent", endUnsent, wire.Usage{}, price.Cost{}, 0, 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, []*access.Quota{budget("usd", "10", "day")}, []*access.Quota{
				limit("tokens", access.UnitTokens, "100000", "60s"), limit("requests", access.UnitRequests, "100", "60s"), limit("flight", access.UnitConcurrent, "5", ""),
			})
			c := call("gpt-4o", 1000, 0.5)
			if err := r.Reserve(exchange(), c); err != nil {
				t.Fatal(err)
			}
			c.Usage, c.Cost = tt.usage, tt.cost
			h, ok := c.Hold.(*hold)
			if !ok {
				t.Fatal("got no hold")
			}
			for range 3 { // it counts once
				if !h.settled {
					r.settle(h, c, tt.end)
				}
				r.Settle(exchange(), c)
			}
			if got := r.state(t, "usd"); got != (counter.State{Used: tt.usd}) {
				t.Errorf("got %+v billionths, want %d", got, tt.usd)
			}
			if got := r.state(t, "tokens"); got != (counter.State{Used: tt.tokens}) {
				t.Errorf("got %+v tokens, want %d", got, tt.tokens)
			}
			if got := r.state(t, "requests"); got != (counter.State{Used: tt.requests}) {
				t.Errorf("got %+v requests, want %d", got, tt.requests)
			}
			if got := r.state(t, "flight"); got != (counter.State{}) {
				t.Errorf("got %+v in flight, want none", got)
			}
			if h.estimated != tt.estimated {
				t.Errorf("got estimated %v, want %v", h.estimated, tt.estimated)
			}
		})
	}
}

func TestEndOf(t *testing.T) {
	tests := []struct {
		name    string
		attempt *engine.Attempt
		want    ending
	}{
		{"no attempt", nil, endUnsent},
		{"answered", &engine.Attempt{Status: 200}, endAnswered},
		{"refused by the provider", &engine.Attempt{Status: 500, Code: engine.CodeUpstreamFailed}, endFailed},
		{"not reached", &engine.Attempt{Code: engine.CodeUpstreamRefused}, endFailed},
		{"no answer in time", &engine.Attempt{Code: engine.CodeUpstreamTimeout}, endCut},
		{"no time left", &engine.Attempt{Code: engine.CodeTotalTimeout}, endCut},
		{"client gone", &engine.Attempt{Code: engine.CodeClientGone}, endCut},
		{"refused by a rule beside it", &engine.Attempt{Code: engine.CodePolicyDenied, Cut: true}, endCut},
		{"refused before it was sent", &engine.Attempt{Code: engine.CodePolicyFailed}, endFailed},
		{"client gone while a whole answer came", &engine.Attempt{Status: 200, Code: engine.CodeClientGone, Cut: true}, endAnswered},
		{"client gone while an error came", &engine.Attempt{Status: 500, Code: engine.CodeClientGone, Cut: true}, endFailed},
		{"broken answer", &engine.Attempt{Status: 200, Code: engine.CodeUpstreamFailed}, endCut},
		{"request that could not be made", &engine.Attempt{Code: engine.CodeInternal}, endFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := endOf(engine.NewExchange(), tt.attempt); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// Many callers spend a dollar in small calls, some of which fail: what is settled is never more than the budget and the
// calls that were in flight, and nothing stays reserved.
func TestManySpendOneBudget(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("dollar", "1", "total")}, []*access.Quota{limit("flight", access.UnitConcurrent, "40", "")})
	r.Meter.counters = r.counters.Counters // the fake is for one caller at a time
	const clients = 64
	var spent, flying, most atomic.Int64
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			x := exchange()
			for range 200 {
				cost := price.USD(1+random.Int64N(10)) * price.Dollar / 1000
				c := call("gpt-4o", 100, 0)
				c.EstimatedCost = price.Cost{USD: cost, Known: true}
				err := r.Reserve(x, c)
				if err != nil {
					if e, ok := errors.AsType[*engine.Error](err); !ok || e.Code != engine.CodeBudgetExceeded && e.Code != engine.CodeRateLimited {
						t.Errorf("got %v, want a refusal", err)
					}
					continue
				}
				most.Store(max(most.Load(), flying.Add(1)))
				e := endAnswered
				switch random.IntN(4) {
				case 0:
					e = endFailed
				case 1: // dearer than was thought
					cost += price.Dollar / 1000
				}
				if e == endAnswered {
					c.Usage, c.Cost = wire.Usage{Input: 1, Known: true}, price.Cost{USD: cost, Known: true}
					spent.Add(int64(cost))
				}
				flying.Add(-1)
				r.end(c, e, 0, 0)
				r.finish(x, []engine.Call{*c}, []engine.Attempt{{Number: 1}})
			}
		})
	}
	wg.Wait()
	got := r.state(t, "dollar")
	if got.Reserved != 0 || got.Used != spent.Load()/perNano {
		t.Errorf("got %+v, want nothing reserved and the %d that were spent", got, spent.Load()/perNano)
	}
	if over := got.Used - nano; over > 40*1_000_000 || got.Used < nano*9/10 {
		t.Errorf("got %d over the budget, want at most what calls in flight cost more than was thought", over)
	}
	if most.Load() > 40 || r.state(t, "flight") != (counter.State{}) {
		t.Errorf("got %d at a time and %+v left, want at most 40 and nothing", most.Load(), r.state(t, "flight"))
	}
}

func TestFinish(t *testing.T) {
	own := budget("own", "10", "month")
	own.Per = []string{"access_key"}
	r := newRig(t, []*access.Quota{own}, []*access.Quota{limit("tpm", access.UnitTokens, "100000", "60s")})
	x := exchange()
	buffer := []byte("req-1")
	x.Request.ID = unsafeString(buffer)
	calls := []engine.Call{*call("gpt-4o", 1000, 0.5), *call("claude", 1000, 0.5), *call("local", 10, 0.1)}
	calls[1].KeySource, calls[1].KeyID = engine.KeySourceUser, "aigpk_7"
	started := time.Date(2026, 7, 15, 12, 0, 0, 0, time.FixedZone("x", 3600))
	attempts := []engine.Attempt{
		{Number: 1, Provider: "openai", Model: "gpt-4o", Status: 500, Code: engine.CodeUpstreamFailed, Started: started, Elapsed: 1500 * time.Millisecond},
		{Number: 2, Provider: "anthropic", Model: "claude", Status: 200, Started: started, Elapsed: time.Second, FirstToken: 20 * time.Millisecond},
	}
	for i, e := range []ending{endFailed, endAnswered, endUnsent} {
		if err := r.Reserve(x, &calls[i]); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			calls[i].Answered = true
			calls[i].Usage = wire.Usage{Input: 90, Output: 10, CacheRead: 30, CacheWrite: 20, Reasoning: 4, Known: true, Estimated: true}
			calls[i].Cost = price.Cost{USD: 1_234_567, Known: true}
		}
		if e != endUnsent { // Finish settles what was forgotten
			r.end(&calls[i], e, 0, 0)
		}
	}
	r.finish(x, calls, attempts)
	copy(buffer, "XXXXX")
	if len(r.journal.rows) != 2 {
		t.Fatalf("got %d rows, want one an attempt", len(r.journal.rows))
	}
	first, second := r.journal.rows[0], r.journal.rows[1]
	want := store.Usage{
		ID: "req-1-1", Time: started.UTC(), RequestID: "req-1", AccessKeyID: "aigk_1", CallerID: "aigk_1", TeamID: "team_research",
		API: wire.OpenAIChat.String(), Provider: "openai", Model: "gpt-4o", Attempt: 1, Status: 500, Code: "upstream_failed",
		KeySource: "none", LatencyMS: 1500,
	}
	if !same(first, want) {
		t.Errorf("got %+v, want %+v", first, want)
	}
	spend := second.Spend
	second.Spend = nil
	want = store.Usage{
		ID: "req-1-2", Time: started.UTC(), RequestID: "req-1", AccessKeyID: "aigk_1", CallerID: "aigk_1", TeamID: "team_research",
		API: wire.OpenAIChat.String(), Provider: "anthropic", Model: "claude", Attempt: 2, Final: true, Status: 200,
		Input: 90, Output: 10, CacheRead: 30, CacheWrite: 20, Reasoning: 4, UsageKnown: true, Estimated: true, Cost: 1_234_567, CostKnown: true,
		KeySource: "user", ProviderKeyID: "aigpk_7", LatencyMS: 1000, FirstTokenMS: 20,
	}
	if !same(second, want) {
		t.Errorf("got %+v, want %+v", second, want)
	}
	month := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC).Unix()
	if len(spend) != 1 || spend[0].Amount != 1235 || spend[0].Slot != month || spend[0].Expires == 0 || spend[0].Counter[len(spend[0].Counter)-7:] != "|aigk_1" {
		t.Errorf("got %+v, want what the budget lost, rounded up, and nothing of a limit of a minute", spend)
	}
	if got := r.state(t, "own", "aigk_1"); got != (counter.State{Used: 1235}) {
		t.Errorf("got %+v, want all calls settled", got)
	}
	if x.Metered() != nil || calls[0].Hold != nil {
		t.Error("got something kept, want all of it given back")
	}
}

// same compares rows by their fields that hold values.
func same(a, b store.Usage) bool {
	a.Spend, b.Spend = nil, nil
	ja, jb := encode(a), encode(b)
	return ja == jb
}

func TestRowsOfOthers(t *testing.T) {
	tests := []struct {
		caller         engine.Caller
		wantKey, wantC string
	}{
		{engine.Caller{ID: "alice", Kind: "jwt"}, "", "jwt:alice"},
		{engine.Caller{}, "", ""},
		{engine.Caller{ID: "aigk_1", Kind: kindAccessKey}, "aigk_1", "aigk_1"},
	}
	for _, tt := range tests {
		r := newRig(t, nil, nil)
		x := exchange()
		x.Caller = tt.caller
		c := call("a", 1, 0)
		if err := r.Reserve(x, c); err != nil || c.Hold != nil {
			t.Fatalf("got %v and %v, want nothing to hold", err, c.Hold)
		}
		r.finish(x, []engine.Call{*c}, []engine.Attempt{{Number: 1, Code: engine.CodeUpstreamTimeout}})
		got := r.journal.rows[0]
		if got.AccessKeyID != tt.wantKey || got.CallerID != tt.wantC || !got.TimedOut || got.CostKnown || got.UsageKnown {
			t.Errorf("got %+v, want key %q and caller %q", got, tt.wantKey, tt.wantC)
		}
	}
}

// shelf is a store that has some spend.
type shelf struct {
	store.Store

	spent []store.Spend
	since int64
	name  string
	err   error
}

func (s *shelf) Spent(_ context.Context, name string, since int64) ([]store.Spend, error) {
	s.name, s.since = name, since
	return s.spent, s.err
}

func TestRestore(t *testing.T) {
	q := budget("b", "1", "month")
	r := newRig(t, nil, nil)
	month := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC).Unix()
	name := counterOf(q)
	off := budget("off", "1", "month")
	off.Disabled = true
	st := &shelf{spent: []store.Spend{
		{Counter: counterOf(off), Slot: month, Amount: 700_000_000},
		{Counter: name, Slot: month, Amount: 900_000_000},
		{Counter: "gone.1234", Slot: month, Amount: 1},
	}}
	r.dir.change([]*access.Quota{q, off}, nil)
	if err := r.Restore(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	on := *off
	on.Disabled = false
	r.dir.change([]*access.Quota{q, &on}, nil)
	if got := r.state(t, "off"); got.Used != 700_000_000 {
		t.Errorf("got %+v, want what was used of a budget that did not count at the start", got)
	}
	r.dir.change([]*access.Quota{q}, nil)
	if got := r.state(t, "b"); got.Used != 900_000_000 || r.journal.flushed != 1 || st.since > month || st.since == 0 {
		t.Errorf("got %+v after %d flushes since %d, want what the store has", got, r.journal.flushed, st.since)
	}
	wantRefusal(t, holding(t, r, call("a", 1, 0.05), call("a", 1, 0.2)), engine.CodeBudgetExceeded, 402, "$0.05 left")

	st.err = errors.New("no connection")
	if err := r.Restore(t.Context(), st); !errors.Is(err, st.err) {
		t.Errorf("got %v, want the store's error", err)
	}
	r.journal.flush = errors.New("store down")
	if err := r.Restore(t.Context(), &shelf{}); !errors.Is(err, r.journal.flush) {
		t.Errorf("got %v, want the journal's error", err)
	}
}

func TestLoad(t *testing.T) {
	st, q := &shelf{spent: []store.Spend{{Slot: 60, Amount: 1}, {Slot: 120, Amount: 2}, {Slot: 60, Amount: 4}}}, &queue{}
	got, err := Load(st, q)(t.Context(), "b.x", 42)
	if err != nil || len(got) != 2 || got[60] != 5 || got[120] != 2 || st.name != "b.x" || st.since != 42 || q.flushed != 1 {
		t.Errorf("got %v, %v (%q since %d, %d flushes), want the slots of one counter", got, err, st.name, st.since, q.flushed)
	}
	st.err = errors.New("no connection")
	if _, err := Load(st, q)(t.Context(), "b.x", 42); !errors.Is(err, st.err) {
		t.Errorf("got %v, want the store's error", err)
	}
}
