package engine

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"weir/engine/wire"
)

// inside is a rule that forwards to an endpoint of the gateway.
func inside(address string) Rule {
	return does(func(x *Exchange) (Verdict, error) {
		d, err := x.FindEndpoint(address)
		if err != nil {
			return VerdictDeny, err
		}
		if err := x.ForwardTo(d); err != nil {
			return VerdictDeny, err
		}
		return VerdictRespond, nil
	})
}

// endpoints makes the gateway's endpoints out of plans.
func endpoints(f *fixture, plans map[string]*Plan) {
	list := make([]GatewayEndpoint, 0, len(plans))
	for id, p := range plans {
		e := GatewayEndpoint{ID: id, Plan: func() *Plan { return p }}
		switch id {
		case "hosted":
			e.Host = "models.example.com"
		case "wild":
			e.Host = "*.wild.example.com"
		case "below":
			e.Host, e.PathPrefix = "shared.example.com", "/below"
		}
		list = append(list, e)
	}
	f.rt.SetEndpoints(list)
}

// says is a policy that answers with its name.
func says(name string) PlanConfig {
	return PlanConfig{Name: name, OnRequest: []Rule{does(func(x *Exchange) (Verdict, error) {
		x.Respond(200, nil, []byte(name+" "+x.Request.Path))
		return VerdictRespond, nil
	})}}
}

func TestFindEndpoint(t *testing.T) {
	f := newFixture(t, nil, nil)
	plans := map[string]*Plan{"empty": nil}
	for _, id := range []string{"hosted", "wild", "below", "plain"} {
		plans[id] = f.plan(t, says(id))
	}
	endpoints(f, plans)
	tests := []struct {
		name, address, want string
		code                Code
	}{
		{name: "host", address: "https://models.example.com", want: "hosted /v1/chat/completions"},
		{name: "host in capitals with a port", address: "http://MODELS.example.com:443", want: "hosted /v1/chat/completions"},
		{name: "id", address: "http://plain", want: "plain /v1/chat/completions"},
		{name: "id with a suffix", address: "https://plain.internal", want: "plain /v1/chat/completions"},
		{name: "wildcard", address: "https://a.wild.example.com", want: "wild /v1/chat/completions"},
		{name: "prefix", address: "https://shared.example.com/below", want: "below /v1/chat/completions"},
		{name: "path in front", address: "http://plain/sub", want: "plain /sub/v1/chat/completions"},
		{name: "host without its prefix", address: "https://shared.example.com", code: CodeNotFound},
		{name: "prefix within a word", address: "https://shared.example.com/belowish", code: CodeNotFound},
		{name: "unknown", address: "https://else.internal", code: CodeNotFound},
		{name: "nothing loaded", address: "https://empty.internal", code: CodeOverloaded},
		{name: "no URL", address: "http://[", code: CodePolicyFailed},
		{name: "no scheme", address: "plain", code: CodePolicyFailed},
		{name: "a user", address: "http://u@plain", code: CodePolicyFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := f.plan(t, PlanConfig{Name: "outer", OnRequest: []Rule{inside(tt.address)}})
			body, err := run(t, p, chat(`{"model":"big","messages":[]}`))
			if tt.code != "" {
				wantCode(t, err, tt.code)
				return
			}
			if err != nil || body != tt.want {
				t.Errorf("got %q, %v, want %q", body, err, tt.want)
			}
		})
	}
	if err := f.rt.Services("x").CheckEndpoint("https://else.internal"); err == nil {
		t.Error("got no error, want an unknown endpoint told of at load")
	}
	if err := (Services{}).CheckEndpoint("https://else.internal"); err != nil {
		t.Errorf("got %v, want nothing said where the endpoints are not known", err)
	}
}

func TestForwardToKeepsPoliciesApart(t *testing.T) {
	alpha := newFakeProvider(t, answer(200, chatReply))
	f := newFixture(t, alpha, nil)
	var order []string
	step := func(name string, do func(x *Exchange)) Rule {
		return does(func(x *Exchange) (Verdict, error) {
			order = append(order, name)
			do(x)
			return VerdictContinue, nil
		})
	}
	inner := f.plan(t, PlanConfig{
		Name: "inner",
		OnRequest: []Rule{step("inner request", func(x *Exchange) {
			if x.vars["who"] != nil || x.Caller.ID != "" || x.results["found"] != nil || x.Endpoint.ID != "inner" || x.Hops() != 1 {
				t.Errorf("got vars %v, caller %+v, results %v at %s after %d hops, want nothing of the outer policy", x.vars, x.Caller, x.results, x.Endpoint.ID, x.Hops())
			}
			x.SetVar("who", "inner")
			x.Caller = Caller{ID: "inner-caller"}
			x.Request.Headers.Set("x-plan", "inner")
			x.AddReplyHeader("x-inner", "1")
			x.OnEnd(func(x *Exchange) { order = append(order, fmt.Sprint("end of ", x.vars["who"])) })
		})},
		OnResponse: []Rule{step("inner response", func(*Exchange) {})},
	})
	outer := f.plan(t, PlanConfig{
		Name: "outer",
		OnRequest: []Rule{step("outer request", func(x *Exchange) {
			x.SetVar("who", "outer")
			x.SetResult("found", map[string]any{})
			x.Caller = Caller{ID: "outer-caller"}
			x.AddReplyHeader("x-outer", "1")
			x.OnEnd(func(x *Exchange) { order = append(order, fmt.Sprint("end of ", x.vars["who"])) })
		}), inside("http://inner")},
		OnResponse: []Rule{step("outer response", func(x *Exchange) {
			if x.vars["who"] != "outer" || x.Caller.ID != "outer-caller" || x.results["found"] == nil || x.Request.Headers.First("x-plan") != "" ||
				x.Request.Headers.Has("authorization") || x.Endpoint.ID != "outer" || x.Hops() != 0 {
				t.Errorf("got vars %v, caller %+v, headers %v, want the outer policy's own", x.vars, x.Caller, x.Request.Headers)
			}
		})},
	})
	endpoints(f, map[string]*Plan{"inner": inner, "outer": outer})
	x := chat(`{"model":"big","messages":[]}`, Header{"Authorization", "Bearer client"})
	x.Endpoint = &Endpoint{ID: "outer", URL: "http://outer"}
	body, err := run(t, outer, x)
	if err != nil || !strings.Contains(body, "chat.completion") {
		t.Fatalf("got %q, %v, want the provider's answer", body, err)
	}
	want := "outer request, inner request, inner response, outer response, end of outer, end of inner"
	if got := strings.Join(order, ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, name := range []string{"x-inner", "x-outer"} {
		if got := x.Reply.Headers.Values(name); len(got) != 1 {
			t.Errorf("got %s %v, want it once", name, got)
		}
	}
}

func TestForwardToAnswersWithRefusals(t *testing.T) {
	f := newFixture(t, nil, nil)
	refuse := does(func(x *Exchange) (Verdict, error) {
		x.Deny(http.StatusPaymentRequired, CodePolicyDenied, "no")
		return VerdictDeny, nil
	})
	closes := does(func(*Exchange) (Verdict, error) { return VerdictClose, nil })
	broken := does(func(*Exchange) (Verdict, error) { return VerdictContinue, errors.New("broken") })
	endpoints(f, map[string]*Plan{
		"refusing": f.plan(t, PlanConfig{Name: "refusing", OnRequest: []Rule{refuse}}),
		"closed":   f.plan(t, PlanConfig{Name: "closed", OnConnect: []Rule{refuse}}),
		"closing":  f.plan(t, PlanConfig{Name: "closing", OnRequest: []Rule{closes}}),
		"broken":   f.plan(t, PlanConfig{Name: "broken", OnRequest: []Rule{broken}}),
	})
	tests := []struct {
		address string
		want    Code
	}{
		{"http://refusing", CodePolicyDenied},
		{"http://closed", CodeConnectionClosed},
		{"http://closing", CodeConnectionClosed},
		{"http://broken", CodePolicyFailed},
	}
	for _, tt := range tests {
		p := f.plan(t, PlanConfig{Name: "outer", OnRequest: []Rule{inside(tt.address)}})
		_, err := run(t, p, chat(`{"model":"big","messages":[]}`))
		wantCode(t, err, tt.want)
	}
}

func TestForwardToEndsLoops(t *testing.T) {
	f := newFixture(t, nil, nil)
	runs := 0
	count := does(func(*Exchange) (Verdict, error) {
		runs++
		return VerdictContinue, nil
	})
	p := f.plan(t, PlanConfig{Name: "loop", OnRequest: []Rule{count, inside("http://loop")}})
	endpoints(f, map[string]*Plan{"loop": p})
	_, err := run(t, p, chat(`{"model":"big","messages":[]}`))
	wantCode(t, err, CodeLoopDetected)
	if runs != 1+maxHops {
		t.Errorf("got %d runs of the policy, want %d", runs, 1+maxHops)
	}
}

// listing is a loader that lists models.
type listing struct{ bodyOf }

// ListModels answers with the name of the plan that lists.
func (listing) ListModels(x *Exchange, p *Plan) error {
	x.Respond(200, nil, []byte("models of "+p.Name))
	return nil
}

func TestForwardToListsTheModelsOfTheOtherPolicy(t *testing.T) {
	f := newFixture(t, nil, nil)
	endpoints(f, map[string]*Plan{"inner": f.plan(t, PlanConfig{Name: "inner"})})
	p := f.plan(t, PlanConfig{Name: "outer", OnRequest: []Rule{inside("http://inner")}})
	x := chat("")
	x.Request.API, x.Request.Operation, x.Loader = wire.Models, OpList, listing{}
	if body, err := run(t, p, x); err != nil || body != "models of inner" {
		t.Errorf("got %q, %v, want the list of the other policy", body, err)
	}
	x = chat("")
	x.Request.API, x.Request.Operation = wire.Models, OpList
	_, err := run(t, p, x)
	wantCode(t, err, CodeNotFound) // never the list of the outer policy
}

func TestForwardToReadsBodiesForTheNewPath(t *testing.T) {
	f := newFixture(t, nil, nil)
	endpoints(f, map[string]*Plan{"inner": f.plan(t, says("inner"))})
	p := f.plan(t, PlanConfig{Name: "outer", OnRequest: []Rule{does(func(x *Exchange) (Verdict, error) {
		_, err := x.Body() // read while no API stood at the path
		return VerdictContinue, err
	}), inside("http://inner/v1")}})
	x := plainRequest("not JSON")
	x.Request.Path, x.Request.RawPath = "/team-a/chat/completions", "/team-a/chat/completions"
	x.Loader = turning{anyBody{"not JSON"}}
	_, err := run(t, p, x)
	wantCode(t, err, CodeBadRequest)
}

// turning is a loader whose every new target is the chat API.
type turning struct{ anyBody }

// Locate finds the chat API.
func (l turning) Locate(x *Exchange, target string) error {
	x.Missing, x.Request.API = nil, wire.OpenAIChat
	return l.anyBody.Locate(x, target)
}

func TestContentRulesOfTheOuterPolicySeeForwardedAnswers(t *testing.T) {
	f := newFixture(t, nil, nil)
	target := newFakeProvider(t, answer(200, "secret"))
	endpoints(f, map[string]*Plan{"inner": f.plan(t, forwardTo(t, target.URL, nil))})
	masks := does(func(x *Exchange) (Verdict, error) {
		x.Reply.Body = []byte(strings.ReplaceAll(string(x.Reply.Body), "secret", "***"))
		return VerdictContinue, nil
	})
	masks.Actions[0].ContentRule = true
	p := f.plan(t, PlanConfig{Name: "outer", OnRequest: []Rule{inside("http://inner")}, OnResponse: []Rule{masks}})
	if body, err := run(t, p, plainRequest("")); err != nil || body != "***" {
		t.Errorf("got %q, %v, want the answer masked", body, err)
	}
}
