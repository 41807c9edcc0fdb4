package actions

import (
	"testing"

	"weir/engine"
)

func TestDeny(t *testing.T) {
	tests := []struct {
		name, config string
		status       int
		message      string
	}{
		{"without config", "", 403, "refused by policy"},
		{"status", "status_code: 429", 429, "refused by policy"},
		{"message", `message: "no ${req.headers['x-tier'][0]} today"`, 403, "no gold today"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := compile(t, "on_request: [{type: deny, config: {"+tt.config+"}}]")
			x := exchange()
			verdict, err := run(t, x, cfg.OnRequest)
			if err != nil || verdict != engine.VerdictDeny {
				t.Fatalf("got %v and %v, want a refusal", verdict, err)
			}
			e := denial(t, x, cfg)
			if e.Code != engine.CodePolicyDenied || e.HTTPStatus() != tt.status || e.Message != tt.message {
				t.Errorf("got %s %d %q, want policy_denied %d %q", e.Code, e.HTTPStatus(), e.Message, tt.status, tt.message)
			}
		})
	}
}

// denial runs the whole plan, since only the engine sees what an action refused with.
func denial(t *testing.T, x *engine.Exchange, cfg engine.PlanConfig) *engine.Error {
	t.Helper()
	rt := engine.NewRuntime(engine.RuntimeOptions{})
	plan, diags := rt.NewPlan(cfg)
	if diags.HasErrors() {
		t.Fatalf("got %v, want a plan", diags)
	}
	err := plan.Run(x)
	if err == nil {
		t.Fatal("got no error, want a refusal")
	}
	return engine.AsError(err)
}

func TestDenyProblems(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"status below", "status_code: 399", "out_of_range"},
		{"status above", "status_code: 600", "out_of_range"},
		{"not a number", "status_code: four", "wrong_type"},
		{"unknown variable", `message: "${req.nope}"`, "unknown_variable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, "on_request: [{type: deny, config: {"+tt.config+"}}]"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDenyMessageFails(t *testing.T) {
	cfg := compile(t, `on_request: [{type: deny, config: {message: "${string(1 / (req.host.size() - req.host.size()))}"}}]`)
	if e := denial(t, exchange(), cfg); e.Code != engine.CodePolicyFailed {
		t.Errorf("got %v, want policy_failed", e)
	}
}
