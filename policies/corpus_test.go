package policies

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/rs/zerolog"

	"weir/actions"
	"weir/engine"
	"weir/engine/catalog"
	"weir/engine/diag"
	"weir/providers"
)

// The corpus is archives of many policies each. NAME.yaml (or .json) is a policy; NAME.run has one line for each request
// that is made of it, with what comes of it behind an arrow; NAME.want is what is reported where a policy is broken, or
// loads with warnings. A file named
// secrets holds the secrets of the archive; other files are there to be included.
//
// go test ./policies -run TestCorpus -update writes what comes into .run and .want.

const (
	corpusRuns   = 150 // policies that load and run, at least
	corpusBroken = 60  // policies that are refused, at least
)

// TestCorpus loads and runs every policy of the corpus.
func TestCorpus(t *testing.T) {
	up := newCorpusUpstream(t)
	files, err := filepath.Glob("testdata/corpus/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	ran, broken := 0, 0
	for _, file := range files {
		file, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			c := openCorpus(t, file, up)
			for i := range c.archive.Files {
				name := c.archive.Files[i].Name
				stem := strings.TrimSuffix(name, path.Ext(name))
				if !isPolicyName(name) || c.find(stem+".run") < 0 && c.find(stem+".want") < 0 {
					continue
				}
				t.Run(stem, func(t *testing.T) {
					if c.policy(t, name, stem) {
						ran++
					} else {
						broken++
					}
				})
			}
			c.save(t)
		})
	}
	if filter := lookupRun(); filter == "" && (ran < corpusRuns || broken < corpusBroken) {
		t.Errorf("got %d policies that run and %d broken ones, want %d and %d", ran, broken, corpusRuns, corpusBroken)
	}
	t.Logf("%d policies ran, %d are broken", ran, broken)
}

// corpus is one archive, unpacked into the working folder.
type corpus struct {
	file    string
	archive *txtar.Archive
	secrets map[string]string
	up      *corpusUpstream
}

func openCorpus(t *testing.T, file string, up *corpusUpstream) *corpus {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &corpus{file: file, archive: archive, secrets: map[string]string{}, up: up}
	t.Chdir(t.TempDir())
	for _, f := range archive.Files {
		if f.Name == "secrets" {
			c.secrets = secretLines(f.Data)
		}
		if err := os.MkdirAll(filepath.Dir(f.Name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Name, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *corpus) secret(name string) (string, bool) {
	value, ok := c.secrets[name]
	return value, ok
}

func (c *corpus) find(name string) int {
	return slices.IndexFunc(c.archive.Files, func(f txtar.File) bool { return f.Name == name })
}

func (c *corpus) save(t *testing.T) {
	t.Helper()
	if *update && !t.Failed() {
		if err := os.WriteFile(c.file, txtar.Format(c.archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// expect compares what came with a file of the archive, or writes it there.
func (c *corpus) expect(t *testing.T, at int, got string) {
	t.Helper()
	if *update {
		c.archive.Files[at].Data = []byte(got)
		return
	}
	if diff := cmp.Diff(string(c.archive.Files[at].Data), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", c.archive.Files[at].Name, diff)
	}
}

// policy loads one policy and runs its requests. It reports whether the policy ran.
func (c *corpus) policy(t *testing.T, name, stem string) bool {
	t.Helper()
	rt := c.up.runtime()
	opts := Options{
		Actions: actions.Registry(), Secrets: []Source{EnvSecrets(c.secret)}, Services: rt.Services,
		Catalog: corpusCatalog(), Providers: providers.Registry(),
	}
	out := compile(Input{Path: name}, opts, oneLoad(opts))
	var plan *engine.Plan
	if !out.diags.HasErrors() {
		var more diag.List
		plan, more = rt.NewPlan(out.cfg)
		out.add(more)
	}
	got := out.diags.Error()
	if got != "" {
		got += "\n"
	}
	want, run := c.find(stem+".want"), c.find(stem+".run")
	switch {
	case want >= 0:
		c.expect(t, want, got)
	case got != "":
		t.Errorf("got diagnostics\n%swant none", got)
	}
	if plan == nil || run < 0 {
		if plan != nil && want >= 0 && got == "" {
			t.Error("got a policy without any diagnostic, want it broken")
		}
		return false
	}
	var results strings.Builder
	for line := range strings.Lines(string(c.archive.Files[run].Data)) {
		asked, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "->")
		asked = strings.TrimSpace(asked)
		fmt.Fprintf(&results, "%s -> %s\n", asked, c.send(t, rt, plan, asked))
	}
	c.expect(t, run, strings.ReplaceAll(results.String(), "\n ->", "\n->"))
	return true
}

// corpusCatalog is a small catalog that no update of the real one changes.
func corpusCatalog() *catalog.Catalog {
	price := func(v float64) *float64 { return &v }
	authors := map[string]*catalog.Author{}
	model := func(provider, id, author string, in, out float64, window int64, features ...string) *catalog.Model {
		m := &catalog.Model{
			ProviderID: provider, ID: id, AuthorID: author, Known: true, MaxContextWindow: window, SupportedFeatures: features,
			Author:          authors[author],
			InputModalities: []string{"text"}, OutputModalities: []string{"text"},
			Pricing: catalog.Pricing{Input: price(in), Output: price(out)}, ReleaseDate: "2025-06-01",
		}
		if m.Author == nil {
			m.Author = &catalog.Author{ID: author, DisplayName: author}
			authors[author] = m.Author
		}
		if slices.Contains(features, "vision") {
			m.InputModalities = append(m.InputModalities, "image")
		}
		return m
	}
	models := []*catalog.Model{
		model("openai", "gpt-4o", "openai", 2.5, 10, 128_000, "tool-calling", "vision"),
		model("openai", "gpt-4o-mini", "openai", 0.15, 0.6, 128_000, "tool-calling", "vision"),
		model("openai", "gpt-4-turbo", "openai", 10, 30, 128_000, "tool-calling"),
		model("openai", "gpt-3.5-turbo", "openai", 0.5, 1.5, 16_385),
		model("anthropic", "claude-3-5-sonnet", "anthropic", 3, 15, 200_000, "tool-calling", "vision"),
		model("anthropic", "claude-haiku-4-5", "anthropic", 1, 5, 200_000, "tool-calling"),
		model("google", "gemini-2.5-flash", "google", 0.3, 2.5, 1_048_576, "vision"),
		model("groq", "meta-llama/llama-3.3-70b-versatile", "meta", 0.59, 0.79, 131_072),
	}
	models[0].Datacenters = []catalog.Datacenter{{Region: "us-east-1", CountryCode: "US"}}
	models[4].Datacenters = []catalog.Datacenter{{Region: "eu-central-1", CountryCode: "DE"}}
	return catalog.New(models)
}

func (u *corpusUpstream) runtime() *engine.Runtime {
	return engine.NewRuntime(engine.RuntimeOptions{
		Client: u.client, Catalog: corpusCatalog(), Providers: providers.Registry(), Locate: u.locate, Log: zerolog.Nop(),
		Env: func(name string) (string, bool) {
			for _, id := range []string{"OPENAI", "ANTHROPIC", "GEMINI", "GROQ", "OPENROUTER"} {
				if name == id+"_API_KEY" {
					return "sk-env-" + strings.ToLower(id), true
				}
			}
			return "", false
		},
		Now: func() time.Time { return time.Date(2026, time.January, 5, 9, 30, 0, 0, time.UTC) },
	})
}

// lookupRun is the -run of the test, where it names parts of the corpus.
func lookupRun() string {
	for _, arg := range os.Args {
		if value, ok := strings.CutPrefix(arg, "-test.run="); ok {
			_, rest, _ := strings.Cut(value, "/")
			return rest
		}
	}
	return ""
}

// TestActionsThatGoOnAreExceptions: what a policy does not enforce is listed, in the config of an action too.
func TestActionsThatGoOnAreExceptions(t *testing.T) {
	for word, want := range map[string]int{"continue": 1, "halt": 0} {
		c := compile(Input{Path: "p.yaml", Text: []byte("on_request:\n  - {type: owasp-crs-request, config: {on_error: " + word + "}}\n")}, Options{Actions: actions.Registry()}, oneLoad(Options{}))
		if c.diags.HasErrors() || len(c.exceptions) != want {
			t.Errorf("%s: got %v and exceptions %+v, want %d", word, c.diags, c.exceptions, want)
		}
	}
}
