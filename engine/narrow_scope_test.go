package engine

import (
	"fmt"
	"strings"
	"testing"

	"weir/engine/catalog"
	"weir/engine/expr"
	"weir/engine/upstream"
	"weir/engine/wire"
)

// scopeFixture has models whose author is known, and one with a colon in its id.
func scopeFixture(t *testing.T) *fixture {
	t.Helper()
	fake := newFakeProvider(t, answer(200, chatReply))
	client := upstream.New(upstream.Options{})
	t.Cleanup(client.Close)
	spec := func(id string, aliases ...string) ProviderSpec {
		return ProviderSpec{ID: id, Aliases: aliases, BaseURL: fake.URL, Env: []string{"KEY"}, Surfaces: []Surface{{Dialect: wire.DialectOpenAI}}}
	}
	router := spec("router")
	router.PrefixOnly = true
	env, err := expr.New(expr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	author := &catalog.Author{ID: "acme", IDAliases: []string{"acme-ai"}}
	return &fixture{env: env, rt: NewRuntime(RuntimeOptions{
		Client: client, Providers: []ProviderSpec{spec("acme", "ac"), spec("azure"), spec("local"), router},
		Env: func(string) (string, bool) { return "sk-0123456789", true },
		Catalog: catalog.New([]*catalog.Model{
			{ID: "big-4", ProviderID: "acme", IDAliases: []string{"big-latest"}, AuthorID: "acme", Author: author},
			{ID: "small-1", ProviderID: "acme", AuthorID: "acme", Author: author},
			{ID: "deployed-4", ProviderID: "azure", IDAliases: []string{"big-4"}, AuthorID: "acme", Author: author},
			{ID: "acme-chat:7b", ProviderID: "local", AuthorID: "else", Author: &catalog.Author{ID: "else"}},
			{ID: "big-4", ProviderID: "local", AuthorID: "else", Author: &catalog.Author{ID: "else"}},
			{ID: "acme/big-4", ProviderID: "router", AuthorID: "acme", Author: author},
			{ID: "router/auto", ProviderID: "router"},
		}),
	})}
}

func providerLists(l ModelLists) ModelLists {
	l.Of = ListOfProviders
	return l
}

// TestScopes: lists of providers, and of models by author.
func TestScopes(t *testing.T) {
	const none = string(CodeModelNotAllowed)
	tests := []struct {
		name  string
		lists []ModelLists
		asked string
		want  string
	}{
		{"a provider", []ModelLists{providerLists(allow("acme"))}, "acme:big-4", "acme:big-4"},
		{"a provider by its alias", []ModelLists{providerLists(allow(" AC"))}, "acme:big-4", "acme:big-4"},
		{"another provider", []ModelLists{providerLists(allow("azure"))}, "acme:big-4", none},
		{"what only the request knows", []ModelLists{providerLists(allow("acme"))}, "acme:new", "acme:new"},
		{"what leads to other models there", []ModelLists{providerLists(allow("router"))}, "router:router/auto", "router:router/auto"},
		{"no provider", []ModelLists{providerLists(allow())}, "acme:big-4", none},
		{"one that is not there", []ModelLists{providerLists(allow("gone"))}, "acme:big-4", none},
		{"providers with *", []ModelLists{providerLists(allow("a*"))}, "azure:deployed-4", "azure:deployed-4"},
		{"a model that is called as they are", []ModelLists{providerLists(allow("acme*"))}, "local:acme-chat:7b", none},
		{"a denied provider", []ModelLists{providerLists(deny("local"))}, "local:big-4", none},
		{"not denied", []ModelLists{providerLists(deny("local"))}, "acme:big-4", "acme:big-4"},
		{"deny wins", []ModelLists{providerLists(ModelLists{Allow: []string{"*"}, HasAllow: true, Deny: []string{"ac*"}})}, "acme:big-4", none},
		{"both dimensions", []ModelLists{providerLists(allow("acme")), allow("small-1")}, "acme:big-4", none},
		{"both dimensions, and it is in both", []ModelLists{providerLists(allow("acme")), allow("small-1")}, "small-1", "acme:small-1"},
		{"an author's model", []ModelLists{allow("acme/big-4")}, "acme:big-4", "acme:big-4"},
		{"at another provider", []ModelLists{allow("acme/big-4")}, "azure:deployed-4", "azure:deployed-4"},
		{"at an aggregator", []ModelLists{allow("acme/big-4")}, "router:acme/big-4", "router:acme/big-4"},
		{"by the author's alias", []ModelLists{allow("acme-ai/big-latest")}, "acme:big-4", "acme:big-4"},
		{"another author's model of that name", []ModelLists{allow("acme/big-4")}, "local:big-4", none},
		{"another model of the author", []ModelLists{allow("acme/big-4")}, "acme:small-1", none},
		{"at one provider", []ModelLists{allow("azure:acme/deployed-4")}, "azure:deployed-4", "azure:deployed-4"},
		{"at one provider, not the other", []ModelLists{allow("azure:acme/big-4")}, "acme:big-4", none},
		{"everything of an author", []ModelLists{allow("acme/*")}, "acme:small-1", "acme:small-1"},
		{"nothing of another", []ModelLists{allow("acme/*")}, "local:big-4", none},
		{"an author and what nobody knows", []ModelLists{allow("acme/*")}, "acme:new", none},
		{"denied by the author", []ModelLists{allow("acme:*"), deny("acme/big-4")}, "acme:big-4", none},
		{"denied by the author, nobody knows who made it", []ModelLists{allow("acme:*"), deny("acme/new*")}, "acme:new-2", none},
		{"denied by the author, another name", []ModelLists{allow("acme:*"), deny("acme/new*")}, "acme:old-2", "acme:old-2"},
	}
	f := scopeFixture(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := chat(fmt.Sprintf(`{"model":%q,"messages":[]}`, tt.asked))
			_, err := run(t, f.narrowed(t, RouteConfig{}, tt.lists...), x)
			got := strings.TrimSuffix(attempts(x), "=200")
			if err != nil {
				got += string(AsError(err).Code)
			}
			if got != tt.want {
				t.Errorf("got %s, want %s: %v", got, tt.want, err)
			}
		})
	}
}
