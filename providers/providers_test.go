package providers

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"weir/engine"
	"weir/engine/wire"
)

func specOf(t *testing.T, id string) engine.ProviderSpec {
	t.Helper()
	specs := Registry()
	i := slices.IndexFunc(specs, func(s engine.ProviderSpec) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("no provider %q", id)
	}
	return specs[i]
}

// surfaceOf is the first surface of a dialect, with the provider's base URL where it has none of its own.
func surfaceOf(t *testing.T, spec engine.ProviderSpec, d wire.Dialect) engine.Surface {
	t.Helper()
	for _, s := range spec.Surfaces {
		if s.Dialect == d {
			if s.BaseURL == "" {
				s.BaseURL = spec.BaseURL
			}
			return s
		}
	}
	t.Fatalf("%s has no %s surface", spec.ID, d)
	return engine.Surface{}
}

// join is the engine's rule: a base with a path replaces the client's version, a bare host keeps it, a query is kept.
func join(t *testing.T, base, version, path string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	if prefix == "" {
		prefix = version
	}
	out := u.Scheme + "://" + u.Host + prefix + path
	if u.RawQuery != "" {
		out += "?" + u.RawQuery
	}
	return out
}

func TestRegistryOrder(t *testing.T) {
	specs := Registry()
	got := make([]string, 0, len(specs))
	for i := range specs {
		got = append(got, specs[i].ID)
	}
	if want := []string{"openai", "anthropic", "google", "openrouter"}; !slices.Equal(got[:4], want) {
		t.Errorf("got %v first, want %v", got[:4], want)
	}
	again := Registry()
	for i := range again {
		if again[i].ID != got[i] {
			t.Errorf("place %d: got %s, then %s", i, got[i], again[i].ID)
		}
	}
	if len(got) != 27 {
		t.Errorf("got %d providers, want 27", len(got))
	}
}

func TestRegistryIsAValue(t *testing.T) {
	specs := Registry()
	specs[0].ID = "changed"
	if Registry()[0].ID == "changed" {
		t.Error("a caller can change the registry")
	}
}

// A vendor is three files of one name, and its page answers the same questions in the same order.
func TestThreeFiles(t *testing.T) {
	headings := []string{"# ", "## URL", "## Authentication", "## APIs", "## Models", "## Quirks"}
	for _, spec := range Registry() {
		t.Run(spec.ID, func(t *testing.T) {
			name := strings.ReplaceAll(spec.ID, "-", "_")
			for _, suffix := range []string{".go", "_test.go", ".md"} {
				if _, err := os.Stat(name + suffix); err != nil {
					t.Errorf("missing: %v", err)
				}
			}
			at := -1
			for _, heading := range headings {
				next := indexLine(spec.Doc, heading)
				if next <= at {
					t.Errorf("heading %q is missing or out of order", heading)
				}
				at = next
			}
			if !strings.HasPrefix(spec.Doc, "# "+spec.Name+"\n") {
				t.Errorf("the page does not begin with the name %q", spec.Name)
			}
			checkBlocks(t, &spec)
		})
	}
}

func indexLine(doc, prefix string) int {
	if strings.HasPrefix(doc, prefix) {
		return 0
	}
	return strings.Index(doc, "\n"+prefix)
}

// checkBlocks parses the yaml blocks of a page; one of them must configure the provider.
func checkBlocks(t *testing.T, spec *engine.ProviderSpec) {
	t.Helper()
	found := false
	for i, part := range strings.Split(spec.Doc, "```yaml\n")[1:] {
		block, _, ok := strings.Cut(part, "\n```")
		if !ok {
			t.Fatalf("block %d does not end", i)
		}
		var doc struct {
			Providers []struct {
				ID string `yaml:"id"`
			} `yaml:"providers"`
		}
		if err := yaml.Unmarshal([]byte(block), &doc); err != nil {
			t.Errorf("block %d: %v", i, err)
		}
		for _, p := range doc.Providers {
			found = found || p.ID == spec.ID
		}
	}
	if !found {
		t.Error("no yaml block configures the provider")
	}
}

func TestNamesAreUnique(t *testing.T) {
	owners := map[string]string{}
	for _, spec := range Registry() {
		for _, name := range append([]string{spec.ID}, spec.Aliases...) {
			if name != strings.ToLower(name) || strings.ContainsAny(name, ": /") {
				t.Errorf("%s: name %q must be lower case, without colon, space or slash", spec.ID, name)
			}
			if owner, taken := owners[name]; taken {
				t.Errorf("%s: name %q is that of %s", spec.ID, name, owner)
			}
			owners[name] = spec.ID
		}
	}
}

func TestSpecs(t *testing.T) {
	for _, spec := range Registry() {
		t.Run(spec.ID, func(t *testing.T) {
			if len(spec.Surfaces) == 0 {
				t.Fatal("no surface")
			}
			if spec.Name == "" || !strings.HasPrefix(spec.Website, "https://") {
				t.Errorf("got name %q and website %q", spec.Name, spec.Website)
			}
			if (spec.Probe != "") != spec.KeyOptional {
				t.Error("local servers are probed, others are not")
			}
			if spec.BaseURL == "" && len(spec.BaseURLEnv) == 0 {
				t.Error("nothing can say where it is")
			}
			if len(spec.Env) == 0 {
				t.Error("no variable can hold a key")
			}
			for _, name := range append(slices.Clone(spec.Env), spec.BaseURLEnv...) {
				if name == "" || strings.ToUpper(name) != name || strings.ContainsAny(name, " -") {
					t.Errorf("variable %q is not of the usual form", name)
				}
			}
			for _, s := range spec.Surfaces {
				checkSurface(t, &spec, s)
			}
		})
	}
}

func checkSurface(t *testing.T, spec *engine.ProviderSpec, s engine.Surface) {
	t.Helper()
	for i, api := range s.APIs {
		if api.Dialect() != s.Dialect {
			t.Errorf("%s is not an API of the %s dialect", api, s.Dialect)
		}
		if slices.Contains(s.APIs[:i], api) {
			t.Errorf("%s is listed twice", api)
		}
	}
	base := s.BaseURL
	if base == "" {
		base = spec.BaseURL
	}
	if base == "" {
		return
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.HasSuffix(base, "/") {
		t.Errorf("got base URL %q, error %v", base, err)
		return
	}
	if want := "https"; spec.KeyOptional {
		if u.Hostname() != "127.0.0.1" || u.Scheme != "http" {
			t.Errorf("got %s, want a local address", base)
		}
	} else if u.Scheme != want {
		t.Errorf("got %s, want https", base)
	}
}

// The variable that holds one vendor's key must not be read for another.
func TestVariablesAreUnique(t *testing.T) {
	owners := map[string]string{}
	for _, spec := range Registry() {
		for _, name := range append(slices.Clone(spec.Env), spec.BaseURLEnv...) {
			if owner, taken := owners[name]; taken {
				t.Errorf("%s and %s both read %s", owner, spec.ID, name)
			}
			owners[name] = spec.ID
		}
	}
}

func TestEnvironment(t *testing.T) {
	vars := map[string]string{
		"OLLAMA_HOST": "0.0.0.0", "AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com/", "OPENAI_API_KEY": "sk-0.0.0.0",
		"VLLM_BASE_URL": "http://gpu:8000",
	}
	env := Environment(func(name string) (string, bool) {
		value, ok := vars[name]
		return value, ok
	})
	tests := []struct{ name, variable, want string }{
		{"address without a scheme", "OLLAMA_HOST", "http://127.0.0.1:11434"},
		{"address without a path", "AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/openai/v1"},
		{"address as it is", "VLLM_BASE_URL", "http://gpu:8000"},
		{"a key is not an address", "OPENAI_API_KEY", "sk-0.0.0.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := env(tt.variable); got != tt.want || !ok {
				t.Errorf("got %q %v, want %q", got, ok, tt.want)
			}
		})
	}
	if got, ok := env("LM_STUDIO_BASE_URL"); got != "" || ok {
		t.Errorf("unset: got %q %v", got, ok)
	}
}
