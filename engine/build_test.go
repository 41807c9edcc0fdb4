package engine

import (
	"net/http"
	"testing"

	"weir/engine/wire"
)

func TestBuildBody(t *testing.T) {
	raw := func(name, value string) BodyField { return BodyField{Name: name, Raw: []byte(value)} }
	tests := []struct {
		name, body, want string
		cfg              RouteConfig
		pcfg             ProviderConfig
	}{
		{name: "the model is renamed in place", body: `{"a":1,"model":"alpha:big","z":[1]}`, want: `{"a":1,"model":"big","z":[1]}`},
		{name: "the list of models stays here", body: `{"model":"big","models":["x:y"],"z":1}`, want: `{"model":"big","z":1}`},
		{name: "merged fields override", body: `{"model":"big","temperature":2}`, cfg: RouteConfig{Body: []BodyField{raw("temperature", "0.5"), raw("user", `"u"`)}}, want: `{"model":"big","temperature":0.5,"user":"u"}`},
		{name: "the output limit is lowered", body: `{"model":"big","max_tokens":900,"max_completion_tokens":10}`, cfg: RouteConfig{MaxOutputTokens: 50}, want: `{"model":"big","max_tokens":50,"max_completion_tokens":50}`},
		{name: "the output limit is set", body: `{"model":"big"}`, cfg: RouteConfig{MaxOutputTokens: 50}, want: `{"model":"big","max_completion_tokens":50}`},
		{name: "parameters the model does not take are stripped", body: `{"model":"big","seed":1,"x":2}`, pcfg: ProviderConfig{Models: []ModelConfig{{ID: "big", UnsupportedParams: []string{"seed"}}}}, want: `{"model":"big","x":2}`},
		{name: "only listed parameters pass", body: `{"model":"big","seed":1,"x":2}`, pcfg: ProviderConfig{Surfaces: []SurfaceConfig{{Format: "openai", Surface: "chat-completions", SupportedParams: []string{"x"}}}}, want: `{"model":"big","x":2}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha := newFakeProvider(t, answer(200, chatReply))
			f := newFixture(t, alpha, nil)
			tt.pcfg.ID = "alpha"
			p := f.plan(t, PlanConfig{Providers: []ProviderConfig{tt.pcfg}, Routes: []RouteConfig{tt.cfg}})
			if _, err := run(t, p, chat(tt.body)); err != nil {
				t.Fatal(err)
			}
			if got := alpha.made()[0].Body; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestGeminiTarget(t *testing.T) {
	alpha := newFakeProvider(t, answer(200, `{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}`))
	f := newFixture(t, alpha, nil)
	x := chat(`{"contents":[]}`)
	x.Request.API, x.Request.Path, x.Request.PathModel, x.Request.Query = wire.GeminiGenerate, "/v1beta/models/big:generateContent", "big", "key=abc&x=1"
	if _, err := run(t, f.route(t, RouteConfig{}), x); err != nil {
		t.Fatal(err)
	}
	if got, want := alpha.made()[0].URI, "/v1beta/models/big:generateContent?x=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if x.usage.Output != 2 {
		t.Errorf("got usage %+v", x.usage)
	}
}

func TestStoredResponses(t *testing.T) {
	alpha := newFakeProvider(t, answer(200, `{"id":"resp_1","object":"response","status":"completed","output":[]}`))
	f := newFixture(t, alpha, nil)
	p := f.route(t, RouteConfig{})
	create := func(caller, body string) *Exchange {
		x := chat(body)
		x.Request.API, x.Request.Path, x.Caller.ID = wire.OpenAIResponses, "/v1/responses", caller
		return x
	}
	if _, err := run(t, p, create("ann", `{"model":"big","input":"x"}`)); err != nil {
		t.Fatal(err)
	}
	get := func(caller string, op Operation) *Exchange {
		x := create(caller, "")
		x.Request.Method, x.Request.Operation, x.Request.StoredID = "GET", op, "resp_1"
		return x
	}
	if _, err := run(t, p, get("ann", OpGet)); err != nil {
		t.Errorf("the owner: %v", err)
	}
	if got := alpha.made()[1]; got.URI != "/v1/responses/resp_1" || got.Method != http.MethodGet {
		t.Errorf("got %s %s", got.Method, got.URI)
	}
	_, err := run(t, p, get("bob", OpGet))
	wantCode(t, err, CodeNotFound)
	_, err = run(t, p, create("bob", `{"model":"big","input":"x","previous_response_id":"resp_1"}`))
	if e := wantCode(t, err, CodeNotFound); e.Param != "previous_response_id" {
		t.Errorf("got param %q", e.Param)
	}
	if len(alpha.made()) != 2 {
		t.Error("a stranger's request went upstream")
	}
}
