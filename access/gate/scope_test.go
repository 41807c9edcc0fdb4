package gate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/access"
	"weir/engine"
)

func TestScopeOf(t *testing.T) {
	custom := map[string]*access.Provider{"aigp_1": {ProviderID: "Mine"}}
	tests := []struct {
		name  string
		scope access.Scope
		want  []engine.ModelLists
	}{
		{"no dimension", access.Scope{}, nil},
		{"providers", access.Scope{Providers: &access.NameList{Allow: []string{" OpenAI", "aigp_1", "aigp_gone"}}}, []engine.ModelLists{
			{Allow: []string{"openai", "mine", "aigp_gone"}, HasAllow: true, Of: engine.ListOfProviders},
		}},
		{"providers with *", access.Scope{Providers: &access.NameList{Allow: []string{"open*", "*"}, Deny: []string{"*-eu"}}}, []engine.ModelLists{
			{Allow: []string{"open*", "*"}, HasAllow: true, Deny: []string{"*-eu"}, Of: engine.ListOfProviders},
		}},
		{"no provider", access.Scope{Providers: &access.NameList{Allow: []string{}}}, []engine.ModelLists{{HasAllow: true, Of: engine.ListOfProviders}}},
		{"denied alone", access.Scope{Models: &access.NameList{Deny: []string{"gpt-5"}}}, []engine.ModelLists{{Deny: []string{"gpt-5"}}}},
		{"both", access.Scope{
			Providers: &access.NameList{Allow: []string{"openai"}}, Models: &access.NameList{Allow: []string{"openai/gpt-5"}, Deny: []string{"*-mini"}},
		}, []engine.ModelLists{
			{Allow: []string{"openai"}, HasAllow: true, Of: engine.ListOfProviders}, {Allow: []string{"openai/gpt-5"}, HasAllow: true, Deny: []string{"*-mini"}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, scopeOf(&tt.scope, custom)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
