package expr

import (
	"errors"
	"strings"
	"testing"
	"time"

	"weir/engine/catalog"
	"weir/engine/vars"
)

// TestCostLimit loops over lists that are long enough to exceed the run-time limit.
func TestCostLimit(t *testing.T) {
	e := newEnv(t, Options{})
	p, diags := e.Predicate(vars.PhaseRequest, []Text{{Value: "vars.list.all(a, vars.list.all(b, a != b + 1))"}})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	list := make([]any, 3000)
	for i := range list {
		list[i] = int64(0)
	}
	src := source{vars.Vars: vars.Dyn(map[string]any{"list": list})}
	if ok, err := p.Match(src); err == nil || !strings.Contains(err.Error(), "cost limit") {
		t.Errorf("got %v, %v, want the cost limit", ok, err)
	}
	src = source{vars.Vars: vars.Dyn(map[string]any{"list": list[:10]})}
	if ok, err := p.Match(src); !ok || err != nil {
		t.Errorf("got %v, %v for a short list", ok, err)
	}
}

// TestStrategyTime runs a loop for each of many models, each of which stays below the limit of one expression.
func TestStrategyTime(t *testing.T) {
	e := newEnv(t, Options{})
	models := make([]*catalog.Model, 2000)
	for i := range models {
		models[i] = &catalog.Model{ID: "m"}
	}
	list := make([]any, 10_000)
	for i := range list {
		list[i] = int64(0)
	}
	src := source{vars.Vars: vars.Dyn(map[string]any{"list": list})}
	for _, expr := range []string{
		"ai.models.filter(m, vars.list.all(a, a == 0))",
		"ai.models.sortBy(m, vars.list.filter(a, a == 0).size())",
	} {
		s, diags := e.Strategy(Text{Value: expr})
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		begin := time.Now()
		if _, err := s.Select(src, models); !errors.Is(err, errTooSlow) {
			t.Errorf("%s: got %v after %v, want %v", expr, err, time.Since(begin), errTooSlow)
		}
		if _, err := s.Select(src, models[:1]); err != nil {
			t.Errorf("%s: got %v for one model", expr, err)
		}
	}
}

func TestLimitsAtLoad(t *testing.T) {
	e := newEnv(t, Options{})
	tests := []struct{ name, expr string }{
		{"long", "'" + strings.Repeat("x", maxExpression) + "' == ''"},
		{"deep", strings.Repeat("(", 500) + "true" + strings.Repeat(")", 500)},
		{"deep lists", strings.Repeat("[", 500) + strings.Repeat("]", 500) + " == []"},
		{"regex", "req.method.matches('" + strings.Repeat("(a{1,100}){1,10}", 50) + "')"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, diags := e.Predicate(vars.PhaseRequest, []Text{{Value: tt.expr}}); len(diags) == 0 {
				t.Error("got no diagnostic")
			}
		})
	}
}

// panics is a Source that has a bug.
type panics struct{}

func (panics) Var(vars.ID) vars.Value { panic("bug") }

func TestPanicBecomesError(t *testing.T) {
	e := newEnv(t, Options{})
	x, diags := e.Value(vars.PhaseRequest, Text{Value: "req.method + 'x'"})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if got, err := x.Value(panics{}); err == nil {
		t.Errorf("got %v, want an error", got)
	}
	s, diags := e.Strategy(Text{Value: "ai.models.filter(m, m.id == req.method)"})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if got, err := s.Select(panics{}, fixtureModels()); err == nil {
		t.Errorf("got %v, want an error", ids(got))
	}
}
