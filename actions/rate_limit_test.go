package actions

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/engine"
	"weir/policies"
)

// gateway is a runtime whose clock a test sets.
type gateway struct {
	*engine.Runtime

	now time.Time
}

func newGateway() *gateway {
	g := &gateway{now: time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)}
	g.Runtime = engine.NewRuntime(engine.RuntimeOptions{Now: func() time.Time { return g.now }})
	return g
}

// compile compiles a policy whose actions share the gateway's clock and state.
func (g *gateway) compile(t *testing.T, text string) engine.PlanConfig {
	t.Helper()
	cfg, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte(text)},
		policies.Options{Actions: Registry(), Services: g.Services})
	if diags.HasErrors() {
		t.Fatalf("got %v, want a policy that compiles", diags)
	}
	return cfg
}

func (g *gateway) plan(t *testing.T, text string) *engine.Plan {
	t.Helper()
	plan, diags := g.NewPlan(g.compile(t, text))
	if diags.HasErrors() {
		t.Fatalf("got %v, want a plan", diags)
	}
	return plan
}

// limitPolicy is a policy with one limit, with fields beside its name and algorithm.
func limitPolicy(fields string) string {
	return "on_request: [{type: rate-limit, config: {name: test, algorithm: sliding_window, " + fields + "}}]"
}

// limitOf is the limit of such a policy, and an exchange.
func limitOf(t *testing.T, fields string) (engine.Action, *engine.Exchange) {
	t.Helper()
	cfg := newGateway().compile(t, limitPolicy(fields))
	x := exchange()
	return cfg.OnRequest[0].Actions[0].Action, x
}

// limited runs a plan and returns the refusal, nil where the request got through: at its path no API stands.
func limited(t *testing.T, plan *engine.Plan, x *engine.Exchange) *engine.Error {
	t.Helper()
	err := plan.Run(x)
	x.Finish()
	if err == nil {
		return nil
	}
	return engine.AsError(err)
}

func request(headers ...string) *engine.Exchange {
	x := exchange()
	x.Request.Headers = nil
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		x.Request.Headers = append(x.Request.Headers, engine.Header{Name: name, Value: value})
	}
	return x
}

func TestRateLimitKeys(t *testing.T) {
	tests := []struct {
		name, key, first, second string
		same                     bool
	}{
		{"same value", "req.headers['x-a'][0]", "x-a: 1", "x-a: 1", true},
		{"another value", "req.headers['x-a'][0]", "x-a: 1", "x-a: 2", false},
		{"missing is a key of its own", "req.headers['x-a'][0]", "x-a: 1", "x-b: 1", false},
		{"all without it share one", "req.headers['x-a'][0]", "x-b: 1", "x-b: 2", true},
		{"list", "req.headers['x-a']", "x-a: 1", "x-a: 2", false},
		{"list as a whole", "req.headers['x-a']", "x-a: 1,2", "x-a: 1, 2", false},
		{"missing list", "req.headers['x-a']", "x-b: 1", "x-c: 1", true},
		{"null", "vars.a", "x-a: 1", "x-a: 2", true},
		{"number and bool", "req.headers['x-a'].size()\", \"has(vars.b)", "x-a: 1", "x-a: 2", true},
		{"two are not their sum", "req.headers['x-a'][0]\", \"req.headers['x-b'][0]", "x-a: 12", "x-b: 12", false},
		{"constant", "'all'", "x-a: 1", "x-a: 2", true},
		{"braces, quotes and a comment", "{'}': req.headers['x-a'][0]}['}'] + '{' // }", "x-a: 1", "x-a: 2", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := "on_request: [{type: set-vars, config: {vars: [{a: null}, {b: null}]}}, " +
				"{type: rate-limit, config: {name: test, algorithm: sliding_window, capacity: 1, rate: 1m, bucket_key: [\"" + tt.key + "\"]}}]"
			plan := newGateway().plan(t, text)
			if e := limited(t, plan, request(tt.first)); e != nil {
				t.Fatalf("got %v, want the first let in", e)
			}
			if e := limited(t, plan, request(tt.second)); (e != nil) != tt.same {
				t.Errorf("got %v, want it limited with the first: %v", e, tt.same)
			}
		})
	}
}

func TestRateLimitRefuses(t *testing.T) {
	g := newGateway()
	plan := g.plan(t, limitPolicy("capacity: 2, rate: 1m, bucket_key: [req.method]"))
	for range 2 {
		if e := limited(t, plan, exchange()); e != nil {
			t.Fatalf("got %v, want it let in", e)
		}
		g.now = g.now.Add(15 * time.Second)
	}
	x := exchange()
	e := limited(t, plan, x)
	if e == nil || e.Code != engine.CodeRateLimited || e.HTTPStatus() != 429 || e.RetryAfter != 30*time.Second || !e.Retryable ||
		e.Message != `rate limit "test" is reached: 2 requests in 1m0s` {
		t.Fatalf("got %#v, want rate_limited for 30s", e)
	}
	want := map[string]string{
		"ratelimit-policy": `"test";q=2;w=60`, "ratelimit": `"test";r=0;t=45`, "x-ratelimit-limit-requests": "2",
		"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "45s",
	}
	for name, value := range want {
		if got := x.Reply.Headers.First(name); got != value {
			t.Errorf("got %s: %s, want %s", name, got, value)
		}
	}
	g.now = g.now.Add(30 * time.Second)
	if e := limited(t, plan, exchange()); e != nil {
		t.Errorf("got %v, want it let in when retry-after is over", e)
	}
}

func TestRateLimitSurvivesReload(t *testing.T) {
	g := newGateway()
	one := g.plan(t, limitPolicy("capacity: 1, rate: 1m, bucket_key: [req.method]"))
	if e := limited(t, one, exchange()); e != nil {
		t.Fatalf("got %v, want it let in", e)
	}
	if e := limited(t, g.plan(t, limitPolicy("capacity: 1, rate: 60s, bucket_key: [req.method, ]")), exchange()); e == nil {
		t.Error("got it let in after a reload, want what was counted kept")
	}
	if e := limited(t, g.plan(t, limitPolicy("capacity: 2, rate: 1m, bucket_key: [req.method]")), exchange()); e != nil {
		t.Errorf("got %v, want another capacity counted anew", e)
	}
	if e := limited(t, one, exchange()); e == nil {
		t.Error("got it let in, want the first plan still counting")
	}
}

func TestRateLimitShadow(t *testing.T) {
	g := newGateway()
	text := limitPolicy("capacity: 1, rate: 1m, bucket_key: [req.method], enforce: false")
	text = strings.TrimSuffix(text, "]") + `, {expressions: ["actions.ngrok.rate_limit.limited"], actions: [{type: deny, config: {status_code: 418}}]}]`
	plan := g.plan(t, text)
	x := exchange()
	if e := limited(t, plan, x); e != nil {
		t.Fatalf("got %v, want it let in", e)
	}
	if x.Reply.Headers.Has("ratelimit") {
		t.Error("got a ratelimit header, want none from a limit that is not enforced")
	}
	if e := limited(t, plan, exchange()); e == nil || e.HTTPStatus() != 418 {
		t.Errorf("got %v, want the next rule to see that it was limited", e)
	}
}

func TestRateLimitResults(t *testing.T) {
	g := newGateway()
	check := `actions.rate_limit.bucket_key == 'POST,gold' && actions.rate_limit.limited == false && actions.rate_limit.limit == 3 &&
  actions.rate_limit.remaining == 2 && actions.rate_limit.retry_after == 0 && actions.rate_limit.error == null`
	text := strings.TrimSuffix(limitPolicy("capacity: 3, rate: 1m, bucket_key: [req.method, \"req.headers['x-tier'][0]\"]"), "]") +
		fmt.Sprintf(`, {expressions: [%q], actions: [{type: deny, config: {status_code: 418}}]}]`, check)
	if e := limited(t, g.plan(t, text), exchange()); e == nil || e.HTTPStatus() != 418 {
		t.Errorf("got %v, want results as documented", e)
	}
}

func TestRateLimitFails(t *testing.T) {
	const zero = "(req.method.size() - 4)"
	tests := []struct{ name, fields string }{
		{"key", "capacity: 9, rate: 1m, bucket_key: [\"1 / " + zero + "\"]"},
		{"cost", "capacity: 9, rate: 1m, bucket_key: [req.method], cost: \"1 / " + zero + "\""},
		{"negative cost", "capacity: 9, rate: 1m, bucket_key: [req.method], cost: \"" + zero + " - 1\""},
		{"infinite cost", "capacity: 9, rate: 1m, bucket_key: [req.method], cost: \"1.0 / double(" + zero + ")\""},
		{"null cost", "capacity: 9, rate: 1m, bucket_key: [req.method], cost: ai.request.temperature"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if e := limited(t, newGateway().plan(t, limitPolicy(tt.fields)), exchange()); e == nil || e.Code != engine.CodePolicyFailed {
				t.Errorf("got %v, want policy_failed", e)
			}
			text := strings.Replace(limitPolicy(tt.fields), "[{type", "[{on_error: continue, actions: [{type", 1)
			text = strings.TrimSuffix(text, "]") + "]}, {expressions: [\"actions.rate_limit.error.code == 'policy_failed' && actions.rate_limit.error.message != ''\"], actions: [{type: deny, config: {status_code: 418}}]}]"
			if e := limited(t, newGateway().plan(t, text), exchange()); e == nil || e.HTTPStatus() != 418 {
				t.Errorf("got %v, want the error among the results", e)
			}
		})
	}
}

func TestRateLimitCost(t *testing.T) {
	tests := []struct {
		name, cost string
		in         int
		message    string
	}{
		{"number", "5", 2, `rate limit "test" is reached: 10 in 1m0s`},
		{"part", "2.5", 3, `rate limit "test" is reached: 10 in 1m0s`},
		{"from the request", "req.headers['x-n'].size() + 3", 2, `rate limit "test" is reached: 10 in 1m0s`},
		{"over the whole", "11", 0, `the request costs more than the whole of rate limit "test", 10 in 1m0s`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := newGateway().plan(t, limitPolicy("capacity: 10, rate: 1m, bucket_key: [req.method], cost: \""+tt.cost+"\""))
			for range tt.in {
				if e := limited(t, plan, request("x-n: 1")); e != nil {
					t.Fatalf("got %v, want %d let in", e, tt.in)
				}
			}
			x := request("x-n: 1")
			e := limited(t, plan, x)
			if e == nil || e.Message != tt.message || e.Retryable != (tt.in > 0) || (e.RetryAfter > 0) != (tt.in > 0) {
				t.Errorf("got %#v, want %q", e, tt.message)
			}
			if got := x.Reply.Headers.First("ratelimit-policy"); got != `"test";q=10;w=60;qu="cost"` {
				t.Errorf("got %q, want a policy of another unit", got)
			}
			if x.Reply.Headers.Has("x-ratelimit-limit-requests") {
				t.Error("got x-ratelimit-limit-requests, want none for what is no number of requests")
			}
		})
	}
	plan := newGateway().plan(t, limitPolicy("capacity: 1, rate: 1m, bucket_key: [req.method], cost: 0"))
	for range 3 {
		if e := limited(t, plan, exchange()); e != nil {
			t.Errorf("got %v, want what costs nothing let in", e)
		}
	}
}

func TestRateLimitSettledCost(t *testing.T) {
	g := newGateway()
	plan := g.plan(t, limitPolicy("capacity: 100, rate: 1m, bucket_key: [req.method], cost: \"100 + ai.response.usage.output_tokens\""))
	x, y := exchange(), exchange()
	if err := errors.Join(plan.Run(x), plan.Run(y)); err != nil {
		t.Fatal(err)
	}
	if got := x.Reply.Headers.First("x-ratelimit-remaining-tokens"); got != "100" {
		t.Errorf("got %q left, want nothing counted before the end", got)
	}
	x.Finish()
	if e := limited(t, plan, exchange()); e == nil || e.Code != engine.CodeRateLimited || e.RetryAfter != time.Minute {
		t.Errorf("got %v, want the limit reached once the cost is known", e)
	}
	y.Finish()
	g.now = g.now.Add(time.Minute)
	if e := limited(t, plan, exchange()); e != nil {
		t.Errorf("got %v, want it let in a window later", e)
	}
}

func TestRateLimitSettledCostFails(t *testing.T) {
	g := newGateway()
	plan := g.plan(t, limitPolicy("capacity: 1, rate: 1m, bucket_key: [req.method], cost: ai.response.cost_usd"))
	if e := limited(t, plan, exchange()); e != nil {
		t.Fatalf("got %v, want it let in", e)
	}
	if e := limited(t, plan, exchange()); e == nil || e.Code != engine.CodeRateLimited {
		t.Errorf("got %v, want a cost that cannot be told to count 1", e)
	}
}

func TestRateLimitFull(t *testing.T) {
	g := newGateway()
	cfg := g.compile(t, limitPolicy("capacity: 1, rate: 1m, bucket_key: [\"req.headers['x-a'][0]\"]"))
	a, ok := cfg.OnRequest[0].Actions[0].Action.(*rateLimit)
	if !ok {
		t.Fatal("got another action, want rate-limit")
	}
	a.limiter.perShard = 0
	_, err := a.Do(t.Context(), request("x-a: 1"))
	var e *engine.Error
	if !errors.As(err, &e) || e.Code != engine.CodeRateLimited || !strings.Contains(e.Message, "as many callers as it can") {
		t.Errorf("got %v, want rate_limited", err)
	}
}

func TestRateLimitProblems(t *testing.T) {
	const rest = ", bucket_key: [req.method]"
	tests := []struct{ name, fields, want string }{
		{"nothing", "name: a", "missing_field missing_field missing_field missing_field"},
		{"algorithm", "name: a, algorithm: gcra, capacity: 1, rate: 1m" + rest, "bad_value"},
		{"capacity below", "name: a, algorithm: sliding_window, capacity: 0, rate: 1m" + rest, "out_of_range"},
		{"capacity above", "name: a, algorithm: sliding_window, capacity: 2000000001, rate: 1m" + rest, "out_of_range"},
		{"rate below", "name: a, algorithm: sliding_window, capacity: 1, rate: 999ms" + rest, "out_of_range"},
		{"rate above", "name: a, algorithm: sliding_window, capacity: 1, rate: 25h" + rest, "out_of_range"},
		{"rate in words", "name: a, algorithm: sliding_window, capacity: 1, rate: 100/min" + rest, "bad_duration"},
		{"no name", "name: '', algorithm: sliding_window, capacity: 1, rate: 1m" + rest, "out_of_range"},
		{"long name", "name: " + strings.Repeat("a", 1024) + ", algorithm: sliding_window, capacity: 1, rate: 1m" + rest, "out_of_range"},
		{"no key", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, bucket_key: []", "out_of_range"},
		{"many keys", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, bucket_key: [" + strings.Repeat("req.method, ", 11) + "]", "out_of_range"},
		{"template", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, bucket_key: ['${req.method}']", "syntax"},
		{"template as cost", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, cost: '${1}'" + rest, "syntax"},
		{"template in a text of the cost", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, cost: \"size('a ${req.host}')\"" + rest, "template_in_expression"},
		{"key that is no list", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, bucket_key: req.method", "wrong_type"},
		{"key that is no text", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, bucket_key: [{a: b}]", "wrong_type"},
		{"cost that is no text", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, cost: [1]" + rest, "wrong_type"},
		{"unknown variable", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, bucket_key: [req.methd]", "unknown_variable"},
		{"later variable as key", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, bucket_key: [string(res.status_code)]", "wrong_phase"},
		{"two expressions in one", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, bucket_key: ['req.method} ${req.host']", "syntax"},
		{"cost is text", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, cost: req.method" + rest, "type_mismatch"},
		{"late cost is text", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, cost: ai.response.model" + rest, "type_mismatch"},
		{"unknown cost", "name: a, algorithm: sliding_window, capacity: 1, rate: 1m, cost: ai.respons.model" + rest, "unknown_variable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, "on_request: [{type: rate-limit, config: {"+tt.fields+"}}]"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func BenchmarkRateLimit(b *testing.B) {
	for _, keys := range []int{1, 1000} {
		b.Run(fmt.Sprintf("%d keys", keys), func(b *testing.B) {
			l := newLimiter(maxCapacity, time.Minute, time.Now())
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := uint64(0); pb.Next(); i++ {
					l.take(bucketID{i % uint64(keys), 1}, time.Now(), 1)
				}
			})
		})
	}
}
