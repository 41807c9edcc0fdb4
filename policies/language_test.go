package policies

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
	"weir/engine/diag"
)

// TestLanguageIsWhatIsRead looks for every key that the loader reads in the field tables: the methods of object are asked
// for keys by literal names.
func TestLanguageIsWhatIsRead(t *testing.T) {
	known := map[string]bool{}
	for _, f := range allFields(Language()) {
		known[f.Name], known[f.Alias] = true, true
	}
	methods := []string{
		"get", "filled", "str", "must", "strs", "list", "boolean", "integer", "price", "duration", "word", "metadata", "address",
		"strategyTexts", "templates", "params",
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains(methods, method.Sel.Name) {
				return true
			}
			for _, arg := range call.Args[:min(len(call.Args), 2)] {
				text, ok := arg.(*ast.BasicLit)
				if !ok || text.Kind != token.STRING {
					continue
				}
				name, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Fatal(err)
				}
				read++
				if !known[name] {
					t.Errorf("%s reads %q, which the field tables of language.go do not have", file, name)
				}
				break
			}
			return true
		})
	}
	if read < 50 {
		t.Errorf("got %d keys that are read, want all of them", read)
	}
}

func allFields(fields []Field) []Field {
	var out []Field
	for i := range fields {
		out = append(append(out, fields[i]), allFields(fields[i].Fields)...)
	}
	return out
}

// TestLanguageIsRead loads a document with each field of the tables in its place, and one for each word and bound.
func TestLanguageIsRead(t *testing.T) {
	tables := []struct {
		name, around string // around has %s in place of the fields
		fields       []Field
		needs        string // what else must stand beside a field
	}{
		{name: "document", around: "{%s}", fields: Language()},
		{name: "provider", around: "{providers: [{%s}]}", fields: providerFields(), needs: "id: a"},
		{name: "model", around: "{providers: [{id: a, models: [{%s}]}]}", fields: modelFields(), needs: "id: b"},
		{name: "route", around: "{route: [{%s}]}", fields: routeFields()},
		{name: "gateway", around: "{on_request: [{type: ai-gateway, config: {%s}}]}", fields: GatewayFields()},
		{name: "rule", around: "{on_request: [{%s}]}", fields: ruleFields(keyRequest, 0, 0), needs: "actions: [{type: deny}]"},
		{name: "rule of answers", around: "{on_response: [{%s}]}", fields: ruleFields(keyResponse, 0, 0), needs: "actions: [{type: log}]"},
		{name: "entry of rego", around: "{rego: [{%s}]}", fields: moduleFields(), needs: "bundle: a.tar.gz"},
		{name: "key of a bundle", around: "{rego: [{bundle: a.tar.gz, keys: [{%s}]}]}", fields: moduleFields()[5].Fields, needs: "id: a"},
		{name: "action", around: "{on_request: [{actions: [{%s}]}]}", fields: actionFields(0, 0), needs: "type: deny"},
	}
	for _, tt := range tables {
		t.Run(tt.name, func(t *testing.T) {
			checkFields(t, tt.around, tt.needs, tt.fields)
		})
	}
}

func checkFields(t *testing.T, around, needs string, fields []Field) {
	t.Helper()
	load := func(text string) diag.List {
		if name, _, _ := strings.Cut(needs, ":"); needs != "" && !strings.HasPrefix(text, name+":") {
			text = needs + ", " + text
		}
		_, diags := Compile(Input{Path: "p.yaml", Text: fmt.Appendf(nil, around, text)}, testOptions())
		return diags
	}
	for i := range fields {
		f := &fields[i]
		for _, name := range slices.DeleteFunc([]string{f.Name, f.Alias}, func(s string) bool { return s == "" }) {
			if codes := codesOf(load(name + ": 1")); slices.Contains(codes, "unknown_key") {
				t.Errorf("%s: got an unknown key, want it to be read", name)
			}
		}
		if got := slices.Contains(codesOf(load(f.Name+": ")), "empty_value"); got != f.Filled {
			t.Errorf("%s without a value: got a complaint %v, want %v", f.Name, got, f.Filled)
		}
		if !f.List {
			checkWords(t, f, load)
			checkBounds(t, f, load)
		}
		if f.Kind == KindObject && len(f.Fields) <= 12 && f.Name != "providers" && f.Name != "models" {
			inner := "%s: {%s}"
			if f.List {
				inner = "%s: [{%s}]"
			}
			found := load(fmt.Sprintf(inner, f.Name, "zzzzzzzz: 1"))
			for j := range found {
				d := &found[j]
				if d.Code != "unknown_key" {
					continue
				}
				want := make([]string, 0, len(f.Fields))
				for k := range f.Fields {
					want = append(want, f.Fields[k].Name)
				}
				got := strings.Split(strings.TrimPrefix(d.Hint, "one of "), ", ")
				slices.Sort(got)
				slices.Sort(want)
				got = slices.Compact(got) // some fields are read twice
				if diff := cmp.Diff(got, want); diff != "" {
					t.Errorf("%s: the table differs from what is read (-read +table):\n%s", f.Name, diff)
				}
			}
		}
	}
}

func checkWords(t *testing.T, f *Field, load func(string) diag.List) {
	t.Helper()
	if len(f.Enum) == 0 {
		return
	}
	for _, word := range f.Enum {
		if codes := codesOf(load(f.Name + ": " + word)); slices.Contains(codes, "bad_value") {
			t.Errorf("%s: got a complaint about %q, want it to be read", f.Name, word)
		}
	}
	found := load(f.Name + ": zzzzzzzz")
	for i := range found {
		d := &found[i]
		if d.Code == "bad_value" {
			if want := "one of " + strings.Join(f.Enum, ", "); d.Hint != want {
				t.Errorf("%s: got the words %q, want %q", f.Name, d.Hint, want)
			}
			return
		}
	}
	t.Errorf("%s: got no complaint about a word that it cannot be", f.Name)
}

func checkBounds(t *testing.T, f *Field, load func(string) diag.List) {
	t.Helper()
	suffix := ""
	switch {
	case f.Max == 0:
		return
	case f.Kind == KindDuration:
		suffix = "s"
	case f.Kind != KindInt:
		return
	}
	for value, bad := range map[int64]bool{f.Min - 1: true, f.Min: false, f.Max: false, f.Max + 1: true} {
		text := fmt.Sprintf("%s: %d%s", f.Name, value, suffix)
		if got := slices.Contains(codesOf(load(text)), "out_of_range"); got != bad {
			t.Errorf("%s: got a complaint %v, want %v", text, got, bad)
		}
	}
}

func codesOf(list diag.List) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].Code
	}
	return out
}

func TestActionFields(t *testing.T) {
	spec := &engine.ActionSpec{Fields: []engine.Field{
		{Name: "a", Type: engine.FieldString, Template: true},
		{Name: "b", Type: engine.FieldInt, Min: 1, Max: 2},
		{Name: "c", Type: engine.FieldObjects, Fields: []engine.Field{{Name: "d", Type: engine.FieldStrings}}},
		{Name: "e", Type: engine.FieldExpression, Phase: 4},
		{Name: "f", Type: engine.FieldExpressions, Max: 3},
	}}
	got := ActionFields(spec, 1)
	want := []Field{
		{Name: "a", Kind: KindTemplate, Templates: true, Phase: 1, Fields: []Field{}},
		{Name: "b", Kind: KindInt, Min: 1, Max: 2, Phase: 1, Fields: []Field{}},
		{Name: "c", Kind: KindObject, List: true, Phase: 1, Fields: []Field{{Name: "d", Kind: KindString, List: true, Phase: 1, Fields: []Field{}}}},
		{Name: "e", Kind: KindValue, Phase: 4, Fields: []Field{}},
		{Name: "f", Kind: KindValue, List: true, Max: 3, Phase: 1, Fields: []Field{}},
		enforceField(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields differ (-want +got):\n%s", diff)
	}
	if got := PhaseActions([]engine.ActionSpec{{Name: "z", Phases: 2}, {Name: "y", Phases: 1}}, 1); !slices.Equal(got, []string{"y"}) {
		t.Errorf("got %v, want the actions of the phase", got)
	}
}
