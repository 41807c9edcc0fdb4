package engine

import (
	"slices"
	"strings"

	"weir/engine/catalog"
)

// ModelLists narrows which models an exchange may reach.
type ModelLists struct {
	Allow []string
	// HasAllow says that Allow holds, even where it is empty.
	HasAllow bool
	Deny     []string
}

// NarrowModels narrows every later choice of models of this exchange, the list of models too. Names are compared by
// canonical id, after aliases, case and provider prefix; * stands for any characters. Several calls narrow further. A model
// that only the request knows passes where an entry of Allow names its provider, and not otherwise.
func (x *Exchange) NarrowModels(l ModelLists) {
	if !l.HasAllow && len(l.Allow) == 0 && len(l.Deny) == 0 {
		return
	}
	l.HasAllow = l.HasAllow || len(l.Allow) > 0
	x.narrowed.lists = append(x.narrowed.lists, l)
	x.narrowed.of = nil
}

// narrowing is what rules left of the models for one exchange.
type narrowing struct {
	lists []ModelLists
	of    *universe // that sets were made for: names mean what its providers make of them
	sets  []narrowSet
}

func (n *narrowing) reset() {
	if len(n.lists) > 0 {
		*n = narrowing{}
	}
}

// narrowSet is one pair of lists over one universe.
type narrowSet struct {
	allow, deny nameSet
	hasAllow    bool
}

// nameSet is the names of a list: exact ones by what they stand for, the others to be tried one by one.
type nameSet struct {
	exact map[modelName]struct{}
	globs []nameGlob
}

// modelName is an id or alias in lower case, at one provider or, with nil, at any.
type modelName struct {
	at *provider
	id string
}

// nameGlob is a name with * in it.
type nameGlob struct {
	at   []*provider // that its prefix names; nil where it has none
	text string      // behind the prefix
}

// narrows reports whether some rule limits the models of this exchange.
func (x *Exchange) narrows() bool { return len(x.narrowed.lists) > 0 }

// reaches reports whether the rules left a model to this exchange.
func (x *Exchange) reaches(u *universe, m *model) bool {
	n := &x.narrowed
	if len(n.lists) == 0 {
		return true
	}
	if n.of != u {
		n.of, n.sets = u, make([]narrowSet, len(n.lists))
		for i := range n.lists {
			l := &n.lists[i]
			n.sets[i] = narrowSet{allow: u.nameSet(l.Allow), deny: u.nameSet(l.Deny), hasAllow: l.HasAllow}
		}
	}
	how := anyName
	switch { // no list of other names covers what nobody has described, or what leads to other models
	case m.choosesBehind():
		how = exactAtProvider
	case !m.cat.Known:
		how = nameAtProvider
	}
	ok := how == anyName
	for i := range n.sets {
		s := &n.sets[i]
		if s.deny.has(m, anyName) || s.hasAllow && !s.allow.has(m, how) {
			return false
		}
		ok = ok || s.hasAllow
	}
	return ok
}

// choosesBehind reports whether the provider takes the name for a choice of its own among models: an aggregator's router,
// or settings that a caller stored there.
func (m *model) choosesBehind() bool {
	p := m.provider
	if p.spec == nil || !p.spec.PrefixOnly {
		return false
	}
	author, _, _ := strings.Cut(m.cat.ID, "/")
	return strings.EqualFold(author, p.id) || strings.Contains(m.cat.ID, "@")
}

// nameMatch is which names of a list count.
type nameMatch uint8

const (
	anyName         nameMatch = iota
	nameAtProvider            // those with the provider's name in front
	exactAtProvider           // those of them without *
)

// nameSet reads a list of names as requests are read: what stands before the first colon is a provider where one goes by it.
func (u *universe) nameSet(names []string) nameSet {
	var s nameSet
	if len(names) > 0 {
		s.exact = make(map[modelName]struct{}, len(names))
	}
	for _, name := range names {
		text := strings.ToLower(strings.TrimSpace(name))
		var at []*provider
		if prefix, rest, ok := strings.Cut(text, ":"); ok {
			if at = u.named[prefix]; len(at) > 0 {
				text = rest
			}
		}
		switch {
		case strings.Contains(text, "*"):
			s.globs = append(s.globs, nameGlob{at: at, text: text})
		case len(at) == 0:
			s.exact[modelName{id: text}] = struct{}{}
		default:
			for _, p := range at {
				s.exact[modelName{at: p, id: text}] = struct{}{}
			}
		}
	}
	return s
}

// has reports whether a model goes by one of the names.
func (s *nameSet) has(m *model, how nameMatch) bool {
	if len(s.exact) == 0 && len(s.globs) == 0 {
		return false
	}
	if s.names(m, m.cat.ID, how) {
		return true
	}
	return slices.ContainsFunc(m.cat.IDAliases, func(alias string) bool { return s.names(m, alias, how) })
}

func (s *nameSet) names(m *model, name string, how nameMatch) bool {
	name = strings.ToLower(name)
	if len(s.exact) > 0 {
		if _, ok := s.exact[modelName{at: m.provider, id: name}]; ok {
			return true
		}
		if _, ok := s.exact[modelName{id: name}]; ok && how == anyName {
			return true
		}
	}
	if how == exactAtProvider {
		return false
	}
	for i := range s.globs {
		g := &s.globs[i]
		switch {
		case len(g.at) > 0:
			if slices.Contains(g.at, m.provider) && MatchGlob(g.text, name) {
				return true
			}
		case how != anyName:
		case MatchGlob(g.text, name), strings.Contains(g.text, ":") && MatchGlob(g.text, strings.ToLower(m.provider.id)+":"+name):
			return true
		}
	}
	return false
}

// MatchGlob reports whether a text is what a pattern says, in which * stands for any characters. It looks at no byte of
// the text more often than the pattern has parts.
func MatchGlob(pattern, text string) bool {
	before, rest, ok := strings.Cut(pattern, "*")
	if !ok {
		return pattern == text
	}
	if text, ok = strings.CutPrefix(text, before); !ok {
		return false
	}
	for {
		part, more, ok := strings.Cut(rest, "*")
		if !ok {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], more
	}
}

// reachableEntries is what ai.models lists outside of strategies: what the rules left.
func (x *Exchange) reachableEntries() []*catalog.Model {
	u := x.plan.universe
	if !x.narrows() {
		return u.entries()
	}
	return entriesOf(slices.DeleteFunc(slices.Clone(u.models), func(m *model) bool { return !x.reaches(u, m) }))
}
