package policies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/expr"
)

// maxDiagnostics bounds what one load reports: a file that is wrong all over is not read to its end by anybody.
const maxDiagnostics = 500

// builtinPolicy is what runs without a policy file: no rules and the default route.
const builtinPolicy = "{}"

// Compile reads and checks a policy. The configuration is of use only where the diagnostics hold no error.
func Compile(in Input, opts Options) (engine.PlanConfig, diag.List) {
	c := compile(in, opts, oneLoad(opts))
	return c.cfg, c.diags
}

// Exception is a place where a policy says that something is not enforced.
type Exception struct {
	Kind   string `json:"kind"` // shadow, enforce_false or on_error_continue
	Rule   string `json:"rule,omitempty"`
	Action string `json:"action,omitempty"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
}

// compiled is the result of one load.
type compiled struct {
	began      time.Time
	cfg        engine.PlanConfig
	diags      diag.List
	files      []string
	exceptions []Exception
	secrets    *vault
	remotes    []remoteUse
	sources    regoSources
}

// load is what a load works with beyond the policy and its options.
type load struct {
	ctx     context.Context
	bundles *Bundles
	want    wanted
	files   map[string]fileContent // that are compiled as they were read before; others are read
}

// oneLoad is for loads of which nothing is left.
func oneLoad(opts Options) load {
	bundles := opts.Bundles
	if bundles == nil {
		bundles = NewBundles()
	}
	return load{ctx: context.Background(), bundles: bundles}
}

// add takes diagnostics in: excerpts are filled in, secrets are masked, the order is that of the files.
func (c *compiled) add(list diag.List) {
	for i := range list {
		if len(c.diags) >= maxDiagnostics {
			break
		}
		d := list[i]
		for _, src := range c.cfg.Sources {
			if d.Line == "" && d.Pos.IsValid() && src.Name() == d.Pos.File {
				d.Line = src.Line(d.Pos.Line)
			}
		}
		d.Line = c.secrets.covered(lineOf{d.Pos.File, d.Pos.Line}, d.Line)
		c.diags = append(c.diags, d)
	}
	// the longest first, so that a secret inside another does not leave the rest of it
	slices.SortFunc(c.secrets.values, func(a, b string) int { return len(b) - len(a) })
	c.diags.Mask(c.secrets.values)
	c.diags.Sort()
}

func (c *compiled) diagnosticsJSON() []byte {
	out, err := json.Marshal(append(diag.List{}, c.diags...))
	if err != nil {
		return []byte("null")
	}
	return out
}

// compile reads and compiles one policy.
func compile(in Input, opts Options, with load) *compiled {
	files := newReader()
	files.given = with.files
	out := &compiled{began: time.Now(), secrets: &vault{sources: opts.Secrets, files: files, asked: map[string]secret{}}}
	out.cfg.Name, out.cfg.Location = opts.Name, time.UTC
	if out.cfg.Name == "" {
		out.cfg.Name = in.Path
	}
	switch {
	case in.Text != nil:
		files.put(in.Path, in.Text, nil)
		if len(in.Text) > maxDocument {
			out.add(fileProblem(in.Path, errTooLarge))
			break
		}
		out.document(in.Path, in.Text, opts, with)
	case in.Path == "":
		files.put("", []byte(builtinPolicy), nil)
		out.document("", []byte(builtinPolicy), opts, with)
	default:
		data, err := files.read(in.Path, maxDocument)
		if err != nil {
			out.add(fileProblem(in.Path, err))
			break
		}
		out.document(in.Path, data, opts, with)
	}
	out.cfg.Hash = files.hash()
	for _, path := range files.order {
		if path != "" && (in.Text == nil || path != in.Path) {
			out.files = append(out.files, path)
		}
	}
	return out
}

func fileProblem(path string, err error) diag.List {
	d := diag.Diagnostic{Pos: diag.Pos{File: path}, Code: "unreadable_file", Message: err.Error()}
	switch {
	case errors.Is(err, errTooLarge):
		d.Code, d.Message = "too_large", fmt.Sprintf("a policy file may hold %d bytes", maxDocument)
	case errors.Is(err, fs.ErrNotExist):
		d.Code, d.Message = "no_such_file", "the file does not exist"
	}
	return diag.List{d}
}

// document reads a document with everything it includes, and compiles them as one policy.
func (c *compiled) document(name string, text []byte, opts Options, with load) {
	specs := make(map[string]*engine.ActionSpec, len(opts.Actions))
	for i := range opts.Actions {
		specs[opts.Actions[i].Name] = &opts.Actions[i]
	}
	l := &loader{out: c, seen: map[string]bool{}}
	l.document(name, text)
	for _, root := range l.roots {
		c.hideFields(root, specs)
	}
	for _, src := range l.broken {
		c.hideText(src, specs)
	}
	if l.diags.HasErrors() {
		c.add(l.diags)
		return
	}
	k := &compiler{
		opts: opts, load: with, out: c, stock: stock{opts: &opts}, flow: newFlow(), diags: l.diags, specs: specs, read: l.seen,
	}
	k.documents(l.roots)
	c.add(k.diags)
}

// compiler compiles one policy.
type compiler struct {
	opts  Options
	load  load
	out   *compiled
	env   *expr.Env
	flow  *flow
	diags diag.List
	specs map[string]*engine.ActionSpec
	names map[string]diag.Pos // of rules
	// missing collects the secrets that were not found.
	missing []string
	reach   reach
	stock   stock
	// read are the documents of the policy, by identity.
	read map[string]bool
	// regoBroken says that there is something wrong with the Rego, so that nothing about rules that ask it can be told.
	regoBroken bool
}

func (c *compiler) errorf(n *engine.Node, code, hint, format string, args ...any) {
	c.report(n, diag.Error, code, hint, fmt.Sprintf(format, args...))
}

func (c *compiler) warnf(n *engine.Node, code, hint, format string, args ...any) {
	c.report(n, diag.Warning, code, hint, fmt.Sprintf(format, args...))
}

// place names a position for somebody who reads about another one.
func place(at, seen diag.Pos) string {
	if at.File == seen.File {
		return fmt.Sprintf("line %d", at.Line)
	}
	return fmt.Sprintf("%s:%d", at.File, at.Line)
}

func (c *compiler) report(n *engine.Node, severity diag.Severity, code, hint, message string) {
	d := diag.Diagnostic{Pos: n.Pos, End: n.End, Severity: severity, Code: code, Message: message, Hint: hint}
	if n.Kind == engine.NodeMap && len(n.Keys) > 0 && !n.End.IsValid() {
		d.End = n.Keys[0].End // a mapping is pointed at by its first key
	}
	c.diags = append(c.diags, d)
}
