package actions

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"weir/engine"
)

// testBreaker is a breaker whose clock a test sets.
func testBreaker(s breakerSettings) (b *breaker, advance func(time.Duration)) {
	now := time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)
	b = newBreaker(s, func() time.Time { return now })
	return b, func(d time.Duration) { now = now.Add(d) }
}

func tenSeconds(ratio float64, volume int64) breakerSettings {
	return breakerSettings{ratio: ratio, volume: volume, window: 10 * time.Second, tripped: 20 * time.Second}
}

// call makes one call through a breaker, and says whether it was let through.
func call(b *breaker, o engine.Outcome) bool {
	p, _ := b.allow("p", "m")
	if p.circuit == nil {
		return false
	}
	b.done(p, o)
	return true
}

const (
	good    = engine.OutcomeSuccess
	bad     = engine.OutcomeFailure
	neutral = engine.OutcomeNeutral
)

func TestBreakerOpens(t *testing.T) {
	tests := []struct {
		name   string
		ratio  float64
		volume int64
		calls  []engine.Outcome
		open   bool
	}{
		{"nothing happened", 0.5, 1, nil, false},
		{"threshold 0 opens after any call", 0, 1, []engine.Outcome{good}, true},
		{"threshold 0 waits for the volume", 0, 2, []engine.Outcome{good}, false},
		{"volume not reached", 0.5, 4, []engine.Outcome{bad, bad, bad}, false},
		{"volume reached", 0.5, 4, []engine.Outcome{bad, bad, bad, bad}, true},
		{"ratio reached", 0.5, 4, []engine.Outcome{good, bad, good, bad}, true},
		{"ratio not reached", 0.5, 4, []engine.Outcome{good, bad, good, good}, false},
		{"ratio of one", 1, 3, []engine.Outcome{bad, bad, good, bad, bad}, false},
		{"all failed", 1, 3, []engine.Outcome{bad, bad, bad}, true},
		{"neutral calls count nothing", 0.5, 2, []engine.Outcome{neutral, bad, neutral, neutral}, false},
		{"a ratio that binary numbers do not have", 0.07, 100, append(make([]engine.Outcome, 93), bad, bad, bad, bad, bad, bad, bad), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, _ := testBreaker(tenSeconds(tt.ratio, tt.volume))
			for i, o := range tt.calls {
				if !call(b, o) {
					t.Fatalf("got call %d refused, want all of them made", i+1)
				}
			}
			if _, wait := b.allow("p", "m"); (wait > 0) != tt.open || wait > 0 && wait != 20*time.Second {
				t.Errorf("got a wait of %v, want it open: %v", wait, tt.open)
			}
			if p, _ := b.allow("p", "another"); p.circuit == nil {
				t.Error("got another model refused, want a circuit of its own")
			}
			if p, _ := b.allow("another", "m"); p.circuit == nil {
				t.Error("got another provider refused, want a circuit of its own")
			}
		})
	}
}

func TestBreakerForgets(t *testing.T) {
	b, advance := testBreaker(tenSeconds(0.5, 2))
	call(b, bad)
	advance(10 * time.Second) // the first call has left the window
	if !call(b, bad) || !call(b, good) {
		t.Fatal("got a refusal, want the circuit closed until now")
	}
	if _, wait := b.allow("p", "m"); wait != 20*time.Second {
		t.Errorf("got a wait of %v, want it open: one of two failed", wait)
	}
}

func TestBreakerProbes(t *testing.T) {
	open := func() (*breaker, func(time.Duration)) {
		b, advance := testBreaker(tenSeconds(0.5, 1))
		call(b, bad)
		advance(20*time.Second - 1)
		if _, wait := b.allow("p", "m"); wait != 1 {
			t.Fatalf("got a wait of %v, want the last nanosecond", wait)
		}
		advance(1)
		return b, advance
	}
	t.Run("one at a time", func(t *testing.T) {
		b, _ := open()
		probe, _ := b.allow("p", "m")
		if probe.circuit == nil {
			t.Fatal("got a refusal, want a probe")
		}
		if p, wait := b.allow("p", "m"); p.circuit != nil || wait <= 0 {
			t.Errorf("got a second call let through, want a wait while the probe is out")
		}
		b.done(probe, good)
		for range 2 {
			if !call(b, good) {
				t.Error("got a refusal, want the circuit closed after a good probe")
			}
		}
	})
	t.Run("failure", func(t *testing.T) {
		b, advance := open()
		call(b, bad)
		if _, wait := b.allow("p", "m"); wait != 20*time.Second {
			t.Errorf("got a wait of %v, want it open again", wait)
		}
		advance(20 * time.Second)
		if !call(b, good) {
			t.Error("got a refusal, want another probe")
		}
	})
	t.Run("neutral", func(t *testing.T) {
		b, _ := open()
		call(b, neutral)
		if !call(b, bad) {
			t.Error("got a refusal, want another probe at once")
		}
		if call(b, good) {
			t.Error("got a call let through, want it open after that")
		}
	})
	t.Run("a window of its own", func(t *testing.T) {
		b, _ := testBreaker(breakerSettings{ratio: 0.5, volume: 2, window: 2 * time.Minute, tripped: time.Second})
		call(b, bad)
		call(b, bad)
		b.start = b.start.Add(-2 * time.Second) // two seconds later
		for range 3 {
			if !call(b, good) {
				t.Error("got a refusal, want failures from before the probe forgotten")
			}
		}
	})
	t.Run("threshold 0 again", func(t *testing.T) {
		b, advance := testBreaker(tenSeconds(0, 1))
		call(b, good)
		advance(20 * time.Second)
		if !call(b, good) || call(b, good) {
			t.Error("got something else than one call, want the probe to count")
		}
	})
	t.Run("lost", func(t *testing.T) {
		b, advance := open()
		if p, _ := b.allow("p", "m"); p.circuit == nil {
			t.Fatal("got a refusal, want a probe")
		}
		advance(probeLease - 1)
		if call(b, good) {
			t.Error("got a call let through, want the probe awaited")
		}
		advance(1)
		if !call(b, good) {
			t.Error("got a refusal, want another probe in the place of one that vanished")
		}
	})
	t.Run("late answers", func(t *testing.T) {
		b, advance := testBreaker(tenSeconds(0.5, 1))
		early, _ := b.allow("p", "m")
		second, _ := b.allow("p", "m")
		b.done(second, bad)
		advance(20 * time.Second)
		probe, _ := b.allow("p", "m")
		b.done(early, good)
		if call(b, good) {
			t.Error("got the circuit closed by a call from before it opened, want the probe awaited")
		}
		b.done(probe, bad)
		b.done(probe, good)
		if call(b, good) {
			t.Error("got the circuit closed by a probe that is over, want it open")
		}
	})
}

func TestBreakerIsBounded(t *testing.T) {
	b, advance := testBreaker(tenSeconds(0.5, 1))
	for i := range maxCircuits {
		p, _ := b.allow("p", strings.Repeat("m", i+1))
		b.done(p, bad)
	}
	p, _ := b.allow("p", "later")
	if q, _ := b.allow("p", "later still"); q.circuit == nil || p.circuit != q.circuit {
		t.Error("got two circuits, want one for all models of the provider that come late")
	}
	b.done(p, bad)
	if _, wait := b.allow("p", "late as well"); wait == 0 {
		t.Error("got a call let through, want the circuit of the provider open")
	}
	advance(time.Minute)
	for i := range maxCircuits {
		if p, _ := b.allow("p", strings.Repeat("m", i+1)); p.circuit != nil {
			b.done(p, good) // closed, with one call in the window
		}
	}
	for i := range maxCircuits {
		if p, _ := b.allow("p", strings.Repeat("m", i+1)); p.circuit != nil {
			b.done(p, good)
		}
	}
	advance(time.Minute)
	if p, _ := b.allow("p", "at last"); p.circuit == nil || len(b.circuits) > 2 {
		t.Errorf("got %d circuits, want idle ones forgotten", len(b.circuits))
	}
}

func TestBreakersSurviveReload(t *testing.T) {
	g := newGateway()
	const one = "{type: circuit-breaker, config: {volume_threshold: 1}}"
	var plans []engine.PlanConfig
	defer func() { runtime.KeepAlive(plans) }()
	of := func(text string) (out []*breaker) {
		cfg := g.compile(t, text)
		plans = append(plans, cfg)
		for i := range cfg.OnRequest {
			a, ok := cfg.OnRequest[i].Actions[0].Action.(*circuitBreaker)
			if !ok {
				t.Fatal("got another action, want circuit-breaker")
			}
			out = append(out, a.breaker)
		}
		return out
	}
	first := of("on_request: [" + one + ", " + one + ", {type: circuit-breaker}]")
	if first[0] == first[1] || first[0] == first[2] {
		t.Error("got one breaker twice, want three")
	}
	second := of("on_request: [{type: circuit-breaker, config: {error_threshold: 0.50}}, " + one + ", " + one + "]")
	if second[1] != first[0] || second[2] != first[1] || second[0] != first[2] {
		t.Error("got others after a reload, want the same in the order of their equals")
	}
}

func TestCircuitBreaker(t *testing.T) {
	g := newGateway()
	var plans []engine.PlanConfig // as long as a plan lives, so do its breakers
	defer func() { runtime.KeepAlive(plans) }()
	plan := func(enforce string) engine.PlanConfig {
		plans = append(plans, g.compile(t, "on_request: [{type: circuit-breaker, config: {error_threshold: 0.5, volume_threshold: 1, enforce: "+enforce+"}}, "+
			"{expressions: ['actions.circuit_breaker.tripped'], actions: [{type: deny}]}]"))
		return plans[len(plans)-1]
	}
	for _, enforce := range []string{"true", "false"} {
		a, ok := plan(enforce).OnRequest[0].Actions[0].Action.(*circuitBreaker)
		if !ok {
			t.Fatal("got another action, want circuit-breaker")
		}
		guard := &circuitGuard{breaker: a.breaker, x: exchange(), enforce: a.enforce}
		if ok, _ := guard.Allow("p", "m"); ok && enforce == "true" {
			guard.Done("p", "m", bad)
		}
		ok, wait := guard.Allow("p", "m")
		if ok != (enforce == "false") || wait != 10*time.Second {
			t.Errorf("got %v and %v with enforce %s, want only the enforced one to refuse for 10s", ok, wait, enforce)
		}
		guard.Done("p", "m", good) // of a call that the circuit did not let through
		if ok, _ := guard.Allow("p", "m"); ok != (enforce == "false") {
			t.Errorf("got %v with enforce %s, want the circuit still open", ok, enforce)
		}
		if got := a.breaker.openTargets(); len(got) != 1 || got[0] != "p:m" {
			t.Errorf("got %v open, want p:m", got)
		}
	}
}

func TestCircuitBreakerProblems(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"defaults", "", ""},
		{"bounds", "error_threshold: 0, volume_threshold: 1, window_duration: 1s, tripped_duration: 2m, num_buckets: 10", ""},
		{"ratio below", "error_threshold: -0.1", "out_of_range"},
		{"ratio above", "error_threshold: 1.1", "out_of_range"},
		{"ratio in words", "error_threshold: half", "wrong_type"},
		{"volume", "volume_threshold: 0", "out_of_range"},
		{"window below", "window_duration: 999ms", "out_of_range"},
		{"window above", "window_duration: 121s", "out_of_range"},
		{"tripped below", "tripped_duration: 0s", "out_of_range"},
		{"tripped above", "tripped_duration: 3m", "out_of_range"},
		{"no duration", "tripped_duration: soon", "bad_duration"},
		{"buckets", "num_buckets: 20", "out_of_range"},
		{"old names", "error_threshold_percentage: 50, rolling_window: 10s", "renamed_key renamed_key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, "on_request: [{type: circuit-breaker, config: {"+tt.config+"}}]"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func BenchmarkBreaker(b *testing.B) {
	br, _ := testBreaker(tenSeconds(1, 1_000_000_000))
	b.ReportAllocs()
	for b.Loop() {
		p, _ := br.allow("openai", "gpt-4o")
		br.done(p, good)
	}
}
