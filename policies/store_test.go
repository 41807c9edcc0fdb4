package policies

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"weir/engine"
	"weir/engine/diag"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buildOptions builds plans that hold nothing but name and hash, and counts them.
func buildOptions(built *int) Options {
	opts := testOptions()
	opts.Log = zerolog.Nop()
	opts.Build = func(cfg engine.PlanConfig) (*engine.Plan, diag.List) {
		if built != nil {
			*built++
		}
		return &engine.Plan{Name: cfg.Name, Hash: cfg.Hash}, nil
	}
	return opts
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func policyNamed(name string) string {
	return "on_request: [{name: " + name + ", actions: [{type: deny}]}]\n"
}

func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, policyNamed("one"))
	built := 0
	s := NewStore(Input{Path: path}, buildOptions(&built))
	if s.Load() != nil {
		t.Fatal("got a plan before the first load, want none")
	}
	check := func(step string, wantErr bool, generation uint64, builds int) *engine.Plan {
		t.Helper()
		err := s.Reload(t.Context())
		p := s.Load()
		if (err != nil) != wantErr || p == nil || p.Generation != generation || built != builds {
			t.Fatalf("%s: got error %v, plan %+v and %d builds, want error %v, generation %d and %d builds",
				step, err, p, built, wantErr, generation, builds)
		}
		return p
	}
	one := check("first", false, 1, 1)
	check("same bytes", false, 1, 1)
	write(t, path, "on_request: [")
	if got := check("broken", true, 1, 1); got != one {
		t.Errorf("got another plan after a broken edit, want the old one")
	}
	check("still broken", true, 1, 1)
	st := s.Status()
	if st.LastError == "" || len(st.Diagnostics) != 1 || st.Diagnostics[0].Code != "bad_yaml" || st.Generation != 1 {
		t.Errorf("got status %+v, want the diagnostic beside generation 1", st)
	}
	write(t, path, policyNamed("one"))
	check("repaired", false, 1, 1)
	if st := s.Status(); st.LastError != "" || len(st.Diagnostics) != 0 {
		t.Errorf("got status %+v, want no error", st)
	}
	write(t, path, policyNamed("two"))
	check("edited", false, 2, 2)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	check("deleted", true, 2, 2)
	if _, err := json.Marshal(s.Status()); err != nil {
		t.Errorf("got %v, want a status that JSON can write", err)
	}
}

func TestReloadBuildFails(t *testing.T) {
	opts := buildOptions(nil)
	opts.Build = func(cfg engine.PlanConfig) (*engine.Plan, diag.List) {
		return nil, diag.List{{Pos: cfg.OnRequest[0].Pos, Code: "no_such_provider", Message: "key hunter22 is wrong"}}
	}
	opts.Secrets = []Source{MapSecrets(map[string]string{"A": "hunter22"})}
	s := NewStore(Input{Path: "p.yaml", Text: []byte("on_request: [{type: deny, config: {message: \"${secrets.get('A')}\"}}]")}, opts)
	err := s.Reload(t.Context())
	var list diag.List
	if !errors.As(err, &list) || s.Load() != nil {
		t.Fatalf("got %v and plan %v, want diagnostics and no plan", err, s.Load())
	}
	if list[0].Line == "" || strings.Contains(err.Error(), "hunter22") || strings.Contains(s.Status().LastError, "hunter22") {
		t.Errorf("got %q, want an excerpt and no secret", err)
	}
}

func TestRollback(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	s := NewStore(Input{Path: path}, buildOptions(nil))
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		write(t, path, policyNamed(name))
		if err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(s.Status().Kept); got != maxPlans-1 {
		t.Fatalf("got %d plans kept, want %d", got, maxPlans-1)
	}
	for generation := uint64(6); generation >= 3; generation-- {
		if err := s.Rollback(); err != nil || s.Load().Generation != generation {
			t.Fatalf("got generation %d and %v, want %d", s.Load().Generation, err, generation)
		}
		if err := s.Reload(t.Context()); err != nil || s.Load().Generation != generation {
			t.Fatalf("got generation %d and %v after a reload of the same file, want %d", s.Load().Generation, err, generation)
		}
	}
	if err := s.Rollback(); !errors.Is(err, ErrNoEarlierPlan) {
		t.Errorf("got %v, want %v", err, ErrNoEarlierPlan)
	}
	write(t, path, policyNamed("h"))
	if err := s.Reload(t.Context()); err != nil || s.Load().Generation != 8 {
		t.Errorf("got generation %d and %v, want 8", s.Load().Generation, err)
	}
}

func TestBuiltin(t *testing.T) {
	s := NewStore(Input{}, buildOptions(nil))
	for range 2 {
		if err := s.Reload(t.Context()); err != nil || s.Load().Generation != 1 {
			t.Fatalf("got %v and %+v, want generation 1", err, s.Load())
		}
	}
	if files := s.Status().Files; len(files) != 0 {
		t.Errorf("got files %v, want none", files)
	}
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	path, keys := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "keys")
	if err := os.MkdirAll(filepath.Join(keys, "vault"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, `providers:
  - {id: a, api_keys: [{value: "${secrets.get('vault', 'one')}"}, {value: "${secrets.get('two')}"}, {value: "${secrets.get('my-three')}"}]}
`)
	write(t, filepath.Join(keys, "vault", "one"), "first\n")
	write(t, filepath.Join(dir, ".env"), "# keys\nexport two=\"second\"\n")
	var got []string
	opts := buildOptions(nil)
	opts.Secrets = []Source{
		DirSecrets(keys), FileSecrets(filepath.Join(dir, ".env")),
		EnvSecrets(func(name string) (string, bool) { return "third", name == "MY_THREE" }),
	}
	opts.Build = func(cfg engine.PlanConfig) (*engine.Plan, diag.List) {
		got = nil
		for _, k := range cfg.Providers[0].APIKeys {
			if k.Value == nil {
				got = append(got, "missing "+k.Missing)
				continue
			}
			value, _ := k.Value.Literal()
			got = append(got, value)
		}
		return &engine.Plan{}, nil
	}
	s := NewStore(Input{Path: path}, opts)
	steps := []struct {
		name string
		do   func()
		want string
	}{
		{"first", func() {}, "first second third"},
		{"a key is exchanged", func() { write(t, filepath.Join(keys, "vault", "one"), "1st") }, "1st second third"},
		{"a key goes away", func() { _ = os.Remove(filepath.Join(keys, "vault", "one")) }, "missing vault/one second third"},
		{"and comes back elsewhere", func() { write(t, filepath.Join(keys, "one"), "again") }, "again second third"},
	}
	for _, step := range steps {
		step.do()
		if err := s.Reload(t.Context()); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if text := strings.Join(got, " "); text != step.want {
			t.Errorf("%s: got %q, want %q", step.name, text, step.want)
		}
	}
	write(t, filepath.Join(keys, "one"), "\n")
	if err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "empty_secret") {
		t.Errorf("got %v, want empty_secret", err)
	}
}

func TestUnreadableSecret(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "k"), 0o700); err != nil {
		t.Fatal(err)
	}
	opts := testOptions()
	opts.Secrets = []Source{DirSecrets(dir)}
	_, diags := Compile(Input{Path: "p", Text: []byte("on_request: [{expressions: [\"req.host == secrets.get('k')\"], actions: [{type: deny}]}]")}, opts)
	if len(diags) != 1 || diags[0].Code != "secret_unreadable" {
		t.Errorf("got %v, want secret_unreadable", diags)
	}
	_, diags = Compile(Input{Path: "p", Text: []byte("on_request: [{expressions: [\"req.host == secrets.get('../k')\"], actions: [{type: deny}]}]")}, opts)
	if len(diags) != 1 || diags[0].Code != "secret_missing" {
		t.Errorf("got %v, want secret_missing", diags)
	}
}
