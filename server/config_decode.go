package server

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/engine/diag"
)

// configReader decodes weir.yaml strictly, and collects everything that is wrong with it.
type configReader struct {
	src   *diag.Source
	diags diag.List
	set   []string // the options that were given, in order
	hide  []string // values that no diagnostic shows
}

// given is the first option that was given of those that begin so, but for one.
func (r *configReader) given(prefix, except string) string {
	for _, path := range r.set {
		if strings.HasPrefix(path, prefix) && path != except {
			return path
		}
	}
	return ""
}

// parseConfig decodes the text of weir.yaml; name is what diagnostics show. Relative paths are taken from its folder.
func parseConfig(name string, text []byte) (*Config, diag.List) {
	r := &configReader{src: diag.NewSource(name, string(text))}
	c := DefaultConfig()
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		r.unreadable(err)
		return nil, r.diags
	}
	if len(doc.Content) > 0 {
		root := doc.Content[0]
		lists := map[string]func(*yaml.Node){
			"listeners": func(n *yaml.Node) { c.Listeners = readList(r, n, listenerOptions()) },
			"endpoints": func(n *yaml.Node) { c.Endpoints = readList(r, n, endpointOptions()) },
		}
		readMap(r, root, "", options(), c, lists)
	}
	c.Access.Given = r.given("access.", "access.enabled")
	r.check(c, &doc)
	c.resolve(filepath.Dir(name))
	r.diags.Mask(r.hide)
	r.diags.Sort()
	return c, r.diags
}

// resolve makes the files of the configuration independent of the working directory.
func (c *Config) resolve(dir string) {
	abs := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	for i := range c.Listeners {
		t := &c.Listeners[i].TLS
		abs(&t.CertFile)
		abs(&t.KeyFile)
		abs(&t.ClientCAFile)
	}
	for i := range c.Endpoints {
		abs(&c.Endpoints[i].Policy)
	}
	for i := range c.Catalog {
		abs(&c.Catalog[i])
	}
	abs(&c.Decisions.File.Path)
	c.Access.resolve(dir, abs)
	for i := range c.Secrets.Dirs {
		abs(&c.Secrets.Dirs[i])
	}
	for i := range c.Secrets.Files {
		abs(&c.Secrets.Files[i])
	}
}

func (r *configReader) unreadable(err error) {
	pos := diag.Pos{File: r.src.Name()}
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := regexp.MustCompile(`^line (\d+): (.*)`).FindStringSubmatch(message); m != nil {
		pos.Line, _ = strconv.Atoi(m[1]) // digits
		pos.Col, message = 1, m[2]
	}
	r.diags = append(r.diags, diag.Diagnostic{Pos: pos, Code: "bad_yaml", Message: message, Line: r.src.Line(pos.Line)})
}

func (r *configReader) at(n *yaml.Node, code, message, hint string) {
	pos := diag.Pos{File: r.src.Name(), Line: max(n.Line, 1), Col: max(n.Column, 1)}
	end := pos
	end.Col += max(len([]rune(n.Value)), 1)
	r.diags = append(r.diags, diag.Diagnostic{
		Pos: pos, End: end, Code: code, Message: message, Hint: hint, Line: r.src.Line(pos.Line),
	})
}

// readMap decodes one mapping: keys are options, the beginnings of options, or lists.
func readMap[T any](r *configReader, n *yaml.Node, prefix string, opts []option[T], into *T, lists map[string]func(*yaml.Node)) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.at(n, "wrong_type", "a mapping belongs here", "")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if seen[key.Value] {
			r.at(key, "duplicate_key", fmt.Sprintf("%q is given twice", key.Value), "")
			continue
		}
		seen[key.Value] = true
		readKey(r, key, value, prefix, opts, into, lists)
	}
}

func readKey[T any](
	r *configReader, key, value *yaml.Node, prefix string, opts []option[T], into *T, lists map[string]func(*yaml.Node),
) {
	path := prefix + key.Value
	if list := lists[path]; list != nil {
		list(value)
		return
	}
	known := make([]string, 0, len(opts))
	for list := range lists {
		known = append(known, list)
	}
	for i := range opts {
		switch o := &opts[i]; {
		case o.path == path:
			r.set = append(r.set, path)
			r.readValue(o.kind, o.field(into), value)
			return
		case strings.HasPrefix(o.path, path+"."):
			readMap(r, value, path+".", opts, into, nil)
			return
		case strings.HasPrefix(o.path, prefix):
			word, _, _ := strings.Cut(o.path[len(prefix):], ".")
			known = append(known, word)
		}
	}
	hint := ""
	if near, ok := diag.Nearest(key.Value, known); ok {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	r.at(key, "unknown_key", fmt.Sprintf("%q is not a key here", key.Value), hint)
}

func (r *configReader) readValue(k kind, field any, n *yaml.Node) {
	nodes := []*yaml.Node{n}
	if k.list && n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	for _, item := range nodes {
		if item.Kind == yaml.ScalarNode && item.Tag == "!!null" {
			continue
		}
		if item.Kind != yaml.ScalarNode {
			r.at(item, "wrong_type", "a single value belongs here", "")
			continue
		}
		err := k.set(field, item.Value)
		if k.hidden && (err != nil || strings.Contains(item.Value, "://")) {
			r.hide = append(r.hide, item.Value)
		}
		if err != nil {
			r.at(item, "bad_value", err.Error(), "")
		}
	}
}

func readList[T any](r *configReader, n *yaml.Node, opts []option[T]) []T {
	if n.Kind != yaml.SequenceNode {
		r.at(n, "wrong_type", "a list belongs here", "")
		return nil
	}
	out := make([]T, 0, len(n.Content))
	for _, item := range n.Content {
		entry := defaultOf(opts)
		readMap(r, item, "", opts, &entry, nil)
		out = append(out, entry)
	}
	return out
}

// check finds what is wrong between options.
func (r *configReader) check(c *Config, doc *yaml.Node) {
	place := func(key string) *yaml.Node {
		if len(doc.Content) > 0 {
			root := doc.Content[0]
			for i := 0; i+1 < len(root.Content); i += 2 {
				if root.Content[i].Value == key {
					return root.Content[i]
				}
			}
		}
		return &yaml.Node{Line: 1, Column: 1}
	}
	if len(c.Listeners) == 0 {
		r.at(place("listeners"), "missing_value", "at least one listener is needed", "")
	}
	for i := range c.Listeners {
		if t := &c.Listeners[i].TLS; (t.CertFile == "") != (t.KeyFile == "") {
			r.at(place("listeners"), "missing_value", "tls needs both cert_file and key_file", "")
		} else if t.ClientCAFile != "" && t.CertFile == "" {
			r.at(place("listeners"), "missing_value", "client_ca_file needs cert_file and key_file", "")
		}
	}
	if err := c.Decisions.check(); err != nil {
		r.at(place("decision_log"), "bad_decision_log", err.Error(), "")
	}
	if err := c.Access.check(); err != nil {
		r.at(place("access"), "bad_access", err.Error(), "")
	}
	if err := c.checkEndpoints(); err != nil {
		r.at(place("endpoints"), "bad_endpoints", err.Error(), "")
	}
}

func (c *Config) checkEndpoints() error {
	ids, places := map[string]bool{}, map[string]bool{}
	for i := range c.Endpoints {
		e := &c.Endpoints[i]
		at := strings.ToLower(e.Host) + strings.TrimSuffix(e.PathPrefix, "/")
		switch {
		case e.ID == "":
			return errors.New("every endpoint needs an id")
		case ids[e.ID]:
			return fmt.Errorf("two endpoints are called %q", e.ID)
		case places[at]:
			return fmt.Errorf("endpoint %q has the host and path prefix of another", e.ID)
		}
		ids[e.ID], places[at] = true, true
	}
	return nil
}
