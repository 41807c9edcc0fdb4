package policies

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"weir/engine"
)

// maxTimeout bounds every duration of a policy: no call to a model lasts a day, so more is a slip of the unit.
const maxTimeout = 24 * time.Hour

// object reads one mapping field by field. Every field that is asked for is known; close reports the others.
type object struct {
	c     *compiler
	n     *engine.Node
	what  string
	known []string
	wrong bool // it is no mapping, which has been reported: nothing is missing in it
}

// object begins to read a mapping; a node of another kind is reported and read as empty.
func (c *compiler) object(n *engine.Node, what string) *object {
	if n.Kind != engine.NodeMap {
		c.errorf(n, "wrong_type", "", "%s must be a mapping, got %s", what, n.Describe())
		return &object{c: c, n: &engine.Node{Kind: engine.NodeMap, Pos: n.Pos, End: n.End}, what: what, wrong: true}
	}
	return &object{c: c, n: n, what: what}
}

// close reports the keys that were not asked for.
func (o *object) close() {
	for _, key := range o.n.Keys {
		if !slices.Contains(o.known, key.Text.Value) {
			o.c.errorf(key, "unknown_key", engine.HintFor(key.Text.Value, o.known), "%s has no field %q", o.what, key.Text.Value)
		}
	}
}

// skip takes a key for known: somebody else has read it or reported it.
func (o *object) skip(name string) {
	if !slices.Contains(o.known, name) {
		o.known = append(o.known, name)
	}
}

// get returns the value of a key, nil where it is missing or null.
func (o *object) get(name string) *engine.Node {
	o.skip(name)
	n := o.n.Get(name)
	if n == nil || n.Kind == engine.NodeNull {
		return nil
	}
	return n
}

// filled is get for fields where nothing is more likely a cut-off file than an intention.
func (o *object) filled(name string) *engine.Node {
	n := o.get(name)
	if n == nil {
		if null := o.n.Get(name); null != nil {
			o.c.errorf(null, "empty_value", "leave the key out, or give it a value", "%q has no value", name)
		}
	}
	return n
}

// mistyped reports a value that is of another type than its field.
func (o *object) mistyped(n *engine.Node, name, want string) {
	o.c.errorf(n, "wrong_type", "", "%q must be %s, got %s", name, want, n.Describe())
}

// str reads a string that is taken as it is.
func (o *object) str(name string) string {
	n := o.get(name)
	if n == nil {
		return ""
	}
	return o.plain(n, name)
}

// plain reads a scalar as text and refuses ${...}, which would be taken literally.
func (o *object) plain(n *engine.Node, name string) string {
	if n.Kind != engine.NodeScalar {
		o.mistyped(n, name, "a string")
		return ""
	}
	if strings.Contains(n.Text.Value, "${") {
		o.c.errorf(n, "not_a_template", "", "%q does not take ${...}", name)
	}
	return n.Text.Value
}

// must is str for a field that has to be there.
func (o *object) must(name string) string {
	s := o.str(name)
	if o.wrong {
		return ""
	}
	if n := o.n.Get(name); n == nil || n.Kind == engine.NodeNull || n.Kind == engine.NodeScalar && s == "" {
		at := o.n
		if n != nil {
			at = n
		}
		o.c.errorf(at, "missing_field", "", "%s needs %q", o.what, name)
	}
	return s
}

func (o *object) strs(name string) []string {
	items := o.list(name)
	if len(items) == 0 {
		return nil // nothing said, which keeps what the catalog says
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		out = append(out, o.plain(item, name))
	}
	return out
}

// list returns the entries of a list field.
func (o *object) list(name string) []*engine.Node {
	n := o.get(name)
	if n == nil {
		return nil
	}
	if n.Kind != engine.NodeList {
		hint := ""
		if n.Kind == engine.NodeScalar {
			hint = "write [...] around it"
		}
		o.c.errorf(n, "wrong_type", hint, "%q must be a list, got %s", name, n.Describe())
		return nil
	}
	return n.Items
}

func (o *object) boolean(name string) bool {
	n := o.get(name)
	if n == nil {
		return false
	}
	v, ok := n.Value.(bool)
	if !ok {
		o.mistyped(n, name, "true or false")
	}
	return v
}

// integer reads a whole number of at least 1, 0 where it is missing.
func (o *object) integer(name string, most int64) int64 {
	n := o.get(name)
	if n == nil {
		return 0
	}
	v, ok := n.Value.(int64)
	if !ok {
		o.mistyped(n, name, "a whole number")
		return 0
	}
	if v < 1 || v > most {
		o.c.errorf(n, "out_of_range", "", "%q must be between 1 and %d, got %d", name, most, v)
		return 0
	}
	return v
}

// price reads a price, which may be whole or not, and is nil where it is not given.
func (o *object) price(name string) *float64 {
	n := o.get(name)
	if n == nil {
		return nil
	}
	var v float64
	switch x := n.Value.(type) {
	case int64:
		v = float64(x)
	case float64:
		v = x
	default:
		o.mistyped(n, name, "a number")
		return nil
	}
	if v < 0 {
		o.c.errorf(n, "out_of_range", "", "%q cannot be negative", name)
	}
	return &v
}

func (o *object) duration(name string) time.Duration {
	n := o.get(name)
	if n == nil {
		return 0
	}
	if n.Kind != engine.NodeScalar {
		o.mistyped(n, name, "a duration such as 30s")
		return 0
	}
	d, err := engine.ParseDuration(n.Text.Value)
	switch {
	case err != nil:
		hint := ""
		if _, isInt := n.Value.(int64); isInt {
			hint = fmt.Sprintf("with a unit, such as %ss", n.Text.Value)
		}
		o.c.errorf(n, "bad_duration", hint, "%q: %v", name, err)
	case d == 0 || d > maxTimeout:
		o.c.errorf(n, "out_of_range", "", "%q must be more than 0 and at most %s, got %s", name, maxTimeout, n.Text.Value)
	default:
		return d
	}
	return 0
}

// word reads one of a few words and returns its index, 0 where the field is missing.
func (o *object) word(name string, words ...string) int {
	n := o.get(name)
	if n == nil {
		return 0
	}
	if n.Kind != engine.NodeScalar {
		o.mistyped(n, name, "one of "+strings.Join(words, ", "))
		return 0
	}
	i := slices.Index(words, n.Text.Value)
	if i < 0 {
		o.c.errorf(n, "bad_value", engine.HintFor(n.Text.Value, words), "%q cannot be %q", name, n.Text.Value)
		return 0
	}
	return i
}

// metadata reads a mapping of any values.
func (o *object) metadata(name string) map[string]any {
	n := o.get(name)
	if n == nil {
		return nil
	}
	if n.Kind != engine.NodeMap {
		o.mistyped(n, name, "a mapping")
		return nil
	}
	return n.Map()
}

// address reads an http or https URL.
func (o *object) address(name string) string {
	n := o.get(name)
	if n == nil {
		return ""
	}
	text := o.plain(n, name)
	u, err := url.Parse(text)
	switch {
	case n.Kind != engine.NodeScalar || strings.Contains(text, "${"):
	case err != nil:
		o.c.errorf(n, "bad_url", "", "%q is not a URL", name)
	case u.Scheme != "http" && u.Scheme != "https":
		o.c.errorf(n, "bad_url", "it begins with https:// or http://", "%q must be an http or https URL", name)
	case u.Hostname() == "":
		o.c.errorf(n, "bad_url", "", "%q has no host", name)
	case u.User != nil:
		o.c.errorf(n, "bad_url", "keys go into api_keys, which are masked", "%q must not hold a user name or password", name)
	case u.Fragment != "":
		o.c.errorf(n, "bad_url", "", "%q must not have a fragment", name)
	}
	return text
}
