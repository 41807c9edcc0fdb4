package actions

import (
	"context"
	_ "embed" // the page
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/engine"
	"weir/engine/content"
	"weir/engine/opa"
	"weir/engine/vars"
)

//go:embed rego.md
var regoDoc string

// The words of on_block.
const (
	onBlockError   = "error"
	onBlockRefusal = "refusal"
)

// regoResult is the name of the action's result.
const regoResult = "rego"

func init() {
	register(engine.ActionSpec{
		Name: "rego", Phases: vars.PhaseRequest | vars.PhaseResponse, Guards: true, ContentRule: true, Doc: regoDoc, New: newRego,
		Fields: []engine.Field{
			{Name: "query", Type: engine.FieldString, Doc: "The path of the decision, such as `data.access.decision`; without it, the only `decision` of the policy's own modules."},
			{Name: "deadline", Type: engine.FieldDuration, Default: "50ms", Doc: "How long one evaluation may take, from 1ms to 5s."},
			{Name: "window", Type: engine.FieldInt, Default: "256", Min: minRegoWindow, Max: content.MaxWindow, Doc: "How many characters of a streamed text are decided about at once, at the most."},
			onStreamField(),
			{
				Name: "on_block", Type: engine.FieldEnum, Default: onBlockError, Enum: []string{onBlockError, onBlockRefusal},
				Doc: "How a stream ends that is refused when it has begun: with an `error` of the API, or with its own `refusal`.",
			},
		},
	})
}

const (
	// minRegoWindow is the shortest window that can hold a word and what stands around it.
	minRegoWindow = 16
	// minRegoDeadline is little more than what the evaluation of a small policy takes on a busy machine.
	minRegoDeadline = time.Millisecond
	// maxRegoDeadline is as long as somebody waits who asks a service by http.send.
	maxRegoDeadline = 5 * time.Second
)

// rego asks the policy's Rego.
type rego struct {
	query    *opa.Query
	path     string // of the decision, as the decision log names it
	phase    vars.Phase
	deadline time.Duration
	window   int
	onStream streamMode
	refusal  bool // a stream that has begun is ended by the API's own refusal
	texts    bool // the decision depends on what the answer says
	body     bool // and on the client's body
	redacted redactCache
}

func newRego(c *engine.Config) engine.Action {
	if c.Rego == nil {
		c.Errorf(nil, "no_rego", "the action asks the policy's Rego, and the policy has none: give it modules with \"rego:\" at the top of the document")
		return nil
	}
	a := &rego{
		phase: c.Phase, deadline: c.Duration("deadline"), window: int(c.Int("window")),
		onStream: streamMode(c.String("on_stream")), refusal: c.String("on_block") == onBlockRefusal,
	}
	if a.deadline < minRegoDeadline || a.deadline > maxRegoDeadline {
		c.Errorf(c.Node("deadline"), "out_of_range", "\"deadline\" must be from %s to %s", minRegoDeadline, maxRegoDeadline)
	}
	if c.Node("deadline") == nil {
		a.deadline = 0 // that of the policy
	}
	if c.Phase != vars.PhaseResponse {
		for _, name := range [...]string{"window", "on_block"} {
			if n := c.Node(name); n != nil {
				c.Errorf(n, "wrong_phase", "%q has a meaning in on_response only", name)
			}
		}
	}
	a.prepare(c)
	if a.query == nil {
		return nil
	}
	if c.Phase == vars.PhaseResponse {
		a.checkStreams(c)
	}
	return a
}

// prepare compiles the query.
func (a *rego) prepare(c *engine.Config) {
	at, text := c.Node("query"), strings.TrimSpace(c.String("query"))
	if text == "" {
		var err error
		if text, err = c.Rego.DefaultQuery(); err != nil {
			c.Errorf(at, "rego_query_error", "the query is not given and cannot be told from the modules: %v", err)
			return
		}
	}
	q, diags := c.Rego.Query(text, c.Phase)
	c.Report(at, diags)
	if diags.HasErrors() {
		return
	}
	a.query, a.path = q, strings.ReplaceAll(strings.TrimPrefix(text, "data."), ".", "/")
	a.texts, a.body = q.Reads().Has(vars.AIResponseText), q.Reads().Has(vars.ReqBody)
}

// checkStreams refuses a query that reads what the chosen way of reading a stream cannot give: a rule that never holds
// because its input is missing would let pass what it was written for.
func (a *rego) checkStreams(c *engine.Config) {
	if a.onStream == streamSkip {
		return
	}
	reads := a.query.Reads()
	for _, id := range missingOnStreams(a.onStream) {
		if !reads.Has(id) {
			continue
		}
		way := "on_stream: skip leaves streams undecided"
		if a.onStream == streamWindow && !slices.Contains(missingOnStreams(streamBuffer), id) {
			way = "on_stream: buffer waits for it, on_stream: skip leaves streams undecided"
		}
		c.Errorf(c.Node("query"), "stream_query", "the query reads input.%s, which a streamed answer does not have: %s", id.Path(), way)
	}
}

// missingOnStreams are the variables of a whole answer that have no value where a stream is decided about: with windows,
// what is known only at its end as well.
func missingOnStreams(mode streamMode) []vars.ID {
	never := []vars.ID{vars.ResBody, vars.ResTSBodyReceived, vars.AIResponseToolCalls, vars.AIResponseCostUSD}
	if mode == streamBuffer {
		return never
	}
	return slices.Concat(never, []vars.ID{
		vars.AIResponseFinishReason, vars.AIResponseUsageInputTokens, vars.AIResponseUsageOutputTokens,
		vars.AIResponseUsageCacheReadTokens, vars.AIResponseUsageCacheWriteTokens, vars.AIResponseUsageReasoningTokens,
	})
}

// Do asks, and does what the decision says.
func (a *rego) Do(ctx context.Context, x *engine.Exchange) (engine.Verdict, error) {
	r := &ruling{a: a, x: x, at: x.Site()}
	var err error
	if a.phase == vars.PhaseResponse {
		err = r.answer(ctx)
	} else {
		err = r.request(ctx)
	}
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("rego: %w", err)
	}
	if r.refused {
		return engine.VerdictDeny, nil
	}
	return engine.VerdictContinue, nil
}

// DoShadow asks, and says what the decision would do.
func (a *rego) DoShadow(ctx context.Context, x *engine.Exchange) error {
	r := &ruling{a: a, x: x, at: x.Site(), shadow: true}
	if a.phase == vars.PhaseResponse {
		return r.answer(ctx)
	}
	return r.request(ctx)
}
