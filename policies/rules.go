package policies

import (
	"regexp"
	"slices"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/expr"
	"weir/engine/vars"
)

// ruleShape is one rule of a document before anything in it is compiled.
type ruleShape struct {
	node        *engine.Node
	name        string
	expressions []*engine.Node
	actions     []*engine.Node
	onError     engine.OnError
	mode        engine.Mode
	onStream    *engine.Node
	broken      bool // something in it is wrong, so that nothing follows from what it leaves out
}

// shapes reads the rules of a phase: a list of rules, a single rule in place of the list, and bare actions in place of
// rules.
func (c *compiler) shapes(n *engine.Node, key string) []ruleShape {
	if n == nil {
		return nil
	}
	items := []*engine.Node{n}
	if n.Kind == engine.NodeList {
		items = n.Items
	}
	out := make([]ruleShape, 0, len(items))
	for _, item := range items {
		if item.Kind == engine.NodeNull {
			c.errorf(item, "empty_value", "take the dash out, or write a rule", "a rule of %s has no value", key)
			continue
		}
		if item.Kind != engine.NodeMap {
			c.errorf(item, "wrong_type", "", "a rule of %s must be a mapping, got %s", key, item.Describe())
			continue
		}
		if item.Get("actions") == nil && item.Get("type") != nil {
			out = append(out, ruleShape{node: item, actions: []*engine.Node{item}})
			continue
		}
		out = append(out, c.shape(item, key))
	}
	return out
}

func (c *compiler) shape(n *engine.Node, key string) ruleShape {
	before := len(c.diags)
	o := c.object(n, "a rule")
	s := ruleShape{node: n, name: o.str("name"), expressions: c.expressions(o)}
	s.onError = onErrorWord(o)
	s.mode = engine.Mode(o.word("mode", "enforce", "shadow")) //nolint:gosec // one of two
	if key == keyResponse {
		o.word("on_stream", "window", "buffer", "skip")
		s.onStream = o.get("on_stream")
	}
	actions := o.get("actions")
	switch {
	case actions == nil || actions.Kind == engine.NodeList && len(actions.Items) == 0:
		c.errorf(n, "no_actions", "", "a rule needs at least one action")
	case actions.Kind == engine.NodeMap:
		s.actions = []*engine.Node{actions}
	case actions.Kind == engine.NodeList:
		s.actions = actions.Items
	default:
		o.mistyped(actions, "actions", "a list")
	}
	c.renamedKeys(o, ruleKeys())
	o.close()
	s.broken = c.diags[before:].HasErrors()
	return s
}

func onErrorWord(o *object) engine.OnError {
	if o.get("on_error") == nil {
		return engine.OnErrorDefault
	}
	if o.word("on_error", "halt", "continue") == 1 {
		return engine.OnErrorContinue
	}
	return engine.OnErrorHalt
}

// expressions reads the list of conditions; a null would mean always, and is more likely a slip.
func (c *compiler) expressions(o *object) []*engine.Node {
	n := o.filled("expressions")
	if n == nil {
		return nil
	}
	if n.Kind != engine.NodeList {
		c.errorf(n, "wrong_type", "write [...] around it", "\"expressions\" must be a list, got %s", n.Describe())
		return nil
	}
	out := make([]*engine.Node, 0, len(n.Items))
	for _, item := range n.Items {
		if item.Kind != engine.NodeScalar {
			c.errorf(item, "wrong_type", "", "an expression must be a string, got %s", item.Describe())
			continue
		}
		out = append(out, item)
	}
	return out
}

// when compiles the conditions of a rule; nil = always.
func (c *compiler) when(phase vars.Phase, nodes []*engine.Node) *expr.Predicate {
	if len(nodes) == 0 {
		return nil
	}
	texts := make([]expr.Text, len(nodes))
	for i, n := range nodes {
		texts[i] = n.Text
	}
	p, diags := c.env.Predicate(phase, texts)
	c.take(diags, nodes[0])
	if diags.HasErrors() {
		return nil
	}
	return p
}

// take takes over the diagnostics of an expression; those without a place get the node's.
func (c *compiler) take(diags diag.List, n *engine.Node) {
	for i := range diags {
		d := diags[i]
		if !d.Pos.IsValid() {
			d.Pos, d.End = n.Pos, n.End
		}
		c.diags = append(c.diags, c.explain(d))
	}
}

// ruleSite is where rules stand: the key of their phase, what their expressions may read, and which actions may stand there.
type ruleSite struct {
	key   string
	phase vars.Phase
	takes vars.Phase
}

// rules compiles rules of a phase in the order they run, and adds them to those of the phase.
func (c *compiler) rules(n *engine.Node, site ruleSite, rules *[]engine.Rule) {
	for _, s := range c.shapes(n, site.key) {
		c.uniqueName(s)
		c.reach.runs(c, s)
		u := c.flow.begin()
		u.onError, u.rules, u.index = s.onError, rules, len(*rules)
		r := engine.Rule{Name: s.name, Pos: s.node.Pos, OnError: s.onError, Mode: s.mode}
		when, t := c.conditions(site.phase, s.expressions)
		r.When = when
		b := &ruleBuilder{compiler: c, shape: s, rule: &r, unit: u, ruleSite: site}
		for _, a := range s.actions {
			b.action(a)
		}
		b.finish()
		c.reach.past(b, t)
		*rules = append(*rules, r)
	}
}

func (c *compiler) uniqueName(s ruleShape) {
	if s.name == "" {
		return
	}
	if first, dup := c.names[s.name]; dup {
		c.warnf(s.node.Get("name"), "duplicate_name", "", "another rule is called %q, in %s", s.name, place(first, s.node.Pos))
		return
	}
	c.names[s.name] = s.node.Pos
}

// except lists what the policy does not enforce.
func (c *compiler) except(kind, rule, action string, n *engine.Node) {
	c.out.exceptions = append(c.out.exceptions, Exception{Kind: kind, Rule: rule, Action: action, File: n.Pos.File, Line: n.Pos.Line})
}

// readsCredential reports whether the conditions of a rule look at what proves who the caller is.
func readsCredential(p *expr.Predicate, nodes []*engine.Node) bool {
	if p == nil {
		return false
	}
	for _, h := range p.Headers() {
		if slices.Contains([]string{"authorization", "x-api-key", "x-goog-api-key", "api-key"}, h) {
			return true
		}
	}
	if !p.Reads().Has(vars.ReqURLQueryParams) {
		return false
	}
	keyParam := regexp.MustCompile(`(query_params\s*\[|QueryParam\()\s*['"]key['"]|query_params\.key\b`)
	return slices.ContainsFunc(nodes, func(n *engine.Node) bool { return keyParam.MatchString(n.Text.Value) })
}
