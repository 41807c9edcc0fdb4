package policies

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
	"weir/engine/opa"
	"weir/engine/vars"
)

const regoModule = "package access\n\ndefault decision := false\n\ndecision if input.req.method == data.method\n"

// folderOf writes files below a new folder and returns it.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, at, text)
	}
	return dir
}

// TestWatchRego: whatever the Rego of a policy is read from, a change of it is a new plan.
func TestWatchRego(t *testing.T) {
	dir := folderOf(t, map[string]string{
		"policy.yaml":           "rego: [rego, single.rego, {data: more.json, at: more}, {bundle: b.tar.gz}]\n",
		"rego/access.rego":      regoModule,
		"rego/data.json":        `{"method": "GET"}`,
		"rego/teams/blue/a.yml": "size: 1\n",
		"single.rego":           "package single\n",
		"more.json":             `{"a": 1}`,
		"b.tar.gz":              string(packed(t, map[string]string{".manifest": `{"revision":"r1","roots":["b"]}`, "b/b.rego": "package b\n"}, "")),
	})
	w := watch(t, dir, filepath.Join(dir, "policy.yaml"))
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	steps := []struct {
		name string
		do   func()
	}{
		{"a module", func() { write(t, at("rego/access.rego"), strings.ReplaceAll(regoModule, "==", "!=")) }},
		{"data", func() { write(t, at("rego/data.json"), `{"method": "PUT"}`) }},
		{"data further down", func() { write(t, at("rego/teams/blue/a.yml"), "size: 2\n") }},
		{"a module alone", func() { write(t, at("single.rego"), "package single\n\na := 1\n") }},
		{"data alone", func() { write(t, at("more.json"), `{"a": 2}`) }},
		{"a bundle", func() {
			write(t, at("b.tar.gz"), string(packed(t, map[string]string{".manifest": `{"revision":"r2","roots":["b"]}`, "b/b.rego": "package b\n"}, "")))
		}},
		{"a new file", func() { write(t, at("rego/new.rego"), "package new\n") }},
		{"a new file further down", func() { write(t, at("rego/teams/blue/new.rego"), "package teams.blue.new\n") }},
		{"a file that goes away", func() { _ = os.Remove(at("rego/new.rego")) }},
		{"a new folder", func() {
			if err := os.MkdirAll(at("rego/teams/red"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, at("rego/teams/red/a.json"), `{"size": 3}`)
		}},
	}
	for i, step := range steps {
		step.do()
		want := uint64(2 + i)
		w.await(step.name, func() bool { return w.store.Load().Generation >= want })
	}
	broken := w.store.Load()
	write(t, at("rego/teams/red/b.rego"), "package broken\n\na :=\n")
	w.await("the error", func() bool { return w.store.Status().LastError != "" })
	if st := w.store.Status(); w.store.Load() != broken || !strings.Contains(st.LastError, "rego_parse_error") {
		t.Errorf("got %+v, want the old plan and what is wrong", st)
	}
	write(t, at("rego/notes.txt"), "nothing to do with it")
	_ = os.Remove(at("rego/teams/red/b.rego"))
	w.await("the old plan in good order", func() bool { return w.store.Status().LastError == "" })
	if got := w.store.Load(); got != broken {
		t.Errorf("got %+v, want the plan that there was", got)
	}
}

func (w *watched) await(what string, done func() bool) {
	w.t.Helper()
	b := &bundled{watched: w}
	b.await(what, done)
}

// TestReloadLargeData: what may be larger than a policy is looked at again as what it is.
func TestReloadLargeData(t *testing.T) {
	dir := folderOf(t, map[string]string{
		"policy.yaml": "rego: [access.rego, big.json, rest]\n", "access.rego": regoModule,
		"big.json":    fmt.Sprintf(`{"method": "GET", "big": %q}`, strings.Repeat("x", 2*maxDocument)),
		"rest/a.json": `{"rest": 1}`,
	})
	built := 0
	s := NewStore(Input{Path: filepath.Join(dir, "policy.yaml")}, buildOptions(&built))
	for range 3 {
		if err := s.Reload(t.Context()); err != nil || built != 1 {
			t.Fatalf("got %v and %d builds, want one", err, built)
		}
	}
	write(t, filepath.Join(dir, "access.rego"), "package access\n"+strings.Repeat("#", maxDocument))
	for range 3 {
		if err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "too_large") {
			t.Fatalf("got %v, want the module to be too large", err)
		}
	}
}

func TestReadRego(t *testing.T) {
	dir := folderOf(t, map[string]string{
		"policy.yaml":        "include: more.yaml\nrego: {modules: [rego, alone.rego, {module: package inline}, {data: {a: 1}}, {bundle: b.tar.gz}], hosts: [example.com]}\n",
		"more.yaml":          "rego: [alone.rego, alone.rego, rego/a.rego]\n",
		"rego/a.rego":        "package a\n",
		"rego/a_test.rego":   "package a_test\n",
		"rego/x/b_test.rego": "package b_test\n",
		"rego/x/data.yaml":   "y: 1\n",
		"alone.rego":         "package alone\n",
		"alone_test.rego":    "package alone_test\n",
		"other_test.rego":    "package other_test\n",
		"b.tar.gz":           string(packed(t, map[string]string{".manifest": `{"revision":"r1","roots":["b"]}`, "b/b.rego": "package b\n", "b/b_test.rego": "package b.test\n"}, "")),
	})
	got, diags := readRego(Input{Path: filepath.Join(dir, "policy.yaml")}, testOptions())
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	names := func(texts []opa.Text) []string {
		out := make([]string, 0, len(texts))
		for i := range texts {
			name := strings.TrimPrefix(filepath.ToSlash(texts[i].Name), filepath.ToSlash(dir)+"/")
			if len(texts[i].Path) > 0 {
				name += " at " + strings.Join(texts[i].Path, ".")
			}
			out = append(out, name)
		}
		return out
	}
	for _, tt := range []struct {
		what      string
		got, want []string
	}{
		{"modules", names(got.Options.Modules), []string{"alone.rego", "rego/a.rego", "policy.yaml:2"}},
		{"data", names(got.Options.Data), []string{"rego/x/data.yaml at x", "policy.yaml:2.json"}},
		{"tests", names(got.Tests), []string{"alone_test.rego", "rego/a_test.rego", "rego/x/b_test.rego"}},
		{"hosts", got.Options.Hosts, []string{"example.com"}},
		{"bundles", []string{got.Options.Bundles[0].Revision, filepath.Base(got.Options.Bundles[0].Tests[0].Name)}, []string{"r1", "b_test.rego"}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s differ (-want +got):\n%s", tt.what, diff)
		}
	}
	if got.Options.Transport == nil {
		t.Error("got no transport, want one that guards what it dials")
	}
}

// TestRegoFolders is about folders that go on for ever, or further than anybody means.
func TestRegoFolders(t *testing.T) {
	dir := folderOf(t, map[string]string{"policy.yaml": "rego: [a]\n", "a/a.rego": "package a\n"})
	if err := os.Symlink(filepath.Join(dir, "a"), filepath.Join(dir, "a", "again")); err != nil {
		t.Fatal(err)
	}
	_, diags := readRego(Input{Path: filepath.Join(dir, "policy.yaml")}, testOptions())
	if !slices.Contains(codesOf(diags), "too_deep") {
		t.Errorf("got %v, want the depth refused", diags)
	}
	files := map[string]string{"policy.yaml": "rego: [a]\n"}
	for i := range maxRegoFiles + 1 {
		files[fmt.Sprintf("a/%d.rego", i)] = "package a\n"
	}
	_, diags = readRego(Input{Path: filepath.Join(folderOf(t, files), "policy.yaml")}, testOptions())
	if !slices.Contains(codesOf(diags), "too_large") {
		t.Errorf("got %v, want the number refused", diags)
	}
}

// TestMountedRego follows the links that mounted configuration is made of, and swaps them.
func TestMountedRego(t *testing.T) {
	dir := folderOf(t, map[string]string{
		"rego/..one/access.rego": regoModule + "# one\n", "rego/..two/access.rego": regoModule + "# two\n",
		"policy.yaml": "rego: [rego, {data: {method: GET}}]\n",
	})
	swap := func(to string) {
		_ = os.Remove(filepath.Join(dir, "rego", "..new"))
		if err := os.Symlink(to, filepath.Join(dir, "rego", "..new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "rego", "..new"), filepath.Join(dir, "rego", "..data")); err != nil {
			t.Fatal(err)
		}
	}
	swap("..one")
	if err := os.Symlink(filepath.Join("..data", "access.rego"), filepath.Join(dir, "rego", "access.rego")); err != nil {
		t.Fatal(err)
	}
	w := watch(t, dir, filepath.Join(dir, "policy.yaml"))
	for generation, to := range []string{"..two", "..one"} {
		swap(to)
		w.generation(uint64(generation + 2))
	}
}

// TestRegoIsGiven: actions of every document and the plan get the Rego of the policy.
func TestRegoIsGiven(t *testing.T) {
	var got []*opa.Policy
	opts := Options{Actions: []engine.ActionSpec{{
		Name: "probe", Phases: vars.PhaseRequest, New: func(c *engine.Config) engine.Action {
			got = append(got, c.Rego)
			return nil
		},
	}}}
	dir := folderOf(t, map[string]string{"rules.yaml": "on_request: [{type: probe}]\n"})
	text := "include: rules.yaml\nrego: [{module: package a}]\non_request: [{type: probe}]\n"
	cfg, diags := Compile(Input{Path: filepath.Join(dir, "policy.yaml"), Text: []byte(text)}, opts)
	if diags.HasErrors() || len(got) != 2 || got[0] == nil || got[0] != got[1] || cfg.Rego != got[0] {
		t.Errorf("got %v, %v and %v, want one policy everywhere", diags, got, cfg.Rego)
	}
	if cfg, _ := Compile(Input{Path: "policy.yaml", Text: []byte("{}")}, opts); cfg.Rego != nil {
		t.Errorf("got %v, want none without rego", cfg.Rego)
	}
}
