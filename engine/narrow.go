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
	// Of says what the names are of.
	Of ListOf
}

// ListOf is what the names of a list are of.
type ListOf uint8

// Lists of models, and of providers by id or alias, where a provider stands for every model of its own, unknown ones too.
const (
	ListOfModels ListOf = iota
	ListOfProviders
)

// narrows reports whether the lists leave anything out.
func (l *ModelLists) narrows() bool { return l.HasAllow || len(l.Allow) > 0 || len(l.Deny) > 0 }

// NarrowTo narrows every later choice of models of this exchange, the list of models too; a nil scope leaves them as they
// are. Names are compared by canonical id, after aliases, case and provider prefix, with or without the author and a slash in
// front; * stands for any characters. Several calls narrow further. A model that only the request knows passes where an
// entry of Allow names its provider, and not otherwise.
func (x *Exchange) NarrowTo(s *ModelScope) {
	if s == nil {
		return
	}
	x.narrowed.scopes = append(x.narrowed.scopes, s)
	x.narrowed.of = nil
}

// NarrowModels is NarrowTo for lists that this exchange alone has.
func (x *Exchange) NarrowModels(l ModelLists) {
	if l.narrows() {
		l.HasAllow = l.HasAllow || len(l.Allow) > 0
		x.NarrowTo(&ModelScope{lists: []ModelLists{l}})
	}
}

// narrowing is what rules left of the models for one exchange.
type narrowing struct {
	scopes []*ModelScope
	of     *universe // that sets were found for: names mean what its providers make of them
	sets   [][]narrowSet
}

func (n *narrowing) reset() {
	if len(n.scopes) > 0 {
		clear(n.scopes)
		clear(n.sets)
		*n = narrowing{scopes: n.scopes[:0], sets: n.sets[:0]}
	}
}

// narrowSet is one pair of lists over one universe.
type narrowSet struct {
	allow, deny nameSet
	hasAllow    bool
	// allowed and denied are the providers of lists of those.
	of              ListOf
	allowed, denied []*provider
}

// nameSet is the names of a list: exact ones by what they stand for, the others to be tried one by one.
type nameSet struct {
	exact   map[modelName]struct{}
	globs   []nameGlob
	slashed []authorName
}

// authorName is a name with a slash in it, which may be an author's before that of a model.
type authorName struct {
	at           []*provider // that its prefix names; nil where it has none
	author, text string
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
func (x *Exchange) narrows() bool { return len(x.narrowed.scopes) > 0 }

// reaches reports whether the rules left a model to this exchange.
func (x *Exchange) reaches(u *universe, m *model) bool {
	n := &x.narrowed
	if len(n.scopes) == 0 {
		return true
	}
	if n.of != u {
		n.of, n.sets = u, n.sets[:0]
		for _, s := range n.scopes {
			n.sets = append(n.sets, u.setsOf(s))
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
	for _, sets := range n.sets {
		for i := range sets {
			s := &sets[i]
			if !s.leaves(m, how) {
				return false
			}
			ok = ok || s.hasAllow
		}
	}
	return ok
}

// leaves reports whether a model passes one pair of lists.
func (s *narrowSet) leaves(m *model, how nameMatch) bool {
	if s.of == ListOfProviders {
		return !slices.Contains(s.denied, m.provider) && (!s.hasAllow || slices.Contains(s.allowed, m.provider))
	}
	return !s.deny.has(m, anyName|denied) && (!s.hasAllow || s.allow.has(m, how))
}

func (u *universe) narrowSet(l *ModelLists) narrowSet {
	if l.Of == ListOfProviders {
		return narrowSet{of: l.Of, hasAllow: l.HasAllow, allowed: u.providersOf(l.Allow), denied: u.providersOf(l.Deny)}
	}
	return narrowSet{allow: u.nameSet(l.Allow), deny: u.nameSet(l.Deny), hasAllow: l.HasAllow}
}

// providersOf finds the providers that go by one of the names.
func (u *universe) providersOf(names []string) []*provider {
	var out []*provider
	for _, name := range names {
		text := strings.ToLower(strings.TrimSpace(name))
		for going, ps := range u.named {
			if MatchGlob(text, going) {
				out = append(out, ps...)
			}
		}
	}
	return out
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

	// denied is added where nobody may slip through: names with an author in front hold for models whose author is unknown.
	denied nameMatch = 1 << 4
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
		if author, rest, ok := strings.Cut(text, "/"); ok {
			s.slashed = append(s.slashed, authorName{at: at, author: author, text: rest})
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
	deny := how&denied != 0
	how &^= denied
	if s.names(m, m.cat.ID, how) || s.byAuthor(m, m.cat.ID, how, deny) {
		return true
	}
	return slices.ContainsFunc(m.cat.IDAliases, func(alias string) bool {
		return s.names(m, alias, how) || s.byAuthor(m, alias, how, deny)
	})
}

// byAuthor reports whether a model goes by a name with its author in front.
func (s *nameSet) byAuthor(m *model, name string, how nameMatch, deny bool) bool {
	for i := range s.slashed {
		a := &s.slashed[i]
		switch {
		case len(a.at) > 0 && !slices.Contains(a.at, m.provider):
		case len(a.at) == 0 && how != anyName:
		case how == exactAtProvider && (strings.Contains(a.author, "*") || strings.Contains(a.text, "*")):
		case !m.madeBy(a.author) && (!deny || m.cat.AuthorID != ""):
		case MatchGlob(a.text, strings.ToLower(name)):
			return true
		}
	}
	return false
}

// madeBy reports whether the author is known by a name.
func (m *model) madeBy(author string) bool {
	if m.cat.AuthorID == "" {
		return false
	}
	if MatchGlob(author, strings.ToLower(m.cat.AuthorID)) {
		return true
	}
	return m.cat.Author != nil &&
		slices.ContainsFunc(m.cat.Author.IDAliases, func(alias string) bool { return MatchGlob(author, strings.ToLower(alias)) })
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
	models := x.offered(u)
	if x.narrows() {
		models = slices.DeleteFunc(slices.Clone(models), func(m *model) bool { return !x.reaches(u, m) })
	}
	return entriesOf(models)
}
