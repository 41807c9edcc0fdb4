package access

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestCreateKey(t *testing.T) {
	w := newWorld(t)
	k, token := w.key(&AccessKey{Meta: Meta{Name: "ci"}}, "")
	if !strings.HasPrefix(token, "wr-"+strings.TrimPrefix(k.ID, "aigk_")+"-g1-") || w.byToken(token) == nil {
		t.Errorf("got token %s… for %s", token[:10], k.ID)
	}
	imported := "ng-abcde-g1-0123456789"
	old, _ := w.key(&AccessKey{Meta: Meta{Name: "old"}}, imported)
	if got := w.byToken(imported); got == nil || got.ID != old.ID {
		t.Errorf("got %v for the imported token", got)
	}
	tests := []struct {
		name, token string
		want        error
	}{
		{"the imported one again", imported, ErrExists},
		{"a made one", token, ErrExists},
		{"the id of another key with another secret", token[:len(token)-1] + "x", ErrExists},
		{"short", "short-token-123", nil},
		{"long", strings.Repeat("0123456789", 60), nil},
		{"with a space", "a token of many words", nil},
		{"not ASCII", "0123456789abcdefä", nil},
		{"with a line break", "0123456789abcdef\n", nil},
		{"all the same", strings.Repeat("x", 40), nil},
	}
	for _, tt := range tests {
		for _, r := range []Resource{&AccessKey{}, &APIKey{Role: RoleAdmin}} {
			got, err := w.CreateKey(t.Context(), admin, r, tt.token, WriteOptions{})
			_, field := errors.AsType[*FieldError](err)
			if got != "" || err == nil || tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && !field {
				t.Errorf("%s: got %q, %v", tt.name, got, err)
			}
			if err != nil && strings.Contains(err.Error(), tt.token[:15]) {
				t.Errorf("%s: the error shows the token: %v", tt.name, err)
			}
		}
	}
	api := &APIKey{Meta: Meta{Name: "root"}, Role: RoleAdmin}
	apiToken, err := w.CreateKey(t.Context(), admin, api, "", WriteOptions{})
	if err != nil || w.byToken(apiToken) != nil || w.dir.Load().APITokens[w.box.Lookup(nil, apiToken)[0]] == nil {
		t.Errorf("got %v: the token of the API must be one, and no access key", err)
	}
	if err := w.Create(t.Context(), admin, KindAccessKey, &AccessKey{}, WriteOptions{}); err == nil {
		t.Error("an access key was made without a token")
	}
	if err := w.Create(t.Context(), admin, KindTeam, &APIKey{}, WriteOptions{}); err == nil {
		t.Error("a team was made of an API key")
	}
	for _, secret := range []string{token, imported, apiToken, token[len(token)-20:]} {
		if strings.Contains(w.bodies(), secret) {
			t.Error("a token stands in the store")
		}
	}
	given := &AccessKey{Meta: Meta{ID: newID("aigk_", w.clock.Now())}}
	if _, tok := w.key(given, ""); !strings.Contains(tok, strings.TrimPrefix(given.ID, "aigk_")) {
		t.Error("a key with an id gets a token of another")
	}
	if _, err := w.CreateKey(t.Context(), admin, &AccessKey{Meta: Meta{ID: given.ID}}, "", WriteOptions{}); !errors.Is(err, ErrExists) {
		t.Errorf("got %v for an id that is taken", err)
	}
}

func TestRotate(t *testing.T) {
	w := newWorld(t)
	k, first := w.key(&AccessKey{}, "imported-token-0001")
	rotate := func(overlap time.Duration) (string, error) {
		_, token, err := w.Rotate(t.Context(), admin, KindAccessKey, k.ID, overlap, WriteOptions{})
		return token, err
	}
	holds := func(when string, tokens map[string]bool) {
		t.Helper()
		for token, want := range tokens {
			if got := w.byToken(token) != nil; got != want {
				t.Errorf("%s: got %v for %s…, want %v", when, got, token[:12], want)
			}
		}
	}
	second, err := rotate(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	holds("within the overlap", map[string]bool{first: true, second: true})
	w.clock.add(30 * time.Minute)
	third, err := rotate(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	holds("within two overlaps", map[string]bool{first: true, second: true, third: true})
	if _, err := rotate(time.Hour); err == nil {
		t.Error("a third overlap is let through")
	}
	w.clock.add(31 * time.Minute)
	holds("after the first overlap", map[string]bool{first: false, second: true, third: true})
	fourth, err := rotate(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.dir.Load().AccessKeys[k.ID].Tokens); n != 3 {
		t.Errorf("got %d tokens, want the current one and two", n)
	}
	fifth, err := rotate(0)
	if err != nil {
		t.Fatal(err)
	}
	holds("without an overlap", map[string]bool{first: false, second: false, third: false, fourth: false, fifth: true})
	if n := len(w.dir.Load().AccessTokens); n != 1 {
		t.Errorf("got %d tokens to look up, want 1", n)
	}
	for _, bad := range []time.Duration{-1, 93 * 24 * time.Hour} {
		if _, err := rotate(bad); err == nil {
			t.Errorf("an overlap of %v is let through", bad)
		}
	}
	if _, _, err := w.Rotate(t.Context(), admin, KindTeam, k.ID, 0, WriteOptions{}); err == nil {
		t.Error("a team was rotated")
	}
	last := w.store.log[len(w.store.log)-1]
	if last.Action != "rotate" || strings.Contains(w.bodies(), fifth[len(fifth)-20:]) || strings.Contains(string(last.Detail), "hash") {
		t.Errorf("got audit entry %s %s", last.Action, last.Detail)
	}
}

func TestUpdateLeavesTokensAlone(t *testing.T) {
	w := newWorld(t)
	k, token := w.key(&AccessKey{}, "")
	if _, err := w.Update(t.Context(), admin, KindAccessKey, k.ID, WriteOptions{}, edit(func(k *AccessKey) {
		k.Tokens, k.Groups = nil, []string{"ops"}
	})); err != nil {
		t.Fatal(err)
	}
	if got := w.byToken(token); got == nil || len(got.Groups) != 1 {
		t.Errorf("got %+v, want the key with its token and the group", got)
	}
}

func TestProviderKeysAreSealed(t *testing.T) {
	w := newWorld(t)
	const value, later = "sk-proj-canary-0123456789abcdef", "sk-proj-second-0123456789abcdef"
	k := w.providerKey("openai", "openai", value)
	got := w.dir.Load().ProviderKeys[k.ID]
	if plain, err := keyValue(w.box, got); err != nil || plain != value || got.Hint == value {
		t.Errorf("got %v and hint %q", err, got.Hint)
	}
	stolen := *got
	stolen.ID = "aigpk_other"
	if _, err := keyValue(w.box, &stolen); err == nil {
		t.Error("a sealed value opens under another id")
	}
	if _, err := w.Update(t.Context(), admin, KindProviderKey, k.ID, WriteOptions{}, edit(func(k *ProviderKey) { w.SealKey(k, later) })); err != nil {
		t.Fatal(err)
	}
	if plain, err := keyValue(w.box, w.dir.Load().ProviderKeys[k.ID]); err != nil || plain != later {
		t.Errorf("got %v, want the rotated value", err)
	}
	if e := w.store.log[1]; e.Action != "rotate" || !strings.Contains(string(e.Detail), `"sealed":{"old":"***","new":"***"}`) {
		t.Errorf("got audit entry %s %s", e.Action, e.Detail)
	}
	if all := w.bodies(); strings.Contains(all, value) || strings.Contains(all, later) {
		t.Error("a value stands in the store")
	}
}

func TestTooManyKeys(t *testing.T) {
	s := &Snapshot{AccessKeys: make(map[string]*AccessKey, maxAccessKeys)}
	for i := range maxAccessKeys {
		s.AccessKeys[strconv.Itoa(i)] = nil
	}
	if err := room(s, KindAccessKey); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "200000") {
		t.Errorf("got %v, want that the store is full", err)
	}
	delete(s.AccessKeys, "1")
	if err := room(s, KindAccessKey); err != nil {
		t.Errorf("got %v with room for one", err)
	}
}

func TestCheckKeys(t *testing.T) {
	w := newWorld(t)
	w.key(&AccessKey{}, "")
	w.providerKey("x", "openai", "sk-0123456789abcdef")
	if err := CheckKeys(w.dir.Load(), w.box); err != nil {
		t.Errorf("got %v with the right key", err)
	}
	if err := CheckKeys(w.dir.Load(), otherBox(t)); err == nil || !strings.Contains(err.Error(), "1 tokens and 1 provider keys") {
		t.Errorf("got %v with another key", err)
	}
}
