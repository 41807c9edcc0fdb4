package policies

import (
	"errors"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/expr"
	"weir/engine/vars"
)

const (
	// maxTokens is the bound that the documents this language mirrors set on token limits.
	maxTokens = 500_000
	// maxAttempts keeps one request from becoming a flood of them.
	maxAttempts = 50
	// maxMergedFields bounds headers, query parameters and body fields that a route adds.
	maxMergedFields = 64
)

// routes compiles the native route rules.
func (c *compiler) routes(n *engine.Node) {
	if n == nil {
		return
	}
	items := []*engine.Node{n}
	if n.Kind == engine.NodeList {
		items = n.Items
	}
	for _, item := range items {
		u := c.flow.begin()
		u.guards = true
		o := c.object(item, "a route rule")
		name := o.str("name")
		c.uniqueName(ruleShape{node: item, name: name})
		when, t := c.conditions(vars.PhaseRoute, c.expressions(o))
		c.reach.takes(c, item, t)
		r := engine.RouteConfig{Pos: item.Pos, Name: name, When: when}
		c.route(o, &r)
		c.out.cfg.Routes = append(c.out.cfg.Routes, r)
	}
}

// aiGateway compiles an ai-gateway action, whose config is a route rule.
func (b *ruleBuilder) aiGateway(at, config, enforce *engine.Node) {
	if b.takes != vars.PhaseRequest {
		b.errorf(at, "wrong_phase", "it may stand in on_request", "ai-gateway cannot stand in %s", b.takes)
		return
	}
	if enforce != nil || b.shape.mode == engine.ModeShadow {
		b.errorf(at, "bad_mode", "use other expressions to try it on some requests", "ai-gateway cannot run in shadow: nothing would answer")
		return
	}
	b.unit.guards = true
	b.routes, b.flow.routesByAction = true, true
	r := &engine.RouteConfig{Pos: at.Pos, Name: b.shape.name}
	if config == nil {
		config = &engine.Node{Kind: engine.NodeMap, Pos: at.Pos, End: at.End}
	}
	o := b.object(config, "the config of ai-gateway")
	b.route(o, r)
	if r.OnError != engine.OnErrorContinue {
		b.ended, b.endedAt = actionAIGateway, at.Pos
	}
	b.flow.setResult(resultAIGateway)
	b.rule.Actions = append(b.rule.Actions, engine.RuleAction{Name: actionAIGateway, Pos: at.Pos, Action: engine.NewRouteAction(r)})
}

// route reads the fields of a route rule beyond its name and expressions.
func (c *compiler) route(o *object, r *engine.RouteConfig) {
	r.Providers = c.providers(o, &names{c: c, code: "duplicate_provider", what: "provider"})
	r.OnlyConfiguredProviders = o.boolean("only_allow_configured_providers")
	r.OnlyConfiguredModels = o.boolean("only_allow_configured_models")
	c.strategies(o, r)
	if n := o.get("require"); n != nil {
		if p, diags := c.env.ModelPredicate(n.Text); diags.HasErrors() || n.Kind != engine.NodeScalar {
			if n.Kind != engine.NodeScalar {
				o.mistyped(n, "require", "an expression")
			}
			c.take(diags, n)
		} else {
			c.take(diags, n)
			r.Require = p
		}
	}
	r.MaxInputTokens = o.integer("max_input_tokens", maxTokens)
	r.MaxOutputTokens = o.integer("max_output_tokens", maxTokens)
	r.Headers = c.templates(o, "headers", engine.CheckHeaderName)
	r.QueryParams = c.templates(o, "query_params", checkParamName)
	r.Body = c.body(o)
	r.TotalTimeout = o.duration("total_timeout")
	r.PerRequestTimeout = o.duration("per_request_timeout")
	r.FirstTokenTimeout = o.duration("first_token_timeout")
	r.StreamIdleTimeout = o.duration("stream_idle_timeout")
	if n := o.get("per_request_timeout"); n != nil && r.TotalTimeout > 0 && r.PerRequestTimeout > r.TotalTimeout {
		c.warnf(n, "no_effect", "", "per_request_timeout is longer than total_timeout, which ends the request first")
	}
	r.OnError = onErrorWord(o)
	if r.OnError == engine.OnErrorDefault {
		r.OnError = engine.OnErrorHalt
	}
	r.Failover = c.failover(o)
	r.Balance = engine.Balance(o.word("balance", "ordered", "weighted", "least_busy", "fastest", "cheapest")) //nolint:gosec // one of five
	if n := o.get("keys"); n != nil {
		r.Keys = engine.KeysMode(1 + o.word("keys", "configured", "client")) //nolint:gosec // one of two
	}
	c.renamedKeys(o, routeKeys())
	o.close()
}

func (c *compiler) strategies(o *object, r *engine.RouteConfig) {
	models, keys := c.strategyTexts(o, "model_selection"), c.strategyTexts(o, "api_key_selection")
	c.shadowed(models, "ai.models")
	c.shadowed(keys, "ai.keys")
	for _, n := range models {
		s, diags := c.env.Strategy(n.Text)
		c.take(diags, n)
		if !diags.HasErrors() {
			c.empty(n, s, r)
			r.Strategies, r.StrategyTexts = append(r.Strategies, s), append(r.StrategyTexts, n.Text.Value)
		}
	}
	for _, n := range keys {
		s, diags := c.env.KeyStrategy(n.Text)
		c.take(diags, n)
		if !diags.HasErrors() {
			r.KeyStrategies, r.KeyStrategyTexts = append(r.KeyStrategies, s), append(r.KeyStrategyTexts, n.Text.Value)
		}
	}
}

// strategyTexts reads {strategy: [...]}. An empty list would select nothing and is refused; without the field the
// client's own order counts.
func (c *compiler) strategyTexts(o *object, name string) []*engine.Node {
	n := o.filled(name)
	if n == nil {
		return nil
	}
	s := c.object(n, name)
	items := s.list("strategy")
	if list := s.get("strategy"); list != nil && list.Kind == engine.NodeScalar {
		items = []*engine.Node{list} // reported, and compiled all the same so that everything is told at once
	}
	s.close()
	if len(items) == 0 && !s.wrong {
		c.errorf(n, "empty_value", "leave "+name+" out where there is nothing to choose", "%s has no strategy", name)
	}
	return slices.DeleteFunc(slices.Clone(items), func(item *engine.Node) bool {
		if item.Kind != engine.NodeScalar {
			c.errorf(item, "wrong_type", "", "a strategy must be an expression, got %s", item.Describe())
			return true
		}
		return false
	})
}

func (c *compiler) failover(o *object) engine.Failover {
	n := o.get("failover")
	if n == nil {
		return engine.Failover{}
	}
	f := c.object(n, "failover")
	out := engine.Failover{
		MaxAttempts: int(f.integer("max_attempts", maxAttempts)),
		Backoff:     f.duration("backoff"),
		MaxBackoff:  f.duration("max_backoff"),
	}
	if on := f.get("on"); on != nil {
		if on.Kind != engine.NodeScalar {
			f.mistyped(on, "on", "an expression")
		} else {
			out.On = c.when(vars.PhaseFailover, []*engine.Node{on})
		}
	}
	f.close()
	return out
}

// templates reads a mapping from names to strings with ${...}.
func (c *compiler) templates(o *object, name string, check func(string) error) []engine.NamedTemplate {
	n := o.get(name)
	if n == nil {
		return nil
	}
	if n.Kind != engine.NodeMap {
		o.mistyped(n, name, "a mapping")
		return nil
	}
	c.bounded(n, name)
	out := make([]engine.NamedTemplate, 0, len(n.Keys))
	for i, key := range n.Keys {
		if err := check(key.Text.Value); err != nil {
			c.errorf(key, "bad_name", "", "%s: %v", name, err)
			continue
		}
		if n.Items[i].Kind != engine.NodeScalar {
			c.errorf(n.Items[i], "wrong_type", "", "%s.%s must be a string, got %s", name, key.Text.Value, n.Items[i].Describe())
			continue
		}
		if t := c.template(n.Items[i]); t != nil {
			out = append(out, engine.NamedTemplate{Pos: key.Pos, Name: key.Text.Value, Value: t})
		}
	}
	return out
}

func (c *compiler) bounded(n *engine.Node, name string) {
	if len(n.Keys) > maxMergedFields {
		c.errorf(n, "out_of_range", "", "%q may have %d entries, got %d", name, maxMergedFields, len(n.Keys))
	}
}

func (c *compiler) template(n *engine.Node) *expr.Template {
	t, diags := c.env.Template(vars.PhaseRoute, n.Text)
	c.take(diags, n)
	if diags.HasErrors() {
		return nil
	}
	return t
}

// body reads what is merged into the upstream body. Values without ${...} are encoded here, once.
func (c *compiler) body(o *object) []engine.BodyField {
	n := o.get("body")
	if n == nil {
		return nil
	}
	if n.Kind != engine.NodeMap {
		o.mistyped(n, "body", "a mapping")
		return nil
	}
	c.bounded(n, "body")
	out := make([]engine.BodyField, 0, len(n.Keys))
	for i, key := range n.Keys {
		f := engine.BodyField{Pos: key.Pos, Name: key.Text.Value}
		if hasTemplate(n.Items[i]) {
			f.Value = engine.BuildTree(n.Items[i], c.template, func(at *engine.Node) {
				c.errorf(at, "too_deep", "", "values may nest %d levels deep", engine.MaxTreeDepth)
			})
		} else {
			f.Raw = n.Items[i].AppendJSON(nil)
		}
		if slices.Contains([]string{"model", "models", "stream"}, f.Name) {
			c.errorf(key, "bad_name", "choose models with model_selection", "body cannot set %q, which the route is chosen by", f.Name)
		}
		out = append(out, f)
	}
	return out
}

// hasTemplate reports whether ${ stands anywhere in a value.
func hasTemplate(n *engine.Node) bool {
	if s, ok := n.Value.(string); ok {
		return strings.Contains(s, "${")
	}
	return slices.ContainsFunc(n.Items, hasTemplate)
}

var errParamName = errors.New("a query parameter needs a name without control characters")

func checkParamName(name string) error {
	if name == "" || engine.CheckHeaderValue(name) != nil {
		return errParamName
	}
	return nil
}
