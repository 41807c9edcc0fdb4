package engine

import (
	"sync"
	"weak"
)

// ModelScope is pairs of lists that hold for many exchanges: what they mean is worked out once for each set of providers, and
// not for each exchange. It never changes.
type ModelScope struct {
	lists []ModelLists
	// self is what it is found by where it was worked out before; that keeps neither it nor those providers.
	self weak.Pointer[ModelScope]
}

// NewModelScope makes a scope of lists, of which a model must pass all; it is nil where they leave nothing out.
func NewModelScope(lists ...ModelLists) *ModelScope {
	s := &ModelScope{}
	for i := range lists {
		if l := lists[i]; l.narrows() {
			l.HasAllow = l.HasAllow || len(l.Allow) > 0
			s.lists = append(s.lists, l)
		}
	}
	if len(s.lists) == 0 {
		return nil
	}
	s.self = weak.Make(s)
	return s
}

// scopeTable is what scopes mean to the providers of one universe. It lives as long as they do, and forgets scopes that
// nothing else holds.
type scopeTable struct {
	sets sync.Map // weak.Pointer[ModelScope] to *[]narrowSet

	mu    sync.Mutex
	count int // of entries
	check int // the count from which on dead ones are looked for
}

// fewScopes are kept without a look for dead ones: they take some hundred kilobytes at most.
const fewScopes = 64

// setsOf works out what a scope means here, or finds it.
func (u *universe) setsOf(s *ModelScope) []narrowSet {
	if s.self != (weak.Pointer[ModelScope]{}) {
		if found, ok := u.scopes.sets.Load(s.self); ok {
			if sets, ok := found.(*[]narrowSet); ok {
				return *sets
			}
		}
	}
	sets := make([]narrowSet, len(s.lists))
	for i := range s.lists {
		sets[i] = u.narrowSet(&s.lists[i])
	}
	if s.self != (weak.Pointer[ModelScope]{}) {
		u.scopes.keep(s.self, &sets)
	}
	return sets
}

func (t *scopeTable) keep(s weak.Pointer[ModelScope], sets *[]narrowSet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.sets.Swap(s, sets); there {
		return
	}
	t.count++
	if t.count <= max(t.check, fewScopes) {
		return
	}
	t.sets.Range(func(key, _ any) bool {
		if old, ok := key.(weak.Pointer[ModelScope]); ok && old.Value() == nil {
			t.sets.Delete(key)
			t.count--
		}
		return true
	})
	t.check = 2 * t.count
}
