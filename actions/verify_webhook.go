package actions

import (
	"context"
	_ "embed" // the page
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
)

//go:embed verify_webhook.md
var verifyWebhookDoc string

const (
	// maxTolerance is an hour: what was signed longer ago may be sent again by whoever saw it.
	maxTolerance = time.Hour
	// genericWebhook is the provider that is described by fields.
	genericWebhook = "generic"
)

func init() {
	register(engine.ActionSpec{
		Name: "verify-webhook", Phases: vars.PhaseRequest, Guards: true, Doc: verifyWebhookDoc, New: newVerifyWebhook,
		Fields: []engine.Field{
			{Name: "provider", Type: engine.FieldString, Required: true, Doc: "Who sends the webhook."},
			{Name: "secret", Type: engine.FieldString, Required: true, Template: true, Secret: true, Doc: "What the provider signs with."},
			{Name: "enforce", Type: engine.FieldBool, Default: "true", Doc: "Without it the results can be read and nothing is refused."},
			{Name: "tolerance", Type: engine.FieldDuration, Default: "5m", Doc: "How far the time of a signature may be from now; between 1s and 1h."},
			{Name: "header", Type: engine.FieldString, Doc: "For `generic`, which needs it: the header with the signature."},
			{Name: "algorithm", Type: engine.FieldEnum, Enum: []string{"sha1", "sha256", "sha384", "sha512"}, Default: "sha256", Doc: "For `generic`: the hash of the HMAC."},
			{Name: "encoding", Type: engine.FieldEnum, Enum: []string{"hex", "base64"}, Default: "hex", Doc: "For `generic`: how the signature is written."},
			{Name: "prefix", Type: engine.FieldString, Doc: "For `generic`: what stands before the signature, such as `sha256=`."},
			{Name: "timestamp_header", Type: engine.FieldString, Doc: "For `generic`: the header with the time in seconds since 1970, which is signed before the body."},
			{Name: "timestamp_separator", Type: engine.FieldString, Default: ".", Doc: "For `generic`: what is signed between time and body."},
		},
	})
}

type verifyWebhook struct {
	provider  string
	check     webhookCheck
	secret    *expr.Template
	tolerance time.Duration
	now       func() time.Time
	enforce   bool
}

func newVerifyWebhook(c *engine.Config) engine.Action {
	a := &verifyWebhook{
		provider: c.String("provider"), secret: c.Template("secret"), tolerance: c.Duration("tolerance"),
		now: c.Services.Clock(), enforce: c.Bool("enforce"),
	}
	if n := c.Node("tolerance"); n != nil && (a.tolerance < time.Second || a.tolerance > maxTolerance) {
		c.Errorf(n, "out_of_range", "\"tolerance\" must be between 1s and 1h, got %s", n.Text.Value)
	}
	a.readProvider(c)
	if a.secret != nil {
		if text, fixed := a.secret.Literal(); fixed {
			if err := checkWebhookSecret(a.provider, text); err != nil {
				c.Errorf(c.Node("secret"), "bad_value", "%v", err)
			}
		}
	}
	if c.Diagnostics().HasErrors() {
		return nil
	}
	return a
}

func (a *verifyWebhook) readProvider(c *engine.Config) {
	n := c.Node("provider")
	if n == nil {
		return // reported by the check of fields
	}
	generic := a.provider == genericWebhook
	if generic {
		a.check = newGenericCheck(c)
	} else if a.check = webhookChecks(a.provider); a.check == nil {
		if slices.Contains(strings.Fields(laterWebhooks), a.provider) {
			c.Errorf(n, "unsupported_provider", "webhooks of %s are not verified yet; where it signs with an HMAC, use provider generic", a.provider)
		} else {
			c.Errorf(n, "bad_value", "\"provider\" must be one of %s, %s, got %q", strings.Join(webhookNames(), ", "), genericWebhook, a.provider)
		}
	}
	for _, field := range []string{"header", "algorithm", "encoding", "prefix", "timestamp_header", "timestamp_separator"} {
		if n := c.Node(field); n != nil && !generic {
			c.Errorf(n, "bad_value", "%q is for provider %s only", field, genericWebhook)
		}
	}
}

// webhookProblem is why a webhook does not count. The text goes to the caller.
type webhookProblem string

// Error is what the caller is told.
func (p webhookProblem) Error() string { return string(p) }

// Do lets in what the provider signed.
func (a *verifyWebhook) Do(_ context.Context, x *engine.Exchange) (engine.Verdict, error) {
	w := webhook{x: x, now: a.now(), tolerance: a.tolerance}
	err := a.verify(&w)
	var problem webhookProblem
	refused := errors.As(err, &problem)
	if x.WantsResult("verify_webhook") {
		a.publish(x, err, refused)
	}
	switch {
	case err == nil && a.provider == "zoom":
		return w.answerZoom()
	case err == nil:
		return engine.VerdictContinue, nil
	case !refused:
		return engine.VerdictDeny, fmt.Errorf("verify-webhook: %w", err)
	case !a.enforce:
		return engine.VerdictContinue, nil
	}
	x.Deny(0, engine.CodePolicyDenied, "the webhook cannot be verified: "+problem.Error())
	return engine.VerdictDeny, nil
}

// verify checks the signature over the body as it was decoded from its content encoding: senders sign before they compress.
func (a *verifyWebhook) verify(w *webhook) error {
	var err error
	if w.secret, err = a.secret.String(w.x); err != nil {
		return fmt.Errorf("secret: %w", err)
	}
	if err := checkWebhookSecret(a.provider, w.secret); err != nil {
		return err
	}
	if w.body, err = w.x.Body(); err != nil {
		return err //nolint:wrapcheck // the client's own error
	}
	return a.check(w)
}

func (a *verifyWebhook) publish(x *engine.Exchange, err error, refused bool) {
	result := map[string]any{"verified": err == nil}
	if err != nil {
		code := engine.CodePolicyFailed
		if refused {
			code = engine.CodePolicyDenied
		}
		result["error"] = map[string]any{"code": string(code), "message": err.Error()}
	}
	x.SetResult("verify_webhook", result)
}
