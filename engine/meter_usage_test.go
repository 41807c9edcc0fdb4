package engine

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"weir/engine/wire"
)

// What is reserved is for the call as the provider gets it, whatever the client's body says.
func TestEstimateIsOfWhatIsSent(t *testing.T) {
	raw := func(name, value string) BodyField { return BodyField{Name: name, Raw: []byte(value)} }
	tests := []struct {
		name, body string
		merged     []BodyField
		denied     []string // parameters that the model does not take
		want       int64
	}{
		{"as the client says", `"max_tokens":7,"n":2`, nil, nil, 14},
		{"the route raises the limit", `"max_tokens":7`, []BodyField{raw("max_tokens", "3000")}, nil, 3000},
		{"the route sets another limit", `"max_tokens":7`, []BodyField{raw("max_completion_tokens", "3000")}, nil, 3000},
		{"the route asks for more answers", `"max_tokens":7`, []BodyField{raw("n", "5")}, nil, 35},
		{"the route merges something else", `"max_tokens":7`, []BodyField{raw("temperature", "1")}, nil, 7},
		{"a limit that the model is not told of", `"max_tokens":7`, nil, []string{"max_tokens"}, 4096},
		{"answers that the model is not asked for", `"max_tokens":7,"n":3`, nil, []string{"n"}, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha := newFakeProvider(t, answer(200, chatReply))
			f := newFixture(t, alpha, nil)
			f.rt.SetMeter(&fakeMeter{})
			p := f.plan(t, PlanConfig{
				Name: "test", Routes: []RouteConfig{{Body: tt.merged}},
				Providers: []ProviderConfig{{ID: "alpha", Models: []ModelConfig{{ID: "small", UnsupportedParams: tt.denied}}}},
			})
			x := chat(`{"model":"small",` + tt.body + `,"messages":[]}`)
			if err := p.Run(x); err != nil {
				t.Fatal(err)
			}
			defer x.Finish()
			if got := x.Calls()[0].Estimate.Output; got != tt.want {
				t.Errorf("got %d tokens of output, want %d of what was sent: %s", got, tt.want, alpha.made()[0].Body)
			}
		})
	}
}

// A rule that puts another body in the place of one that was sent already has that one's size reserved.
func TestEstimateOfABodyThatWasReplaced(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, answer(503, `{}`), answer(200, chatReply)), nil)
	f.rt.SetMeter(&fakeMeter{})
	grow := doFunc(func(x *Exchange) (Verdict, error) {
		long := `{"model":"small","messages":[{"role":"user","content":"` + strings.Repeat("all in words, ", 1000) + `"}]}`
		return VerdictContinue, x.ReplaceBody([]byte(long))
	})
	p := f.plan(t, PlanConfig{Name: "test", RoutesByAction: true, OnRequest: []Rule{{Actions: []RuleAction{
		{Name: "ai-gateway", Action: NewRouteAction(&RouteConfig{OnError: OnErrorContinue})},
		{Name: "grow", Action: grow},
		{Name: "ai-gateway", Action: NewRouteAction(&RouteConfig{})},
	}}}})
	x := chat(`{"model":"small","messages":[]}`)
	if err := p.Run(x); err != nil {
		t.Fatal(err)
	}
	defer x.Finish()
	calls := x.Calls()
	if len(calls) != 2 || calls[0].Estimate.Input > 100 || calls[1].Estimate.Input < 3000 {
		t.Errorf("got %+v, want a short prompt and a long one", calls)
	}
}

// A second route has attempts and time of its own, and tells of its own refusals.
func TestASecondRoute(t *testing.T) {
	for refuse, code := range map[string]Code{"": "", "beta:big": CodeBudgetExceeded} {
		alpha, beta := newFakeProvider(t, answer(503, `{}`)), newFakeProvider(t, answer(200, chatReply))
		f := newFixture(t, alpha, beta)
		f.rt.SetMeter(&fakeMeter{refuse: refuse})
		to := func(provider string, on OnError) RuleAction {
			cfg := &RouteConfig{Providers: []ProviderConfig{{ID: provider}}, OnlyConfiguredProviders: true, OnError: on}
			cfg.Failover.MaxAttempts = 1
			return RuleAction{Name: "ai-gateway", Action: NewRouteAction(cfg)}
		}
		p := f.plan(t, PlanConfig{Name: "test", RoutesByAction: true, OnRequest: []Rule{{
			Actions: []RuleAction{to("alpha", OnErrorContinue), to("beta", OnErrorHalt)},
		}}})
		x := chat(`{"model":"big","messages":[]}`)
		_, err := run(t, p, x)
		switch {
		case code != "":
			wantCode(t, err, code)
		case err != nil:
			t.Errorf("got %v after %s", err, attempts(x))
		}
	}
}

// Usage that cannot be is not taken for none.
func TestUsageThatIsNoUsage(t *testing.T) {
	const zeros = `{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}`
	const noOutput = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":0}}\n\n"
	const noUsage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}}\n\n"
	tests := []struct {
		name     string
		api      wire.API
		body     string
		provider http.HandlerFunc
		want     wire.Usage
		cost     string // the header
	}{
		{"zeros", wire.OpenAIChat, `{"model":"small","messages":[]}`, answer(200, zeros), wire.Usage{}, unknownCost},
		{
			"a stream that tells no output", wire.OpenAIChat, `{"model":"small","stream":true,"messages":[]}`,
			events(roleEvent, textEvent, stopEvent, noOutput, doneEvent),
			wire.Usage{Input: 4, Output: 2, Known: true, Estimated: true},
			"",
		},
		{
			"a stream that tells zeros", wire.OpenAIChat, `{"model":"small","stream":true,"messages":[]}`,
			events(roleEvent, textEvent, stopEvent, noUsage, doneEvent),
			wire.Usage{Input: 12, Output: 2, Known: true, Estimated: true},
			"",
		},
		{
			"tokens that are only counted", wire.AnthropicCountTokens, `{"model":"small","messages":[]}`, answer(200, `{"input_tokens":2095}`),
			wire.Usage{Known: true},
			"0",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, newFakeProvider(t, tt.provider), nil)
			f.rt.SetMeter(&fakeMeter{})
			p := f.route(t, RouteConfig{})
			x := chat(tt.body)
			x.Request.API = tt.api
			if err := p.Run(x); err != nil {
				t.Fatal(err)
			}
			if x.Reply.Stream != nil {
				if _, err := io.ReadAll(x.Reply.Stream); err != nil {
					t.Fatal(err)
				}
			}
			x.Finish()
			if got := x.Calls()[0].Usage; got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if got := x.Reply.Headers.First("x-weir-cost-usd"); got != tt.cost {
				t.Errorf("got a cost of %q, want %q", got, tt.cost)
			}
		})
	}
}

// An answer that goes on without its client, who may read it later when nothing is counted, is paid for as a whole.
func TestAnswersInTheBackground(t *testing.T) {
	const created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\"}}\n\n"
	const delta = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"hello\"}\n\n"
	queued := answer(200, `{"id":"resp_1","object":"response","status":"queued","output":[],"usage":null}`)
	tests := []struct {
		name, body string
		provider   http.HandlerFunc
		reserved   int64
		want       wire.Usage
	}{
		{"in front", `"stream":true`, events(created, delta, "WAIT"), 4096, wire.Usage{Input: 11, Output: 2, Known: true, Estimated: true}},
		{
			"a stream that nobody reads on", `"stream":true,"background":true`, events(created, delta, "WAIT"), 50_000,
			wire.Usage{Input: 16, Output: 50_000, Known: true, Estimated: true},
		},
		{"with a limit", `"background":true,"max_output_tokens":9`, queued, 9, wire.Usage{}},
		{"without", `"background":true`, queued, 50_000, wire.Usage{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, newFakeProvider(t, tt.provider), nil)
			f.rt.SetMeter(&fakeMeter{})
			p := f.plan(t, PlanConfig{
				Name: "test", Routes: []RouteConfig{{}},
				Providers: []ProviderConfig{{ID: "alpha", Models: []ModelConfig{{ID: "small", MaxOutputTokens: 50_000}}}},
			})
			x := chat(`{"model":"small",` + tt.body + `,"input":"hi"}`)
			x.Request.API = wire.OpenAIResponses
			if err := p.Run(x); err != nil {
				t.Fatal(err)
			}
			x.Finish()
			c := x.Calls()[0]
			if !c.background && tt.name != "in front" || c.Usage != tt.want || c.background && c.Estimate.Output != tt.reserved {
				t.Errorf("got %+v, want %+v and %d reserved", c, tt.want, tt.reserved)
			}
		})
	}
}

// Pictures and sound cannot be counted as they pass: who hangs up before the end pays for what was reserved.
func TestPicturesThatAreCut(t *testing.T) {
	const partial = "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"AAAA\",\"partial_image_index\":0}\n\n"
	f := newFixture(t, newFakeProvider(t, events(partial, "WAIT")), nil)
	f.rt.SetMeter(&fakeMeter{})
	x := chat(`{"model":"small","stream":true,"partial_images":3,"prompt":"a cat"}`)
	x.Request.API = wire.OpenAIImages
	if err := f.route(t, RouteConfig{}).Run(x); err != nil {
		t.Fatal(err)
	}
	x.Finish()
	if c := x.Calls()[0]; c.Usage != c.Estimate || c.Usage.Output == 0 || !c.Cost.Known {
		t.Errorf("got %+v, want all that was reserved", c)
	}
}

// A stream that is cut before its provider tells its tier has cost what the one that was asked for costs.
func TestTheTierOfAStreamThatIsCut(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, events(roleEvent, textEvent, "WAIT")), nil)
	f.rt.SetMeter(&fakeMeter{})
	x := chat(`{"model":"small","stream":true,"service_tier":"priority","messages":[]}`)
	if err := f.route(t, RouteConfig{}).Run(x); err != nil {
		t.Fatal(err)
	}
	x.Finish()
	if c := x.Calls()[0]; c.Usage.Tier != wire.TierPriority || c.Cost.Known {
		t.Errorf("got %+v, want the tier that was asked for, whose price nobody knows", c)
	}
}

// A key that is revoked while its stream runs says nothing about the provider.
func TestARevokedStreamBlamesNobody(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, events(roleEvent, textEvent, "WAIT")), nil)
	f.rt.SetMeter(&fakeMeter{})
	p := f.route(t, RouteConfig{})
	x := chat(`{"model":"small","stream":true,"messages":[]}`)
	if err := p.Run(x); err != nil {
		t.Fatal(err)
	}
	x.Cancel(&Error{Code: CodeUnauthorized, Message: "the access key was revoked"})
	if _, err := io.ReadAll(x.Reply.Stream); AsError(err).Code != CodeUnauthorized {
		t.Errorf("got %v, want that the key was revoked", err)
	}
	x.Finish()
	if a := x.Attempts()[0]; a.Code != "" || !x.Calls()[0].Answered || x.Calls()[0].Usage.Output == 0 {
		t.Errorf("got %+v, want an answer that was cut short", a)
	}
}

// Attempts that the gateway or its client ends are told from those that fail.
func TestCutAttempts(t *testing.T) {
	for name, cause := range map[string]*Error{
		"revoked": {Code: CodeUnauthorized, Message: "the access key was revoked"},
		"refused": {Code: CodePolicyDenied, Message: "no"},
	} {
		t.Run(name, func(t *testing.T) {
			over := make(chan struct{})
			defer close(over)
			x := chat(`{"model":"small","messages":[]}`)
			alpha := newFakeProvider(t, func(_ http.ResponseWriter, r *http.Request) {
				x.Cancel(cause)
				select {
				case <-r.Context().Done():
				case <-over:
				}
			})
			f := newFixture(t, alpha, nil)
			if _, err := run(t, f.route(t, RouteConfig{}), x); !errors.Is(err, cause) && AsError(err).Code != cause.Code {
				t.Errorf("got %v, want %v", err, cause)
			}
			if a := x.Attempts()[0]; !a.Cut || a.Code != cause.Code {
				t.Errorf("got %+v, want an attempt that was cut", a)
			}
		})
	}
	f := newFixture(t, newFakeProvider(t, answer(500, `{}`)), nil)
	x := chat(`{"model":"small","messages":[]}`)
	if _, err := run(t, f.route(t, RouteConfig{}), x); err == nil || x.Attempts()[0].Cut {
		t.Errorf("got %v and %+v, want a failure that is no cut", err, x.Attempts())
	}
}

// What panics at the end of an exchange keeps no call from being recorded, and no other from being told of the end.
func TestAPanicAtTheEnd(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, answer(200, chatReply)), nil)
	m := &fakeMeter{}
	f.rt.SetMeter(m)
	x := chat(`{"model":"small","messages":[]}`)
	told := false
	x.OnEnd(func(*Exchange) { panic("a bug") })
	x.OnEnd(func(*Exchange) { told = true })
	if _, err := run(t, f.route(t, RouteConfig{}), x); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(m.log, ", "); !told || !strings.HasSuffix(got, "finish 1") {
		t.Errorf("got %s and told %v, want the end told to everybody", got, told)
	}
}

// breaking panics when it is asked.
type breaking struct{ fakeMeter }

func (*breaking) Reserve(_ *Exchange, c *Call) error {
	c.Hold = "half"
	panic("a bug")
}

// A call that broke down before it was made gives back what it had reserved.
func TestAPanicWhileReserving(t *testing.T) {
	f := newFixture(t, newFakeProvider(t, answer(200, chatReply)), nil)
	m := &breaking{}
	f.rt.SetMeter(m)
	x := chat(`{"model":"small","messages":[]}`)
	_, err := run(t, f.route(t, RouteConfig{}), x)
	wantCode(t, err, CodeInternal)
	const want = "settle half answered=false tokens=0 source=1, finish 1"
	if got := strings.Join(m.log, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
