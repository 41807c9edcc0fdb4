package actions

import (
	"strings"
	"testing"

	"weir/engine"
	"weir/engine/diag"
	"weir/policies"
)

// compile compiles a policy with the actions of this package.
func compile(t *testing.T, text string) engine.PlanConfig {
	t.Helper()
	cfg, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte(text)}, policies.Options{Actions: Registry()})
	if diags.HasErrors() {
		t.Fatalf("got %v, want a policy that compiles", diags)
	}
	return cfg
}

// problems compiles a policy and returns the codes of what is wrong with it.
func problems(t *testing.T, text string) string {
	t.Helper()
	_, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte(text)}, policies.Options{Actions: Registry()})
	return codes(diags)
}

func codes(diags diag.List) string {
	out := make([]string, 0, len(diags))
	for i := range diags {
		out = append(out, diags[i].Code)
	}
	return strings.Join(out, " ")
}

// exchange is a request to chat completions without a connection.
func exchange() *engine.Exchange {
	x := engine.NewExchange()
	x.Request.ID = "req-1"
	x.Request.Method, x.Request.Host, x.Request.Path = "POST", "api.example.com", "/v1/chat/completions"
	x.Request.Headers = engine.Headers{{Name: "X-Tier", Value: "gold"}, {Name: "X-Evil", Value: "a\r\nb"}}
	return x
}

// run runs all actions of a phase's rules, whatever their conditions, and returns the last verdict.
func run(t *testing.T, x *engine.Exchange, rules []engine.Rule) (engine.Verdict, error) {
	t.Helper()
	verdict := engine.VerdictContinue
	for i := range rules {
		for j := range rules[i].Actions {
			var err error
			if verdict, err = rules[i].Actions[j].Action.Do(t.Context(), x); err != nil {
				return verdict, err
			}
		}
	}
	return verdict, nil
}
