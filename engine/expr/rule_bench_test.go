package expr

import (
	"fmt"
	"testing"
	"time"

	"cel.dev/cel-go/cel"

	"weir/engine/vars"
)

// twoComparisons is the rule that most policies are made of, for both sides of the comparison.
const twoComparisons = "req.method == 'POST' && ai.request.model == 'gpt-4o'"

// plainRule compiles the rule with the CEL library as it is, on a flat activation.
func plainRule(tb testing.TB) func() bool {
	tb.Helper()
	env, err := cel.NewEnv(cel.Variable("req.method", cel.StringType), cel.Variable("ai.request.model", cel.StringType))
	if err != nil {
		tb.Fatal(err)
	}
	tree, issues := env.Compile(twoComparisons)
	if issues.Err() != nil {
		tb.Fatal(issues.Err())
	}
	program, err := env.Program(tree, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		tb.Fatal(err)
	}
	activation, err := cel.NewActivation(map[string]any{"req.method": "POST", "ai.request.model": "gpt-4o"})
	if err != nil {
		tb.Fatal(err)
	}
	return func() bool {
		v, _, err := program.Eval(activation)
		return err == nil && v.Value() == true
	}
}

// ruleOf compiles a rule and runs it on a flat source.
func ruleOf(tb testing.TB, expressions ...string) func() bool {
	tb.Helper()
	texts := make([]Text, 0, len(expressions))
	for _, s := range expressions {
		texts = append(texts, Text{Value: s})
	}
	p, diags := newEnv(tb, Options{}).Predicate(vars.PhaseRequest, texts)
	if len(diags) > 0 {
		tb.Fatal(diags)
	}
	src := flatSource()
	return func() bool {
		ok, err := p.Match(src)
		return ok && err == nil
	}
}

// slowRule is the same rule as a CEL program in our environment, for shapes that do not become closures.
func slowRule(tb testing.TB) func() bool {
	tb.Helper()
	e := newEnv(tb, Options{})
	u, diags := e.compileBool(scope{env: e.cel, phase: vars.PhaseRequest}, Text{Value: twoComparisons})
	if len(diags) > 0 {
		tb.Fatal(diags)
	}
	src := flatSource()
	return func() bool {
		ok, err := u.matches(bindings{src: src})
		return ok && err == nil
	}
}

// rounds times functions in turns, so that what else the machine does falls on all of them, and gives the nanoseconds of the
// best turn of each.
func rounds(b *testing.B, fs ...func() bool) []float64 {
	b.Helper()
	const (
		turns = 20
		times = 20_000 // some milliseconds, far above the clock's steps
	)
	best := make([]float64, len(fs))
	for range turns {
		for i, f := range fs {
			begin := time.Now()
			for range times {
				if !f() {
					b.Fatal("a rule does not match")
				}
			}
			if took := float64(time.Since(begin)) / times; best[i] == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	return best
}

// BenchmarkRule compares a rule of two comparisons with the CEL library in the same run and fails above 1.3 times its
// time.
func BenchmarkRule(b *testing.B) {
	const most = 1.3
	weir, plain, slow := ruleOf(b, twoComparisons), plainRule(b), slowRule(b)
	for b.Loop() {
		best := rounds(b, weir, plain, slow)
		ratio := best[0] / best[1]
		b.ReportMetric(best[0], "ns/weir")
		b.ReportMetric(best[1], "ns/plain")
		b.ReportMetric(best[2], "ns/weir-as-program")
		b.ReportMetric(ratio, "ratio")
		if ratio > most {
			b.Errorf("got %.2f times plain CEL, want at most %v", ratio, most)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkHundredRules runs a hundred rules that do not match and fails where they take more than a hundred times one.
func BenchmarkHundredRules(b *testing.B) {
	const rules = 100
	e := newEnv(b, Options{})
	src := flatSource()
	all := make([]*Predicate, 0, rules)
	for i := range rules {
		p, diags := e.Predicate(vars.PhaseRequest, []Text{{Value: fmt.Sprintf("req.method == 'POST' && ai.request.model == 'model-%d'", i)}})
		if len(diags) > 0 {
			b.Fatal(diags)
		}
		all = append(all, p)
	}
	none := func(ps []*Predicate) func() bool {
		return func() bool {
			var m Memo // as a plan does for the rules of a phase
			for _, p := range ps {
				if ok, err := p.MatchNext(src, &m); ok || err != nil {
					return false
				}
			}
			return true
		}
	}
	for b.Loop() {
		best := rounds(b, none(all[:1]), none(all))
		ratio := best[1] / best[0]
		b.ReportMetric(best[0], "ns/one")
		b.ReportMetric(best[1], "ns/hundred")
		b.ReportMetric(ratio, "ratio")
		if ratio > rules {
			b.Errorf("got %.1f times one rule, want at most %d", ratio, rules)
		}
	}
	b.ReportMetric(0, "ns/op")
}
