package meter

import (
	"testing"
	"time"

	"weir/access"
	"weir/access/counter"
	"weir/engine"
	"weir/engine/price"
)

func TestView(t *testing.T) {
	byModel, other := budget("opus", "0.1", "day"), budget("other", "0.2", "day")
	byModel.When, other.AccessKeyID = "m.id == 'opus'", "aigk_2"
	never := budget("never", "0.3", "day")
	never.When = "caller.name == 'two'"
	team := budget("team", "4", "hour")
	team.TeamID, team.When = "team_research", "caller.name == 'one'"
	r := newRig(t, []*access.Quota{budget("wide", "50", "month"), byModel, other, never, team}, []*access.Quota{limit("rpm", access.UnitRequests, "10", "60s")})
	c := call("gpt-4o", 10, 1)
	if err := r.Reserve(exchange(), c); err != nil {
		t.Fatal(err)
	}
	r.end(c, endAnswered, 10, 3.5)

	x := exchange()
	got := r.View(x)
	if !got.HasBudget || got.Limit != 4*price.Dollar || got.Spent != 35*price.Dollar/10 || got.Remain != price.Dollar/2 {
		t.Errorf("got %+v, want the budget of the team, which leaves least", got)
	}
	want := []engine.LimitView{
		{Name: "team", Unit: "usd", Window: "hour", Limit: 4 * nano, Used: 3_500_000_000, ResetSeconds: 39*60 + 30},
		{Name: "rpm", Unit: "requests", Window: "60s", Limit: 10, Used: 1, ResetSeconds: 30},
		{Name: "wide", Unit: "usd", Window: "month", Limit: 50 * nano, Used: 3_500_000_000, ResetSeconds: int64(time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC).Sub(r.clock) / time.Second)},
	}
	if len(got.Limits) != len(want) {
		t.Fatalf("got %+v, want %d of them", got.Limits, len(want))
	}
	for i := range want {
		if got.Limits[i] != want[i] {
			t.Errorf("got %+v, want %+v", got.Limits[i], want[i])
		}
	}
	r.View(x)
	if err := r.Reserve(x, call("gpt-4o", 10, 0.1)); err != nil {
		t.Fatal(err)
	}
	if got := r.View(x); got.Limits[1].Used != 2 || r.counters.reads != 1 {
		t.Errorf("got %+v after %d reads, want one read, and what the reservation told", got, r.counters.reads)
	}
}

func TestViewOfNothing(t *testing.T) {
	r := newRig(t, nil, nil)
	if got := r.View(exchange()); got.HasBudget || len(got.Limits) != 0 || r.counters.reads != 0 {
		t.Errorf("got %+v after %d reads, want nothing", got, r.counters.reads)
	}
}

// What cannot be read counts as used up.
func TestViewFailsClosed(t *testing.T) {
	broken, failing := budget("broken", "5", "day"), budget("failing", "5", "day")
	broken.When, failing.When = "m.id ==", "int(caller.name) > 3"
	for name, q := range map[string]*access.Quota{"broken": broken, "fails": failing, "unavailable": budget("fine", "5", "day")} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, []*access.Quota{q}, nil)
			r.counters.err = counter.ErrUnavailable
			x := exchange()
			if got := r.View(x); !got.HasBudget || got.Remain != 0 {
				t.Errorf("got %+v, want nothing left", got)
			}
			r.counters.err = nil
			if err := r.Reserve(x, call("a", 1, 1)); (err == nil) != (name == "unavailable") {
				t.Errorf("got %v, want the view to change nothing of what is refused", err)
			}
		})
	}
}

// A caller that was proved after the view was asked for gets a view of its own.
func TestViewFollowsTheCaller(t *testing.T) {
	q := budget("own", "5", "day")
	q.AccessKeyID = "aigk_1"
	r := newRig(t, []*access.Quota{q}, nil)
	x := exchange()
	x.Caller = engine.Caller{}
	if got := r.View(x); got.HasBudget {
		t.Errorf("got %+v for nobody, want nothing", got)
	}
	x.Caller = engine.Caller{ID: "aigk_1", Kind: kindAccessKey}
	if got := r.View(x); !got.HasBudget || got.Limit != 5*price.Dollar {
		t.Errorf("got %+v, want the budget of the key", got)
	}
}

func TestChecks(t *testing.T) {
	env, err := NewEnv()
	if err != nil {
		t.Fatal(err)
	}
	for text, ok := range map[string]bool{
		"": true, "m.id.startsWith('claude-opus')": true, "'admins' in caller.groups": true, "ai.request.stream && m.provider_id == 'openai'": true,
		"caller.tags['project'] == 'x'": true,
		"m.id":                          false, "m.nothing == 1": false, "res.status_code == 200": false, "caller.budget.remaining_usd > 1.0": false,
		"caller.limits.size() > 0 && m.id == 'x'": false, "secrets.get('X') == 'y'": false, "1 +": false,
	} {
		if err := CheckWhen(env, text); (err == nil) != ok {
			t.Errorf("when %q: got %v, want it accepted: %v", text, err, ok)
		}
	}
	for text, ok := range map[string]bool{
		"access_key": true, "team": true, "model": true, "provider": true, "caller.name": true, "req.headers['x-user'][0]": true, "caller.id // }": true,
		"": false, "m.id": false, "caller.budget.spent_usd": false, "keys": false, "res.status_code": false,
	} {
		if err := CheckPer(env, text); (err == nil) != ok {
			t.Errorf("per %q: got %v, want it accepted: %v", text, err, ok)
		}
	}
}

func TestParseLimit(t *testing.T) {
	tests := []struct {
		text string
		unit unit
		want int64
		ok   bool
	}{
		{"500", unitUSD, 500 * nano, true},
		{"0.5", unitUSD, 500_000_000, true},
		{"0.000000001", unitUSD, 1, true},
		{"9000000000", unitUSD, 9_000_000_000 * nano, true},
		{"100", unitTokens, 100, true},
		{"0", unitRequests, 0, true},
		{"0.0000000001", unitUSD, 0, false},
		{"1.", unitUSD, 0, false},
		{".5", unitUSD, 0, false},
		{"1e3", unitUSD, 0, false},
		{"-1", unitUSD, 0, false},
		{"+1", unitUSD, 0, false},
		{"", unitUSD, 0, false},
		{"1.5", unitTokens, 0, false},
		{"99999999999", unitUSD, 0, false},
		{"1.-5", unitUSD, 0, false},
		{"9223372036854775808", unitTokens, 0, false},
	}
	for _, tt := range tests {
		if got, err := parseLimit(tt.text, tt.unit); got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: got %d, %v, want %d", tt.text, got, err, tt.want)
		}
	}
}

func TestDecimal(t *testing.T) {
	for n, want := range map[int64]string{0: "0.00", 1: "0.000000001", nano: "1.00", 1_250_000_000: "1.25", 1_234_500_000: "1.2345", -500_000_000: "-0.50"} {
		if got := decimal(n); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
