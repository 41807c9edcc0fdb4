package actions

import (
	"context"
	_ "embed" // the page
	"errors"
	"fmt"
	"strings"

	"weir/engine"
	"weir/engine/vars"
)

//go:embed owasp_crs_response.md
var owaspCRSResponseDoc string

// onStreamSkip lets streams pass with their head looked at only.
const onStreamSkip = "skip"

func init() {
	register(engine.ActionSpec{
		Name: "owasp-crs-response", Phases: vars.PhaseResponse, Guards: true, ContentRule: true, Doc: owaspCRSResponseDoc, New: newOWASPCRSResponse,
		Fields: append(crsFields("Whether the rules look at the body too, which must be a whole answer."), engine.Field{
			Name: "on_stream", Type: engine.FieldEnum, Default: onErrorHalt, Enum: []string{onErrorHalt, onStreamSkip},
			Doc: "With `process_body`: what happens to streamed answers, whose body cannot be looked at. `halt` is a failure, `skip` looks at the head alone.",
		}),
	})
}

type owaspCRSResponse struct {
	*crs
	skips bool // the bodies of streams
}

func newOWASPCRSResponse(c *engine.Config) engine.Action {
	a := newCRS(c, &crsSide{
		action: "owasp-crs-response", result: "owasp_crs_response", score: "blocking_outbound_anomaly_score", threshold: 4,
		refusal: "the answer looks like a leak",
		rules: `
SecAction "id:102,phase:3,pass,nolog,ctl:forceResponseBodyVariable=On"
Include @owasp_crs/RESPONSE-95*.conf`,
	})
	if a == nil {
		return nil
	}
	return &owaspCRSResponse{crs: a, skips: c.String("on_stream") == onStreamSkip}
}

var errStreamed = errors.New("the body of a streamed answer cannot be looked at")

// Do throws away answers whose anomaly score reaches the threshold.
func (a *owaspCRSResponse) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	streamed := x.Reply.Stream != nil
	if streamed && a.body && !a.skips {
		return a.fail(x, errStreamed)
	}
	i, err := a.inspect()
	if err != nil {
		return a.fail(x, err)
	}
	defer func() { _ = i.tx.Close() }() // everything is in memory: nothing to clean up can fail
	i.connection(x)
	i.tx.ProcessURI(crsPath(x), x.Request.Method, x.Request.Version) // the rest of the request is for the rules on requests
	i.tx.ProcessRequestHeaders()
	if _, err := i.tx.ProcessRequestBody(); err != nil {
		return a.fail(x, fmt.Errorf("looking at the request: %w", err))
	}
	for k := range x.Reply.Headers {
		h := &x.Reply.Headers[k]
		if !strings.EqualFold(h.Name, "content-encoding") { // whole answers are decoded; the rules would look at nothing
			i.tx.AddResponseHeader(h.Name, h.Value)
		}
	}
	i.tx.ProcessResponseHeaders(x.Reply.Status, x.Request.Version)
	if a.body && !streamed {
		if _, _, err := i.tx.WriteResponseBody(x.Reply.Body[:min(a.limit, len(x.Reply.Body))]); err != nil {
			return a.fail(x, fmt.Errorf("looking at the answer: %w", err))
		}
	}
	if _, err := i.tx.ProcessResponseBody(); err != nil {
		return a.fail(x, fmt.Errorf("looking at the answer: %w", err))
	}
	return a.finish(x, i)
}
