package actions

import (
	"context"
	_ "embed" // the page
	"fmt"
	"slices"
	"sync"
	"time"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
)

//go:embed circuit_breaker.md
var circuitBreakerDoc string

const (
	// minBreakerTime and maxBreakerTime bound both durations, as in the model this language mirrors.
	minBreakerTime = time.Second
	maxBreakerTime = 2 * time.Minute
)

func init() {
	register(engine.ActionSpec{
		Name: "circuit-breaker", Phases: vars.PhaseRequest, Guards: true, Doc: circuitBreakerDoc, New: newCircuitBreaker,
		Fields: []engine.Field{
			{Name: "error_threshold", Type: engine.FieldFloat, Default: "0.5", Doc: "The part of calls, from 0.0 to 1.0, that must have failed for the breaker to open."},
			{Name: "volume_threshold", Type: engine.FieldInt, Default: "10", Min: 1, Max: maxCapacity, Doc: "How many calls there must have been within the window before it is judged."},
			{Name: "window_duration", Type: engine.FieldDuration, Default: "10s", Doc: "The length of the window, which moves in tenths; between 1s and 2m."},
			{Name: "tripped_duration", Type: engine.FieldDuration, Default: "10s", Doc: "How long a target is not called once its breaker opened; between 1s and 2m."},
			{Name: "num_buckets", Type: engine.FieldInt, Default: "10", Min: breakerBuckets, Max: breakerBuckets, Doc: "The parts of the window: always 10."},
			{Name: "enforce", Type: engine.FieldBool, Default: "true", Doc: "Without it calls are counted and the results can be read, and every target is called."},
		},
	})
}

type circuitBreaker struct {
	shared  *breakers // keeps the state alive
	breaker *breaker
	enforce bool
}

func newCircuitBreaker(c *engine.Config) engine.Action {
	settings := breakerSettings{
		ratio: c.Float("error_threshold"), volume: c.Int("volume_threshold"),
		window: c.Duration("window_duration"), tripped: c.Duration("tripped_duration"),
	}
	if n := c.Node("error_threshold"); n != nil && !(settings.ratio >= 0 && settings.ratio <= 1) {
		c.Errorf(n, "out_of_range", "\"error_threshold\" must be between 0.0 and 1.0, got %s", n.Text.Value)
	}
	checkDuration(c, "window_duration", minBreakerTime, maxBreakerTime)
	checkDuration(c, "tripped_duration", minBreakerTime, maxBreakerTime)
	if c.Diagnostics().HasErrors() {
		return nil
	}
	state := fmt.Sprintf("circuit_breaker/%g/%d/%d/%d", settings.ratio, settings.volume, settings.window, settings.tripped)
	shared := engine.State(c.Services, state, func() *breakers { return &breakers{} })
	return &circuitBreaker{
		shared: shared, enforce: c.Bool("enforce"),
		breaker: shared.next(c.Env, func() *breaker { return newBreaker(settings, c.Services.Clock()) }),
	}
}

// breakers are those of one policy with the same settings, in the order of the document: they have no names, so over a
// reload each is found again by its place among its equals.
type breakers struct {
	mu     sync.Mutex
	of     *expr.Env // stands for the load that counts
	placed int
	all    []*breaker
}

func (b *breakers) next(load *expr.Env, create func() *breaker) *breaker {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of != load {
		b.of, b.placed = load, 0
	}
	if b.placed == len(b.all) {
		b.all = append(b.all, create())
	}
	b.placed++
	return b.all[b.placed-1]
}

// Do puts the breaker before every target that the exchange will call.
func (a *circuitBreaker) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	g := &circuitGuard{breaker: a.breaker, x: x, enforce: a.enforce}
	if x.WantsResult("circuit_breaker") {
		g.open = a.breaker.openTargets()
		g.publish()
	}
	x.GuardTargets(g)
	return engine.VerdictContinue, nil
}

// circuitGuard is the breaker as one exchange meets it. Calls of one exchange come one after the other.
type circuitGuard struct {
	breaker *breaker
	x       *engine.Exchange
	enforce bool
	open    []any  // targets whose circuits were open when the rule ran
	kept    []any  // targets that were not called, or would not have been
	permit  permit // of the call under way
}

// Allow reports whether the target's circuit lets a call through.
func (g *circuitGuard) Allow(provider, model string) (ok bool, wait time.Duration) {
	g.permit, wait = g.breaker.allow(provider, model)
	if g.permit.circuit != nil {
		return true, 0
	}
	if g.x.WantsResult("circuit_breaker") {
		if name := targetName(provider, model); !slices.Contains(g.kept, any(name)) {
			g.kept = append(g.kept, name)
		}
		g.publish()
	}
	return !g.enforce, wait
}

// Done tells the circuit how the call ended.
func (g *circuitGuard) Done(_, _ string, o engine.Outcome) {
	g.breaker.done(g.permit, o)
	g.permit = permit{}
}

// publish sets what expressions read as actions.circuit_breaker.
func (g *circuitGuard) publish() {
	g.x.SetResult("circuit_breaker", map[string]any{
		"tripped": len(g.kept) > 0, "targets": slices.Clone(g.kept), "open": g.open,
	})
}

func targetName(provider, model string) string { return provider + ":" + model }
