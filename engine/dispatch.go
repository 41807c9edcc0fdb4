package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"weir/engine/upstream"
	"weir/engine/vars"
)

// serve chooses models and asks them in order until one answers.
func (r *route) serve(x *Exchange) error {
	x.route = r
	if r.plan.traceRoute || r.plan.rt.logTrace {
		x.trace = &routeTrace{}
	}
	err := r.chooseAndCall(x)
	if err != nil {
		x.routeErr = AsError(err)
	}
	return err
}

func (r *route) chooseAndCall(x *Exchange) error {
	if err := r.checkInput(x); err != nil {
		return err
	}
	c, err := r.choose(x)
	x.traceChoice(&c)
	if err != nil {
		return err
	}
	d := dispatch{r: r, x: x, pinned: x.pinned(), before: len(x.attempts)}
	return d.run(c)
}

// dispatch is the state of one exchange's attempts.
type dispatch struct {
	r        *route
	x        *Exchange
	before   int       // attempts that an earlier route of the exchange made
	deadline time.Time // of all attempts together; set by the first
	pinned   *storedID // the target that a stored id belongs to
	last     outcome
	rested   time.Time // the earliest end of a rest that kept a target from being tried
	restedBy string
	guarded  int        // targets that a guard kept from being called
	resting  int        // targets and keys that rest
	first    *provider  // of the first model, the only one that a caller's own key may go to
	noKey    string     // a provider that had no key to use
	ringless bool       // it was the caller's keyring that had none
	over     *Error     // why the meter kept the first target from being called
	window   int64      // a context window that was too small; 0 = none
	ring     [4]*apiKey // room for keys of a keyring
}

// outcome is how one attempt ended.
type outcome struct {
	ok        bool
	err       *Error // what the client is told if this was the last
	retryable bool   // by the built-in classification
	skipKeys  bool   // another key of the provider would not help
	tooLong   bool   // the context was too long for the model
	final     bool   // nothing may follow, whatever the policy says
	cut       bool   // ended by the gateway or its client: it says nothing about the target
}

func (d *dispatch) run(c choice) error {
	if len(c.models) > 0 {
		d.first = c.models[0].provider
	}
	for _, m := range c.models {
		if d.window > 0 && m.cat.MaxContextWindow > 0 && m.cat.MaxContextWindow <= d.window {
			continue
		}
		if d.pinned != nil && (m.provider.id != d.pinned.provider) {
			continue
		}
		done, err := d.tryModel(m)
		if done {
			return err
		}
	}
	return d.exhausted()
}

// tryModel tries a model with each key of its provider. It reports done when the exchange has its answer or its error.
func (d *dispatch) tryModel(m *model) (done bool, err error) {
	now := d.r.plan.rt.clock(d.lastInstant())
	p := m.provider
	if !p.health.ready(now) {
		d.resting++
		d.rest(p.health.restUntil(), "provider "+p.id)
		return false, nil
	}
	keys, err := d.keys(m)
	if err != nil {
		p.health.released()
		return true, err
	}
	tried := false
	for _, k := range keys {
		if k.health != nil {
			if ready, until := k.health.ready(now, m.cat.ID); !ready {
				d.resting++
				d.rest(until, "key "+k.id+" of provider "+p.id)
				continue
			}
		}
		if err := d.mayTry(); err != nil {
			p.health.released()
			return true, err
		}
		if len(d.x.guards) > 0 {
			if ok, wait := d.x.allows(m); !ok {
				d.guarded++
				d.rest(now.Add(wait), "provider "+p.id)
				break
			}
		}
		if err := d.reserve(m, k); err != nil {
			if d.over == nil {
				d.over = err
			}
			d.x.releaseGuards(m)
			break
		}
		tried = true
		d.last = d.try(target{model: m, surface: p.surfaceFor(d.x.Request.API)}, k)
		switch {
		case d.last.ok:
			return true, nil
		case !d.retries(&d.last):
			return true, d.final()
		}
		if d.last.tooLong {
			d.window = max(d.window, m.cat.MaxContextWindow)
		}
		if d.last.skipKeys {
			break
		}
	}
	if !tried {
		p.health.released()
	}
	return false, nil
}

// lastInstant is a recent reading of the clock: reading it costs more than a rest that is judged a moment too early.
func (d *dispatch) lastInstant() time.Time {
	if a := d.x.current; a != nil {
		return a.Started.Add(a.Elapsed)
	}
	return d.x.started
}

// mayTry says whether another attempt is allowed, after the backoff before it.
func (d *dispatch) mayTry() error {
	n := len(d.x.attempts) - d.before
	if n >= d.r.maxAttempts {
		return d.exhausted()
	}
	if n > 0 {
		if err := d.wait(n); err != nil {
			return err
		}
		if !time.Now().Before(d.deadline) {
			return d.outOfTime()
		}
	}
	if cause := d.x.ctx.reason(); cause != nil {
		return AsError(cause)
	}
	return nil
}

// wait sleeps the backoff before attempt n+1, with jitter so that gateways do not retry in step.
func (d *dispatch) wait(n int) error {
	base := d.r.cfg.Failover.Backoff
	if base <= 0 {
		return nil
	}
	pause := base << min(n-1, 16)
	if limit := d.r.cfg.Failover.MaxBackoff; limit > 0 {
		pause = min(pause, limit)
	}
	pause = pause/2 + time.Duration(rand.Int64N(int64(pause/2)+1)) //nolint:gosec // jitter needs no secrecy
	if left := time.Until(d.deadline); pause > left {
		return d.outOfTime()
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-d.x.ctx.stopped():
		return AsError(d.x.ctx.reason())
	}
}

// retries decides whether the next target is tried after a failed attempt.
func (d *dispatch) retries(o *outcome) bool {
	if o.final {
		return false
	}
	if o.err != nil && (o.err.Code == CodeClientGone || o.err.Code == CodePolicyFailed || o.err.Code == CodeDraining) {
		return false
	}
	on := d.r.cfg.Failover.On
	if on == nil {
		return o.retryable
	}
	again := false
	var err error
	d.x.inPhase(vars.PhaseFailover, func() { again, err = on.Match(d.x) })
	if err != nil {
		o.err = routeFailure("failover.on", err)
		return false
	}
	return again
}

func (d *dispatch) outOfTime() error {
	return &Error{Code: CodeTotalTimeout, Message: fmt.Sprintf("no answer within %s over %s", d.r.total, plural(len(d.x.attempts), "attempt"))}
}

// exhausted is the error when there is nothing left to try.
func (d *dispatch) exhausted() error {
	switch {
	case len(d.x.attempts) > d.before:
		return d.final()
	case d.over != nil:
		return d.over
	case !d.rested.IsZero():
		return d.resters()
	case d.pinned != nil:
		return Errorf(CodeNotFound, "the provider key that made the stored object is no longer configured")
	case d.ringless:
		return Errorf(CodeModelNotAllowed, "the access key has no provider key to call provider %s with", d.noKey)
	case d.noKey != "":
		return &Error{Code: CodeNoAPIKey, Message: "no API key for provider " + d.noKey + d.keyHint()}
	default:
		return Errorf(CodeNoTarget, "no target can be called for this request")
	}
}

func (d *dispatch) keyHint() string {
	if spec := d.r.plan.rt.spec(d.noKey); spec != nil && len(spec.Env) > 0 {
		return ": set " + spec.Env[0] + " or give it api_keys in the policy"
	}
	return ": give it api_keys in the policy"
}

// final is what the client is told after the last attempt.
func (d *dispatch) final() error {
	if d.last.err == nil {
		return Errorf(CodeInternal, "an attempt ended without an answer or an error")
	}
	e := *d.last.err
	if len(d.x.attempts) > 1 && e.Code == CodeUpstreamFailed && e.Status == 0 {
		e.Message, e.words = "every target failed: "+d.x.attemptLines(), false
	}
	return &e
}

// attemptLines lists the attempts, one clause each. What providers say is left out where rules look into answers.
func (x *Exchange) attemptLines() string {
	lines := make([]string, len(x.attempts))
	for i := range x.attempts {
		a := &x.attempts[i]
		lines[i] = fmt.Sprintf("[%d] %s/%s", a.Status, a.Provider, a.Model)
		if !x.plan.editsAnswers {
			lines[i] += ": " + a.Message
		}
	}
	return strings.Join(lines, "; ")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// request is the one upstream request of an exchange at a time.
func (d *dispatch) headDeadline(started time.Time) time.Time {
	limit := started.Add(d.r.perRequest)
	if d.x.Request.streaming() && d.r.firstToken > 0 {
		limit = earlier(limit, started.Add(d.r.firstToken))
	}
	return earlier(limit, d.deadline)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// newRequest makes the upstream request of one attempt.
func (d *dispatch) newRequest(t target, k *apiKey, started time.Time) (upstream.Request, error) {
	var req upstream.Request
	if err := d.r.buildRequest(d.x, t, k, &req); err != nil {
		return req, err
	}
	req.HeaderDeadline, req.Now = d.headDeadline(started), started
	return req, nil
}
