//go:build !race

package seal

import "testing"

func TestMatchesAndLookupAllocateNothing(t *testing.T) {
	box := newBox(t, newKey(t), newKey(t))
	token := NewToken("01abcdefghjkmnpqrstvwxyz01")
	hash := box.Hash(token)
	dst := make([]string, 0, 4)
	for name, f := range map[string]func(){
		"right":   func() { box.Matches(hash, token) },
		"unknown": func() { box.Matches(nil, token) },
		"lookup":  func() { dst = box.Lookup(dst[:0], token) },
	} {
		if got := testing.AllocsPerRun(1000, f); got >= 1 {
			t.Errorf("%s: got %v allocations, want none", name, got)
		}
	}
}
