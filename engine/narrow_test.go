package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"weir/engine/catalog"
	"weir/engine/expr"
	"weir/engine/upstream"
	"weir/engine/wire"
)

// narrowAction narrows as an action does.
type narrowAction struct{ lists []ModelLists }

// Do narrows.
func (a narrowAction) Do(_ context.Context, x *Exchange) (Verdict, error) {
	for _, l := range a.lists {
		x.NarrowModels(l)
	}
	return VerdictContinue, nil
}

func allow(names ...string) ModelLists { return ModelLists{Allow: names, HasAllow: true} }

func deny(names ...string) ModelLists { return ModelLists{Deny: names} }

// narrowFixture is a runtime with two vendors, an aggregator and their models, all served by one fake.
func narrowFixture(t *testing.T, status int, reply string) (*fixture, *fakeProvider) {
	t.Helper()
	fake := newFakeProvider(t, answer(status, reply))
	client := upstream.New(upstream.Options{})
	t.Cleanup(client.Close)
	spec := func(id string, aliases ...string) ProviderSpec {
		return ProviderSpec{ID: id, Aliases: aliases, BaseURL: fake.URL, Env: []string{"KEY"}, Surfaces: []Surface{{Dialect: wire.DialectOpenAI}}}
	}
	router := spec("router", "rt")
	router.PrefixOnly, router.AuthorizeParams = true, []string{"models", "route", "provider"}
	env, err := expr.New(expr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{env: env, rt: NewRuntime(RuntimeOptions{
		Client: client, Providers: []ProviderSpec{spec("alpha", "al"), spec("beta"), router},
		Env: func(string) (string, bool) { return "sk-0123456789", true },
		Catalog: catalog.New([]*catalog.Model{
			{ID: "Big-4", ProviderID: "alpha", IDAliases: []string{"big-latest", "big-4-0101"}, Snapshots: []string{"big-4-0101"}},
			{ID: "small-1", ProviderID: "alpha"},
			{ID: "big-4", ProviderID: "beta"},
			{ID: "tiny:1b", ProviderID: "beta"},
			{ID: "alpha/big-4", ProviderID: "router"},
			{ID: "beta/tiny", ProviderID: "router"},
			{ID: "router/auto", ProviderID: "router"},
		}),
	})}, fake
}

func (f *fixture) narrowed(t *testing.T, cfg RouteConfig, lists ...ModelLists) *Plan {
	t.Helper()
	return f.plan(t, PlanConfig{
		Name: "test", Routes: []RouteConfig{cfg},
		OnRequest: []Rule{{Name: "narrow", Actions: []RuleAction{{Name: "rego", Action: narrowAction{lists}}}}},
	})
}

// TestNarrowModels: the model that is asked, or the code of the refusal.
func TestNarrowModels(t *testing.T) {
	const none = string(CodeModelNotAllowed)
	tests := []struct {
		name  string
		lists []ModelLists
		asked string
		want  string // provider:model, or a code
	}{
		{"no list", nil, "big-4", "alpha:Big-4"},
		{"an empty pair of lists", []ModelLists{{}}, "alpha:new", "alpha:new"},
		{"allowed", []ModelLists{allow("big-4")}, "big-4", "alpha:Big-4"},
		{"not allowed", []ModelLists{allow("big-4")}, "small-1", none},
		{"allowed at one provider", []ModelLists{allow("beta:big-4")}, "big-4", "beta:big-4"},
		{"asked at another provider", []ModelLists{allow("beta:big-4")}, "alpha:big-4", none},
		{"any provider where none is named", []ModelLists{allow("big-4")}, "beta:BIG-4", "beta:big-4"},
		{"allowed by another case", []ModelLists{allow(" ALPHA:bIG-4 ")}, "Big-4", "alpha:Big-4"},
		{"allowed by the provider's alias", []ModelLists{allow("al:big-4")}, "alpha:big-4", "alpha:Big-4"},
		{"asked by the provider's alias", []ModelLists{allow("alpha:big-4")}, "AL:big-4", "alpha:Big-4"},
		{"allowed by an alias", []ModelLists{allow("big-latest")}, "alpha:big-4", "alpha:Big-4"},
		{"asked by an alias", []ModelLists{allow("alpha:big-4")}, "big-latest", "alpha:Big-4"},
		{"asked by a dated version", []ModelLists{allow("alpha:big-4")}, "big-4-0101", "alpha:Big-4"},
		{"an id with a colon", []ModelLists{allow("tiny:1b")}, "beta:tiny:1b", "beta:tiny:1b"},
		{"an empty allow list", []ModelLists{allow()}, "big-4", none},
		{"an allow list of nothing that is there", []ModelLists{allow("huge", "", "beta:")}, "big-4", none},
		{"denied", []ModelLists{deny("big-4")}, "big-4", none},
		{"denied by an alias", []ModelLists{deny("big-latest")}, "alpha:big-4", none},
		{"denied, asked by an alias", []ModelLists{deny("alpha:big-4")}, "big-latest", none},
		{"denied, asked by a dated version", []ModelLists{deny("big-4")}, "big-4-0101", none},
		{"denied, asked in another case", []ModelLists{deny("big-4")}, "ALPHA:BIG-4", none},
		{"denied at one provider", []ModelLists{deny("alpha:big-4")}, "big-4", "beta:big-4"},
		{"denied, asked with a space", []ModelLists{{Allow: []string{"alpha:*"}, Deny: []string{"alpha:big-4"}}}, "alpha: big-4", none},
		{"not denied", []ModelLists{deny("big-4")}, "small-1", "alpha:small-1"},
		{"deny wins", []ModelLists{{Allow: []string{"big-4"}, Deny: []string{"alpha:*"}}}, "big-4", "beta:big-4"},
		{"everything of a provider", []ModelLists{allow("alpha:*")}, "small-1", "alpha:small-1"},
		{"everything of another provider", []ModelLists{allow("alpha:*")}, "beta:big-4", none},
		{"a beginning", []ModelLists{allow("sm*")}, "small-1", "alpha:small-1"},
		{"an end at a provider", []ModelLists{allow("alpha:*-4")}, "big-4", "alpha:Big-4"},
		{"a middle", []ModelLists{allow("*all*")}, "small-1", "alpha:small-1"},
		{"a beginning of something else", []ModelLists{allow("sm*x")}, "small-1", none},
		{"every provider", []ModelLists{allow("*:big-*")}, "beta:big-4", "beta:big-4"},
		{"everything", []ModelLists{allow("*")}, "small-1", "alpha:small-1"},
		{"nothing", []ModelLists{deny("*")}, "small-1", none},
		{"a provider that is none stays text", []ModelLists{allow("gamma:*")}, "small-1", none},
		{"an aggregator's model by its whole name", []ModelLists{allow("router:alpha/*")}, "router:alpha/big-4", "router:alpha/big-4"},
		{"a name with a slash for none without", []ModelLists{allow("alpha/big-4")}, "alpha:big-4", none},
		{"several lists", []ModelLists{allow("alpha:*"), allow("*-4"), deny("x")}, "big-4", "alpha:Big-4"},
		{"several lists, one without it", []ModelLists{allow("alpha:*"), allow("*-4")}, "small-1", none},
		{"several lists, one against it", []ModelLists{allow("alpha:*"), deny("small-*")}, "small-1", none},
		{"unknown", []ModelLists{allow("alpha:*")}, "alpha:new-1", "alpha:new-1"},
		{"unknown by its name", []ModelLists{allow("alpha:NEW-1")}, "alpha:new-1", "alpha:new-1"},
		{"unknown, and only a list of what is not", []ModelLists{deny("small-1")}, "alpha:new-1", none},
		{"unknown, allowed without its provider", []ModelLists{allow("new-1", "*", "*:new-1")}, "alpha:new-1", none},
		{"unknown at a provider that is not named", []ModelLists{allow("alpha:new-1")}, "beta:new-1", none},
		{"unknown, with another's name in it", []ModelLists{allow("alpha:big-4")}, "beta:alpha:big-4", none},
		{"unknown and denied without its provider", []ModelLists{{Allow: []string{"alpha:*"}, Deny: []string{"new-*"}}}, "alpha:new-1", none},
		{"unknown, named in one list only", []ModelLists{allow("alpha:*"), allow("new-*")}, "alpha:new-1", none},
		{"unknown, named in one list and not denied", []ModelLists{allow("alpha:*"), deny("big-*")}, "alpha:new-1", "alpha:new-1"},
		{"a variant of a model", []ModelLists{allow("router:alpha/big-4")}, "router:alpha/big-4:online", none},
		{"a router behind a provider", []ModelLists{allow("router:*")}, "router:router/auto", none},
		{"a router behind a provider by its name", []ModelLists{allow("rt:router/auto")}, "router:router/auto", "router:router/auto"},
		{"a router, and only a list of what is not", []ModelLists{deny("router:alpha/*")}, "router:router/auto", none},
		{"settings stored at a provider", []ModelLists{allow("router:*")}, "router:@preset/mine", none},
		{"auto", []ModelLists{allow("beta:*")}, "auto", "beta:big-4"},
		{"auto, and nothing left", []ModelLists{allow("gamma")}, "auto", none},
		{"a name that is none", []ModelLists{allow("alpha:*")}, "nothing-like-it", string(CodeModelNotFound)},
	}
	f, _ := narrowFixture(t, 200, chatReply)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := chat(fmt.Sprintf(`{"model":%q,"messages":[]}`, tt.asked))
			_, err := run(t, f.narrowed(t, RouteConfig{}, tt.lists...), x)
			got := strings.TrimSuffix(attempts(x), "=200")
			if err != nil {
				e := AsError(err)
				if got += string(e.Code); e.Code == CodeModelNotAllowed && e.HTTPStatus() != 403 {
					t.Errorf("got status %d, want 403", e.HTTPStatus())
				}
			}
			if got != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestNarrowModelsHoldsForEveryTarget(t *testing.T) {
	tests := []struct {
		name string
		cfg  RouteConfig
		by   string // a strategy
		body string
		want string // attempts in order, or a code
	}{
		{"failover over providers", RouteConfig{}, "", `{"model":"big-4"}`, "beta:big-4"},
		{"failover over names", RouteConfig{}, "", `{"model":"big-4","models":["small-1","beta:tiny:1b","beta:big-4"]}`, "beta:big-4 beta:tiny:1b"},
		{"a strategy", RouteConfig{}, "ai.models", `{"messages":[]}`, "beta:big-4 beta:tiny:1b"},
		{"a strategy that takes the first", RouteConfig{}, "ai.models[0]", `{"messages":[]}`, "beta:big-4"},
		{"a strategy for another model", RouteConfig{}, "ai.models.filter(m, m.id == 'small-1')", `{"messages":[]}`, string(CodeNoModelSelected)},
		{"a balance", RouteConfig{Balance: BalanceCheapest}, "", `{"model":"auto"}`, "beta:big-4 beta:tiny:1b"},
		{"nothing named", RouteConfig{}, "", `{"messages":[]}`, "beta:big-4 beta:tiny:1b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, _ := narrowFixture(t, 500, `{"error":{"message":"x"}}`)
			if tt.by != "" {
				tt.cfg.Strategies = f.strategies(t, tt.by)
			}
			x := chat(tt.body)
			_, err := run(t, f.narrowed(t, tt.cfg, allow("beta:*")), x)
			got := strings.ReplaceAll(attempts(x), "=500", "")
			if got == "" {
				got = string(AsError(err).Code)
			}
			if got != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestNarrowedAggregatorsFieldsAreAuthorised(t *testing.T) {
	f, fake := narrowFixture(t, 200, chatReply)
	body := func(models string) string {
		return `{"model":"router:beta/tiny","models":[` + models + `],"route":"fallback","provider":{"order":["x"]},"messages":[]}`
	}
	if _, err := run(t, f.narrowed(t, RouteConfig{}), chat(body(`"alpha/big-4"`))); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, f.narrowed(t, RouteConfig{}, allow("router:beta/*")), chat(body(`"beta/tiny","beta/new"`))); err != nil {
		t.Fatal(err)
	}
	calls := fake.made()
	if got := calls[0].Body; !strings.Contains(got, "fallback") || !strings.Contains(got, "order") {
		t.Errorf("got %s, want the fields of the aggregator where nothing is limited", got)
	}
	if got := calls[1].Body; strings.Contains(got, "fallback") || strings.Contains(got, "order") || !strings.Contains(got, `"models":["beta/tiny","beta/new"]`) {
		t.Errorf("got %s, want the models that are allowed and no field that chooses", got)
	}
	for _, entry := range []string{"alpha/big-4", "router/auto", "@preset/x"} {
		_, err := run(t, f.narrowed(t, RouteConfig{}, allow("router:beta/*")), chat(body(`"beta/tiny","`+entry+`"`)))
		if e := wantCode(t, err, CodeModelNotAllowed); e.Param != "models" {
			t.Errorf("%s: got param %s, want models", entry, e.Param)
		}
	}
	if n := len(fake.made()); n != 2 {
		t.Errorf("got %d calls, want none for what is refused", n)
	}
}

func TestNarrowedModelsAreListed(t *testing.T) {
	f, _ := narrowFixture(t, 200, chatReply)
	tests := []struct {
		name  string
		lists []ModelLists
		want  string
		shown string // by GET /v1/models/{id}
	}{
		{"none", nil, "auto Big-4 small-1 beta:big-4 tiny:1b router:alpha/big-4 router:beta/tiny router:router/auto", "big-4 beta:big-4 small-1 al:small-1 auto"},
		{"a provider", []ModelLists{allow("beta:*")}, "auto beta:big-4 tiny:1b", "big-4 beta:big-4 auto"},
		{"denied", []ModelLists{deny("big-4", "router:*")}, "auto small-1 tiny:1b", "small-1 al:small-1 auto"},
		{"nothing", []ModelLists{allow()}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := f.narrowed(t, RouteConfig{}, tt.lists...)
			x := chat("")
			x.Request.API, x.Request.Method, x.Request.Operation = wire.Models, "GET", OpList
			if err := p.Run(x); err != nil {
				t.Fatal(err)
			}
			defer x.Finish()
			models, err := p.Models(x, wire.DialectOpenAI)
			if err != nil {
				t.Fatal(err)
			}
			var ids, shown []string
			for _, m := range models {
				ids = append(ids, m.ID)
			}
			for _, id := range []string{"big-4", "beta:big-4", "small-1", "al:small-1", "auto"} {
				if _, err := p.Model(x, wire.DialectOpenAI, id); err == nil {
					shown = append(shown, id)
				} else if code := AsError(err).Code; code != CodeModelNotFound {
					t.Errorf("%s: got %v, want %s", id, err, CodeModelNotFound)
				}
			}
			if got := strings.Join(ids, " "); got != tt.want {
				t.Errorf("got the list %s, want %s", got, tt.want)
			}
			if got := strings.Join(shown, " "); got != tt.shown {
				t.Errorf("got %s one by one, want %s", got, tt.shown)
			}
		})
	}
}

func TestSuggestionsNameOnlyWhatIsLeft(t *testing.T) {
	f, _ := narrowFixture(t, 200, chatReply)
	tests := []struct {
		asked, all, left string // what the error suggests
	}{
		{"smal-1", "small-1", ""},
		{"bik-4", "Big-4", "big-4"},
		{"alpa:small-1", "alpha", ""},
		{"bet:tiny", "beta", "beta"},
		{"alpha/big-4", "router:alpha/big-4", "openrouter:alpha/big-4"},
	}
	for _, tt := range tests {
		for want, lists := range map[string][]ModelLists{tt.all: nil, tt.left: {allow("beta:*")}} {
			_, err := run(t, f.narrowed(t, RouteConfig{}, lists...), chat(fmt.Sprintf(`{"model":%q}`, tt.asked)))
			e := wantCode(t, err, CodeModelNotFound)
			if suggested := strings.Contains(e.Message, `"`+want+`"`); suggested != (want != "") && want != "" {
				t.Errorf("%s: got %s, want %s suggested", tt.asked, e.Message, want)
			}
			if want == "" && strings.Contains(e.Message, "did you mean") && strings.Contains(e.Message, tt.all) {
				t.Errorf("%s: got %s, want nothing of what is not allowed", tt.asked, e.Message)
			}
		}
	}
}

func TestRequireHidesSuggestions(t *testing.T) {
	f, _ := narrowFixture(t, 200, chatReply)
	require, diags := f.env.ModelPredicate(textOf("m.provider_id == 'beta'"))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	_, err := run(t, f.route(t, RouteConfig{Require: require}), chat(`{"model":"smal-1"}`))
	if e := wantCode(t, err, CodeModelNotFound); strings.Contains(e.Message, "small-1") {
		t.Errorf("got %s, want no name that the route does not allow", e.Message)
	}
}

func TestNarrowedStoredAnswers(t *testing.T) {
	for name, lists := range map[string][]ModelLists{"left": {allow("alpha:*")}, "denied": {deny("alpha:big-4")}} {
		t.Run(name, func(t *testing.T) {
			const reply = `{"id":"resp_1","object":"response","status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":1}}`
			f, _ := narrowFixture(t, 200, reply)
			create := chat(`{"model":"alpha:big-4","input":"x"}`)
			create.Request.API = wire.OpenAIResponses
			if _, err := run(t, f.narrowed(t, RouteConfig{}), create); err != nil {
				t.Fatal(err)
			}
			get := chat("")
			get.Request.API, get.Request.Method, get.Request.Operation, get.Request.StoredID = wire.OpenAIResponses, "GET", OpGet, "resp_1"
			_, err := run(t, f.narrowed(t, RouteConfig{}, lists...), get)
			if name == "left" && err != nil {
				t.Errorf("got %v, want the answer", err)
			}
			if name == "denied" {
				wantCode(t, err, CodeModelNotAllowed)
			}
		})
	}
}

func TestNarrowingEndsWithTheExchange(t *testing.T) {
	f, _ := narrowFixture(t, 200, chatReply)
	x := chat(`{"model":"small-1"}`)
	if _, err := run(t, f.narrowed(t, RouteConfig{}, allow("beta:*")), x); err == nil {
		t.Fatal("got an answer, want a refusal")
	}
	x.Reset()
	again := chat(`{"model":"small-1"}`)
	x.Request, x.Loader = again.Request, again.Loader
	if _, err := run(t, f.narrowed(t, RouteConfig{}), x); err != nil {
		t.Errorf("got %v for the next exchange, want an answer", err)
	}
}

func TestMatchGlob(t *testing.T) {
	tests := []struct {
		pattern string
		yes, no []string
	}{
		{"*", []string{"", "a", "a:b/c"}, nil},
		{"a*", []string{"a", "ab", "a*"}, []string{"", "ba"}},
		{"*a", []string{"a", "ba", "aa"}, []string{"", "ab"}},
		{"a*a", []string{"aa", "aba", "aaa"}, []string{"a", "ab"}},
		{"a*b*c", []string{"abc", "axbxc", "abbcc", "abcbc"}, []string{"acb", "ab", "bc", "abcd"}},
		{"a**b", []string{"ab", "axb"}, []string{"a", "b"}},
		{"ab", []string{"ab"}, []string{"a", "abc"}},
	}
	for _, tt := range tests {
		check := func(text string, want bool) {
			if got := MatchGlob(tt.pattern, text); got != want {
				t.Errorf("%s on %s: got %t, want %t", tt.pattern, text, got, want)
			}
		}
		for _, text := range tt.yes {
			check(text, true)
		}
		for _, text := range tt.no {
			check(text, false)
		}
	}
	if MatchGlob(strings.Repeat("a*", 100)+"b", strings.Repeat("a", 100_000)) {
		t.Error("got a match, want none")
	}
}
