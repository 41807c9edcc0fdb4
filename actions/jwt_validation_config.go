package actions

import (
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/expr"
)

func newJWTValidation(c *engine.Config) engine.Action {
	a := &jwtValidation{
		skew: c.Duration("clock_skew"), enforce: c.Bool("enforce"), now: c.Services.Clock(), claims: newClaimNames(c.Node("claims")),
		issuers: listed(c, c.Node("issuer").Get("allow_list")), audiences: listed(c, c.Node("audience").Get("allow_list")),
	}
	if n := c.Node("clock_skew"); n != nil && a.skew > maxSkew {
		c.Errorf(n, "out_of_range", "\"clock_skew\" must be at most %s, got %s", maxSkew, n.Text.Value)
	}
	if n := c.Node("http").Get("tokens"); n != nil && n.Kind == engine.NodeList {
		for _, item := range n.Items {
			a.places = append(a.places, newTokenPlace(c, item))
		}
	}
	algorithms := a.readAlgorithms(c)
	before := len(c.Diagnostics())
	a.readKeys(c, c.Node("jws").Get("keys"))
	if len(c.Diagnostics()) == before { // else what is missing may be what is wrong
		a.checkKeys(c, algorithms)
	}
	if c.Diagnostics().HasErrors() {
		return nil
	}
	var issuers []string
	for _, t := range a.issuers {
		if name, fixed := t.Literal(); fixed {
			issuers = append(issuers, name)
		}
	}
	a.keys.prepare(c.Services, issuers...)
	return a
}

// listed compiles an allow list.
func listed(c *engine.Config, n *engine.Node) []*expr.Template {
	if n == nil || n.Kind != engine.NodeList {
		return nil // reported by the check of fields, or there is none
	}
	out := make([]*expr.Template, 0, len(n.Items))
	for _, item := range n.Items {
		value := item.Get("value")
		if value == nil || value.Kind != engine.NodeScalar {
			continue
		}
		t := c.CompileTemplate(value)
		if t == nil {
			continue
		}
		if text, fixed := t.Literal(); fixed && text == "" {
			c.Errorf(value, "bad_value", "\"value\" must not be empty")
		}
		out = append(out, t)
	}
	return out
}

// readAlgorithms reads the algorithms and returns where each stands.
func (a *jwtValidation) readAlgorithms(c *engine.Config) (at []*engine.Node) {
	n := c.Node("jws").Get("allowed_algorithms")
	if n == nil || n.Kind != engine.NodeList {
		return nil // reported by the check of fields
	}
	for _, item := range n.Items {
		name := item.Text.Value
		switch {
		case strings.EqualFold(name, "none"):
			c.Errorf(item, "bad_value", "a token without a signature proves nothing: \"none\" cannot be allowed")
		case !slices.Contains(tokenAlgorithms[:], name):
			hint := ""
			if near, ok := diag.Nearest(name, tokenAlgorithms[:]); ok {
				hint = "; did you mean " + near + "?"
			}
			c.Errorf(item, "bad_value", "\"allowed_algorithms\" takes %s, got %q%s", strings.Join(tokenAlgorithms[:], ", "), name, hint)
		default:
			a.algorithms, at = append(a.algorithms, jose.SignatureAlgorithm(name)), append(at, item)
		}
	}
	return at
}

// readKeys reads keys, sources and identification, each of which may be one mapping or a list of them.
func (a *jwtValidation) readKeys(c *engine.Config, n *engine.Node) {
	given := false
	for _, keys := range mappings(c, n, "jws.keys", "sources", "identification") {
		for _, id := range mappings(c, keys.Get("identification"), "jws.keys.identification", "token_claims") {
			for _, item := range scalarItems(c, id.Get("token_claims"), "token_claims") {
				if item.Text.Value != "kid" {
					c.Errorf(item, "bad_value", "keys are found by \"kid\" only")
				}
			}
		}
		for _, source := range mappings(c, keys.Get("sources"), "jws.keys.sources", "additional_jkus", "jwks", "secrets") {
			given = given || len(source.Keys) > 0
			a.readSource(c, source)
		}
	}
	a.keys.discover = !given
}

func (a *jwtValidation) readSource(c *engine.Config, source *engine.Node) {
	for _, item := range scalarItems(c, source.Get("additional_jkus"), "additional_jkus") {
		t := c.CompileTemplate(item)
		if t == nil {
			continue
		}
		if text, fixed := t.Literal(); fixed {
			if _, err := checkServiceURL(text); err != nil {
				c.Errorf(item, "bad_url", "the address of the keys %v", err)
			}
		}
		a.keys.sources = append(a.keys.sources, tokenSource{address: t})
	}
	for _, item := range scalarItems(c, source.Get("secrets"), "secrets") {
		if t := c.CompileTemplate(item); t != nil {
			a.keys.secrets = append(a.keys.secrets, t)
		}
	}
	n := source.Get("jwks")
	if n == nil || n.Kind == engine.NodeNull {
		return
	}
	text, ok := n.Value.(string)
	if !ok {
		text = string(n.AppendJSON(nil))
	}
	keys, err := parseKeys([]byte(text))
	if err != nil {
		c.Errorf(n, "bad_value", "%v", err)
	}
	a.keys.inline = append(a.keys.inline, keys...)
}

// checkKeys checks that every algorithm has keys it can use, and secrets that are long enough.
func (a *jwtValidation) checkKeys(c *engine.Config, at []*engine.Node) {
	for i, item := range at {
		name := string(a.algorithms[i])
		hmac := strings.HasPrefix(name, "HS")
		switch {
		case hmac && len(a.keys.secrets) == 0:
			c.Errorf(item, "missing_field", "%s needs a secret, under jws.keys.sources.secrets", name)
		case !hmac && len(a.keys.sources)+len(a.keys.inline) == 0 && !a.keys.discover:
			c.Errorf(item, "missing_field", "%s needs public keys, under jws.keys.sources.additional_jkus or jwks", name)
		}
		for j, secret := range a.keys.secrets {
			if text, fixed := secret.Literal(); hmac && fixed && len(text) < secretLength(name) {
				c.Errorf(item, "bad_value", "secret %d is too short for %s, which needs %d bytes", j+1, name, secretLength(name))
			}
		}
	}
	if !a.keys.discover {
		return
	}
	list := c.Node("issuer").Get("allow_list")
	if list == nil || list.Kind != engine.NodeList {
		return // reported by the check of fields
	}
	for _, item := range list.Items {
		if value := item.Get("value"); value != nil && !strings.Contains(value.Text.Value, "${") {
			if _, err := checkServiceURL(value.Text.Value); err != nil {
				c.Errorf(value, "bad_url", "without jws.keys.sources the issuer is asked for its keys, and it %v", err)
			}
		}
	}
}

// oneOrMany is the entries of a list, or the one value that stands in its place.
func oneOrMany(n *engine.Node) []*engine.Node {
	switch {
	case n == nil || n.Kind == engine.NodeNull:
		return nil
	case n.Kind == engine.NodeList:
		return n.Items
	default:
		return []*engine.Node{n}
	}
}

// mappings reads one mapping or a list of them, and reports keys that are not known.
func mappings(c *engine.Config, n *engine.Node, name string, known ...string) []*engine.Node {
	list := oneOrMany(n)
	out := make([]*engine.Node, 0, len(list))
	for _, item := range list {
		if item.Kind != engine.NodeMap {
			c.Errorf(item, "wrong_type", "%q must be a mapping or a list of mappings, got %s", name, item.Describe())
			continue
		}
		for _, key := range item.Keys {
			if !slices.Contains(known, key.Text.Value) {
				c.Errorf(key, "unknown_key", "%q has no field %q; it has %s", name, key.Text.Value, strings.Join(known, ", "))
			}
		}
		out = append(out, item)
	}
	return out
}

// scalarItems reads a string or a list of strings.
func scalarItems(c *engine.Config, n *engine.Node, name string) []*engine.Node {
	list := oneOrMany(n)
	out := make([]*engine.Node, 0, len(list))
	for _, item := range list {
		if item.Kind != engine.NodeScalar {
			c.Errorf(item, "wrong_type", "%q must be a list of strings, got %s", name, item.Describe())
			continue
		}
		out = append(out, item)
	}
	return out
}

// claimNames says which claims become the caller.
type claimNames struct{ id, name, groups string }

func claimFields() []engine.Field {
	return []engine.Field{
		{Name: "id", Type: engine.FieldString}, {Name: "name", Type: engine.FieldString}, {Name: "groups", Type: engine.FieldString},
	}
}

func newClaimNames(n *engine.Node) claimNames {
	read := func(field, otherwise string) string {
		if v := n.Get(field); v != nil && v.Text.Value != "" {
			return v.Text.Value
		}
		return otherwise
	}
	return claimNames{id: read("id", "sub"), name: read("name", "name"), groups: read("groups", "groups")}
}

// caller is who verified claims are about.
func (n *claimNames) caller(claims map[string]any) engine.Caller {
	return engine.Caller{
		ID: claimText(claims, n.id), Name: claimText(claims, n.name), Kind: "jwt",
		Groups: claimList(claims, n.groups), Metadata: claims,
	}
}
