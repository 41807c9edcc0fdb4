package actions

import (
	"context"
	_ "embed" // the page
	"fmt"

	"weir/engine"
	"weir/engine/vars"
)

//go:embed owasp_crs_request.md
var owaspCRSRequestDoc string

func init() {
	register(engine.ActionSpec{
		Name: "owasp-crs-request", Phases: vars.PhaseRequest, Guards: true, Doc: owaspCRSRequestDoc, New: newOWASPCRSRequest,
		Fields: crsFields("Whether the rules look at the body too. Without it the body is not read."),
	})
}

type owaspCRSRequest struct{ *crs }

func newOWASPCRSRequest(c *engine.Config) engine.Action {
	a := newCRS(c, &crsSide{
		action: "owasp-crs-request", result: "owasp_crs_request", score: "blocking_inbound_anomaly_score", threshold: 5,
		refusal: "the request looks like an attack",
		// 905 is left out: it lets requests pass unseen that come from this machine, as those of a proxy on it do
		rules: `
Include @owasp_crs/REQUEST-911-METHOD-ENFORCEMENT.conf
Include @owasp_crs/REQUEST-913-SCANNER-DETECTION.conf
Include @owasp_crs/REQUEST-92*.conf
Include @owasp_crs/REQUEST-93*.conf
Include @owasp_crs/REQUEST-94*.conf
Include @owasp_crs/REQUEST-999-COMMON-EXCEPTIONS-AFTER.conf`,
	})
	if a == nil {
		return nil
	}
	return &owaspCRSRequest{crs: a}
}

// Do refuses requests whose anomaly score reaches the threshold.
func (a *owaspCRSRequest) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	var body []byte
	if a.body {
		var err error
		if body, err = x.Body(); err != nil {
			return engine.VerdictDeny, err //nolint:wrapcheck // the client's own error, tried out or not
		}
	}
	i, err := a.inspect()
	if err != nil {
		return a.fail(x, err)
	}
	defer func() { _ = i.tx.Close() }() // everything is in memory: nothing to clean up can fail
	i.connection(x)
	requestHead(i, x)
	if err := a.feed(i, x, body); err != nil {
		return a.fail(x, err)
	}
	return a.finish(x, i)
}

// requestHead tells the rules everything about the request but its body.
func requestHead(i *inspection, x *engine.Exchange) {
	target := crsPath(x)
	if x.Request.Query != "" {
		target += "?" + x.Request.Query
	}
	i.tx.ProcessURI(target, x.Request.Method, x.Request.Version)
	for k := range x.Request.Headers {
		i.tx.AddRequestHeader(x.Request.Headers[k].Name, x.Request.Headers[k].Value)
	}
	if !x.Request.Headers.Has("host") {
		i.tx.AddRequestHeader("Host", x.Request.Host)
	}
}

// feed takes the request through the rules with as much of its body as they look at.
func (a *owaspCRSRequest) feed(i *inspection, x *engine.Exchange, body []byte) error {
	kind := crsBodyKind(x)
	if err := set(i.state.RequestBodyProcessor(), kind.processor()); err != nil {
		return err
	}
	i.tx.ProcessRequestHeaders()
	cut := len(body) > a.limit
	if cut {
		body = body[:a.limit]
	}
	var err error
	switch {
	case len(body) == 0:
	case kind == bodyJSON:
		err = addJSON(i.tx, body, cut)
	case kind == bodyMultipart:
		err = addMultipart(i.tx, body, x.Request.Headers.First("content-type"), cut)
	default:
		_, _, err = i.tx.WriteRequestBody(body)
	}
	if err != nil {
		if err := set(i.state.RequestBodyError(), "1"); err != nil {
			return err
		}
	}
	if _, err := i.tx.ProcessRequestBody(); err != nil {
		return fmt.Errorf("looking at the body: %w", err)
	}
	return nil
}
