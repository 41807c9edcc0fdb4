package engine

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"weak"

	"weir/engine/wire"
)

// TestScopeAtEachUniverse: one scope means at each plan what that plan's providers make of it, however often they change.
func TestScopeAtEachUniverse(t *testing.T) {
	fake := newFakeProvider(t, answer(200, chatReply))
	s := NewModelScope(ModelLists{Allow: []string{"al:*"}}, ModelLists{Deny: []string{"small"}})
	goes := func(f *fixture, name string) string {
		x := chat(`{"model":"` + name + `","messages":[]}`)
		x.NarrowTo(s)
		if _, err := run(t, f.route(t, RouteConfig{}), x); err != nil {
			return string(AsError(err).Code)
		}
		return attempts(x)
	}
	for range 3 {
		for alias, want := range map[string]string{"alpha": "alpha:big=200", "beta": "beta:big=200"} {
			f := newFixture(t, fake, fake)
			for i := range f.rt.specs {
				if f.rt.specs[i].ID == alias {
					f.rt.specs[i].Aliases = []string{"al"}
				}
			}
			for range 2 {
				if got := goes(f, "big"); got != want {
					t.Errorf("%s is al: got %s, want %s", alias, got, want)
				}
				if got := goes(f, "small"); got != string(CodeModelNotAllowed) {
					t.Errorf("%s is al: got %s for a denied model", alias, got)
				}
			}
		}
	}
}

// TestNoScope: lists that leave nothing out narrow nothing, and are not asked.
func TestNoScope(t *testing.T) {
	if s := NewModelScope(ModelLists{}, ModelLists{Of: ListOfProviders}); s != nil {
		t.Errorf("got %+v, want none", s)
	}
	x := NewExchange()
	x.NarrowTo(nil)
	if x.narrows() {
		t.Error("got an exchange that is narrowed by nothing")
	}
	x.NarrowTo(NewModelScope(ModelLists{HasAllow: true}))
	if !x.narrows() {
		t.Error("got an exchange that an empty list does not narrow")
	}
	x.Reset()
	if x.narrows() {
		t.Error("got the next exchange narrowed too")
	}
}

// TestScopesAreForgotten: scopes and plans come and go, and neither keeps the other.
func TestScopesAreForgotten(t *testing.T) {
	f := newFixture(t, nil, nil)
	u := f.route(t, RouteConfig{}).universe
	kept := NewModelScope(allow("alpha:*"))
	u.setsOf(kept)
	const most = 4 * fewScopes
	for n := range 40 * fewScopes {
		u.setsOf(NewModelScope(allow(fmt.Sprint("m", n))))
		if n%fewScopes == 0 {
			runtime.GC()
		}
	}
	entries := 0
	u.scopes.sets.Range(func(any, any) bool { entries++; return true })
	if entries != u.scopes.count || entries > most {
		t.Errorf("got %d entries, %d counted, want at most %d", entries, u.scopes.count, most)
	}
	if _, ok := u.scopes.sets.Load(kept.self); !ok {
		t.Error("a scope was forgotten that is still held")
	}
	gone := weak.Make(u) // f and u are not used from here on
	for range 10 {
		runtime.GC()
		if gone.Value() == nil {
			return
		}
	}
	t.Errorf("got providers of a plan that ended, held by %+v", kept)
}

// TestScopeAtOnce: many exchanges meet a scope for the first time.
func TestScopeAtOnce(t *testing.T) {
	f := newFixture(t, nil, nil)
	u := f.route(t, RouteConfig{}).universe
	s := NewModelScope(allow("alpha:*"))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			x := NewExchange()
			for range 100 {
				x.NarrowTo(s)
				for _, m := range u.models {
					if got, want := x.reaches(u, m), m.provider.id == "alpha"; got != want {
						t.Errorf("got %t for %s of %s, want %t", got, m.cat.ID, m.provider.id, want)
					}
				}
				x.Request.API = wire.OpenAIChat
				x.Reset()
			}
		})
	}
	all.Wait()
	if u.scopes.count != 1 {
		t.Errorf("got %d entries, want one", u.scopes.count)
	}
}
