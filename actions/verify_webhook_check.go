package actions

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with it, and HMAC holds with it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"strconv"
	"strings"
	"time"

	"weir/engine"
)

// webhookCheck verifies a webhook of one provider.
type webhookCheck func(w *webhook) error

// webhook is one webhook under verification.
type webhook struct {
	x         *engine.Exchange
	secret    string
	body      []byte
	now       time.Time
	tolerance time.Duration
}

const (
	errNoSignature    webhookProblem = "it is not signed"
	errBadSignature   webhookProblem = "the signature is wrong"
	errTwoSignatures  webhookProblem = "a header that is signed or signs stands twice"
	errNoTimestamp    webhookProblem = "it has no time"
	errTimestampRange webhookProblem = "it was signed too long ago or ahead of time"
)

// maxSignatures is more than any provider sends while it changes its secret; each costs an HMAC or a comparison.
const maxSignatures = 10

// webhookNames are the providers that are verified.
func webhookNames() []string {
	return []string{"github", "gitlab", "shopify", "slack", "stripe", "svix", "twilio", "zoom"}
}

// webhookChecks finds the check of a provider, nil where there is none.
func webhookChecks(provider string) webhookCheck {
	switch provider {
	case "github":
		return func(w *webhook) error {
			return w.simple("x-hub-signature-256", "sha256=", hex.DecodeString, sha256.New)
		}
	case "gitlab":
		return (*webhook).gitlab
	case "shopify":
		return func(w *webhook) error {
			return w.simple("x-shopify-hmac-sha256", "", base64.StdEncoding.DecodeString, sha256.New)
		}
	case "slack":
		return func(w *webhook) error { return w.versioned("x-slack-signature", "x-slack-request-timestamp") }
	case "stripe":
		return (*webhook).stripe
	case "svix":
		return (*webhook).svix
	case "twilio":
		return (*webhook).twilio
	case "zoom":
		return func(w *webhook) error { return w.versioned("x-zm-signature", "x-zm-request-timestamp") }
	default:
		return nil
	}
}

// laterWebhooks are the other providers of the model this language mirrors.
const laterWebhooks = `aftership airship alchemy sns autodesk bitbucket bolt box brex buildkite calendly castle chargify circleci
clearbit clerk coinbase contentful docusign dropbox facebook_graph_api facebook_messenger frameio go1 heroku hostedhooks hubspot
graphcms instagram intercom jira launch_darkly linear mailchimp mailgun microsoft_teams modern_treasury mongodb mux orb orbit
pagerduty pinwheel plivo pusher sendgrid sentry signal_sciences sonatype square terraform tiktok trendmicro_conformity twitter
typeform vmware webex whatsapp worldline xero zendesk`

// checkWebhookSecret refuses secrets with which everybody could sign.
func checkWebhookSecret(provider, secret string) error {
	if secret == "" {
		return errors.New("the secret of a webhook must not be empty")
	}
	if provider == "svix" {
		if key, err := svixKey(secret); err != nil || len(key) == 0 {
			return errors.New("a secret of svix is whsec_ with base64 behind it")
		}
	}
	return nil
}

// header is a header that must be there once.
func (w *webhook) header(name string, missing webhookProblem) (string, error) {
	value, seen := "", false
	for i := range w.x.Request.Headers {
		if h := &w.x.Request.Headers[i]; strings.EqualFold(h.Name, name) {
			if seen {
				return "", errTwoSignatures
			}
			value, seen = strings.TrimSpace(h.Value), true
		}
	}
	if value == "" {
		return "", missing
	}
	return value, nil
}

// fresh checks a time in seconds since 1970.
func (w *webhook) fresh(text string) error {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || seconds > maxDate {
		return errNoTimestamp
	}
	if d := w.now.Sub(time.Unix(seconds, 0)).Abs(); d > w.tolerance {
		return errTimestampRange
	}
	return nil
}

// sum is the HMAC of the parts, one behind the other.
func sum(h func() hash.Hash, key []byte, parts ...string) []byte {
	m := hmac.New(h, key)
	for _, p := range parts {
		_, _ = m.Write([]byte(p)) // a hash takes everything
	}
	return m.Sum(nil)
}

// matches compares a written signature with the right one, in a time that does not depend on where they differ.
func matches(text string, decode func(string) ([]byte, error), want []byte) bool {
	got, err := decode(text)
	return err == nil && hmac.Equal(got, want)
}

// simple is a signature of the body in a header.
func (w *webhook) simple(header, prefix string, decode func(string) ([]byte, error), h func() hash.Hash) error {
	value, err := w.header(header, errNoSignature)
	if err != nil {
		return err
	}
	text, ok := strings.CutPrefix(value, prefix)
	if !ok || !matches(text, decode, sum(h, []byte(w.secret), string(w.body))) {
		return errBadSignature
	}
	return nil
}

// gitlab sends the secret itself: it says who sends, and nothing about the body.
func (w *webhook) gitlab() error {
	value, err := w.header("x-gitlab-token", errNoSignature)
	if err != nil {
		return err
	}
	got, want := sha256.Sum256([]byte(value)), sha256.Sum256([]byte(w.secret))
	if !hmac.Equal(got[:], want[:]) {
		return errBadSignature
	}
	return nil
}

// versioned is the way of Slack and Zoom: v0= and a signature of v0, time and body.
func (w *webhook) versioned(header, timestamp string) error {
	value, err := w.header(header, errNoSignature)
	if err != nil {
		return err
	}
	at, err := w.header(timestamp, errNoTimestamp)
	if err != nil {
		return err
	}
	if err := w.fresh(at); err != nil {
		return err
	}
	text, ok := strings.CutPrefix(value, "v0=")
	if !ok || !matches(text, hex.DecodeString, sum(sha256.New, []byte(w.secret), "v0:", at, ":", string(w.body))) {
		return errBadSignature
	}
	return nil
}

// stripe lists a time and signatures, t=...,v1=...; other schemes are for tests.
func (w *webhook) stripe() error {
	value, err := w.header("stripe-signature", errNoSignature)
	if err != nil {
		return err
	}
	at := ""
	var signatures []string
	for item := range strings.SplitSeq(value, ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(item), "=")
		switch name {
		case "t":
			if at != "" {
				return errTwoSignatures
			}
			at = text
		case "v1":
			signatures = append(signatures, text)
		}
	}
	if err := w.fresh(at); err != nil {
		return err
	}
	return anySignature(signatures, hex.DecodeString, sum(sha256.New, []byte(w.secret), at, ".", string(w.body)))
}

// anySignature accepts one right signature among several, as there are while a secret changes.
func anySignature(signatures []string, decode func(string) ([]byte, error), want []byte) error {
	if len(signatures) == 0 {
		return errNoSignature
	}
	for _, text := range signatures[:min(len(signatures), maxSignatures)] {
		if matches(text, decode, want) {
			return nil
		}
	}
	return errBadSignature
}

func svixKey(secret string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")) //nolint:wrapcheck // the caller says what it should be
}

// svix signs id, time and body. The standard that grew out of it names the headers webhook-*.
func (w *webhook) svix() error {
	prefix := "svix-"
	if !w.x.Request.Headers.Has("svix-signature") {
		prefix = "webhook-"
	}
	value, err := w.header(prefix+"signature", errNoSignature)
	if err != nil {
		return err
	}
	id, err := w.header(prefix+"id", errNoSignature)
	if err != nil {
		return err
	}
	at, err := w.header(prefix+"timestamp", errNoTimestamp)
	if err != nil {
		return err
	}
	if err := w.fresh(at); err != nil {
		return err
	}
	key, err := svixKey(w.secret)
	if err != nil {
		return errors.New("the secret is not one of svix")
	}
	var signatures []string
	for item := range strings.FieldsSeq(value) {
		if text, ok := strings.CutPrefix(item, "v1,"); ok {
			signatures = append(signatures, text)
		}
	}
	return anySignature(signatures, base64.StdEncoding.DecodeString, sum(sha256.New, key, id, ".", at, ".", string(w.body)))
}

// newGenericCheck makes a check of the fields.
func newGenericCheck(c *engine.Config) webhookCheck {
	header, timestamp := c.String("header"), c.String("timestamp_header")
	prefix, separator := c.String("prefix"), c.String("timestamp_separator")
	if header == "" {
		c.Errorf(c.Node("header"), "missing_field", "provider generic needs \"header\"")
	}
	decode := hex.DecodeString
	if c.String("encoding") == "base64" {
		decode = base64.StdEncoding.DecodeString
	}
	h := hashOf(c.String("algorithm"))
	if timestamp == "" {
		if n := c.Node("timestamp_separator"); n != nil {
			c.Errorf(n, "no_effect", "without \"timestamp_header\" nothing is signed before the body")
		}
		return func(w *webhook) error { return w.simple(header, prefix, decode, h) }
	}
	return func(w *webhook) error {
		value, err := w.header(header, errNoSignature)
		if err != nil {
			return err
		}
		at, err := w.header(timestamp, errNoTimestamp)
		if err != nil {
			return err
		}
		if err := w.fresh(at); err != nil {
			return err
		}
		text, ok := strings.CutPrefix(value, prefix)
		if !ok || !matches(text, decode, sum(h, []byte(w.secret), at, separator, string(w.body))) {
			return errBadSignature
		}
		return nil
	}
}

func hashOf(name string) func() hash.Hash {
	switch name {
	case "sha1":
		return sha1.New
	case "sha384":
		return sha512.New384
	case "sha512":
		return sha512.New
	default:
		return sha256.New
	}
}
