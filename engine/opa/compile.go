package opa

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"weir/engine/diag"
)

// builder compiles one policy.
type builder struct {
	opts    Options
	sources *sources
	diags   diag.List
	// parsed has every module by the name it was parsed under; own are those outside the bundles.
	parsed map[string]*ast.Module
	own    []*ast.Module
	// packed has the names of the modules of bundles.
	packed map[string]bool
}

// maxErrors is how many errors of one policy are collected: what diagnostics show at most.
const maxErrors = 100

// Compile compiles everything as one policy. The policy is nil where the diagnostics hold an error.
func Compile(o Options) (*Policy, diag.List) {
	b := newBuilder(o)
	data := b.read()
	if b.diags.HasErrors() {
		return nil, b.diags
	}
	compiler := b.compile(data)
	if compiler == nil {
		return nil, b.diags
	}
	b.diags = append(b.diags, b.sources.checkCase(compiler.Modules)...)
	p, err := b.policy(compiler, data)
	if err != nil {
		b.diags = append(b.diags, diag.Diagnostic{Code: codeCompile, Message: err.Error()})
		return nil, b.diags
	}
	b.diags = append(b.diags, p.prepareLog()...)
	b.lint()
	if b.diags.HasErrors() {
		return nil, b.diags
	}
	return p, b.diags
}

func newBuilder(o Options) *builder {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Deadline <= 0 {
		o.Deadline = DefaultDeadline
	}
	return &builder{opts: o, sources: &sources{byName: map[string]*source{}}, parsed: map[string]*ast.Module{}, packed: map[string]bool{}}
}

// read parses the modules and reads the data.
func (b *builder) read() ast.Object {
	for _, t := range b.opts.Modules {
		if m := b.parse(t); m != nil {
			b.own = append(b.own, m)
		}
	}
	for _, bundle := range b.opts.Bundles {
		for _, t := range bundle.Modules {
			if m := b.parse(t); m != nil {
				b.packed[m.Package.Location.File] = true
			}
		}
	}
	return b.data()
}

// parse reads one module; what is wrong with it is told.
func (b *builder) parse(t Text) *ast.Module {
	name := b.sources.add(t)
	m, err := ast.ParseModuleWithOpts(name, string(t.Text), ast.ParserOptions{
		ProcessAnnotation: true, Capabilities: capabilities(b.hosts()), RegoVersion: ast.RegoV1,
	})
	if err != nil {
		b.report(err)
		return nil
	}
	if m == nil {
		pos, _, _ := b.sources.place(&ast.Location{File: name, Row: 1, Col: 1})
		b.diags = append(b.diags, diag.Diagnostic{
			Pos: pos, Code: codeParse, Message: "the module is empty", Hint: "an empty module decides nothing: write one, or take it out of the policy",
		})
		return nil
	}
	freeInput(m)
	b.parsed[name] = m
	return m
}

// hosts are those of http.send, in lower case.
func (b *builder) hosts() []string {
	out := make([]string, len(b.opts.Hosts))
	for i, host := range b.opts.Hosts {
		out[i] = strings.ToLower(host)
	}
	return out
}

// compile compiles the modules strictly. What only strict mode minds is a warning in the modules of bundles: somebody else
// may have written those, for an OPA that does not mind.
func (b *builder) compile(data ast.Object) *ast.Compiler {
	c := b.compiler(data).WithStrict(true)
	c.Compile(b.parsed)
	if !c.Failed() {
		return c
	}
	strict := c.Errors
	if b.onlyPacked(strict) {
		c = b.compiler(data)
		c.Compile(b.parsed)
		if !c.Failed() {
			from := len(b.diags)
			b.report(strict)
			for i := from; i < len(b.diags); i++ {
				b.diags[i].Severity = diag.Warning
			}
			return c
		}
	}
	b.report(c.Errors)
	return nil
}

func (b *builder) onlyPacked(errs ast.Errors) bool {
	for _, e := range errs {
		if e.Location == nil || !b.packed[e.Location.File] {
			return false
		}
	}
	return true
}

func (b *builder) compiler(data ast.Object) *ast.Compiler {
	return ast.NewCompiler().
		WithCapabilities(capabilities(b.hosts())).
		WithSchemas(schemas()).
		WithUseTypeCheckAnnotations(true).
		WithEnablePrintStatements(true).
		WithDefaultRegoVersion(ast.RegoV1).
		SetErrorLimit(maxErrors).
		WithPathConflictsCheck(func(at []string) (bool, error) { return has(data, at), nil })
}

// has reports whether there is data at a path.
func has(data ast.Object, at []string) bool {
	var v ast.Value = data
	for _, name := range at {
		o, ok := v.(ast.Object)
		if !ok {
			return false
		}
		t := o.Get(ast.StringTerm(name))
		if t == nil {
			return false
		}
		v = t.Value
	}
	return true
}

// lint adds what is most likely wrong in the policy's own modules; those of bundles are for those who make them.
func (b *builder) lint() {
	own := make(map[string]*ast.Module, len(b.own))
	for _, m := range b.own {
		own[m.Package.Location.File] = m
	}
	known := map[string]*ast.Builtin{}
	for _, f := range capabilities(b.hosts()).Builtins {
		known[f.Name] = f
	}
	b.diags = append(b.diags, b.sources.warnings(lint(own, known))...)
}

// policy puts together what evaluations need.
func (b *builder) policy(c *ast.Compiler, data ast.Object) (*Policy, error) {
	store := inmem.NewFromASTObject(data)
	txn, err := store.NewTransaction(context.Background())
	if err != nil {
		return nil, fmt.Errorf("opening the data: %w", err)
	}
	return &Policy{
		compiler: c, store: store, txn: txn, data: data, sources: b.sources, bundles: b.opts.Bundles, own: b.own,
		builtins: builtins(), metadata: map[string]any{}, printer: printer{log: b.opts.Log, sources: b.sources},
		sender: &sender{hosts: b.hosts(), via: b.opts.Transport}, now: b.opts.Now, deadline: b.opts.Deadline, turns: make(chan struct{}, maxTurns()),
	}, nil
}

// isYAML tells a YAML document by its name.
func isYAML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yaml" || ext == ".yml"
}

// report turns what OPA says into diagnostics.
func (b *builder) report(err error) {
	b.diags = append(b.diags, b.sources.diagnostics(err)...)
}
