package access

import "reflect"

// merged is what a snapshot was made of.
type merged struct {
	tables *tables
	static *Static
	out    *Snapshot
}

// merge makes a snapshot of the tables of the store with static resources before them. Maps in which nothing changed are
// those of the snapshot before.
func merge(t *tables, s *Static, before *merged) *merged {
	out := &Snapshot{
		Revision: t.revision, Providers: t.providers, APIKeys: t.apiKeys, APITokens: t.apiTokens, Broken: t.broken,
		Gateway: t.gateway[gatewayID],
	}
	was, last, reuse := before.tables, before.out, before.static == s
	out.AccessKeys = over(t.accessKeys, was.accessKeys, last.AccessKeys, s.AccessKeys, reuse)
	out.Configurations = over(t.configurations, was.configurations, last.Configurations, s.Configurations, reuse)
	out.ProviderKeys = over(t.providerKeys, was.providerKeys, last.ProviderKeys, s.ProviderKeys, reuse)
	out.Teams = over(t.teams, was.teams, last.Teams, s.Teams, reuse)
	out.Budgets = over(t.budgets, was.budgets, last.Budgets, s.Budgets, reuse)
	out.Limits = over(t.limits, was.limits, last.Limits, s.Limits, reuse)
	switch {
	case len(s.AccessKeys) == 0:
		out.AccessTokens = t.accessTokens
	case reuse && same(t.accessTokens, was.accessTokens):
		out.AccessTokens = last.AccessTokens
	default:
		out.AccessTokens = grow(t.accessTokens, len(s.AccessKeys))
		for _, k := range s.AccessKeys {
			for _, h := range k.Tokens {
				out.AccessTokens[h.Lookup] = k
			}
		}
	}
	return &merged{tables: t, static: s, out: out}
}

// over puts static resources over those of the store, which is done already where those are the same as before.
func over[T any, P interface {
	*T
	Resource
}](m, was, last map[string]*T, static []*T, reuse bool) map[string]*T {
	switch {
	case len(static) == 0:
		return m
	case reuse && same(m, was):
		return last
	default:
		return with[T, P](m, static)
	}
}

// with is a map with other resources in it.
func with[T any, P interface {
	*T
	Resource
}](m map[string]*T, more []*T) map[string]*T {
	out := grow(m, len(more))
	for _, r := range more {
		out[P(r).Common().ID] = r
	}
	return out
}

// same reports whether two maps are one, which nothing changes any more.
func same[V any](a, b map[string]V) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}
