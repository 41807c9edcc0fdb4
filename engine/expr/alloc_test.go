//go:build !race

package expr

import (
	"testing"

	"weir/engine/vars"
)

// TestRuleAllocs is the gate for a rule of two comparisons, also where it has to run as a CEL program.
func TestRuleAllocs(t *testing.T) {
	const most = 4
	for name, f := range map[string]func() bool{
		"closures":        ruleOf(t, twoComparisons),
		"two expressions": ruleOf(t, "req.method == 'POST'", "ai.request.model == 'gpt-4o'"),
		"program":         slowRule(t),
	} {
		if n := testing.AllocsPerRun(100, func() {
			if !f() {
				t.Fatal("the rule does not match")
			}
		}); n > most || name != "program" && n > 0 {
			t.Errorf("%s: got %v allocations", name, n)
		}
	}
}

// TestAllocs counts allocations of what runs for every request.
func TestAllocs(t *testing.T) {
	e := newEnv(t, Options{})
	src := flatSource()
	for _, expr := range benchExprs() {
		p, diags := e.Predicate(vars.PhaseRequest, []Text{{Value: expr}})
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		if n := testing.AllocsPerRun(100, func() {
			if ok, err := p.Match(src); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}); n != 0 {
			t.Errorf("%s: got %v allocations, want 0", expr, n)
		}
	}
	tmpl, diags := e.Template(vars.PhaseRequest, Text{Value: "${req.headers['x-tier'][0]}"})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := tmpl.String(src); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("template: got %v allocations, want 0", n)
	}
	s, diags := e.Strategy(Text{Value: "ai.models.filter(m, m.provider_id == 'openai')"})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	models := fixtureModels()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := s.Select(src, models); err != nil {
			t.Fatal(err)
		}
	}); n > 2 { // the selection and the list of what is left
		t.Errorf("strategy: got %v allocations, want at most 2", n)
	}
}
