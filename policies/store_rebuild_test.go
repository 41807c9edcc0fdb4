package policies

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/engine"
	"weir/engine/diag"
)

// surroundings is what Build puts into plans beside the policy.
type surroundings struct {
	word string
	fail bool
}

func (s *surroundings) options() Options {
	opts := buildOptions(nil)
	opts.Build = func(cfg engine.PlanConfig) (*engine.Plan, diag.List) {
		if s.fail {
			return nil, diag.List{{Code: "broken", Message: "the surroundings are broken"}}
		}
		return &engine.Plan{Name: s.word + " " + cfg.OnRequest[0].Name, Hash: cfg.Hash}, nil
	}
	return opts
}

func TestRebuild(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, policyNamed("one"))
	around := &surroundings{word: "first"}
	s := NewStore(Input{Path: path}, around.options())
	if err := s.Rebuild(t.Context()); err != nil || s.Load() != nil {
		t.Fatalf("got %v and plan %v before the first load, want nothing done", err, s.Load())
	}
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func(step, want string, generation uint64) {
		t.Helper()
		if p := s.Load(); p.Name != want || p.Generation != generation || s.Status().Generation != generation {
			t.Fatalf("%s: got %q in generation %d, want %q in %d", step, p.Name, p.Generation, want, generation)
		}
	}
	check("load", "first one", 1)
	around.word = "second"
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("a reload of the same bytes", "first one", 1)
	before := s.Load()
	if err := s.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("rebuild", "second one", 2)
	if before.Name != "first one" || len(s.Status().Kept) != 0 {
		t.Errorf("got %q and %d kept, want the plan of before as it was, and not kept", before.Name, len(s.Status().Kept))
	}

	write(t, path, "on_request: [")
	if err := s.Reload(t.Context()); err == nil {
		t.Fatal("got no error for a broken file")
	}
	around.word = "third"
	if err := s.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("rebuild while the file is broken", "third one", 3)
	if st := s.Status(); !strings.Contains(st.LastError, "compiling the policy") {
		t.Errorf("got %q, want the broken file told all the same", st.LastError)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	around.word = "fourth"
	if err := s.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("rebuild while the file is gone", "fourth one", 4)
}

func TestRebuildFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, policyNamed("one"))
	around := &surroundings{word: "first"}
	s := NewStore(Input{Path: path}, around.options())
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := s.Load()
	around.fail = true
	if err := s.Rebuild(t.Context()); err == nil || s.Load() != before {
		t.Fatalf("got %v and another plan, want an error and the plan of before", err)
	}
	if st := s.Status(); !strings.Contains(st.LastError, "the surroundings are broken") {
		t.Errorf("got %q, want why it was not rebuilt", st.LastError)
	}
	if err := s.Reload(t.Context()); err != nil {
		t.Errorf("got %v for a file that did not change, want nothing to do", err)
	}
	around.fail = false
	if err := s.Rebuild(t.Context()); err != nil || s.Status().LastError != "" {
		t.Errorf("got %v and %q, want it rebuilt", err, s.Status().LastError)
	}
}

// TestRollbackIsRebuilt: what was rebuilt since a plan was put aside is in it when it comes back.
func TestRollbackIsRebuilt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	around := &surroundings{word: "first"}
	s := NewStore(Input{Path: path}, around.options())
	for _, name := range []string{"one", "two"} {
		write(t, path, policyNamed(name))
		if err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	around.word = "second"
	if err := s.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Rollback(); err != nil || s.Load().Name != "second one" {
		t.Errorf("got %v and %q, want the first policy with what is new", err, s.Load().Name)
	}
	if err := s.Rebuild(t.Context()); err != nil || s.Load().Name != "second one" {
		t.Errorf("got %v and %q, want the policy that is in use rebuilt, not the file's", err, s.Load().Name)
	}
}
