package opa

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/util"

	"weir/engine/diag"
)

const codeRootsConflict = "roots_conflict"

// rootConflicts reports what stands below the roots of a bundle and is not the bundle's: other bundles, modules and data.
// Which of the two is meant could not be told, and a bundle that is exchanged would change what is not its own. What does
// not parse is left to Compile.
func rootConflicts(o Options) diag.List {
	var out diag.List
	for i, b := range o.Bundles {
		for _, earlier := range o.Bundles[:i] {
			if root, mine, overlap := overlapping(earlier.Roots, b.Roots); overlap {
				out = append(out, diag.Diagnostic{
					Pos: diag.Pos{File: b.Name}, Code: codeRootsConflict, Hint: "give each bundle roots of its own in its manifest",
					Message: "the bundles " + earlier.Name + " and " + b.Name + " overlap: " + describeRoot(root) + " and " + describeRoot(mine),
				})
			}
		}
	}
	if len(o.Bundles) == 0 {
		return out
	}
	for i := range o.Modules {
		out = append(out, moduleConflicts(o.Bundles, &o.Modules[i])...)
	}
	for i := range o.Data {
		out = append(out, dataConflicts(o.Bundles, &o.Data[i])...)
	}
	return out
}

func overlapping(a, b []string) (x, y string, found bool) {
	for _, x := range a {
		for _, y := range b {
			if bundle.RootPathsOverlap(x, y) {
				return x, y, true
			}
		}
	}
	return "", "", false
}

func moduleConflicts(bundles []*Bundle, t *Text) diag.List {
	m, err := ast.ParseModuleWithOpts(t.Name, string(t.Text), ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil || m == nil {
		return nil
	}
	var parts []string
	for _, term := range m.Package.Path[1:] { // behind data
		name, ok := term.Value.(ast.String)
		if !ok {
			return nil
		}
		parts = append(parts, string(name))
	}
	path := strings.Join(parts, "/")
	for _, b := range bundles {
		if slices.ContainsFunc(b.Roots, func(root string) bool { return bundle.RootPathsOverlap(root, path) }) {
			return diag.List{b.conflict(t.place(m.Package.Location.Offset), "the package "+strings.Join(parts, "."))}
		}
	}
	return nil
}

func dataConflicts(bundles []*Bundle, t *Text) diag.List {
	var doc any
	if util.Unmarshal(t.Text, &doc) != nil {
		return nil
	}
	for _, b := range bundles {
		if at, found := b.claims(t.Path, doc); found {
			return diag.List{b.conflict(t.place(0), describeRoot(strings.Join(at, "/")))}
		}
	}
	return nil
}

// claims finds the part of a document that belongs to the bundle. A mapping that only leads past a root on its way to
// something else does not.
func (b *Bundle) claims(path []string, doc any) ([]string, bool) {
	here, leads := strings.Join(path, "/"), false
	for _, root := range b.Roots {
		if bundle.RootPathsContain([]string{root}, here) {
			return path, true
		}
		leads = leads || bundle.RootPathsOverlap(root, here)
	}
	if !leads {
		return nil, false
	}
	object, ok := doc.(map[string]any)
	if !ok {
		return path, true // a value in place of the mapping that the root is in
	}
	for _, name := range util.KeysSorted(object) {
		if at, found := b.claims(append(slices.Clip(path), name), object[name]); found {
			return at, true
		}
	}
	return nil, false
}

func (b *Bundle) conflict(pos diag.Pos, what string) diag.Diagnostic {
	return diag.Diagnostic{
		Pos: pos, Code: codeRootsConflict, Hint: "move it elsewhere, or give the bundle narrower roots in its manifest",
		Message: what + " belongs to the bundle " + b.Name + " by its roots",
	}
}

// place is where a byte of a text stands for its author.
func (t *Text) place(offset int) diag.Pos {
	offset = min(max(offset, 0), len(t.Text))
	if t.At != nil {
		return t.At(utf8.RuneCount(t.Text[:offset]))
	}
	return diag.NewSource(t.Name, string(t.Text)).Pos(offset)
}

func describeRoot(root string) string {
	if root == "" {
		return "all of data"
	}
	return "data." + strings.ReplaceAll(root, "/", ".")
}
