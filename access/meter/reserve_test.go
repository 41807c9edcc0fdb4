package meter

import (
	"errors"
	"strings"
	"testing"
	"time"

	"weir/access"
	"weir/access/counter"
	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/price"
)

// wantRefusal checks what a client is told.
func wantRefusal(t *testing.T, err error, code engine.Code, status int, words ...string) {
	t.Helper()
	_ = refused(t, err, code, status, words...)
}

// refused checks what a client is told and returns it.
func refused(t *testing.T, err error, code engine.Code, status int, words ...string) *engine.Error {
	t.Helper()
	e, ok := errors.AsType[*engine.Error](err)
	if !ok {
		t.Fatalf("got %v, want a refusal with %s", err, code)
	}
	if e.Code != code || e.HTTPStatus() != status {
		t.Errorf("got %s with %d (%s), want %s with %d", e.Code, e.HTTPStatus(), e.Message, code, status)
	}
	for _, w := range words {
		if !strings.Contains(e.Message, w) {
			t.Errorf("got %q, want it to say %q", e.Message, w)
		}
	}
	return e
}

func TestBudget(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("monthly", "1", "month")}, nil)
	c := call("gpt-4o", 1000, 0.6)
	if err := r.Reserve(exchange(), c); err != nil {
		t.Fatal(err)
	}
	if got := r.state(t, "monthly"); got != (counter.State{Reserved: 600_000_000}) {
		t.Errorf("got %+v, want the estimate reserved", got)
	}
	err := r.Reserve(exchange(), call("gpt-4o", 1000, 0.6))
	e := refused(t, err, engine.CodeBudgetExceeded, 402, `budget "monthly"`, "has $0.40 left", "may use $0.60", "2026-08-01T00:00:00Z", "calls under way hold $0.60")
	if !e.Retryable || e.RetryAfter != time.Second {
		t.Errorf("got %v and %v, want a retry once the call under way is over", e.Retryable, e.RetryAfter)
	}
	if strings.Contains(e.Message, "aigk_") || strings.Contains(e.Message, "team_") {
		t.Errorf("got %q, want no ids in it", e.Message)
	}
	r.end(c, endAnswered, 500, 0.25)
	if got := r.state(t, "monthly"); got != (counter.State{Used: 250_000_000}) {
		t.Errorf("got %+v, want what the call cost", got)
	}
	if err := r.Reserve(exchange(), call("gpt-4o", 1000, 0.6)); err != nil {
		t.Errorf("got %v, want room for another call", err)
	}
	r.clock = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	if got := r.state(t, "monthly"); got.Used != 0 {
		t.Errorf("got %+v, want the next month to begin with nothing used", got)
	}
}

// What is left of a budget can be used up by a call whose estimate is larger, as long as it is the only one.
func TestSpill(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("day", "1", "day")}, []*access.Quota{limit("tokens", access.UnitTokens, "2000", "60s")})
	first := call("gpt-4o", 100, 5)
	if err := r.Reserve(exchange(), first); err != nil {
		t.Fatalf("got %v, want a call larger than the budget let through while nothing else runs", err)
	}
	wantRefusal(t, r.Reserve(exchange(), call("gpt-4o", 100, 0.01)), engine.CodeBudgetExceeded, 402, "nothing of $1.00 is left")
	r.end(first, endAnswered, 100, 1.5)
	wantRefusal(t, r.Reserve(exchange(), call("gpt-4o", 100, 0.01)), engine.CodeBudgetExceeded, 402, "nothing of $1.00 is left")
	r.dir.change(nil, []*access.Quota{limit("tokens", access.UnitTokens, "2000", "60s")})
	wantRefusal(t, r.Reserve(exchange(), call("gpt-4o", 5000, 0.01)), engine.CodeRateLimited, 429, "smaller than this call", "5000 tokens of 2000 tokens")
}

func TestUnknownPrice(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("cap", "5", "total")}, nil)
	c := call("mystery", 100, 0)
	c.EstimatedCost = price.Cost{}
	wantRefusal(t, r.Reserve(exchange(), c), engine.CodePriceUnknown, 403, "mystery", `budget "cap"`)
	r.dir.change(nil, []*access.Quota{limit("tokens", access.UnitTokens, "1000", "60s")})
	if err := r.Reserve(exchange(), c); err != nil {
		t.Errorf("got %v, want a call of unknown price let through where only tokens are counted", err)
	}
}

// A model that costs nothing can be used when a budget is used up; one whose price is zero only as far as is known cannot.
func TestFreeModels(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("none", "0", "total")}, nil)
	c := call("local", 100, 0)
	c.Model.Pricing = catalog.Pricing{Input: new(0.0), Output: new(0.0)}
	if err := r.Reserve(exchange(), c); err != nil {
		t.Errorf("got %v, want it let through", err)
	}
	c.Model.Pricing.ImageGenerationPerImage = new(0.04)
	wantRefusal(t, r.Reserve(exchange(), c), engine.CodeBudgetExceeded, 402)
}

// All Opus models of a team share one budget, and other models and teams are not counted by it.
func TestSelector(t *testing.T) {
	q := budget("opus", "500", "week")
	q.TeamID, q.When = "team_research", "m.id.startsWith('claude-opus')"
	r := newRig(t, []*access.Quota{q}, nil)
	for _, id := range []string{"claude-opus-4", "claude-opus-4-1"} {
		c := call(id, 1000, 200)
		if err := r.Reserve(exchange(), c); err != nil {
			t.Fatal(err)
		}
		r.end(c, endAnswered, 1000, 200)
	}
	if got := r.state(t, "opus"); got.Used != 400*nano {
		t.Errorf("got %+v, want both models counted together", got)
	}
	wantRefusal(t, holding(t, r, call("claude-opus-4-1", 1000, 90), call("claude-opus-4", 1000, 90)), engine.CodeBudgetExceeded, 402, "2026-07-20T00:00:00Z")
	if err := r.Reserve(exchange(), call("claude-sonnet-4", 1000, 900)); err != nil {
		t.Errorf("got %v, want other models let through", err)
	}
	x := exchange()
	x.Caller.TeamID = "team_sales"
	if err := r.Reserve(x, call("claude-opus-4", 1000, 900)); err != nil {
		t.Errorf("got %v, want other teams let through", err)
	}
}

// holding reserves calls of an exchange each and returns the error of the last.
func holding(t *testing.T, r *rig, calls ...*engine.Call) error {
	t.Helper()
	for _, c := range calls[:len(calls)-1] {
		if err := r.Reserve(exchange(), c); err != nil {
			t.Fatal(err)
		}
	}
	return r.Reserve(exchange(), calls[len(calls)-1])
}

func TestScopes(t *testing.T) {
	key, team, all, other := budget("key", "9", "day"), budget("team", "9", "day"), budget("all", "9", "day"), budget("other", "9", "day")
	key.AccessKeyID, team.TeamID, other.AccessKeyID = "aigk_1", "team_research", "aigk_2"
	off := budget("off", "0", "day")
	off.Disabled = true
	tests := []struct {
		name   string
		caller engine.Caller
		want   string
	}{
		{"a key of the team", engine.Caller{ID: "aigk_1", Kind: kindAccessKey, TeamID: "team_research"}, "key team all"},
		{"a key without a team", engine.Caller{ID: "aigk_2", Kind: kindAccessKey}, "other all"},
		{"somebody with a token of that name", engine.Caller{ID: "aigk_1", Kind: "jwt"}, "all"},
		{"nobody", engine.Caller{}, "all"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, []*access.Quota{key, team, all, other, off}, nil)
			x := exchange()
			x.Caller = tt.caller
			if err := r.Reserve(x, call("gpt-4o", 10, 1)); err != nil {
				t.Fatal(err)
			}
			got := make([]string, 0, len(r.counters.seen))
			for _, c := range r.counters.seen {
				id, _, _ := strings.Cut(c.Counter, ".")
				got = append(got, id)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestPer(t *testing.T) {
	tests := []struct {
		name string
		per  []string
		want string // behind the name of the quota
	}{
		{"none", nil, ""},
		{"key", []string{"access_key"}, "|aigk_1"},
		{"team and model", []string{"team", "model"}, "|team_research|gpt-4o"},
		{"provider", []string{"provider"}, "|sim"},
		{"text", []string{"caller.name"}, "|one"},
		{"comment and braces", []string{"'{' == '{' ? caller.name : '' // {"}, "|one"},
		{"number", []string{"size(caller.name)"}, "|3"},
		{"what names give a meaning to", []string{"'a|b'", "caller.name"}, "|#f5c4a7bd0d4fdab9b26d2c1b4ce2cd13|one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := limit("l", access.UnitRequests, "10", "60s")
			q.Per = tt.per
			r := newRig(t, nil, []*access.Quota{q})
			if err := r.Reserve(exchange(), call("gpt-4o", 10, 1)); err != nil {
				t.Fatal(err)
			}
			_, got, _ := strings.Cut(r.counters.seen[0].Counter, "|")
			if want := strings.TrimPrefix(tt.want, "|"); strings.HasPrefix(want, "#") != strings.HasPrefix(got, "#") || !strings.HasPrefix(want, "#") && got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestTuplesDoNotMeet(t *testing.T) {
	q := limit("l", access.UnitRequests, "10", "60s")
	q.Per = []string{"caller.name", "caller.kind"}
	r := newRig(t, nil, []*access.Quota{q})
	seen := map[string]string{}
	long := strings.Repeat("x", 70)
	for _, c := range [][2]string{{"a", "b"}, {"a|b", ""}, {"", "a|b"}, {"ab", ""}, {"a", "|b"}, {"#a", "b"}, {long, "b"}, {long + "x", "b"}, {"{a}", "b"}} {
		x := exchange()
		x.Caller.Name, x.Caller.Kind = c[0], c[1]
		if err := r.Reserve(x, call("gpt-4o", 10, 1)); err != nil {
			t.Fatal(err)
		}
		name := r.counters.seen[0].Counter
		if before, ok := seen[name]; ok {
			t.Errorf("got %s for %v and for %s", name, c, before)
		}
		if len(name) > 200 || strings.ContainsAny(name, "{}\x00 ") {
			t.Errorf("got %q, want a short name of plain signs", name)
		}
		seen[name] = strings.Join(c[:], ",")
	}
}

// Models that only requests know share a counter of their provider.
func TestUnknownModelsShareALimit(t *testing.T) {
	q := limit("l", access.UnitRequests, "1", "60s")
	q.Per = []string{"model"}
	r := newRig(t, nil, []*access.Quota{q})
	a, b := call("made-up-1", 10, 1), call("made-up-2", 10, 1)
	a.Model.Known, b.Model.Known = false, false
	wantRefusal(t, holding(t, r, a, b), engine.CodeRateLimited, 429)
}

// Attempts of one exchange are one request, but for limits that ask which model is called.
func TestRequestsOfOneExchange(t *testing.T) {
	byModel := limit("model", access.UnitRequests, "10", "60s")
	byModel.Per = []string{"model"}
	flight := limit("flight", access.UnitConcurrent, "1", "")
	r := newRig(t, nil, []*access.Quota{limit("all", access.UnitRequests, "10", "60s"), byModel, flight})
	x := exchange()
	for range 3 {
		c := call("gpt-4o", 10, 1)
		if err := r.Reserve(x, c); err != nil {
			t.Fatal(err)
		}
		if got := r.state(t, "flight"); got.Reserved != 1 {
			t.Errorf("got %+v, want one call in flight", got)
		}
		r.end(c, endFailed, 0, 0)
	}
	if all, model := r.state(t, "all"), r.state(t, "model", "gpt-4o"); all != (counter.State{Used: 1}) || model != (counter.State{Used: 3}) {
		t.Errorf("got %+v and %+v, want one request and three calls of the model", all, model)
	}
	if got := r.state(t, "flight"); got != (counter.State{}) {
		t.Errorf("got %+v, want nothing in flight", got)
	}
}

func TestConcurrent(t *testing.T) {
	flight := limit("flight", access.UnitConcurrent, "2", "")
	flight.Per = []string{"access_key"}
	r := newRig(t, nil, []*access.Quota{flight})
	first := call("a", 1, 1)
	e := refused(t, holding(t, r, first, call("b", 1, 1), call("c", 1, 1)), engine.CodeRateLimited, 429, "2 calls at a time")
	if !e.Retryable || e.RetryAfter != time.Second {
		t.Errorf("got %v after %v, want a retry soon", e.Retryable, e.RetryAfter)
	}
	r.end(first, endAnswered, 1, 1)
	if err := r.Reserve(exchange(), call("d", 1, 1)); err != nil {
		t.Errorf("got %v, want the place of the call that ended", err)
	}
}

func TestRefusalLeavesNothingReserved(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("wide", "9", "day")}, []*access.Quota{limit("narrow", access.UnitRequests, "0", "60s")})
	c := call("a", 1, 1)
	wantRefusal(t, r.Reserve(exchange(), c), engine.CodeRateLimited, 429, `limit "narrow"`, "begins anew")
	if got := r.state(t, "wide"); got != (counter.State{}) || c.Hold != nil {
		t.Errorf("got %+v and %v, want nothing reserved", got, c.Hold)
	}
}

func TestStatusOfAQuota(t *testing.T) {
	q := budget("b", "0", "day")
	q.Status = 429
	r := newRig(t, []*access.Quota{q}, nil)
	wantRefusal(t, r.Reserve(exchange(), call("a", 1, 1)), engine.CodeBudgetExceeded, 429)
}

func TestJournalFull(t *testing.T) {
	r := newRig(t, nil, nil)
	r.journal.err = errors.New("no space left on device")
	e := refused(t, r.Reserve(exchange(), call("a", 1, 1)), engine.CodeStoreUnavailable, 503, "usage cannot be recorded")
	if !errors.Is(e, r.journal.err) || strings.Contains(e.Message, "device") {
		t.Errorf("got %v, want the reason in the log and not in the message", e)
	}
}

func TestCountersUnavailable(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("b", "1", "day")}, nil)
	r.counters.err = counter.ErrUnavailable
	c := call("a", 1, 0.1)
	wantRefusal(t, r.Reserve(exchange(), c), engine.CodeStoreUnavailable, 503)
	if c.Hold != nil {
		t.Error("got a hold, want none")
	}
	r.counters.err, r.counters.local = nil, true // the policy is to count here
	if err := r.Reserve(exchange(), c); err != nil {
		t.Errorf("got %v, want it let through", err)
	}
	r.dir.change(nil, nil)
	r.counters.err = counter.ErrUnavailable
	if err := r.Reserve(exchange(), c); err != nil {
		t.Errorf("got %v, want callers without budgets let through", err)
	}
}

func TestClientGoneWhileAsking(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("b", "1", "day")}, nil)
	r.counters.err = errors.New("canceled")
	x := exchange()
	x.Cancel(engine.ClientGone())
	wantRefusal(t, r.Reserve(x, call("a", 1, 0.1)), engine.CodeClientGone, 499)
}

func TestOneRoundTrip(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("a", "1", "day"), budget("b", "1", "day")}, []*access.Quota{limit("c", access.UnitRequests, "9", "60s")})
	if err := r.Reserve(exchange(), call("a", 1, 0.1)); err != nil || r.counters.asked != 1 || len(r.counters.seen) != 3 {
		t.Errorf("got %v, %d round trips and %d charges, want one and three", err, r.counters.asked, len(r.counters.seen))
	}
	for _, c := range r.counters.seen {
		isBudget := !strings.HasPrefix(c.Counter, "c.")
		if c.Durable != isBudget || c.Spill != isBudget || c.Concurrent || c.Expires == 0 || c.Slot == 0 {
			t.Errorf("got %+v, want budgets of a day durable, with spill, and limits of a minute not", c)
		}
	}
}

func TestHeaders(t *testing.T) {
	r := newRig(t, []*access.Quota{budget("b", "1", "day")}, []*access.Quota{
		limit("rpm", access.UnitRequests, "10", "60s"), limit("tpm", access.UnitTokens, "1000", "60s"), limit("calls", access.UnitConcurrent, "5", ""),
	})
	x := exchange()
	c := call("a", 100, 0.1)
	if err := r.Reserve(x, c); err != nil {
		t.Fatal(err)
	}
	check := func(want map[string]string) {
		t.Helper()
		for name, value := range want {
			if got := x.ReplyHeader(name); got != value {
				t.Errorf("%s: got %s, want %s", name, got, value)
			}
		}
	}
	check(map[string]string{
		"ratelimit-policy":               `"calls";q=5;qu="concurrent-requests", "rpm";q=10;w=60, "tpm";q=1000;w=60;qu="tokens"`,
		"ratelimit":                      `"calls";r=4, "rpm";r=9;t=30, "tpm";r=900;t=30`,
		"x-ratelimit-limit-requests":     "10",
		"x-ratelimit-remaining-requests": "9",
		"x-ratelimit-reset-requests":     "30s",
		"x-ratelimit-remaining-tokens":   "900",
	})
	r.end(c, endFailed, 0, 0)
	if err := r.Reserve(x, call("b", 300, 0.1)); err != nil {
		t.Fatal(err)
	}
	check(map[string]string{"ratelimit": `"calls";r=4, "rpm";r=9;t=30, "tpm";r=700;t=30`, "x-ratelimit-remaining-tokens": "700"})
	y := exchange()
	wantRefusal(t, r.Reserve(y, call("b", 800, 0.1)), engine.CodeRateLimited, 429, `limit "tpm" has 700 tokens left`)
	if got := y.ReplyHeader("x-ratelimit-remaining-tokens"); got != "700" {
		t.Errorf("got %q, want refusals to tell what is left", got)
	}
}
