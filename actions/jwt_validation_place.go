package actions

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/wire"
)

// tokenPlace is where in a request a token is.
type tokenPlace struct {
	kind   string
	body   bool
	name   *expr.Template
	prefix *expr.Template // nil = none
}

func newTokenPlace(c *engine.Config, n *engine.Node) tokenPlace {
	text := func(field string) string {
		if v := n.Get(field); v != nil {
			return v.Text.Value
		}
		return ""
	}
	p := tokenPlace{kind: text("type"), body: text("method") == "body"}
	if name := n.Get("name"); name != nil && name.Kind == engine.NodeScalar {
		if p.name = c.CompileTemplate(name); p.name != nil {
			if s, fixed := p.name.Literal(); fixed && s == "" {
				c.Errorf(name, "bad_value", "\"http.tokens.name\" must not be empty")
			}
		}
	}
	if prefix := n.Get("prefix"); prefix != nil && prefix.Kind == engine.NodeScalar {
		p.prefix = c.CompileTemplate(prefix)
	}
	return p
}

func (p *tokenPlace) location() string {
	if p.body {
		return "body"
	}
	return "header"
}

func noToken(text string) error { return &tokenProblem{text: text, missing: true} }

// find takes the token out of the request.
func (p *tokenPlace) find(x *engine.Exchange, into *presented) error {
	var err error
	if into.name, err = p.name.String(x); err != nil {
		return fmt.Errorf("the name of a token: %w", err)
	}
	read := headerValue
	if p.body {
		read = bodyValue
	}
	value, err := read(x, into.name)
	if err != nil {
		return err
	}
	if p.prefix != nil {
		prefix, err := p.prefix.String(x)
		if err != nil {
			return fmt.Errorf("the prefix of a token: %w", err)
		}
		if len(value) < len(prefix) || !strings.EqualFold(value[:len(prefix)], prefix) {
			return noToken("the request has no token: the prefix is not there")
		}
		value = value[len(prefix):]
	}
	if into.raw = strings.TrimSpace(value); into.raw == "" {
		return noToken("the request has no token")
	}
	return nil
}

// headerValue is the value of a header that must be there once: of two nobody knows which the next reader takes.
func headerValue(x *engine.Exchange, name string) (string, error) {
	value, seen := "", 0
	for i := range x.Request.Headers {
		if h := &x.Request.Headers[i]; strings.EqualFold(h.Name, name) {
			value = h.Value
			seen++
		}
	}
	switch seen {
	case 0:
		return "", noToken("the request has no token")
	case 1:
		return value, nil
	default:
		return "", badToken("the request has more than one token of a kind")
	}
}

// bodyKind tells a form from JSON; other bodies hold no tokens.
func bodyKind(x *engine.Exchange) (form bool, err error) {
	switch x.Request.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return false, noToken("a token in the body needs POST, PUT or PATCH")
	}
	media, _, err := mime.ParseMediaType(x.Request.Headers.First("content-type"))
	switch {
	case err == nil && media == "application/json":
		return false, nil
	case err == nil && media == "application/x-www-form-urlencoded":
		return true, nil
	default:
		return false, noToken("a token in the body needs application/json or application/x-www-form-urlencoded")
	}
}

// bodyValue is a field of a body, whose name may be written in any case; no second one may be there.
func bodyValue(x *engine.Exchange, name string) (string, error) {
	form, err := bodyKind(x)
	if err != nil {
		return "", err
	}
	body, err := x.Body()
	if err != nil {
		return "", err //nolint:wrapcheck // the client's own error
	}
	var values []string
	if form {
		fields, err := url.ParseQuery(string(body))
		if err != nil {
			return "", badToken("the form in the body is malformed")
		}
		for field, v := range fields {
			if strings.EqualFold(field, name) {
				values = append(values, v...)
			}
		}
	} else {
		var doc wire.Doc
		if problem := doc.Scan(body); problem != nil {
			return "", badToken("the JSON in the body is malformed")
		}
		for _, m := range doc.Members() {
			if strings.EqualFold(m.Key, name) {
				text, _ := doc.Str(m) // what is no string is no token
				values = append(values, text)
			}
		}
	}
	switch len(values) {
	case 0:
		return "", noToken("the request has no token")
	case 1:
		return values[0], nil
	default:
		return "", badToken("the request has more than one token of a kind")
	}
}

// withhold takes tokens that count out of the request, so that no provider gets them. Those where callers' keys are taken
// out by the engine stay until the rules are through.
func (a *jwtValidation) withhold(x *engine.Exchange, found []presented) error {
	if !a.enforce {
		return nil
	}
	for i := range found {
		p := &found[i]
		var err error
		switch {
		case p.place.body:
			err = withholdField(x, p.name)
		case !isKeyHeader(p.name):
			x.Request.Headers.Del(p.name)
		}
		if err != nil {
			return fmt.Errorf("jwt-validation: taking the token out of the body: %w", err)
		}
	}
	return nil
}

// isKeyHeader names the fields that carry callers' keys.
func isKeyHeader(name string) bool {
	switch strings.ToLower(name) {
	case "authorization", "x-api-key", "x-goog-api-key", "api-key":
		return true
	default:
		return false
	}
}

// withholdField removes a field of the body. Every other byte of JSON stays as it came.
func withholdField(x *engine.Exchange, name string) error {
	form, err := bodyKind(x)
	if err != nil {
		return err
	}
	body, err := x.Body()
	if err != nil {
		return err //nolint:wrapcheck // the client's own error
	}
	if form {
		var kept []string
		for pair := range strings.SplitSeq(string(body), "&") {
			field, _, _ := strings.Cut(pair, "=")
			if field, err := url.QueryUnescape(field); err == nil && !strings.EqualFold(field, name) {
				kept = append(kept, pair)
			}
		}
		return x.ReplaceBody([]byte(strings.Join(kept, "&"))) //nolint:wrapcheck // the caller says what was done
	}
	var doc wire.Doc
	if problem := doc.Scan(body); problem != nil {
		return problem
	}
	var edits []wire.Edit
	for _, m := range doc.Members() {
		if strings.EqualFold(m.Key, name) {
			edits = append(edits, wire.Edit{Op: wire.EditDelete, Key: strings.Clone(m.Key)})
		}
	}
	return x.ReplaceBody(doc.Splice(nil, edits)) //nolint:wrapcheck // the caller says what was done
}
