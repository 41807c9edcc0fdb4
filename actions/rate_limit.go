package actions

import (
	"context"
	_ "embed" // the page
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
)

//go:embed rate_limit.md
var rateLimitDoc string

const (
	// minRateWindow is below the window of the model this language mirrors, which begins at a minute: bursts of agents are
	// over in seconds.
	minRateWindow = time.Second
	// maxRateWindow is a day: a longer limit should not be forgotten at a restart, as windows are.
	maxRateWindow = 24 * time.Hour
	// maxCapacity and maxRateKeys are those of the model this language mirrors.
	maxCapacity = 2_000_000_000
	maxRateKeys = 10
	// maxRateName is the longest name, in bytes, in that model.
	maxRateName = 1023
)

func init() {
	register(engine.ActionSpec{
		Name: "rate-limit", Phases: vars.PhaseRequest, Guards: true, Doc: rateLimitDoc, New: newRateLimit,
		Fields: []engine.Field{
			{Name: "name", Type: engine.FieldString, Required: true, Doc: "The name of the limit, in the headers of answers and in messages. Limits of one policy with the same name, capacity and rate are one."},
			{Name: "algorithm", Type: engine.FieldEnum, Required: true, Enum: []string{"sliding_window"}, Doc: "How is counted: `sliding_window` is the only way."},
			{Name: "capacity", Type: engine.FieldInt, Required: true, Min: 1, Max: maxCapacity, Doc: "What is let in for one key within any window, in requests or in what `cost` counts."},
			{Name: "rate", Type: engine.FieldDuration, Required: true, Doc: "The length of the window."},
			{Name: "bucket_key", Type: engine.FieldExpressions, Required: true, Min: 1, Max: maxRateKeys, Doc: "Expressions whose values together are the key: each combination of values is counted by itself."},
			{Name: "cost", Type: engine.FieldExpression, Phase: vars.PhaseResponse, Default: "1", Doc: "An expression: what one request counts."},
			{Name: "enforce", Type: engine.FieldBool, Default: "true", Doc: "Without it the limit is counted and its results can be read, and no request is refused."},
		},
	})
}

type rateLimit struct {
	name    string
	length  time.Duration
	limiter *limiter
	now     func() time.Time
	keys    []*expr.Template
	cost    *rateCost // nil = 1
	enforce bool
	headers rateHeaders
}

func newRateLimit(c *engine.Config) engine.Action {
	a := &rateLimit{
		name: c.String("name"), length: c.Duration("rate"), now: c.Services.Clock(), enforce: c.Bool("enforce"),
		keys: bucketKeys(c), cost: newRateCost(c),
	}
	capacity := c.Int("capacity")
	if n := c.Node("name"); n != nil && (a.name == "" || len(a.name) > maxRateName) {
		c.Errorf(n, "out_of_range", "\"name\" must have between 1 and %d bytes, got %d", maxRateName, len(a.name))
	}
	checkDuration(c, "rate", minRateWindow, maxRateWindow)
	if c.Diagnostics().HasErrors() {
		return nil
	}
	a.headers = newRateHeaders(a.name, uint64(capacity), a.length, a.cost.unit()) //nolint:gosec // between 1 and maxCapacity
	state := fmt.Sprintf("rate_limit/%d/%d/%s", capacity, a.length, a.name)
	a.limiter = engine.State(c.Services, state, func() *limiter {
		return newLimiter(uint64(capacity), a.length, a.now()) //nolint:gosec // between 1 and maxCapacity
	})
	return a
}

// checkDuration reports a duration that is outside its bounds. One that is none has been reported.
func checkDuration(c *engine.Config, field string, least, most time.Duration) {
	n := c.Node(field)
	if n == nil {
		return
	}
	if d, err := engine.ParseDuration(n.Text.Value); err == nil && (d < least || d > most) {
		c.Errorf(n, "out_of_range", "%q must be between %s and %s, got %s", field, least, most, n.Text.Value)
	}
}

// bucketKeys compiles each expression as the text of its value.
func bucketKeys(c *engine.Config) []*expr.Template {
	n := c.Node("bucket_key")
	if n == nil || n.Kind != engine.NodeList {
		return nil // reported by the check of fields
	}
	keys := make([]*expr.Template, 0, len(n.Items))
	for _, item := range n.Items {
		if c.CompileExpression(item) == nil {
			continue
		}
		// The expression alone compiles, so the braces in it are closed; the line break ends a comment.
		text := expr.Text{Value: "${" + item.Text.Value + "\n}"}
		if t, diags := c.Env.Template(c.Phase, text); !diags.HasErrors() {
			keys = append(keys, t)
			continue
		}
		c.Errorf(item, "invalid_expression", "the expression cannot be a key")
	}
	return keys
}

// Do lets the request in, or refuses it for as long as the window is full.
func (a *rateLimit) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	var text *strings.Builder
	if x.WantsResult("rate_limit") {
		text = &strings.Builder{}
	}
	id, err := a.id(x, text)
	cost := uint64(1)
	if err == nil && a.cost != nil && !a.cost.late {
		cost, err = a.cost.of(x)
	}
	if err != nil {
		publishFailure(x, "rate_limit", err)
		return engine.VerdictDeny, fmt.Errorf("rate-limit %q: %w", a.name, err)
	}
	got := a.admit(x, id, cost)
	if text != nil {
		a.publish(x, text.String(), &got)
	}
	if !a.enforce {
		return engine.VerdictContinue, nil
	}
	a.headers.tell(x, &got)
	if got.ok {
		return engine.VerdictContinue, nil
	}
	return engine.VerdictDeny, a.refusal(&got)
}

func (a *rateLimit) admit(x *engine.Exchange, id bucketID, cost uint64) admittance {
	if a.cost == nil || !a.cost.late {
		return a.limiter.take(id, a.now(), cost)
	}
	got := a.limiter.hold(id, a.now())
	if got.ok {
		x.OnEnd(func(x *engine.Exchange) { a.limiter.settle(id, a.now(), a.cost.settled(x, a.name)) })
	}
	return got
}

// id hashes the values of the key, each with its length, so that no two combinations read the same. It writes them down
// where somebody wants to read them.
func (a *rateLimit) id(x *engine.Exchange, text *strings.Builder) (bucketID, error) {
	var h [2]maphash.Hash
	for i := range h {
		h[i].SetSeed(a.limiter.seeds[i])
	}
	var size [8]byte
	for n, key := range a.keys {
		value, err := key.String(x)
		if err != nil {
			return bucketID{}, fmt.Errorf("bucket_key: %w", err)
		}
		binary.LittleEndian.PutUint64(size[:], uint64(len(value)))
		for i := range h {
			_, _ = h[i].Write(size[:])     // a hash takes everything
			_, _ = h[i].WriteString(value) // the same
		}
		if text != nil {
			if n > 0 {
				text.WriteByte(',')
			}
			text.WriteString(value)
		}
	}
	return bucketID{h[0].Sum64(), h[1].Sum64()}, nil
}

func (a *rateLimit) refusal(got *admittance) error {
	e := &engine.Error{Code: engine.CodeRateLimited, RetryAfter: got.wait, Retryable: got.wait > 0}
	what := strconv.FormatUint(a.limiter.capacity, 10) + a.cost.unit().words() + " in " + a.length.String()
	switch {
	case got.full:
		e.Message = fmt.Sprintf("rate limit %q counts as many callers as it can; try again later", a.name)
	case got.wait <= 0:
		e.Message = fmt.Sprintf("the request costs more than the whole of rate limit %q, %s", a.name, what)
	default:
		e.Message = fmt.Sprintf("rate limit %q is reached: %s", a.name, what)
	}
	return e
}

// publish sets what expressions read as actions.rate_limit.
func (a *rateLimit) publish(x *engine.Exchange, key string, got *admittance) {
	x.SetResult("rate_limit", map[string]any{
		"bucket_key": key, "limited": !got.ok,
		"limit": int64(a.limiter.capacity), "remaining": int64(got.remaining), //nolint:gosec // at most maxCapacity
		"retry_after": seconds(got.wait),
	})
}

// publishFailure sets error.code and error.message among the results of an action that failed.
func publishFailure(x *engine.Exchange, name string, err error) {
	if x.WantsResult(name) {
		x.SetResult(name, map[string]any{"error": map[string]any{
			"code": string(engine.CodePolicyFailed), "message": err.Error(),
		}})
	}
}

// seconds rounds up, as no header of HTTP knows parts of them.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
