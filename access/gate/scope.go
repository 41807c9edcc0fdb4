package gate

import (
	"strings"

	"weir/access"
	"weir/engine"
)

// scopeOf is what a configuration lets its keys use, as the engine narrows models: one pair of lists for each dimension, of
// which a model must pass both.
func scopeOf(s *access.Scope, custom map[string]*access.Provider) []engine.ModelLists {
	var out []engine.ModelLists
	if s.Providers != nil {
		l := listsOf(s.Providers)
		l.Of = engine.ListOfProviders
		for i := range l.Allow {
			l.Allow[i] = providerID(l.Allow[i], custom)
		}
		for i := range l.Deny {
			l.Deny[i] = providerID(l.Deny[i], custom)
		}
		out = append(out, l)
	}
	if s.Models != nil {
		out = append(out, listsOf(s.Models))
	}
	return out
}

// listsOf copies the lists. An Allow that is there and empty allows nothing; one that is not does not restrict.
func listsOf(l *access.NameList) engine.ModelLists {
	return engine.ModelLists{Allow: append([]string(nil), l.Allow...), HasAllow: l.Allow != nil, Deny: append([]string(nil), l.Deny...)}
}

// customPrefix begins the ids of custom providers, by which lists and rules may name them.
const customPrefix = "aigp_"

// providerID is the name that the engine knows a provider by. An id of one that is gone stays as it is: nothing goes by it.
func providerID(name string, custom map[string]*access.Provider) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if !strings.HasPrefix(name, customPrefix) {
		return name
	}
	if p := custom[name]; p != nil {
		return strings.ToLower(p.ProviderID)
	}
	return name
}
