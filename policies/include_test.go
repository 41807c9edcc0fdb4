package policies

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
)

func TestIncludeOrder(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"parts", "parts/sub", "other"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	rule := func(name string) string {
		return "on_request: [{name: " + name + ", actions: [{type: log, config: {metadata: {}}}]}]\n"
	}
	path := filepath.Join(dir, "policy.yaml")
	write(t, path, "include: [other/b.yaml, parts]\n"+rule("own"))
	write(t, filepath.Join(dir, "other", "b.yaml"), "include: ../parts/2.yml\n"+rule("b"))
	for _, name := range []string{"10.json", "2.yml", "a.yaml"} {
		write(t, filepath.Join(dir, "parts", name), rule(fmt.Sprintf("%q", name)))
	}
	for _, ignored := range []string{".hidden.yaml", "notes.txt", "sub/deep.yaml", "a.yaml~"} {
		write(t, filepath.Join(dir, "parts", ignored), "this is no policy: [")
	}
	cfg, diags := Compile(Input{Path: path}, testOptions())
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	names := make([]string, 0, len(cfg.OnRequest))
	for i := range cfg.OnRequest {
		names = append(names, cfg.OnRequest[i].Name)
	}
	want := []string{"2.yml", "b", "10.json", "a.yaml", "own"} // a file counts once, where it is named first
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("rules differ (-want +got):\n%s", diff)
	}
	if len(cfg.Sources) != 5 {
		t.Errorf("got %d sources, want one for each file", len(cfg.Sources))
	}
}

func TestIncludeThroughLinks(t *testing.T) {
	dir := t.TempDir()
	path, part := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "part.yaml")
	write(t, path, "include: part.yaml\n")
	write(t, part, "include: link.yaml\n")
	if err := os.Symlink("policy.yaml", filepath.Join(dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	_, diags := Compile(Input{Path: path}, testOptions())
	if len(diags) != 1 || diags[0].Code != "include_cycle" || diags[0].Pos.File != part || strings.Count(diags[0].Message, "->") != 2 {
		t.Errorf("got %v, want the cycle with its chain, at the last link of it", diags)
	}
}

func TestIncludeLimits(t *testing.T) {
	dir := t.TempDir()
	path, parts := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "parts")
	if err := os.Mkdir(parts, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, "include: parts\n")
	for i := range maxIncluded + 5 {
		write(t, filepath.Join(parts, fmt.Sprintf("%04d.yaml", i)), "{}\n")
	}
	_, diags := Compile(Input{Path: path}, testOptions())
	if len(diags) != 1 || diags[0].Code != "too_large" {
		t.Errorf("got %v, want one word about the number of files", diags)
	}
	big := "on_request: [" + strings.Repeat("{actions: [{type: deny}]}, ", maxNodes/12) + "]\n"
	if err := os.RemoveAll(parts); err != nil {
		t.Fatal(err)
	}
	write(t, path, "include: [a.yaml, b.yaml, c.yaml]\n")
	for _, name := range []string{"a", "b", "c"} {
		write(t, filepath.Join(dir, name+".yaml"), big)
	}
	if _, diags = Compile(Input{Path: path}, testOptions()); !diags.HasErrors() || diags[0].Code != "too_large" {
		t.Errorf("got %d diagnostics, want the size of all files together refused", len(diags))
	}
}

func TestIncludedSecretsAreMasked(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "policy.yaml")
	write(t, path, "include: part.yaml\n")
	write(t, filepath.Join(dir, "part.yaml"), "on_request: [{type: deny, config: {mesage: hunter22, message: \"${secrets.get('A')}\"}}]\n")
	opts := testOptions()
	opts.Secrets = []Source{MapSecrets(map[string]string{"A": "hunter22"})}
	_, diags := Compile(Input{Path: path}, opts)
	if len(diags) != 1 || diags[0].Line == "" || strings.Contains(diags.Error(), "hunter22") {
		t.Errorf("got %v, want an excerpt of the part without the secret", diags)
	}
}

func TestIncludeReload(t *testing.T) {
	dir := t.TempDir()
	path, parts := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "parts")
	if err := os.Mkdir(parts, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, "include: parts\n")
	write(t, filepath.Join(parts, "a.yaml"), policyNamed("one"))
	s := NewStore(Input{Path: path}, buildOptions(nil))
	check := func(step string, generation uint64) {
		t.Helper()
		if err := s.Reload(t.Context()); err != nil || s.Load().Generation != generation {
			t.Fatalf("%s: got %v and generation %d, want %d", step, err, s.Load().Generation, generation)
		}
	}
	check("first", 1)
	check("nothing changed", 1)
	write(t, filepath.Join(parts, "a.yaml"), policyNamed("two"))
	check("a part was edited", 2)
	write(t, filepath.Join(parts, "b.yaml"), "{}\n")
	check("a part appeared", 3)
	write(t, filepath.Join(parts, "notes.txt"), "no policy")
	check("something else appeared", 3)
	if err := os.Remove(filepath.Join(parts, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	check("a part is gone", 4)
	want := []string{path, filepath.Join(parts, "*"), filepath.Join(parts, "a.yaml")}
	if diff := cmp.Diff(want, s.Status().Files); diff != "" {
		t.Errorf("watched files differ (-want +got):\n%s", diff)
	}
}

func TestWatchIncludedFolder(t *testing.T) {
	dir := t.TempDir()
	path, parts := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "parts")
	if err := os.Mkdir(parts, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, "include: parts\n")
	write(t, filepath.Join(parts, "a.yaml"), policyNamed("one"))
	w := watch(t, dir, path)
	write(t, filepath.Join(parts, "a.yaml"), policyNamed("two"))
	w.generation(2)
	write(t, filepath.Join(parts, "b.yaml"), "{}\n")
	w.generation(3)
	if err := os.Remove(filepath.Join(parts, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	w.generation(4)
}

// BenchmarkCompile compiles policies of a thousand rules.
func BenchmarkCompile(b *testing.B) {
	for _, bench := range []struct{ name, rule string }{
		{"plain", plainRule},
		{"rich", richRule},
	} {
		b.Run(bench.name, func(b *testing.B) {
			text := []byte(manyRules(1000, bench.rule))
			opts := testOptions()
			b.ReportAllocs()
			for b.Loop() {
				if _, diags := Compile(Input{Path: "p.yaml", Text: text}, opts); len(diags) > 0 {
					b.Fatal(diags)
				}
			}
		})
	}
}

// plainRule is what most rules are like: two comparisons and an action.
const plainRule = `  - name: rule %d
    expressions: ["req.headers['x-team'][0] == 'team-%[1]d' && ai.request.max_output_tokens > %[1]d"]
    actions: [{type: deny, config: {status_code: 429}}]
`

// richRule has several conditions and templates.
const richRule = `  - name: rule %d
    expressions:
      - req.headers['x-team'][0] == 'team-%[1]d'
      - ai.request.max_output_tokens > %[1]d || req.url.path.startsWith('/v1/%[1]d')
    actions:
      - type: add-headers
        config: {headers: {x-team-%[1]d: "${req.host}/%[1]d"}}
`

func manyRules(n int, rule string) string {
	var text strings.Builder
	text.WriteString("on_request:\n")
	for i := range n {
		fmt.Fprintf(&text, rule, i)
	}
	return text.String()
}

// TestCompileTimeIsLinear compares four times the rules with the time of one part: clocks are noisy, powers of four are not.
func TestCompileTimeIsLinear(t *testing.T) {
	best := func(n int) time.Duration {
		text := []byte(manyRules(n, richRule))
		least := time.Hour
		for range 2 {
			start := time.Now()
			cfg, diags := Compile(Input{Path: "p.yaml", Text: text}, testOptions())
			least = min(least, time.Since(start))
			if len(diags) > 0 || len(cfg.OnRequest) != n || cfg.OnRequest[n-1].OnError != engine.OnErrorHalt {
				t.Fatalf("got %d rules and %v, want %d", len(cfg.OnRequest), diags, n)
			}
		}
		return least
	}
	var few, many time.Duration
	for range 4 { // a machine that is busy with something else for a while says nothing
		if few, many = best(250), best(1000); many <= 10*few {
			return
		}
	}
	t.Errorf("got %s for 1000 rules and %s for 250, want about four times as long", many, few)
}
