package policies

import (
	"regexp"
	"strings"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/expr"
	"weir/engine/vars"
)

// reach follows how far a request can get: what ended every request, or every call of a model, before the rule that is
// being compiled.
type reach struct {
	all   *stop // nothing gets past it
	calls *stop // no call of a model gets past it; lists of models and stored answers do
	route *stop // a route that takes whatever gets to it
}

// stop is what ends requests, and where.
type stop struct {
	what string
	at   diag.Pos
}

// truth is what is known at load about the conditions of a rule.
type truth uint8

const (
	depends truth = iota // on the request; what does not compile counts as that too
	always
	never
)

// conditions compiles the conditions of a rule.
func (c *compiler) conditions(phase vars.Phase, nodes []*engine.Node) (*expr.Predicate, truth) {
	if len(nodes) == 0 {
		return nil, always
	}
	p := c.when(phase, nodes)
	if p == nil {
		return nil, depends
	}
	value, constant := p.Constant()
	switch {
	case p.Never() || constant && !value:
		return p, never
	case constant:
		return p, always
	default:
		return p, depends
	}
}

// runs reports a rule that no request gets to.
func (r *reach) runs(c *compiler, s ruleShape) {
	switch {
	case r.all != nil:
		c.warnf(s.node, "unreachable_rule", "", "this rule never runs: %s in %s ends every request before it", r.all.what, place(r.all.at, s.node.Pos))
	case r.calls != nil:
		c.warnf(s.node, "unreachable_rule", "give ai-gateway on_error: continue where the rule is for what it could not answer",
			"no call of a model gets to this rule: %s in %s answers all of them", r.calls.what, place(r.calls.at, s.node.Pos))
	}
}

// past notes what a rule ended. Only the first is of interest.
func (r *reach) past(b *ruleBuilder, t truth) {
	if t != always || b.ended == "" || b.shape.broken || b.shape.mode == engine.ModeShadow {
		return
	}
	s := &stop{what: b.ended, at: b.endedAt}
	if b.ended == actionAIGateway {
		if r.calls == nil {
			r.calls = s
		}
	} else if r.all == nil {
		r.all = s
	}
}

// takes reports a route that no request gets to, and notes what a route takes.
func (r *reach) takes(c *compiler, n *engine.Node, t truth) {
	const message = "this route is never taken: %s in %s %s"
	switch {
	case r.all != nil:
		c.warnf(n, "unreachable_route", "", message, r.all.what, place(r.all.at, n.Pos), "ends every request before it")
	case r.calls != nil:
		c.warnf(n, "unreachable_route", "", message, r.calls.what, place(r.calls.at, n.Pos), "answers every call before it")
	case r.route != nil:
		c.warnf(n, "unreachable_route", "put routes with expressions first", message, r.route.what, place(r.route.at, n.Pos), "takes every request that gets to it")
	case t == always:
		r.route = &stop{what: "the route", at: n.Pos}
	}
}

// yields reports whether a strategy gives something wherever there is anything to choose from: it begins with the
// collection and only orders it, or takes some of it.
func yields(text, collection string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), collection)
	for ok && strings.TrimSpace(rest) != "" {
		rest = strings.TrimSpace(rest)
		if cut, found := strings.CutPrefix(rest, "[0]"); found {
			rest = cut
			continue
		}
		name := regexp.MustCompile(`^\.\s*(random|randomize|sortBy)\s*\(`).FindString(rest)
		end := closing(rest, len(name))
		if name == "" || end < 0 {
			return false
		}
		rest = rest[end+1:]
	}
	return ok
}

// closing is where the parenthesis closes whose inside begins at from, -1 where it does not.
func closing(text string, from int) int {
	depth, quote := 1, byte(0)
	for i := from; i < len(text); i++ {
		switch ch := text[i]; {
		case quote != 0:
			switch ch {
			case '\\':
				i++
			case quote:
				quote = 0
			}
		case ch == '\'' || ch == '"':
			quote = ch
		case ch == '(':
			depth++
		case ch == ')':
			depth--
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// shadowed reports the strategies that are never asked, because one before them always has an answer or is the same.
func (c *compiler) shadowed(nodes []*engine.Node, collection string) {
	var first *engine.Node
	seen := map[string]*engine.Node{}
	for _, n := range nodes {
		text := strings.Join(strings.Fields(n.Text.Value), " ")
		switch same := seen[text]; {
		case first != nil:
			c.warnf(n, "shadowed_strategy", "", "this strategy is never asked: the one in %s leaves something whenever there is anything", place(first.Pos, n.Pos))
		case same != nil:
			c.warnf(n, "shadowed_strategy", "", "this strategy is the same as the one in %s, which left nothing", place(same.Pos, n.Pos))
		default:
			seen[text] = n
			if yields(n.Text.Value, collection) {
				first = n
			}
		}
	}
}
