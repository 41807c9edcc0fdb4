package actions

import (
	"context"
	_ "embed" // the page
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
)

//go:embed http_request.md
var httpRequestDoc string

const (
	// maxAnswerBytes is what one attempt may bring, decoded: verdicts and records are far smaller.
	maxAnswerBytes = 256 << 10
	// maxRetries keeps a service that is down from being asked for as long as the timeout allows.
	maxRetries = 3
	// maxRequestHops is how often requests that policies make may lead to another one: a chain of three gateways.
	maxRequestHops = 3
	// The bounds of the timeout: below a second most services are only sometimes in time, and above half a minute the
	// client has given up.
	minRequestTimeout = time.Second
	maxRequestTimeout = 30 * time.Second
	// The bounds of query parameters, as policies written for ngrok know them.
	maxParams     = 32
	maxParamKey   = 128
	maxParamValue = 8192
)

func init() {
	register(engine.ActionSpec{
		Name: "http-request", Phases: vars.PhaseRequest | vars.PhaseResponse, Guards: true, Doc: httpRequestDoc, New: newHTTPRequest,
		Fields: []engine.Field{
			{Name: "url", Type: engine.FieldString, Required: true, Template: true, Doc: "The URL to call."},
			{Name: "allowed_hosts", Type: engine.FieldStrings, Min: 1, Max: maxAllowedHosts, Doc: allowedHostsDoc},
			{Name: "method", Type: engine.FieldEnum, Default: "GET", Enum: []string{"GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"}, Doc: "The method."},
			{Name: "query_params", Type: engine.FieldObjects, Max: maxParams, Doc: "Query parameters to add to the URL: mappings of `key`, at most 128 characters, and `value`, at most 8192.", Fields: []engine.Field{
				{Name: "key", Type: engine.FieldString, Required: true},
				{Name: "value", Type: engine.FieldString, Required: true, Template: true},
			}},
			{Name: "headers", Type: engine.FieldStringMap, Template: true, Max: maxHeaders, Doc: "Headers to send. Nothing of the client's request is sent that is not written here."},
			{Name: "body", Type: engine.FieldString, Template: true, Doc: "The body to send."},
			{Name: "max_redirects", Type: engine.FieldInt, Default: "0", Max: 100, Doc: "How many redirects to follow. With 0 the redirect is the answer."},
			{Name: "timeout", Type: engine.FieldDuration, Default: "3s", Doc: "How long all of it may take, with redirects and retries: 1s to 30s."},
			{Name: "retry_condition", Type: engine.FieldExpression, Phase: vars.PhaseFailover, Default: "false", Doc: "An expression on the last attempt; while it holds, up to 3 more attempts are made."},
			{Name: "on_error", Type: engine.FieldEnum, Default: onErrorContinue, Enum: []string{onErrorContinue, onErrorHalt}, Doc: "What happens where there is no answer: the next action runs, or the client gets an error. A guard's default is `halt`."},
			guardField(),
			guardStreamField(),
		},
	})
}

type httpRequest struct {
	to        *outbound
	method    string
	params    []engine.NamedTemplate
	headers   []engine.NamedTemplate
	body      *expr.Template // nil = none
	redirects int
	timeout   time.Duration
	retry     *expr.Predicate // nil = never
	halts     bool
	named     *http.Client // for hosts that the operator wrote down
	public    *http.Client // for the others
}

func newHTTPRequest(c *engine.Config) engine.Action {
	a := &httpRequest{
		to: newOutbound(c), method: c.String("method"), params: queryParams(c), headers: headerTemplates(c),
		redirects: int(c.Int("max_redirects")), timeout: c.Duration("timeout"), halts: c.String("on_error") == onErrorHalt,
	}
	if c.Node("body") != nil {
		a.body = c.Template("body")
	}
	if a.timeout < minRequestTimeout || a.timeout > maxRequestTimeout {
		c.Errorf(c.Node("timeout"), "out_of_range", "\"timeout\" must be between %s and %s", minRequestTimeout, maxRequestTimeout)
	}
	if n := c.Node("retry_condition"); n != nil {
		a.retry = retryCondition(c, n)
	}
	if a.to == nil {
		return nil
	}
	a.named, a.public = c.Services.HTTP(nil), c.Services.HTTP(a.to.guard())
	if c.Node("guard") != nil {
		return newHTTPGuard(c, a)
	}
	return a
}

// queryParams reads the list of parameters.
func queryParams(c *engine.Config) []engine.NamedTemplate {
	n := c.Node("query_params")
	if n == nil || n.Kind != engine.NodeList {
		return nil
	}
	out := make([]engine.NamedTemplate, 0, len(n.Items))
	for _, item := range n.Items {
		key, value := item.Get("key"), item.Get("value")
		if key == nil || value == nil {
			continue // reported by the check of fields
		}
		if key.Text.Value == "" || len(key.Text.Value) > maxParamKey {
			c.Errorf(key, "out_of_range", "the key of a query parameter has 1 to %d characters", maxParamKey)
		}
		if t := c.CompileTemplate(value); t != nil {
			out = append(out, engine.NamedTemplate{Pos: key.Pos, Name: key.Text.Value, Value: t})
		}
	}
	return out
}

// Do makes the request and leaves its answer for later expressions.
func (a *httpRequest) Do(ctx context.Context, x *engine.Exchange) (engine.Verdict, error) {
	call, err := a.prepare(x)
	if err != nil {
		return engine.VerdictDeny, fmt.Errorf("http-request: %w", err)
	}
	timed, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	last, err := a.attempts(timed, call, x)
	if err != nil {
		return engine.VerdictDeny, err
	}
	if err := ctx.Err(); err != nil { // the client is gone, or the gateway drains
		return engine.VerdictDeny, engine.AsError(err)
	}
	if x.WantsResult("http_request") {
		x.SetResult("http_request", call.result())
	}
	if last.failure == nil {
		return engine.VerdictContinue, nil
	}
	x.AddLog("http_request", map[string]any{"host": call.url.Host, "error": last.failure.code})
	if !a.halts {
		return engine.VerdictContinue, nil
	}
	x.Deny(http.StatusInternalServerError, engine.CodePolicyFailed, "a service that the policy asks gave no answer")
	return engine.VerdictDeny, nil
}

// attempts makes the request as often as the policy wants it made, and returns the last attempt. Without an exchange the
// retry_condition reads the attempts only.
func (a *httpRequest) attempts(ctx context.Context, call *requestCall, x *engine.Exchange) (*exchangeTry, error) {
	for {
		last := a.try(ctx, call)
		call.tries = append(call.tries, last)
		if ctx.Err() != nil || a.retry == nil || len(call.tries) > maxRetries {
			return last, nil
		}
		again, err := a.retry.Match(&retrySource{x: x, tries: call.tries})
		if err != nil {
			return last, fmt.Errorf("the retry_condition of http-request: %w", err)
		}
		if !again {
			return last, nil
		}
	}
}

// requestCall is one run of the action.
type requestCall struct {
	url     *url.URL
	refused error // where the URL may not be called
	headers http.Header
	body    string
	hops    int
	tries   []*exchangeTry
}

// prepare evaluates what the policy wrote.
func (a *httpRequest) prepare(x *engine.Exchange) (*requestCall, error) {
	c := &requestCall{headers: http.Header{"User-Agent": {"weir"}}, hops: x.Hops()}
	var err error
	c.url, _, err = a.to.resolve(x)
	switch {
	case errors.Is(err, errHostNotAllowed):
		c.refused = err
	case err != nil:
		return nil, err
	}
	query := c.url.RawQuery
	for i := range a.params {
		value, err := a.params[i].Value.String(x)
		if err != nil {
			return nil, fmt.Errorf("query parameter %s: %w", a.params[i].Name, err)
		}
		if len(value) > maxParamValue {
			return nil, fmt.Errorf("query parameter %s is over %d characters", a.params[i].Name, maxParamValue)
		}
		query = strings.TrimPrefix(query+"&"+url.QueryEscape(a.params[i].Name)+"="+url.QueryEscape(value), "&")
	}
	c.url.RawQuery = query
	headers, err := appendHeaders(nil, x, a.headers)
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		c.headers.Set(h.Name, h.Value)
	}
	c.headers.Set(engine.HopsHeader, strconv.Itoa(c.hops+1))
	if a.body != nil {
		if c.body, err = a.body.String(x); err != nil {
			return nil, fmt.Errorf("the body: %w", err)
		}
	}
	return c, nil
}
