package actions

import (
	"context"
	_ "embed" // the page
	"fmt"
	"time"

	"weir/engine"
	"weir/engine/upstream"
	"weir/engine/vars"
)

//go:embed forward.md
var forwardDoc string

const (
	onErrorHalt     = "halt"
	onErrorContinue = "continue"
	// minForwardTimeout is below every answer over a network, maxForwardTimeout above the longest batch that is worth
	// holding a connection for.
	minForwardTimeout = 100 * time.Millisecond
	maxForwardTimeout = time.Hour
)

func init() {
	register(engine.ActionSpec{
		Name: "forward", Phases: vars.PhaseRequest, Terminal: true, Guards: true, Doc: forwardDoc, New: newForward,
		Fields: []engine.Field{
			{Name: "url", Type: engine.FieldString, Template: true, Doc: "Where the request goes: `http://` or `https://`, a host, and a path that is put in front of the request's own."},
			{Name: "endpoint", Type: engine.FieldString, Doc: "The id of another endpoint of this gateway, in place of a url."},
			{Name: "allowed_hosts", Type: engine.FieldStrings, Min: 1, Max: maxAllowedHosts, Doc: allowedHostsDoc},
			{Name: "credentials", Type: engine.FieldEnum, Default: "drop", Enum: []string{"drop", "pass"}, Doc: "Whether what proves who the client is goes along: key headers, key parameters and cookies."},
			{Name: "headers", Type: engine.FieldStringMap, Template: true, Max: maxHeaders, Doc: "Headers to send in place of the client's."},
			{Name: "timeout", Type: engine.FieldDuration, Default: "3m", Doc: "How long the head of the answer may take, 100ms to 1h."},
			{Name: "idle_timeout", Type: engine.FieldDuration, Default: "60s", Doc: "How long the answer may fall silent, 100ms to 1h."},
			{Name: "on_error", Type: engine.FieldEnum, Default: onErrorHalt, Enum: []string{onErrorHalt, onErrorContinue}, Doc: "What happens where there was no answer: the client gets an error, or the actions that follow run."},
		},
	})
}

type forward struct {
	to          *outbound
	address     string // of an endpoint of this gateway, in place of to
	guard       *upstream.Guard
	credentials engine.Credentials
	headers     []engine.NamedTemplate
	timeout     time.Duration
	idle        time.Duration
	goesOn      bool
}

func newForward(c *engine.Config) engine.Action {
	a := &forward{
		headers: headerTemplates(c), timeout: forwardTimeout(c, "timeout"), idle: forwardTimeout(c, "idle_timeout"),
		goesOn: c.String("on_error") == onErrorContinue,
	}
	if c.String("credentials") == "pass" {
		a.credentials = engine.CredentialsPassed
	}
	to, id := c.Node("url"), c.Node("endpoint")
	switch {
	case to == nil && id == nil:
		c.Errorf(nil, "missing_field", "forward needs \"url\" or \"endpoint\"")
		return nil
	case to != nil && id != nil:
		c.Errorf(id, "conflicting_fields", "a request goes to a url or to an endpoint, not to both")
		return nil
	case id != nil:
		a.address = endpointAddress(c, id, "http://"+id.Text.Value)
		return a
	}
	if a.to = newOutbound(c); a.to == nil {
		return nil
	}
	a.guard = a.to.guard()
	return a
}

// forwardTimeout reads a duration within the bounds of what makes sense.
func forwardTimeout(c *engine.Config, field string) time.Duration {
	d := c.Duration(field)
	if d < minForwardTimeout || d > maxForwardTimeout {
		c.Errorf(c.Node(field), "out_of_range", "%q must be between %s and %s", field, minForwardTimeout, maxForwardTimeout)
	}
	return d
}

// endpointAddress checks the address of an endpoint as far as the endpoints are known.
func endpointAddress(c *engine.Config, n *engine.Node, address string) string {
	if err := c.Services.CheckEndpoint(address); err != nil {
		c.Errorf(n, "unknown_endpoint", "%s", engine.AsError(err).Message)
	}
	return address
}

// Do sends the request on and answers with what comes back.
func (a *forward) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	if a.to == nil {
		return forwardInside(x, a.address, "forward", a.goesOn) //nolint:contextcheck // as below
	}
	u, how, err := a.to.resolve(x)
	if err != nil {
		return forwardFailed(x, "forward", "", a.goesOn, fmt.Errorf("forward: %w", err))
	}
	f := engine.Forwarding{
		Scheme: u.Scheme, Host: u.Host, Path: u.EscapedPath(), Query: u.RawQuery, Credentials: a.credentials,
		Timeout: a.timeout, Idle: a.idle,
	}
	if how == reachPublic {
		f.Guard = a.guard
	}
	if f.Headers, err = appendHeaders(nil, x, a.headers); err != nil {
		return engine.VerdictDeny, fmt.Errorf("forward: %w", err)
	}
	if err := x.Forward(&f); err != nil { //nolint:contextcheck // the exchange carries its own cancellation to the call
		return forwardFailed(x, "forward", u.Redacted(), a.goesOn, err)
	}
	return engine.VerdictRespond, nil
}

// forwardInside sends the request through another endpoint of this gateway.
func forwardInside(x *engine.Exchange, address, result string, goesOn bool) (engine.Verdict, error) {
	d, err := x.FindEndpoint(address)
	if err != nil {
		return forwardFailed(x, result, address, goesOn, err)
	}
	if err := x.ForwardTo(d); err != nil { // that endpoint's answer to the client, not a failure to reach it
		return engine.VerdictDeny, fmt.Errorf("%s: %w", result, err)
	}
	return engine.VerdictRespond, nil
}

// forwardFailed ends the exchange, or leaves the reason for the actions that follow. A client that is gone, a request
// that cannot be read and a gateway without room end it in any case.
func forwardFailed(x *engine.Exchange, result, address string, goesOn bool, err error) (engine.Verdict, error) {
	e := engine.AsError(err)
	switch e.Code {
	case engine.CodeClientGone, engine.CodeDraining, engine.CodeBadRequest, engine.CodeBodyTooLarge, engine.CodeUnsupportedMedia:
		return engine.VerdictDeny, err
	default:
	}
	if !goesOn {
		return engine.VerdictDeny, err
	}
	x.Reply = engine.Reply{Headers: x.Reply.Headers[:0]}
	code, message := string(e.Code), e.Message
	if e.Code == engine.CodeInternal { // not an error of the exchange yet: the URL
		code, message = string(engine.CodePolicyFailed), err.Error()
	}
	if x.WantsResult(result) {
		x.SetResult(result, map[string]any{
			"url": address, "error": map[string]any{"code": code, "message": message},
		})
	}
	return engine.VerdictContinue, nil
}
