//go:build !race

package engine

import "testing"

// TestNarrowingAllocates: a scope that was met before costs no memory.
func TestNarrowingAllocates(t *testing.T) {
	f := newFixture(t, nil, nil)
	u := f.route(t, RouteConfig{}).universe
	s := NewModelScope(
		ModelLists{Allow: []string{"alpha", "b*"}, Of: ListOfProviders}, ModelLists{Allow: []string{"alpha:*", "acme/big", "large"}, Deny: []string{"*-mini"}},
	)
	x, reached := NewExchange(), 0
	once := func() {
		x.NarrowTo(s)
		for _, m := range u.models {
			if x.reaches(u, m) {
				reached++
			}
		}
		x.Reset()
	}
	once()
	if got := testing.AllocsPerRun(500, once); got != 0 || reached == 0 {
		t.Errorf("got %v allocations, want none; %d models were reached", got, reached)
	}
}

// TestRingKeysAllocate: keys that callers bring cost no memory and take no lock of the runtime.
func TestRingKeysAllocate(t *testing.T) {
	f := newFixture(t, nil, nil)
	p := f.route(t, RouteConfig{})
	x := NewExchange()
	x.UseKeyring(ring{"alpha": {NewRingKey("a", "a", "sk-a-0123456789"), NewRingKey("b", "b", "sk-b-0123456789"), {Gateway: true}}})
	m := p.universe.byName["small"][0]
	f.rt.mu.Lock() // whoever asks for it waits for ever
	defer f.rt.mu.Unlock()
	d := dispatch{r: p.routes[0], x: x}
	if got := testing.AllocsPerRun(500, func() {
		keys, err := d.keys(m)
		if err != nil || len(keys) != 3 || keys[1].ring.ID != "b" {
			t.Fatalf("got %d keys and %v", len(keys), err)
		}
	}); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}
