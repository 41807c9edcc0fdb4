package engine

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine/vars"
)

// TestDecisionsOfStreams: a filter that ends a stream whose head is out is recorded under the rule that put it there.
func TestDecisionsOfStreams(t *testing.T) {
	ran := make(chan struct{})
	f, list := decidingFixture(t, newFakeProvider(t, func(w http.ResponseWriter, r *http.Request) {
		events(roleEvent, textEvent)(w, r)
		<-ran
		events(stopEvent, doneEvent)(w, r)
	}))
	p := f.plan(t, PlanConfig{Name: "p", OnResponse: []Rule{{Name: "a", Actions: []RuleAction{{
		Name: "act", Action: filtering(&upper{fail: "stop", own: Errorf(CodeContentBlocked, "no more")}),
	}}}}})
	x := chat(`{"model":"big","stream":true,"messages":[]}`)
	if err := p.Run(x); err != nil {
		t.Fatal(err)
	}
	close(ran)
	_, _ = io.ReadAll(x.Reply.Stream)
	x.Finish()
	want := []string{"on_response/a rewrote act", "on_response/a refused act"}
	if diff := cmp.Diff(want, list.lines()); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
	if id := x.Reply.Headers.First(decisionHeader); id != list.all[0].ID {
		t.Errorf("got %q in the head, want the decision before it, %q", id, list.all[0].ID)
	}
}

func TestDecisionsOfRoutes(t *testing.T) {
	tests := []struct {
		name   string
		cfg    func(f *fixture) PlanConfig
		status int
		want   string
		result map[string]any
	}{
		{"matched", func(f *fixture) PlanConfig {
			return PlanConfig{Routes: []RouteConfig{{Name: "gold", When: f.predicate(t, vars.PhaseRoute, "req.headers['x-tier'][0] == 'gold'")}}}
		}, 200, "route/gold routed", map[string]any{"allow": true, "provider": "alpha", "model": "big", "attempts": int64(1)}},
		{"the built-in route is no decision", func(*fixture) PlanConfig { return PlanConfig{} }, 200, "", nil},
		{"no route", func(*fixture) PlanConfig {
			return PlanConfig{RoutesByAction: true}
		}, 200, "route/ refused", map[string]any{"allow": false, "status": int64(404), "code": "no_route", "message": "no route of the policy matches this request"}},
		{"strategy leaves nothing", func(f *fixture) PlanConfig {
			return PlanConfig{Routes: []RouteConfig{{Name: "r", Strategies: f.strategies(t, "ai.models.filter(m, m.id == 'none')")}}}
		}, 200, "route/r refused", map[string]any{"allow": false, "status": int64(422), "code": "no_model_selected", "message": "model selection returned no model: strategy 1 left no model"}},
		{"targets failed", func(*fixture) PlanConfig {
			return PlanConfig{Routes: []RouteConfig{{Name: "r"}}}
		}, 400, "route/r routed  bad_request", map[string]any{"allow": true, "attempts": int64(1)}},
		{"by an action", func(*fixture) PlanConfig {
			return PlanConfig{RoutesByAction: true, OnRequest: []Rule{{Name: "a", Actions: []RuleAction{{Name: "ai-gateway", Action: NewRouteAction(&RouteConfig{})}}}}}
		}, 200, "on_request/a routed ai-gateway", map[string]any{"allow": true, "provider": "alpha", "model": "big", "attempts": int64(1)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, list := decidingFixture(t, newFakeProvider(t, answer(tt.status, chatReply)))
			cfg := tt.cfg(f)
			cfg.Name = "p"
			_, _ = run(t, f.plan(t, cfg), chat(plainBody, Header{"X-Tier", "gold"}))
			if got := strings.Join(list.lines(), "\n"); got != tt.want {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			if tt.want == "" {
				return
			}
			if diff := cmp.Diff(any(tt.result), list.all[0].Result); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}
