package policies

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/diag"
)

const (
	keyInclude = "include"
	// maxIncluded bounds the files of one policy: more than a person keeps apart, and far from what would make a load slow.
	maxIncluded = 500
)

// loader reads a document and the documents that it includes. What is included stands in front of what includes it, in
// the order it is named; a file that several documents name stands where it is named first.
type loader struct {
	out   *compiled
	diags diag.List
	roots []*engine.Node
	// broken are the documents that could not be read as YAML.
	broken []*diag.Source
	seen   map[string]bool // by identity, see identity
	chain  []link
	nodes  int
}

// link is one document that is being read.
type link struct{ name, identity string }

// document reads one document behind everything it includes.
func (l *loader) document(name string, text []byte) {
	src := diag.NewSource(name, strings.TrimPrefix(string(text), "\uFEFF"))
	l.out.cfg.Sources = append(l.out.cfg.Sources, src)
	l.out.secrets.scan(src.Text())
	root, diags := decode(src, &l.nodes)
	l.diags = append(l.diags, diags...)
	if root == nil {
		l.broken = append(l.broken, src)
		return
	}
	id := identity(name)
	l.seen[id] = true
	l.chain = append(l.chain, link{name, id})
	for _, n := range l.includes(root) {
		l.include(n, name)
	}
	l.chain = l.chain[:len(l.chain)-1]
	l.roots = append(l.roots, root)
}

// includes returns the entries of include: one name, or a list of them.
func (l *loader) includes(root *engine.Node) []*engine.Node {
	n := root.Get(keyInclude)
	switch {
	case n == nil:
		return nil
	case n.Kind == engine.NodeScalar:
		return []*engine.Node{n}
	case n.Kind == engine.NodeNull || n.Kind == engine.NodeList && len(n.Items) == 0:
		l.errorf(n, "empty_value", "leave the key out, or name a file or folder", "%q has no value", keyInclude)
		return nil
	case n.Kind != engine.NodeList:
		l.errorf(n, "wrong_type", "", "%q must be a file or folder, or a list of them, got %s", keyInclude, n.Describe())
		return nil
	}
	return slices.DeleteFunc(slices.Clone(n.Items), func(item *engine.Node) bool {
		if item.Kind != engine.NodeScalar {
			l.errorf(item, "wrong_type", "", "%q takes the names of files and folders, got %s", keyInclude, item.Describe())
			return true
		}
		return false
	})
}

// include reads what one entry names.
func (l *loader) include(n *engine.Node, from string) {
	name := n.Text.Value
	switch {
	case name == "":
		l.errorf(n, "empty_value", "", "%q needs the name of a file or folder", keyInclude)
		return
	case strings.ContainsAny(name, "*?"):
		l.errorf(n, "bad_value", "name the folder to take every policy in it", "%q does not expand patterns", keyInclude)
		return
	case strings.Contains(name, "${"):
		l.errorf(n, "not_a_template", "", "%q does not take ${...}", keyInclude)
		return
	}
	path := filepath.FromSlash(name)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(from), path)
	}
	files := l.out.secrets.files
	if !isDir(path) {
		l.file(n, path)
		return
	}
	names, err := files.list(path)
	switch {
	case err != nil:
		l.errorf(n, "unreadable_file", "", "the folder %s cannot be read: %v", path, err)
	case len(names) == 0:
		l.errorf(n, "empty_folder", "it needs a file that ends in .yaml, .yml or .json", "the folder %s holds no policy", path)
	}
	for _, file := range names {
		l.file(n, filepath.Join(path, file))
	}
}

func (l *loader) file(n *engine.Node, path string) {
	id := identity(path)
	if at := slices.IndexFunc(l.chain, func(k link) bool { return k.identity == id }); at >= 0 {
		words := make([]string, 0, len(l.chain)+1)
		for _, k := range l.chain[at:] {
			words = append(words, k.name)
		}
		l.errorf(n, "include_cycle", "", "the file includes itself: %s", strings.Join(append(words, path), " -> "))
		return
	}
	if l.seen[id] {
		return
	}
	if len(l.seen) >= maxIncluded {
		if len(l.seen) == maxIncluded {
			l.errorf(n, "too_large", "", "a policy may have %d files", maxIncluded)
		}
		l.seen[id] = true
		return
	}
	text, err := l.out.secrets.files.read(path, maxDocument)
	if err != nil {
		d := fileProblem(path, err)[0]
		l.errorf(n, d.Code, "", "%s: %s", path, d.Message)
		return
	}
	l.document(path, text)
}

func (l *loader) errorf(n *engine.Node, code, hint, format string, args ...any) {
	l.diags = append(l.diags, diag.Diagnostic{Pos: n.Pos, End: n.End, Code: code, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// identity is the same for every way to name one file, as far as the file system tells.
func identity(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}
