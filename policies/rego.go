package policies

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/opa"
	"weir/engine/upstream"
)

const (
	actionRego = "rego"
	// maxHosts is more services than a decision can wait for.
	maxHosts = 100
)

// rego collects the modules, data and bundles of all documents of a policy.
type rego struct {
	c     *compiler
	opts  opa.Options
	tests []opa.Text
	first *engine.Node            // the first key of a document, for what is wrong with all of it
	named map[string]*engine.Node // where a bundle or data stands, by the name that diagnostics have
	seen  map[string]bool         // files, by identity
	names map[string]diag.Pos     // of modules written in the policy, and URLs of bundles
	files int
	ports []int
	left  bool // something was left out, so that the rest need not compile
}

// rego reads what the documents say about Rego and compiles it as one.
func (c *compiler) rego(sections []section) {
	r := &rego{c: c, named: map[string]*engine.Node{}, seen: map[string]bool{}, names: map[string]diag.Pos{}}
	before := len(c.diags)
	for _, s := range sections {
		if n := s.o.filled(keyRego); n != nil {
			if r.first == nil {
				r.first = n
			}
			r.key(n)
		} else {
			s.o.skip(keyRego)
		}
	}
	if r.first == nil {
		c.regoBroken = c.diags[before:].HasErrors()
		return
	}
	if !c.diags[before:].HasErrors() && !r.left {
		r.compile()
	}
	c.out.sources = regoSources{Options: r.opts, Tests: r.tests}
	c.regoBroken = r.left || c.diags[before:].HasErrors()
}

// compile compiles everything that was read.
func (r *rego) compile() {
	if len(r.opts.Modules) == 0 && len(r.opts.Bundles) == 0 {
		r.c.errorf(r.first, "no_modules", "", "there is no Rego in what %q names", keyRego)
		return
	}
	services := r.services()
	r.opts.Log, r.opts.Now, r.opts.Deadline = services.Log(), services.Clock(), r.c.opts.RegoDeadline
	if len(r.opts.Hosts) > 0 {
		guard := &upstream.Guard{
			Hosts: r.opts.Hosts, Ports: append(r.ports, 80, 443), Schemes: []string{"http", "https"}, AllowLoopback: true, AllowPrivate: true,
		}
		r.opts.Transport = services.HTTP(guard).Transport
	}
	policy, diags := opa.Compile(r.opts)
	r.c.out.cfg.Rego = policy
	r.c.flow.readsAll = r.readsActions()
	for i := range diags {
		at := r.first
		if n := r.named[diags[i].Pos.File]; n != nil {
			at = n
		}
		r.c.take(diags[i:i+1], at)
	}
}

// readsActions reports whether a module may read the results of actions. Which of them it reads, only the modules know;
// all of them are kept where there is any doubt.
func (r *rego) readsActions() bool {
	mention := regexp.MustCompile(`\bactions\b|\binput\s*(\[|[^.\s\w]|$)`)
	reads := func(t opa.Text) bool { return mention.Match(t.Text) }
	return slices.ContainsFunc(r.opts.Modules, reads) ||
		slices.ContainsFunc(r.opts.Bundles, func(b *opa.Bundle) bool { return slices.ContainsFunc(b.Modules, reads) })
}

func (r *rego) services() engine.Services {
	if r.c.opts.Services == nil {
		return engine.Services{}
	}
	return r.c.opts.Services(r.c.out.cfg.Name)
}

// key reads what stands behind rego: of one document.
func (r *rego) key(n *engine.Node) {
	switch n.Kind {
	case engine.NodeMap:
		o := r.c.object(n, "rego")
		for _, item := range o.list("modules") {
			r.entry(item)
		}
		r.hosts(o)
		o.close()
	case engine.NodeList:
		if len(n.Items) == 0 {
			r.c.errorf(n, "empty_value", "leave the key out, or name a file or folder", "%q has no value", keyRego)
		}
		for _, item := range n.Items {
			r.entry(item)
		}
	default:
		r.entry(n)
	}
}

// hosts reads the hosts that http.send may call.
func (r *rego) hosts(o *object) {
	items := o.list("hosts")
	if len(items) > maxHosts {
		r.c.errorf(o.get("hosts"), "out_of_range", "", "\"hosts\" may have %d entries, got %d", maxHosts, len(items))
		return
	}
	for _, item := range items {
		name, port, err := splitHost(o.plain(item, "hosts"))
		if err != nil {
			r.c.errorf(item, "bad_host", "", "\"hosts\": %v", err)
			continue
		}
		if !slices.Contains(r.opts.Hosts, name) {
			r.opts.Hosts = append(r.opts.Hosts, name)
		}
		if port > 0 && !slices.Contains(r.ports, port) {
			r.ports = append(r.ports, port)
		}
	}
}

// splitHost reads host or host:port.
func splitHost(text string) (name string, port int, err error) {
	name = strings.ToLower(text)
	if host, digits, cut := net.SplitHostPort(name); cut == nil {
		if port, err = strconv.Atoi(digits); err != nil || port < 1 || port > 65_535 {
			return "", 0, fmt.Errorf("%q is not a port", digits)
		}
		name = host
	}
	name = strings.Trim(name, "[]")
	if name == "" || strings.ContainsAny(name, "/*?#@ \t\n\\") || strings.Contains(name, ":") && net.ParseIP(name) == nil {
		return "", 0, fmt.Errorf("%q is not a host: it is written api.example.com or api.example.com:8443", text)
	}
	return name, port, nil
}

// entry reads one file, folder, module, data document or bundle.
func (r *rego) entry(n *engine.Node) {
	switch n.Kind {
	case engine.NodeScalar:
		if path, ok := r.path(n, keyRego); ok {
			r.fileOrFolder(n, path)
		}
	case engine.NodeMap:
		r.mapping(n)
	case engine.NodeNull:
		r.c.errorf(n, "empty_value", "take the dash out, or name a file or folder", "an entry of %q has no value", keyRego)
	default:
		r.c.errorf(n, "wrong_type", "", "an entry of %q must be the name of a file or folder, or a mapping, got %s", keyRego, n.Describe())
	}
}

// regoKind is one of the things that an entry can be, with the fields that go with it.
type regoKind struct {
	name  string
	with  []string
	read  func(o *object, n *engine.Node)
	value *engine.Node
}

func (r *rego) mapping(n *engine.Node) {
	o := r.c.object(n, "an entry of rego")
	kinds := []regoKind{
		{"module", []string{"name"}, r.module, o.filled("module")},
		{"data", []string{"at"}, r.data, o.filled("data")},
		{"bundle", []string{"keys", "scope", "exclude_files", "headers", "poll", "persist"}, r.bundle, o.filled("bundle")},
	}
	given := slices.DeleteFunc(slices.Clone(kinds), func(k regoKind) bool { return k.value == nil })
	for _, k := range kinds {
		for _, name := range k.with {
			o.skip(name)
			if at := n.Get(name); at != nil && k.value == nil && len(given) > 0 {
				r.c.errorf(at, "conflicting_fields", "", "%q goes with %q", name, k.name)
			}
		}
	}
	o.close()
	switch {
	case len(given) == 1:
		given[0].read(o, given[0].value)
	case len(given) > 1:
		r.c.errorf(given[1].value, "conflicting_fields", "write two entries",
			"an entry of rego holds one of \"module\", \"data\" and \"bundle\", got %q and %q", given[0].name, given[1].name)
	case n.Get("module") == nil && n.Get("data") == nil && n.Get("bundle") == nil:
		r.c.errorf(n, "missing_field", "", "an entry of rego needs \"module\", \"data\" or \"bundle\"")
	}
}

// module takes a module that is written in the policy.
func (r *rego) module(o *object, n *engine.Node) {
	if n.Kind != engine.NodeScalar {
		o.mistyped(n, "module", "the text of a module")
		return
	}
	name := o.str("name")
	if name != "" {
		if first, dup := r.names[name]; dup {
			r.c.errorf(o.get("name"), "duplicate_value", "", "another module is called %q, in %s", name, place(first, n.Pos))
		}
		r.names[name] = n.Pos
	}
	if name == "" {
		name = fmt.Sprintf("%s:%d", n.Pos.File, n.Pos.Line)
	}
	r.opts.Modules = append(r.opts.Modules, opa.Text{Name: name, Text: []byte(n.Text.Value), At: n.Text.At})
}

// path reads the name of a file or folder, which is relative to the document that names it.
func (r *rego) path(n *engine.Node, key string) (string, bool) {
	name := n.Text.Value
	switch {
	case n.Kind != engine.NodeScalar:
		r.c.errorf(n, "wrong_type", "", "%q must be a string, got %s", key, n.Describe())
	case name == "":
		r.c.errorf(n, "empty_value", "", "%q needs the name of a file or folder", key)
	case strings.Contains(name, "${"):
		r.c.errorf(n, "not_a_template", "", "%q does not take ${...}", key)
	case strings.Contains(name, "://"):
		r.c.errorf(n, "bad_value", "write {bundle: "+name+"}", "only bundles are read from URLs")
	case strings.ContainsAny(name, "*?"):
		r.c.errorf(n, "bad_value", "name the folder to take everything in it", "%q does not expand patterns", key)
	default:
		path := filepath.FromSlash(name)
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(n.Pos.File), path)
		}
		return path, true
	}
	return "", false
}
