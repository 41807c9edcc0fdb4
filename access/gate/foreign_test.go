package gate

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/access"
)

// TestForeignKeys: a gate whose master key is not that of the store refuses everybody with 503 and not with 401, and one
// that knows some of what is there goes by each key.
func TestForeignKeys(t *testing.T) {
	f := newFixture(t)
	token := f.add(1, nil)
	f.apply()
	other := newBox(t, 2)
	gate := New(Options{Directory: f.dir, Box: other, StaleFor: time.Hour, Log: zerolog.New(&f.log)})
	for _, text := range []string{token, "wr-unknown", ""} {
		err := gate.Authenticate(exchange("192.0.2.1"), text)
		if code(err) != "store_unavailable" || !strings.Contains(err.Error(), "another master key") {
			t.Errorf("%q: got %v, want that the master key is another", text, err)
		}
	}
	if !errors.Is(gate.Err(), ErrForeign) || strings.Count(f.log.String(), "everybody is refused") != 1 {
		t.Errorf("got %v and the log %s, want it said once", gate.Err(), f.log.String())
	}
	if err := f.gate.Err(); err != nil {
		t.Errorf("the right master key: got %v", err)
	}
	if err := New(Options{Directory: f.dir, Box: newBox(t, 2, 1), StaleFor: time.Hour}).Authenticate(exchange("192.0.2.1"), token); err != nil {
		t.Errorf("the right master key among the old ones: got %v", err)
	}
}

func TestForeign(t *testing.T) {
	mine, other := newBox(t, 1), newBox(t, 2)
	token := func(hash []byte) []access.TokenHash { return []access.TokenHash{{Hash: hash}} }
	meta := access.Meta{ID: "x"}
	tests := []struct {
		name string
		s    access.Snapshot
		want bool
	}{
		{"nothing", access.Snapshot{}, false},
		{"known", access.Snapshot{AccessKeys: map[string]*access.AccessKey{"x": {Meta: meta, Tokens: token(mine.Hash("t"))}}}, false},
		{"unknown", access.Snapshot{AccessKeys: map[string]*access.AccessKey{"x": {Meta: meta, Tokens: token(other.Hash("t"))}}}, true},
		{"both", access.Snapshot{AccessKeys: map[string]*access.AccessKey{
			"x": {Meta: meta, Tokens: token(other.Hash("t"))}, "y": {Meta: meta, Tokens: token(mine.Hash("t"))},
		}}, false},
		{"an unknown key and a known token of the Admin API", access.Snapshot{
			AccessKeys: map[string]*access.AccessKey{"x": {Meta: meta, Tokens: token(other.Hash("t"))}},
			APIKeys:    map[string]*access.APIKey{"x": {Meta: meta, Tokens: token(mine.Hash("t"))}},
		}, false},
		{"an unknown token of the Admin API", access.Snapshot{APIKeys: map[string]*access.APIKey{"x": {Meta: meta, Tokens: token(other.Hash("t"))}}}, true},
		{"a known provider key", access.Snapshot{ProviderKeys: map[string]*access.ProviderKey{"x": {Meta: meta, Sealed: mine.Seal([]byte("v"), "x")}}}, false},
		{"an unknown provider key", access.Snapshot{ProviderKeys: map[string]*access.ProviderKey{"x": {Meta: meta, Sealed: other.Seal([]byte("v"), "x")}}}, true},
		{"of a file", access.Snapshot{AccessKeys: map[string]*access.AccessKey{
			"x": {Meta: access.Meta{ID: "x", Static: true}, Tokens: token(other.Hash("t"))},
		}}, false},
		{"unknown beside one of a file", access.Snapshot{AccessKeys: map[string]*access.AccessKey{
			"x": {Meta: access.Meta{ID: "x", Static: true}, Tokens: token(mine.Hash("t"))}, "y": {Meta: meta, Tokens: token(other.Hash("t"))},
		}}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := foreign(&tt.s, mine); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}
