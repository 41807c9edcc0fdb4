package actions

import (
	"context"
	_ "embed" // the page
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
)

//go:embed jwt_validation.md
var jwtValidationDoc string

// maxSkew is the largest difference between clocks that may be allowed for: beyond it a clock wants setting.
const maxSkew = 5 * time.Minute

func init() {
	register(engine.ActionSpec{
		Name: "jwt-validation", Phases: vars.PhaseRequest, Guards: true, Authenticates: true, Doc: jwtValidationDoc, New: newJWTValidation,
		Fields: []engine.Field{
			{Name: "issuer", Type: engine.FieldObject, Required: true, Doc: "`allow_list`: who may have issued a token, each as `{value: template}`.", Fields: []engine.Field{allowList("allow_list", true)}},
			{Name: "audience", Type: engine.FieldObject, Doc: "`allow_list`: whom a token may be for, each as `{value: template}`; a token must name one of them.", Fields: []engine.Field{allowList("allow_list", true)}},
			{Name: "http", Type: engine.FieldObject, Required: true, Doc: "`tokens`: where the tokens are in the request.", Fields: []engine.Field{{
				Name: "tokens", Type: engine.FieldObjects, Required: true, Min: 1, Max: maxTokens, Fields: []engine.Field{
					{Name: "type", Type: engine.FieldEnum, Required: true, Enum: []string{"id_token", "access_token", "at+jwt", "it+jwt", "plain", "jwt"}},
					{Name: "method", Type: engine.FieldEnum, Required: true, Enum: []string{"header", "body"}},
					{Name: "name", Type: engine.FieldString, Required: true, Template: true},
					{Name: "prefix", Type: engine.FieldString, Template: true},
				},
			}}},
			{Name: "jws", Type: engine.FieldObject, Required: true, Doc: "`allowed_algorithms` and `keys`: how tokens may be signed, and where the keys are.", Fields: []engine.Field{
				{Name: "allowed_algorithms", Type: engine.FieldStrings, Required: true, Min: 1, Max: int64(len(tokenAlgorithms))},
				{Name: "keys", Type: engine.FieldAny, Fields: []engine.Field{
					{Name: "sources", Fields: []engine.Field{{Name: "secrets", Secret: true}}},
				}},
			}},
			{Name: "claims", Type: engine.FieldObject, Doc: "`id`, `name` and `groups`: the claims that become those of `caller`.", Fields: claimFields()},
			{Name: "clock_skew", Type: engine.FieldDuration, Default: "60s", Doc: "How far the clocks of the issuer and the gateway may be apart; at most 5m."},
			{Name: "enforce", Type: engine.FieldBool, Default: "true", Doc: "Without it the results can be read and nobody is refused."},
		},
	})
}

// maxTokens is more than any request has use for; each is a signature to check.
const maxTokens = 10

// maxAllowed bounds the lists of issuers and audiences.
const maxAllowed = 100

func allowList(name string, required bool) engine.Field {
	return engine.Field{
		Name: name, Type: engine.FieldObjects, Required: required, Min: 1, Max: maxAllowed,
		Fields: []engine.Field{{Name: "value", Type: engine.FieldString, Required: true, Template: true}},
	}
}

// tokenAlgorithms are those that may be allowed: all of RFC 7518 and 8037 that sign, and none.
var tokenAlgorithms = [...]string{
	"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA", "HS256", "HS384", "HS512",
}

type jwtValidation struct {
	places     []tokenPlace
	issuers    []*expr.Template
	audiences  []*expr.Template
	algorithms []jose.SignatureAlgorithm
	keys       tokenKeys
	claims     claimNames
	skew       time.Duration
	now        func() time.Time
	enforce    bool
}

// presented is one token of a request.
type presented struct {
	place    *tokenPlace
	name     string // of the header or body field
	raw      string
	token    *token // nil = it could not be read
	verified bool
}

// Do lets in who presents every token that is asked for, and makes the subject of the first one the caller.
func (a *jwtValidation) Do(ctx context.Context, x *engine.Exchange) (engine.Verdict, error) {
	found, err := a.check(ctx, x)
	var problem *tokenProblem
	refused := errors.As(err, &problem)
	if x.WantsResult("jwt_validation") {
		a.publish(x, found, err)
	}
	switch {
	case err == nil:
		a.admit(x, found)
		return engine.VerdictContinue, a.withhold(x, found)
	case !refused && (a.enforce || !errors.Is(err, errNoKeys)):
		return engine.VerdictDeny, fmt.Errorf("jwt-validation: %w", err)
	case !a.enforce:
		return engine.VerdictContinue, nil
	}
	challenge := "Bearer"
	if !problem.missing {
		challenge = `Bearer error="invalid_token", error_description="` + problem.text + `"`
	}
	x.AddReplyHeader("www-authenticate", challenge)
	x.Deny(0, engine.CodeUnauthorized, problem.text)
	return engine.VerdictDeny, nil
}

// check finds and verifies the tokens, those in headers before a byte of the body is read. It ends with the first that does
// not count.
func (a *jwtValidation) check(ctx context.Context, x *engine.Exchange) ([]presented, error) {
	found := make([]presented, len(a.places))
	for _, inBody := range [...]bool{false, true} {
		for i := range a.places {
			if a.places[i].body != inBody {
				continue
			}
			found[i].place = &a.places[i]
			if err := a.places[i].find(x, &found[i]); err != nil {
				return found, err
			}
			if err := a.verify(ctx, x, &found[i]); err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

// verify checks one token: what it is, who issued it, the signature, and only then what it says.
func (a *jwtValidation) verify(ctx context.Context, x *engine.Exchange, p *presented) error {
	t, err := parseToken(p.raw)
	if err != nil {
		return err
	}
	p.token = t
	if !slices.Contains(a.algorithms, jose.SignatureAlgorithm(t.algorithm)) {
		return badToken("the token is signed in a way that is not allowed")
	}
	if err := t.isOf(p.place.kind); err != nil {
		return err
	}
	issuer, named, err := a.issuer(x, t)
	if err != nil {
		return err
	}
	signed, err := jose.ParseSignedCompact(t.raw, a.algorithms)
	if err != nil {
		return badToken("the token is malformed")
	}
	if err := a.keys.verify(ctx, x, signed, t, issuerName{text: issuer, named: named}); err != nil {
		return err
	}
	if err := t.checkTimes(a.now(), a.skew); err != nil {
		return err
	}
	if err := a.checkAudience(x, t); err != nil {
		return err
	}
	p.verified = true
	return nil
}

// issuer finds the token's issuer in the list; named is false where an expression gave the entry.
func (a *jwtValidation) issuer(x *engine.Exchange, t *token) (issuer string, named bool, err error) {
	said, ok := t.payload["iss"].(string)
	if !ok || said == "" {
		return "", false, badToken("the token names no issuer")
	}
	for _, want := range a.issuers {
		text, err := want.String(x)
		if err != nil {
			return "", false, fmt.Errorf("issuer: %w", err)
		}
		if text == said {
			_, named = want.Literal()
			return text, named, nil
		}
	}
	return "", false, badToken("the token is of an issuer that is not allowed")
}

func (a *jwtValidation) checkAudience(x *engine.Exchange, t *token) error {
	if len(a.audiences) == 0 {
		return nil
	}
	list, ok := t.audience()
	if !ok {
		return badToken("the token names no audience")
	}
	for _, want := range a.audiences {
		text, err := want.String(x)
		if err != nil {
			return fmt.Errorf("audience: %w", err)
		}
		if text != "" && slices.Contains(list, text) {
			return nil
		}
	}
	return badToken("the token is for another audience")
}

// admit makes the subject of the first token the caller.
func (a *jwtValidation) admit(x *engine.Exchange, found []presented) {
	x.Caller = a.claims.caller(found[0].token.payload)
}

// publish sets what expressions read as actions.jwt_validation. What a token claims is there only once it is verified.
func (a *jwtValidation) publish(x *engine.Exchange, found []presented, failure error) {
	tokens := make([]any, 0, len(found))
	for i := range found {
		p := &found[i]
		if p.raw == "" {
			continue
		}
		fields := map[string]any{
			"location": p.place.location(), "location_property": p.name, "verified": p.verified,
			"header": map[string]any{}, "payload": map[string]any{}, "signature": "",
		}
		if p.token != nil {
			fields["header"], fields["signature"] = p.token.header, p.token.signature
		}
		if p.verified {
			fields["payload"] = p.token.payload
		}
		tokens = append(tokens, fields)
	}
	result := map[string]any{"tokens": tokens}
	if failure != nil {
		code := engine.CodePolicyFailed
		if _, ok := errors.AsType[*tokenProblem](failure); ok {
			code = engine.CodeUnauthorized
		}
		result["error"] = map[string]any{"code": string(code), "message": failure.Error()}
	}
	x.SetResult("jwt_validation", result)
}
