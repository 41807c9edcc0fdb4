package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxNamed is how many of those that refer to a resource are named when it cannot be removed.
const maxNamed = 5

// inUse tells what refers to a resource, nil where nothing does.
func (s *Snapshot) inUse(k Kind, id string) error {
	var by users
	switch k {
	case KindTeam:
		s.usersOfTeam(id, &by)
	case KindConfiguration:
		collect(&by, KindAccessKey, s.AccessKeys, func(k *AccessKey) bool { return k.ConfigurationID == id })
	case KindProviderKey:
		collect(&by, KindAccessKey, s.AccessKeys, func(k *AccessKey) bool { return slices.Contains(k.ProviderKeyIDs, id) })
		collect(&by, KindTeam, s.Teams, func(t *Team) bool { return slices.Contains(t.ProviderKeyIDs, id) })
		collect(&by, KindConfiguration, s.Configurations, func(c *Configuration) bool { return c.usesKey(id) })
	case KindProvider:
		if p := s.Providers[id]; p != nil {
			collect(&by, KindProviderKey, s.ProviderKeys, func(k *ProviderKey) bool { return k.ProviderID == p.ProviderID })
			collect(&by, KindConfiguration, s.Configurations, func(c *Configuration) bool { return c.namesProvider(p) })
		}
	case KindAccessKey:
		isFor := func(q *Quota) bool { return q.AccessKeyID == id }
		collect(&by, KindBudget, s.Budgets, isFor)
		collect(&by, KindLimit, s.Limits, isFor)
	case KindBudget, KindLimit, KindAPIKey, KindGateway:
	}
	if len(by) == 0 {
		return nil
	}
	return fmt.Errorf("%s %s is used by %s: %w", k.words(), id, by, ErrInUse)
}

func (s *Snapshot) usersOfTeam(id string, by *users) {
	isFor := func(q *Quota) bool { return q.TeamID == id }
	collect(by, KindAccessKey, s.AccessKeys, func(k *AccessKey) bool { return k.TeamID == id })
	collect(by, KindProviderKey, s.ProviderKeys, func(k *ProviderKey) bool { return k.TeamID == id })
	collect(by, KindBudget, s.Budgets, isFor)
	collect(by, KindLimit, s.Limits, isFor)
}

func (c *Configuration) usesKey(id string) bool {
	if c.Router == nil {
		return false
	}
	for i := range c.Router.Rules {
		for j := range c.Router.Rules[i].Steps {
			if slices.Contains(c.Router.Rules[i].Steps[j].Keys, StepKey{ID: id}) {
				return true
			}
		}
	}
	return false
}

// namesProvider reports whether a configuration names a custom provider outright; a pattern that it falls under does not.
func (c *Configuration) namesProvider(p *Provider) bool {
	is := func(name string) bool { return name == p.ID || name == p.ProviderID }
	if c.Access != nil && c.Access.Providers != nil {
		if l := c.Access.Providers; slices.ContainsFunc(l.Allow, is) || slices.ContainsFunc(l.Deny, is) {
			return true
		}
	}
	if c.Router == nil {
		return false
	}
	return slices.ContainsFunc(c.Router.Rules, func(r RouterRule) bool {
		provider, _, _ := strings.Cut(r.Model, ":")
		return is(r.Provider) || is(provider)
	})
}

// user is a resource that refers to another.
type user struct {
	kind     Kind
	id, name string
}

type users []user

func collect[T any, P interface {
	*T
	Resource
}](by *users, k Kind, m map[string]*T, uses func(*T) bool) {
	for id, r := range m {
		if uses(r) {
			*by = append(*by, user{kind: k, id: id, name: P(r).Common().Name})
		}
	}
}

// String names the first few.
func (u users) String() string {
	slices.SortFunc(u, func(a, b user) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id)) })
	var b strings.Builder
	for i, one := range u {
		if i == maxNamed {
			fmt.Fprintf(&b, " and %d more", len(u)-maxNamed)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(one.kind.words() + " " + one.id)
		if one.name != "" {
			fmt.Fprintf(&b, " (%q)", one.name)
		}
	}
	return b.String()
}
