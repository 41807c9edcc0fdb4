package policies

import (
	"path/filepath"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/expr"
	"weir/engine/vars"
)

const actionAIGateway = "ai-gateway"

// maxNamedFile bounds a file that the config of an action names: a list of a million phrases.
const maxNamedFile = 16 << 20

// ruleBuilder compiles the actions of one rule.
type ruleBuilder struct {
	*compiler

	shape ruleShape
	rule  *engine.Rule
	unit  *unit
	ruleSite
	ended    string // the terminal action that stands before; "" = none
	endedAt  diag.Pos
	content  bool // some action works on content
	routes   bool // some action is ai-gateway
	authable bool // some enforced action refuses
}

// action compiles one {type, config}.
func (b *ruleBuilder) action(n *engine.Node) {
	if n.Kind != engine.NodeMap {
		hint := ""
		if n.Kind == engine.NodeScalar {
			hint = "write {type: " + n.Text.Value + "}"
		}
		b.errorf(n, "wrong_type", hint, "an action must be a mapping with a type, got %s", n.Describe())
		return
	}
	o := b.object(n, "an action")
	name := o.must("type")
	config, enforce := o.get("config"), o.get("enforce")
	o.close()
	if name == "" {
		return
	}
	at := n.Get("type")
	if b.ended != "" {
		b.errorf(at, "unreachable_action", "", "%s never runs: %s before it always ends the phase", name, b.ended)
	}
	if name == actionAIGateway {
		b.aiGateway(at, config, enforce)
		return
	}
	spec := b.spec(at, name)
	if spec == nil {
		return
	}
	if spec.Phases&b.takes == 0 {
		b.errorf(at, "wrong_phase", "it may stand in "+spec.Phases.String(), "%s cannot stand in %s", name, b.takes)
		return
	}
	b.build(at, spec, config, enforce)
}

// build makes an action and adds it to the rule.
func (b *ruleBuilder) build(at *engine.Node, spec *engine.ActionSpec, config, enforce *engine.Node) {
	if !hasField(spec, "enforce") {
		config, enforce = takeEnforce(config, enforce)
	}
	mode := b.mode(at, spec.Name, enforce)
	enforced := mode == engine.ModeEnforce && b.enforced(at, spec.Name, config)
	active := enforced && b.shape.mode == engine.ModeEnforce
	b.deprecated(spec, config)
	if spec.Name == actionRego {
		b.flow.setAny(active)
		if b.regoBroken {
			return // which is told where the Rego stands
		}
	}
	cfg := engine.NewConfig(b.env, b.phase, spec, at.Pos, b.withOnStream(at, spec, config))
	cfg.Rego = b.out.cfg.Rego
	if b.opts.Services != nil {
		cfg.Services = b.opts.Services(b.out.cfg.Name)
	}
	cfg.ReadFile = func(name string) ([]byte, error) {
		path := filepath.FromSlash(name)
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(at.Pos.File), path)
		}
		return b.out.secrets.files.read(path, maxNamedFile)
	}
	cfg.OnSet = func(name string) { b.flow.setVar(name, active) }
	action := spec.New(cfg) // even where fields are wrong, so that everything is told at once
	renamed(spec.Name, config, cfg.Diagnostics())
	b.take(cfg.Diagnostics(), at)
	b.unit.guards = b.unit.guards || spec.Guards
	b.content = b.content || spec.ContentRule || hasField(spec, "on_stream")
	b.flow.setResult(resultName(spec.Name))
	if spec.Terminal && enforced && !goesOn(spec, cfg) {
		b.ended, b.endedAt = spec.Name, at.Pos
	}
	if n := config.Get("on_error"); n != nil && goesOn(spec, cfg) {
		b.except("on_error_continue", b.shape.name, spec.Name, at)
	}
	if action == nil || cfg.Diagnostics().HasErrors() {
		return
	}
	b.rule.Actions = append(b.rule.Actions, engine.RuleAction{
		Name: spec.Name, Pos: at.Pos, Action: action, Mode: mode, ContentRule: spec.ContentRule,
	})
	if active && b.phase == vars.PhaseRequest && !b.flow.routesByAction {
		b.flow.authenticates = b.flow.authenticates || spec.Authenticates
		switch {
		case !spec.Authenticates:
		case b.rule.When == nil:
			b.flow.always = true
		default:
			b.flow.sometimes = append(b.flow.sometimes, conditional{b.shape.name, spec.Name, at})
		}
		b.authable = b.authable || refuses(spec, cfg)
	}
}

func hasField(spec *engine.ActionSpec, name string) bool {
	return slices.ContainsFunc(spec.Fields, func(f engine.Field) bool { return f.Name == name })
}

// withOnStream gives the rule's on_stream to an action that has the field and does not say it itself.
func (b *ruleBuilder) withOnStream(at *engine.Node, spec *engine.ActionSpec, config *engine.Node) *engine.Node {
	const key = "on_stream"
	word := b.shape.onStream
	if !hasField(spec, key) || word == nil || word.Kind != engine.NodeScalar || config.Get(key) != nil {
		return config
	}
	out := engine.Node{Kind: engine.NodeMap, Pos: at.Pos}
	if config != nil && config.Kind == engine.NodeMap {
		out = *config
	} else if config != nil && config.Kind != engine.NodeNull {
		return config // reported as what it is
	}
	name := &engine.Node{Kind: engine.NodeScalar, Pos: word.Pos, End: word.Pos, Value: key, Text: expr.Text{Value: key}}
	out.Keys, out.Items = append(slices.Clone(out.Keys), name), append(slices.Clone(out.Items), word)
	return &out
}

// goesOn reports whether a terminal action lets the next one run where it fails.
func goesOn(spec *engine.ActionSpec, cfg *engine.Config) bool {
	return hasField(spec, "on_error") && cfg.String("on_error") == "continue"
}

// refuses reports whether an action turns the caller away.
func refuses(spec *engine.ActionSpec, cfg *engine.Config) bool {
	return spec.Terminal && (spec.Name == "deny" || spec.Name == "custom-response" && cfg.Int("status_code") >= 400)
}

// takeEnforce takes enforce out of a config whose action does not know it, so that it works for every action.
func takeEnforce(config, enforce *engine.Node) (rest, found *engine.Node) {
	inside := config.Get("enforce")
	if inside == nil || enforce != nil {
		return config, enforce
	}
	out := *config
	out.Keys, out.Items = nil, nil
	for i, k := range config.Keys {
		if k.Text.Value != "enforce" {
			out.Keys, out.Items = append(out.Keys, k), append(out.Items, config.Items[i])
		}
	}
	return &out, inside
}

// enforced reads enforce: false in the config of an action that takes it itself: it runs, and refuses nobody.
func (b *ruleBuilder) enforced(at *engine.Node, name string, config *engine.Node) bool {
	n := config.Get("enforce")
	if n == nil || n.Value != false {
		return true
	}
	b.except("enforce_false", b.shape.name, name, at)
	return false
}

// mode reads enforce: false, which is shadow for one action.
func (b *ruleBuilder) mode(at *engine.Node, name string, enforce *engine.Node) engine.Mode {
	if enforce == nil || enforce.Kind == engine.NodeNull {
		return engine.ModeEnforce
	}
	v, ok := enforce.Value.(bool)
	if !ok {
		b.errorf(enforce, "wrong_type", "", "\"enforce\" must be true or false, got %s", enforce.Describe())
	}
	if !ok || v {
		return engine.ModeEnforce
	}
	b.except("enforce_false", b.shape.name, name, at)
	return engine.ModeShadow
}

// finish checks what concerns the rule as a whole.
func (b *ruleBuilder) finish() {
	s := b.shape
	if s.mode == engine.ModeShadow {
		b.except("shadow", s.name, "", s.node)
	}
	if s.onError == engine.OnErrorContinue {
		b.except("on_error_continue", s.name, "", s.node)
		if b.routes {
			b.errorf(s.node.Get("on_error"), "route_must_halt", "on_error in the action's config says what happens when every target failed",
				"a rule that routes always halts when its expressions fail")
		}
	}
	if s.onStream != nil && !b.content {
		b.warnf(s.onStream, "no_effect", "", "on_stream has no effect: no action of the rule works on the content of answers")
	}
	if b.authable && s.onError != engine.OnErrorContinue && readsCredential(b.rule.When, s.expressions) {
		b.flow.authenticates, b.flow.always = true, true
	}
}

// spec finds an action by name, or says what to use instead.
func (b *ruleBuilder) spec(at *engine.Node, name string) *engine.ActionSpec {
	if spec, ok := b.specs[name]; ok {
		return spec
	}
	if instead, planned := plannedAction(name); planned {
		b.errorf(at, "unsupported_action", instead, "the action %s is not supported yet", name)
		return nil
	}
	if now := renamedAction(name); b.specs[now] != nil {
		b.errorf(at, "renamed_key", "write "+now, "the action %q is called %q", name, now)
		return nil
	}
	known := make([]string, 0, len(b.specs)+1)
	for n := range b.specs {
		known = append(known, n)
	}
	known = append(known, actionAIGateway)
	slices.Sort(known)
	b.errorf(at, "unknown_action", engine.HintFor(name, known), "there is no action %q", name)
	return nil
}

// resultName is how expressions name the result of an action.
func resultName(action string) string {
	switch action {
	case "compress-response":
		return "compress"
	case "openid-connect":
		return "oidc"
	default:
		return strings.ReplaceAll(action, "-", "_")
	}
}

// plannedAction says what to use in place of an action that is documented and not there yet.
func plannedAction(name string) (instead string, planned bool) {
	const own = "put it in front of the gateway until it is"
	table := map[string]string{
		"saml":          "use openid-connect",
		"terminate-tls": "set tls in weir.yaml",
		"cache":         own,
		"budget":        "make the budget with weir budgets create, or in access.file",
	}
	instead, planned = table[name]
	return instead, planned
}
