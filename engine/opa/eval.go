package opa

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Evaluation is one question.
type Evaluation struct {
	Source Source
	Window *Window
	// RawBody gives the bytes of the client's body for input.req.raw_body; it is asked only where a module reads that.
	RawBody func() ([]byte, error)
	// Deadline bounds the time; 0 = that of the policy.
	Deadline time.Duration
	// WantInput asks for Result.Input.
	WantInput bool
}

// DefaultDeadline bounds an evaluation: a thousand times what a decision takes, and little beside what a model takes.
const DefaultDeadline = 50 * time.Millisecond

// Result is what a query said. Nothing of it aliases the exchange.
type Result struct {
	Decision *Decision // shared by exchanges: not to be changed
	Value    any       // the value of the query as it stands in the decision log: nil, bool, int64, float64, string, []any, map[string]any; not to be changed
	Input    any       // the part of the input that the query can read, in the same types; nil unless asked for
	Elapsed  time.Duration
	Cached   bool
}

// What can go wrong.
var (
	ErrUndefined = errors.New("the query is undefined")
	ErrConflict  = errors.New("rules of the query contradict each other")
	ErrDeadline  = errors.New("the evaluation took longer than its deadline")
	ErrBusy      = errors.New("too many evaluations at once")
	ErrTooLarge  = errors.New("the input is too large")
	ErrShape     = errors.New("the decision is not of the documented shape")
	// ErrPanic says that a function panicked.
	ErrPanic = errors.New("the evaluation panicked")
)

const (
	// turnsPerCPU is how many evaluations of one policy run at once for each processor: evaluations do nothing but compute, so
	// that more would only share the time that each of them has.
	turnsPerCPU = 4
	// minTurns leaves room for evaluations that wait for http.send on small machines.
	minTurns = 32
)

func maxTurns() int { return max(minTurns, turnsPerCPU*runtime.GOMAXPROCS(0)) }

// Eval answers the question. An undefined result is ErrUndefined; ErrDeadline, ErrConflict, ErrBusy and others say what
// went wrong. The caller fails closed on all of them.
func (q *Query) Eval(ctx context.Context, e Evaluation) (Result, error) {
	start := time.Now()
	if e.Deadline <= 0 {
		e.Deadline = q.policy.deadline
	}
	if q.cache == nil || e.Window != nil {
		return q.run(ctx, e, start)
	}
	buffer, _ := keyBuffers.Get().(*keyBuffer) // nothing else is in the pool
	defer keyBuffers.Put(buffer)
	key, ok := appendKey(buffer.b[:0], q.plan, e.Source)
	if buffer.b = key; !ok {
		return q.run(ctx, e, start)
	}
	if k := q.cache.get(key); k != nil {
		if e.WantInput {
			return q.again(k, e, start)
		}
		return Result{Decision: k.decision, Value: k.value, Cached: true, Elapsed: time.Since(start)}, nil
	}
	res, err := q.run(ctx, e, start)
	if err == nil {
		q.cache.put(key, res.Decision, res.Value)
	}
	return res, err
}

// again answers with a decision that was kept, and builds the input for the decision log.
func (q *Query) again(k *kept, e Evaluation, start time.Time) (Result, error) {
	in := input{e: &e}
	doc := in.build(q.plan)
	if in.err != nil {
		return Result{Elapsed: time.Since(start)}, in.err
	}
	return Result{Decision: k.decision, Value: k.value, Input: native(doc.Value), Cached: true, Elapsed: time.Since(start)}, nil
}

// run builds the input and evaluates.
func (q *Query) run(ctx context.Context, e Evaluation, start time.Time) (res Result, err error) {
	in := input{e: &e}
	doc := in.build(q.plan)
	if in.err != nil {
		return Result{Elapsed: time.Since(start)}, in.err
	}
	if e.WantInput {
		res.Input = native(doc.Value)
	}
	value, err := q.evaluate(ctx, doc, start, e.Deadline)
	if err == nil {
		res.Value = native(value)
		res.Decision, err = parseDecision(value)
	}
	res.Elapsed = time.Since(start)
	return res, err
}

// evaluate takes a turn and evaluates within what is left of the deadline.
func (q *Query) evaluate(ctx context.Context, doc *ast.Term, start time.Time, deadline time.Duration) (ast.Value, error) {
	left := deadline - time.Since(start)
	c := startClock(left)
	defer c.stop()
	select {
	case q.policy.turns <- struct{}{}:
	default:
		if !c.wait(q.policy.turns) {
			return nil, ErrBusy
		}
	}
	defer func() { <-q.policy.turns }()
	if q.calls {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	value, err := q.ask(ctx, doc, c)
	if c.Cancelled() {
		return nil, ErrDeadline // also of an answer that came too late
	}
	return value, err
}

// ask runs OPA's evaluation.
func (q *Query) ask(ctx context.Context, doc *ast.Term, cancel topdown.Cancel) (value ast.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			q.policy.printer.log.Error().Interface("panic", r).Bytes("stack", debug.Stack()).Msg("a function of Rego panicked")
			value, err = nil, fmt.Errorf("%w: %v", ErrPanic, r)
		}
	}()
	question := *q.prepared
	question.WithInput(doc).WithCancel(cancel).WithTime(q.policy.now())
	err = question.Iter(ctx, func(found topdown.QueryResult) error {
		if t := found[resultVar]; t != nil {
			value = t.Value
		}
		return nil
	})
	if err != nil {
		return nil, q.policy.sources.failure(err)
	}
	if value == nil {
		return nil, ErrUndefined
	}
	return value, nil
}

// failure says what went wrong in the words of this package.
func (s *sources) failure(err error) error {
	var e *topdown.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("evaluating: %w", err)
	}
	at := ""
	if pos, _, _ := s.place(e.Location); pos.IsValid() {
		at = fmt.Sprintf("%s:%d:%d: ", pos.File, pos.Line, pos.Col)
	}
	switch e.Code {
	case topdown.CancelErr:
		return ErrDeadline
	case topdown.ConflictErr:
		return fmt.Errorf("%s%w: %s", at, ErrConflict, e.Message)
	default:
		return fmt.Errorf("%s%s: %s", at, e.Code, e.Message)
	}
}
