package engine

import (
	"testing"

	"github.com/rs/zerolog"

	"weir/engine/catalog"
	"weir/engine/expr"
	"weir/engine/vars"
)

// nowhere is a log that keeps nothing.
type nowhere struct{}

func (nowhere) LogDecision(*DecisionRecord) {}

// BenchmarkDecisions is one exchange that a rule refuses: without a log, and what the exchange pays for one.
func BenchmarkDecisions(b *testing.B) {
	env, err := expr.New(expr.Options{})
	if err != nil {
		b.Fatal(err)
	}
	when, diags := env.Predicate(vars.PhaseRequest, []expr.Text{{Value: "req.headers['x-plan'][0] == 'trial' && req.method == 'POST'"}})
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	refused := &Error{Code: CodePolicyDenied, Status: 403}
	deny := doFunc(func(x *Exchange) (Verdict, error) {
		x.denied = refused
		return VerdictDeny, nil
	})
	for name, log := range map[string]DecisionLog{"off": nil, "on": nowhere{}} {
		b.Run(name, func(b *testing.B) {
			rt := NewRuntime(RuntimeOptions{Catalog: catalog.New(nil), Log: zerolog.Nop(), Decisions: log})
			p, diags := rt.NewPlan(PlanConfig{Name: "p", OnRequest: []Rule{{Name: "trial", When: when, Actions: []RuleAction{{Name: "deny", Action: deny}}}}})
			if diags.HasErrors() {
				b.Fatal(diags)
			}
			x := NewExchange()
			b.ReportAllocs()
			for b.Loop() {
				x.Reset()
				x.Request.Method = "POST"
				x.Request.Headers = append(x.Request.Headers, Header{"X-Plan", "trial"}, Header{"Content-Type", "application/json"})
				_ = p.Run(x)
				x.Finish()
			}
		})
	}
}
