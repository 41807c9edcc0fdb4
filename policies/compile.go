package policies

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/expr"
	"weir/engine/vars"
)

// maxDiagnostics bounds what one load reports: a file that is wrong all over is not read to its end by anybody.
const maxDiagnostics = 500

// builtinPolicy is what runs without a policy file: no rules and the default route.
const builtinPolicy = "{}"

// Compile reads and checks a policy. The configuration is of use only where the diagnostics hold no error.
func Compile(in Input, opts Options) (engine.PlanConfig, diag.List) {
	c := compile(in, opts)
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
	cfg        engine.PlanConfig
	diags      diag.List
	files      []string
	exceptions []Exception
	secrets    *vault
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
func compile(in Input, opts Options) *compiled {
	files := newReader()
	out := &compiled{secrets: &vault{sources: opts.Secrets, files: files, asked: map[string]secret{}}}
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
		out.document(in.Path, in.Text, opts)
	case in.Path == "":
		files.put("", []byte(builtinPolicy), nil)
		out.document("", []byte(builtinPolicy), opts)
	default:
		data, err := files.read(in.Path, maxDocument)
		if err != nil {
			out.add(fileProblem(in.Path, err))
			break
		}
		out.document(in.Path, data, opts)
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

func (c *compiled) document(name string, text []byte, opts Options) {
	src := diag.NewSource(name, strings.TrimPrefix(string(text), "\uFEFF"))
	c.cfg.Sources = []*diag.Source{src}
	c.secrets.scan(src.Text())
	root, diags := decode(src)
	if root == nil || diags.HasErrors() {
		c.add(diags)
		return
	}
	k := &compiler{opts: opts, out: c, flow: newFlow(), diags: diags, specs: map[string]*engine.ActionSpec{}}
	for i := range opts.Actions {
		k.specs[opts.Actions[i].Name] = &opts.Actions[i]
	}
	k.document(root)
	c.add(k.diags)
}

// compiler compiles one document.
type compiler struct {
	opts  Options
	out   *compiled
	env   *expr.Env
	flow  *flow
	diags diag.List
	specs map[string]*engine.ActionSpec
	names map[string]diag.Pos // of rules
	// missing collects the secrets that were not found.
	missing []string
}

func (c *compiler) errorf(n *engine.Node, code, hint, format string, args ...any) {
	c.report(n, diag.Error, code, hint, fmt.Sprintf(format, args...))
}

func (c *compiler) warnf(n *engine.Node, code, hint, format string, args ...any) {
	c.report(n, diag.Warning, code, hint, fmt.Sprintf(format, args...))
}

func (c *compiler) report(n *engine.Node, severity diag.Severity, code, hint, message string) {
	d := diag.Diagnostic{Pos: n.Pos, End: n.End, Severity: severity, Code: code, Message: message, Hint: hint}
	if n.Kind == engine.NodeMap && len(n.Keys) > 0 && !n.End.IsValid() {
		d.End = n.Keys[0].End // a mapping is pointed at by its first key
	}
	c.diags = append(c.diags, d)
}

// phase names of a document, native first.
const (
	keyRequest  = "on_request"
	keyResponse = "on_response"
	keyRoute    = "route"
)

func (c *compiler) document(root *engine.Node) {
	if root.Kind != engine.NodeMap {
		c.errorf(root, "wrong_type", "", "a policy must be a mapping, got %s", root.Describe())
		return
	}
	o := c.object(root, "a policy")
	cfg := &c.out.cfg
	if zone := o.str("time_zone"); zone != "" {
		c.timeZone(o.get("time_zone"), zone)
	}
	env, err := expr.New(c.exprOptions())
	if err != nil {
		c.errorf(root, "internal", "", "expressions cannot be compiled: %v", err)
		return
	}
	c.env, c.names = env, map[string]diag.Pos{}
	cfg.Providers = c.providers(o)
	if n := o.get("rego"); n != nil {
		c.errorf(n, "unsupported_feature", "until it is, refuse with deny and an expression", "Rego modules are not supported yet")
	}
	if n := c.phase(o, "on_tcp_connect", ""); n != nil {
		c.shapes(n, "on_tcp_connect")
		c.errorf(n, "unsupported_feature", "conn.client_ip can be tested in on_request", "rules of on_tcp_connect are not run yet")
	}
	if n := c.phase(o, "on_event_stream_message", ""); n != nil {
		c.shapes(n, "on_event_stream_message")
		c.errorf(n, "unsupported_feature", "on_response runs on streams too", "rules of on_event_stream_message are not run yet")
	}
	request, route, response := c.phase(o, keyRequest, "on_http_request"), c.phase(o, keyRoute, ""), c.phase(o, keyResponse, "on_http_response")
	o.close()
	c.rules(request, keyRequest, vars.PhaseRequest)
	c.routes(route)
	c.flow.routed()
	c.rules(response, keyResponse, vars.PhaseResponse)
	c.finish(route != nil)
}

// phase returns the rules of a phase, which may stand under one of two names.
func (c *compiler) phase(o *object, name, alias string) *engine.Node {
	n := o.filled(name)
	if alias == "" {
		return n
	}
	other := o.filled(alias)
	if n != nil && other != nil {
		c.errorf(other, "duplicate_phase", "put all rules under one of the names", "%s and %s are the same phase", alias, name)
	}
	if n == nil {
		return other
	}
	return n
}

func (c *compiler) timeZone(n *engine.Node, zone string) {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		c.errorf(n, "bad_time_zone", "a name such as Europe/Berlin", "there is no time zone %q", zone)
		return
	}
	c.out.cfg.Location = loc
}

// finish resolves what is known only when everything was compiled.
func (c *compiler) finish(nativeRoute bool) {
	cfg := &c.out.cfg
	c.flow.resolve(cfg.OnRequest, cfg.OnResponse)
	cfg.RoutesByAction = c.flow.routesByAction && !nativeRoute
	cfg.ReadsActions = c.flow.readActions()
	cfg.TraceRoute = slices.Contains(cfg.ReadsActions, resultAIGateway)
	cfg.Authenticates = c.flow.authenticates
}
