package actions

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
	"weir/engine/wire"
)

const (
	// maxGuardText is the text that one question may hold, together: a quarter of a million tokens. What is longer nobody
	// can judge in the time that a request has.
	maxGuardText = 1 << 20
	// maxGuardCategories is more than any moderation service knows.
	maxGuardCategories = 64
)

// guardShape is how a guard is asked, in the words of guard.shape.
type guardShape string

const (
	guardModeration guardShape = "moderation"
	guardWebhook    guardShape = "webhook"
)

func guardField() engine.Field {
	return engine.Field{
		Name: "guard", Type: engine.FieldObject, Doc: "Makes the service a guard: it is asked about the texts, and refuses.", Fields: []engine.Field{
			{Name: "shape", Type: engine.FieldEnum, Required: true, Enum: []string{string(guardModeration), string(guardWebhook)}, Doc: "What is sent and what comes back."},
			{Name: "model", Type: engine.FieldString, Doc: "The model that a moderation service is asked for."},
			{Name: "categories", Type: engine.FieldStrings, Min: 1, Max: maxGuardCategories, Doc: "The categories of a moderation service that refuse; else whatever it flags."},
			{Name: "threshold", Type: engine.FieldFloat, Doc: "The score from which a category refuses, above 0 and up to 1; else what the service thinks."},
			{Name: "where", Type: engine.FieldStrings, Min: 1, Max: int64(len(redactPlaces())), Doc: "Whose texts the guard is asked about; else all of the phase."},
			{Name: "parallel", Type: engine.FieldBool, Default: "false", Doc: "Whether the guard is asked while the provider works; in `on_request` only."},
			{Name: "status_code", Type: engine.FieldInt, Default: "403", Min: 400, Max: 599, Doc: "The HTTP status of a refusal."},
			{Name: "message", Type: engine.FieldString, Template: true, Default: "a guard refused the content", Doc: "What the client is told of a refusal."},
			{Name: "on_block", Type: engine.FieldEnum, Default: onBlockError, Enum: []string{onBlockError, onBlockRefusal}, Doc: "How a stream ends that is refused: with an `error` of the API, or with its own `refusal`."},
		},
	}
}

// guardStreamField is on_stream as guards take it.
func guardStreamField() engine.Field {
	return engine.Field{
		Name: "on_stream", Type: engine.FieldEnum, Default: string(streamWindow), Enum: onStreamField().Enum,
		Doc: "What a guard does about a streamed answer, which it cannot be asked about in pieces: `buffer` holds it back whole, `skip` lets it pass. Only guards of `on_response` need it.",
	}
}

// httpGuard is an http-request whose service decides.
type httpGuard struct {
	*httpRequest

	shape      guardShape
	model      string
	categories []string
	threshold  float64 // 0 = what the service thinks
	kinds      wire.TextKinds
	status     int
	message    *expr.Template
	refuses    bool // streams end with the API's own refusal
	parallel   bool
	request    bool
	onStream   streamMode
}

// newHTTPGuard reads the field guard.
func newHTTPGuard(c *engine.Config, a *httpRequest) engine.Action {
	n := c.Node("guard")
	if n.Kind != engine.NodeMap {
		return nil // reported by the check of fields
	}
	text := func(name, missing string) string { return scalarAt(n, name, missing).Text.Value }
	g := &httpGuard{
		httpRequest: a, shape: guardShape(text("shape", "")), model: text("model", ""), kinds: proseKinds,
		refuses: text("on_block", "") == onBlockRefusal, request: c.Phase == vars.PhaseRequest, onStream: streamMode(c.String("on_stream")),
		status: 403, message: c.CompileTemplate(scalarAt(n, "message", "a guard refused the content")),
	}
	g.parallel, _ = scalarAt(n, "parallel", "").Value.(bool)
	if status, ok := scalarAt(n, "status_code", "").Value.(int64); ok {
		g.status = int(status)
	}
	if where := n.Get("where"); where != nil && where.Kind != engine.NodeNull {
		g.kinds = textPlaces(c, where)
	}
	if list := n.Get("categories"); list != nil && list.Kind == engine.NodeList {
		for _, item := range list.Items {
			g.categories = append(g.categories, item.Text.Value)
		}
	}
	g.readThreshold(c, n.Get("threshold"))
	g.check(c, n)
	a.method, a.halts = "POST", c.Node("on_error") == nil || a.halts
	return g
}

func (g *httpGuard) readThreshold(c *engine.Config, n *engine.Node) {
	if n == nil || n.Kind != engine.NodeScalar {
		return
	}
	switch v := n.Value.(type) {
	case float64:
		g.threshold = v
	case int64:
		g.threshold = float64(v)
	}
	if g.threshold <= 0 || g.threshold > 1 {
		c.Errorf(n, "out_of_range", "\"guard.threshold\" is above 0 and at most 1, got %s", n.Text.Value)
	}
}

// check reports what makes no sense for a guard.
func (g *httpGuard) check(c *engine.Config, n *engine.Node) {
	if c.String("method") != "POST" && c.Node("method") != nil {
		c.Errorf(c.Node("method"), "conflicting_fields", "a guard is asked by POST")
	}
	if body := c.Node("body"); body != nil {
		c.Errorf(body, "conflicting_fields", "\"body\" is made by the guard's shape")
	}
	if g.redirects > 0 {
		c.Errorf(c.Node("max_redirects"), "conflicting_fields", "a guard follows no redirects: the texts are for the service that the policy names")
	}
	if g.shape != guardModeration {
		for _, name := range [...]string{"model", "categories", "threshold"} {
			if at := n.Get(name); at != nil {
				c.Errorf(at, "conflicting_fields", "%q is for guards of the shape moderation", "guard."+name)
			}
		}
	}
	switch at := scalarAt(n, "on_block", ""); {
	case g.request && n.Get("on_block") != nil:
		c.Errorf(at, "wrong_phase", "\"guard.on_block\" is for streamed answers: requests come whole")
	case !g.request && g.parallel:
		c.Errorf(n.Get("parallel"), "wrong_phase", "\"guard.parallel\" is for on_request: behind the answer there is no call to run beside")
	case !g.request && g.onStream == streamWindow:
		c.Errorf(n, "stream_guard", "a guard cannot be asked about a stream in pieces: on_stream: buffer waits for the whole answer, on_stream: skip lets streams pass")
	}
	if g.parallel && g.retry != nil && !readsOnlyAttempts(g.retry.Reads()) {
		c.Errorf(c.Node("retry_condition"), "conflicting_fields", "beside the provider's call a retry_condition reads the attempts and nothing else")
	}
}

// Do asks the guard, and refuses what it refuses.
func (g *httpGuard) Do(ctx context.Context, x *engine.Exchange) (engine.Verdict, error) {
	q, err := g.question(x)
	switch {
	case err != nil:
		return engine.VerdictDeny, fmt.Errorf("http-request: %w", err)
	case q == nil:
		return engine.VerdictContinue, nil
	case q.stream != nil:
		if g.refuses {
			x.KeepRefusal()
		}
		if err := x.FilterStream(q.stream); err != nil {
			return engine.VerdictDeny, fmt.Errorf("http-request: %w", err)
		}
		return engine.VerdictContinue, nil
	case g.parallel:
		x.Beside(ctx, q.judge, q.tell)
		return engine.VerdictContinue, nil
	}
	err = q.judge(ctx)
	q.tell(x)
	if err == nil {
		return engine.VerdictContinue, nil
	}
	if !q.verdict.refused() {
		return engine.VerdictDeny, err
	}
	refusal := engine.AsError(err)
	x.Deny(refusal.Status, refusal.Code, refusal.Message)
	return engine.VerdictDeny, nil
}

// DoShadow asks the guard once the client has its answer, and says what it would have refused.
func (g *httpGuard) DoShadow(ctx context.Context, x *engine.Exchange) error {
	q, err := g.question(x)
	if err != nil || q == nil {
		return err
	}
	site := x.Site()
	if q.stream != nil {
		q.stream.shadow = true
		look := newShadowStream(q.stream, func(err error) { x.Note(site, "would end the stream: "+err.Error()) })
		if err := x.FilterStream(look); err != nil {
			return fmt.Errorf("filtering the stream: %w", err)
		}
	}
	x.OnEnd(func(x *engine.Exchange) {
		if q.stream != nil {
			q.answer = q.stream.heard.list
		}
		switch err := q.judge(ctx); {
		case ctx.Err() != nil: // the client is gone, and so is the question
		case q.verdict.refused():
			x.Note(site, "would refuse: "+err.Error())
		case err != nil:
			x.Note(site, "would fail: "+err.Error())
		}
	})
	return nil
}

// judge asks, and returns why the exchange is refused.
func (q *guardQuestion) judge(ctx context.Context) error {
	if !q.asks() {
		return nil
	}
	g := q.g
	body, err := q.body()
	if err != nil {
		return err
	}
	q.call.body = body
	timed, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	last, err := g.attempts(timed, q.call, q.source)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // the client is gone, or the gateway drains
		return engine.AsError(err)
	}
	switch {
	case last.failure != nil:
		q.failed = last.failure
	case last.status < 200 || last.status > 299:
		q.failed = &requestFailure{failedStatus, last.url.Host + " answered with the status " + strconv.Itoa(last.status)}
	default:
		if err := q.read(last.content); err != nil {
			q.failed = &requestFailure{failedVerdict, last.url.Host + " gave no verdict: " + err.Error()}
		}
	}
	switch {
	case q.failed != nil && !g.halts:
		return nil
	case q.failed != nil:
		return fmt.Errorf("the guard has no verdict: %s: %s", q.failed.code, q.failed.message)
	case q.verdict.refused():
		return q.verdict.refusal
	}
	return nil
}

// tell leaves the answer for later expressions, and what came of it for the log: no word of the texts.
func (q *guardQuestion) tell(x *engine.Exchange) {
	if len(q.call.tries) == 0 {
		return
	}
	if x.WantsResult("http_request") {
		out := q.call.result()
		switch {
		case q.failed != nil:
			out["guard"] = noAnswer{q.failed.code}
			out["error"] = map[string]any{"code": q.failed.code, "message": q.failed.message}
		default:
			out["guard"] = map[string]any{"allow": !q.verdict.refused(), "categories": anyList(q.verdict.categories)}
		}
		x.SetResult("http_request", out)
	}
	fields := map[string]any{"host": q.call.url.Host}
	switch {
	case q.failed != nil:
		fields["error"] = q.failed.code
	case q.verdict.refused():
		fields["refused"] = true
		if len(q.verdict.categories) > 0 {
			fields["categories"] = slices.Clone(q.verdict.categories)
		}
	default:
		return
	}
	x.AddLog("http_request", fields)
}

func anyList(words []string) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = w
	}
	return out
}

// attemptVars are what a retry_condition reads of the attempts.
var attemptVars = [...]vars.ID{
	vars.AttemptStatus, vars.AttemptError, vars.AttemptRetryable, vars.AttemptNumber, vars.AttemptElapsedMS, vars.AttemptModel,
	vars.AttemptProvider, vars.Attempts,
}

func readsOnlyAttempts(s vars.Set) bool {
	n := 0
	for _, id := range attemptVars {
		if s.Has(id) {
			n++
		}
	}
	return s.Len() == n
}

func trimWords(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
