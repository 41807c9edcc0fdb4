package policies

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"

	"weir/engine/diag"
	"weir/providers"
)

// seeds are the policies of the golden archives and of parts of the corpus and every yaml block of the pages of actions and of the reference.
func seeds(f *testing.F) []string {
	f.Helper()
	var out []string
	archives, err := filepath.Glob("testdata/diagnostics/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	// one theme of the corpus is enough where its policies differ in one expression: seeds are read anew for every run
	for _, theme := range []string{"shapes", "templates", "rules", "broken-documents", "broken-rules"} {
		archives = append(archives, "testdata/corpus/"+theme+".txtar")
	}
	for _, path := range archives {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			if isPolicyName(file.Name) {
				out = append(out, string(file.Data))
			}
		}
	}
	for _, pattern := range []string{"../actions/*.md", "../docs/policy.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, page := range pages {
			data, err := os.ReadFile(page)
			if err != nil {
				f.Fatal(err)
			}
			out = append(out, yamlBlocks(string(data))...)
		}
	}
	return append(out, fullPolicy)
}

// yamlBlocks returns the fenced yaml blocks of a page.
func yamlBlocks(page string) []string {
	matches := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(page, -1)
	out := make([]string, 0, len(matches))
	for _, m := range matches {
		out = append(out, m[1])
	}
	return out
}

// FuzzCompile finds texts that make the compiler panic, or report a place that is not in the file.
func FuzzCompile(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Add("a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b]\nd: [*c, *c]")
	opts := testOptions()
	opts.Offline = true // whatever URL comes up
	opts.Catalog, opts.Providers = corpusCatalog(), providers.Registry()
	f.Fuzz(func(t *testing.T, text string) {
		_, diags := Compile(Input{Path: "p.yaml", Text: []byte(text)}, opts)
		src := diag.NewSource("p.yaml", strings.TrimPrefix(text, "\uFEFF"))
		lines := strings.Count(text, "\n") + 1
		for i := range diags {
			d := &diags[i]
			if d.Pos.File != src.Name() {
				continue // of a file that it includes
			}
			for _, p := range []diag.Pos{d.Pos, d.End} {
				if p.Line < 0 || p.Line > lines || p.IsValid() && (p.Col < 1 || p.Col > len(src.Line(p.Line))+2) {
					t.Errorf("got a place outside the file: %+v in %s", p, d)
				}
			}
			if !d.Pos.IsValid() && d.Code != "too_large" {
				t.Errorf("got no place in %s", d)
			}
		}
		_ = diags.Error()
	})
}

// FuzzScalars reads every scalar of a document again and compares it with what the parser read.
func FuzzScalars(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Add("a: |2\n    x\n   y\nb: >+\n  a\n   b\n\n  c\n\n")
	f.Add("a: 'x\n\n  y'\nb: \"x \\\n   y\\n\\x41\"\nc: x\n  y\n\n  z")
	f.Fuzz(func(t *testing.T, text string) {
		src := diag.NewSource("p", text)
		if _, bad := checkText(src); bad || len(text) > 1<<12 {
			t.Skip()
		}
		doc, err := parseYAML(text)
		if err != nil || doc == nil {
			t.Skip()
		}
		var walk func(n *yaml.Node)
		walk = func(n *yaml.Node) {
			for _, c := range n.Content {
				walk(c)
			}
			if n.Kind != yaml.ScalarNode {
				return
			}
			raw := readScalar(text, src.Offset(diag.Pos{Line: n.Line, Col: n.Column}), n)
			if !raw.ok || raw.value != n.Value {
				t.Errorf("line %d column %d: got %q, %v, want %q", n.Line, n.Column, raw.value, raw.ok, n.Value)
			}
			for i := range raw.offsets {
				if o := int(raw.offsets[i]); o < raw.begin || o > raw.last || i > 0 && raw.offsets[i-1] > raw.offsets[i] {
					t.Errorf("line %d: got offsets %v in %d..%d, want them in order and inside", n.Line, raw.offsets, raw.begin, raw.last)
					break
				}
			}
		}
		walk(doc)
	})
}
