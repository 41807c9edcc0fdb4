package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/engine/diag"
	"weir/engine/expr"
	"weir/engine/opa"
	"weir/engine/vars"
)

// Config is the configuration of one action at one place of a policy. It decodes strictly: every problem is a
// diagnostic with a position, and unknown fields are problems.
type Config struct {
	Env   *expr.Env
	Phase vars.Phase
	Spec  *ActionSpec
	// Services is what the gateway offers to actions; without it, as in tests, actions get what works alone.
	Services Services
	// Rego is the policy's Rego; nil where it has none.
	Rego *opa.Policy
	// ReadFile reads a file that the policy names, relative to the policy's own place, so that its bytes are part of the
	// policy's hash and are watched; nil where the policy did not come from a file.
	ReadFile func(path string) ([]byte, error)
	// OnSet, where set, is told each variable that the action sets, in order, so that later expressions may read it.
	OnSet func(name string)

	pos   diag.Pos
	node  *Node
	diags diag.List
}

// NewConfig makes the configuration of an action from its config node, nil where the policy gave none, and checks it
// against the spec's fields. The position is the action's, for what is missing.
func NewConfig(env *expr.Env, phase vars.Phase, spec *ActionSpec, pos diag.Pos, node *Node) *Config {
	c := &Config{Env: env, Phase: phase, Spec: spec, pos: pos}
	switch {
	case node == nil || node.Kind == NodeNull:
		c.node = &Node{Kind: NodeMap, Pos: pos}
	case node.Kind != NodeMap:
		c.Errorf(node, "wrong_type", "the config of %s must be a mapping, got %s", spec.Name, node.Describe())
		c.node = &Node{Kind: NodeMap, Pos: node.Pos}
		return c
	default:
		c.node = node
	}
	c.checkMap(c.node, spec.Fields, "")
	return c
}

// Errorf reports a problem at a node of the configuration; a nil node means the action itself.
func (c *Config) Errorf(n *Node, code, format string, args ...any) {
	d := diag.Diagnostic{Pos: c.pos, Code: code, Message: fmt.Sprintf(format, args...)}
	if n != nil && n.Pos.IsValid() {
		d.Pos, d.End = n.Pos, n.End
	}
	c.diags = append(c.diags, d)
}

// Report hands on diagnostics that the action was given; those without a position are about the node, a nil one being the
// action itself.
func (c *Config) Report(n *Node, diags diag.List) {
	if n == nil {
		n = &Node{Pos: c.pos}
	}
	c.take(diags, n)
}

// Diagnostics returns what was found wrong so far.
func (c *Config) Diagnostics() diag.List { return c.diags }

// Node returns the value of a field, nil where it is missing or null.
func (c *Config) Node(field string) *Node {
	n := c.node.Get(field)
	if n == nil || n.Kind == NodeNull {
		return nil
	}
	return n
}

// String returns a string field, its default where it is missing.
func (c *Config) String(field string) string {
	if n := c.Node(field); n != nil {
		return n.Text.Value
	}
	return c.field(field).Default
}

// Int returns an integer field, its default where it is missing.
func (c *Config) Int(field string) int64 {
	if n := c.Node(field); n != nil {
		i, _ := n.Value.(int64) // another type has been reported by the check of fields
		return i
	}
	var i int64
	_, _ = fmt.Sscan(c.field(field).Default, &i) // no default is zero
	return i
}

// Strings returns a list of strings.
func (c *Config) Strings(field string) []string {
	n := c.Node(field)
	if n == nil || n.Kind != NodeList {
		return nil
	}
	out := make([]string, 0, len(n.Items))
	for _, item := range n.Items {
		out = append(out, item.Text.Value)
	}
	return out
}

// Float returns a number, the field's default where it is missing.
func (c *Config) Float(field string) float64 {
	n := c.Node(field)
	if n == nil {
		f, _ := strconv.ParseFloat(c.field(field).Default, 64) // no default is zero
		return f
	}
	switch v := n.Value.(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	default:
		return 0 // reported by the check of fields
	}
}

// Bool returns a switch, its default where it is missing.
func (c *Config) Bool(field string) bool {
	if n := c.Node(field); n != nil {
		b, _ := n.Value.(bool) // another type has been reported by the check of fields
		return b
	}
	return c.field(field).Default == "true"
}

// Duration returns a duration, its default where it is missing.
func (c *Config) Duration(field string) time.Duration {
	text := c.field(field).Default
	if n := c.Node(field); n != nil {
		text = n.Text.Value
	}
	d, err := ParseDuration(text)
	if err != nil {
		return 0 // no default, or reported by the check of fields
	}
	return d
}

// Templates compiles a list of strings that may hold ${...}.
func (c *Config) Templates(field string) []*expr.Template {
	n := c.Node(field)
	if n == nil || n.Kind != NodeList {
		return nil
	}
	out := make([]*expr.Template, 0, len(n.Items))
	for _, item := range n.Items {
		if t := c.compile(item); t != nil {
			out = append(out, t)
		}
	}
	return out
}

// CompileTemplate compiles a scalar node below a field; nil where it is wrong, which is reported.
func (c *Config) CompileTemplate(n *Node) *expr.Template { return c.compile(n) }

// CompileExpression compiles a scalar node as one plain expression, without ${...}; nil where it is wrong, which is
// reported.
func (c *Config) CompileExpression(n *Node) *expr.Expression {
	if n == nil || n.Kind != NodeScalar {
		return nil // reported by the check of fields
	}
	e, diags := c.Env.Value(c.Phase, n.Text)
	if !c.take(diags, n) {
		return nil
	}
	return e
}

// CompileCondition compiles a scalar node as one condition; nil where it is wrong, which is reported.
func (c *Config) CompileCondition(n *Node) *expr.Predicate {
	if n == nil || n.Kind != NodeScalar {
		return nil // reported by the check of fields
	}
	p, diags := c.Env.Predicate(c.Phase, []expr.Text{n.Text})
	if !c.take(diags, n) {
		return nil
	}
	return p
}

// Template compiles a string field that may hold ${...}; nil where the field is missing and has no default.
func (c *Config) Template(field string) *expr.Template {
	if n := c.Node(field); n != nil {
		return c.compile(n)
	}
	if def := c.field(field).Default; def != "" {
		return c.compile(&Node{Kind: NodeScalar, Pos: c.pos, Value: def, Text: expr.Text{Value: def}})
	}
	return nil
}

// TemplateMap compiles a mapping of names to strings that may hold ${...}, in the order of the document.
func (c *Config) TemplateMap(field string) []NamedTemplate {
	n := c.Node(field)
	if n == nil || n.Kind != NodeMap {
		return nil
	}
	out := make([]NamedTemplate, 0, len(n.Keys))
	for i, key := range n.Keys {
		if t := c.compile(n.Items[i]); t != nil {
			out = append(out, NamedTemplate{Pos: key.Pos, Name: key.Text.Value, Value: t})
		}
	}
	return out
}

// Tree compiles any value with ${...} in its strings; nil where something in it is wrong.
func (c *Config) Tree(n *Node) *ValueTree {
	before := len(c.diags)
	tree := BuildTree(n, c.compile, func(at *Node) {
		c.Errorf(at, "too_deep", "values may nest %d levels deep", MaxTreeDepth)
	})
	if len(c.diags) > before {
		return nil
	}
	return tree
}

// SetVar says that the action sets a variable, and reports a name that expressions could not read.
func (c *Config) SetVar(n *Node) (name string, ok bool) {
	name = n.Text.Value
	if !isIdentifier(name) {
		c.Errorf(n, "bad_name", "%q cannot be the name of a variable: letters, digits and underscores, not beginning with a digit", name)
		return "", false
	}
	if c.OnSet != nil {
		c.OnSet(name)
	}
	return name, true
}

func (c *Config) compile(n *Node) *expr.Template {
	if n.Kind != NodeScalar {
		return nil // reported by the check of fields
	}
	t, diags := c.Env.Template(c.Phase, n.Text)
	if !c.take(diags, n) {
		return nil
	}
	return t
}

// take takes over what was found in an expression, and reports whether it can be used.
func (c *Config) take(diags diag.List, n *Node) bool {
	for i := range diags {
		d := diags[i]
		if !d.Pos.IsValid() {
			d.Pos, d.End = n.Pos, n.End
		}
		c.diags = append(c.diags, d)
	}
	return !diags.HasErrors()
}

func (c *Config) field(name string) *Field {
	for i := range c.Spec.Fields {
		if c.Spec.Fields[i].Name == name {
			return &c.Spec.Fields[i]
		}
	}
	return &Field{Name: name}
}

// MaxTreeDepth bounds how deep a value with templates may nest: deeper than any request body in use, and far from the
// depth where walking it could hurt.
const MaxTreeDepth = 16

// BuildTree turns a node into a tree of constants and templates: compile makes the template of a string and returns nil
// where it is wrong, tooDeep is told of a value below MaxTreeDepth.
func BuildTree(n *Node, compile func(*Node) *expr.Template, tooDeep func(*Node)) *ValueTree {
	b := treeBuilder{compile: compile, tooDeep: tooDeep}
	return b.build(n, 1)
}

type treeBuilder struct {
	compile func(*Node) *expr.Template
	tooDeep func(*Node)
}

func (b *treeBuilder) build(n *Node, depth int) *ValueTree {
	if n == nil {
		return &ValueTree{}
	}
	if depth > MaxTreeDepth {
		b.tooDeep(n)
		return &ValueTree{}
	}
	switch n.Kind {
	case NodeScalar:
		if _, ok := n.Value.(string); !ok {
			return &ValueTree{Const: n.Value}
		}
		return b.leaf(n)
	case NodeList:
		out := &ValueTree{List: make([]*ValueTree, len(n.Items))}
		for i, item := range n.Items {
			out.List[i] = b.build(item, depth+1)
		}
		return out
	case NodeMap:
		out := &ValueTree{Keys: make([]string, len(n.Keys)), Vals: make([]*ValueTree, len(n.Keys))}
		for i, key := range n.Keys {
			out.Keys[i], out.Vals[i] = key.Text.Value, b.build(n.Items[i], depth+1)
		}
		return out
	default:
		return &ValueTree{}
	}
}

func (b *treeBuilder) leaf(n *Node) *ValueTree {
	t := b.compile(n)
	if t == nil {
		return &ValueTree{}
	}
	if s, ok := t.Literal(); ok {
		return &ValueTree{Const: s}
	}
	return &ValueTree{Template: t}
}

// ParseDuration reads a duration of a policy, such as 30s or 1h30m.
func ParseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("a duration looks like 30s, 5m or 1h30m: %w", err)
	}
	if d < 0 {
		return 0, fmt.Errorf("a duration cannot be negative: %s", text)
	}
	return d, nil
}

// isIdentifier reports whether name can stand behind a dot in an expression.
func isIdentifier(name string) bool {
	for i, r := range name {
		switch {
		case r == '_', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		case r >= '0' && r <= '9' && i > 0:
		default:
			return false
		}
	}
	return name != ""
}
