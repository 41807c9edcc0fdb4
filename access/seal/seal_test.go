package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func newKey(tb testing.TB) []byte {
	tb.Helper()
	key := make([]byte, KeySize)
	_, _ = rand.Read(key)
	return key
}

func newBox(tb testing.TB, keys ...[]byte) *Box {
	tb.Helper()
	b, err := New(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestSealAndOpen(t *testing.T) {
	old, now := newKey(t), newKey(t)
	before, both, after := newBox(t, old), newBox(t, now, old), newBox(t, now)
	plain := []byte("sk-proj-canary")
	sealed := before.Seal(plain, "aigpk_1")
	if bytes.Contains(sealed, plain) {
		t.Fatal("the value stands in what was sealed")
	}
	for name, box := range map[string]*Box{"the same key": before, "a later key in front": both} {
		if got, err := box.Open(sealed, "aigpk_1"); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: got %q, %v, want the value back", name, got, err)
		}
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	otherVersion := bytes.Clone(sealed)
	otherVersion[0]++
	tests := []struct {
		name   string
		box    *Box
		sealed []byte
		about  string
	}{
		{"another id", before, sealed, "aigpk_2"},
		{"no id", before, sealed, ""},
		{"another key", after, sealed, "aigpk_1"},
		{"a changed byte", before, changed, "aigpk_1"},
		{"another version", before, otherVersion, "aigpk_1"},
		{"cut short", before, sealed[:20], "aigpk_1"},
		{"nothing", before, nil, "aigpk_1"},
		{"a hash", before, before.Hash("wr-token"), "aigpk_1"},
	}
	for _, tt := range tests {
		if got, err := tt.box.Open(tt.sealed, tt.about); !errors.Is(err, ErrOpen) || got != nil {
			t.Errorf("%s: got %q, %v, want ErrOpen", tt.name, got, err)
		}
	}
	if bytes.Equal(before.Seal(plain, "x"), before.Seal(plain, "x")) {
		t.Error("the same value sealed twice is the same")
	}
	if !both.KnowsSealed(sealed) || after.KnowsSealed(sealed) || after.KnowsSealed(nil) {
		t.Error("KnowsSealed does not follow the keys")
	}
}

func TestMatches(t *testing.T) {
	old, now := newKey(t), newKey(t)
	before, both, after := newBox(t, old), newBox(t, now, old), newBox(t, now)
	token := NewToken("01abcdefghjkmnpqrstvwxyz01")
	hash := before.Hash(token)
	tests := []struct {
		name  string
		box   *Box
		hash  []byte
		token string
		want  bool
	}{
		{"the token", before, hash, token, true},
		{"the old key after a new one", both, hash, token, true},
		{"the new key in front", both, both.Hash(token), token, true},
		{"the old key is gone", after, hash, token, false},
		{"another token", before, hash, token + "x", false},
		{"no token", before, hash, "", false},
		{"no hash", before, nil, token, false},
		{"a hash of zeros", before, make([]byte, hashSize), token, false},
		{"half a hash", before, hash[:hashSize/2], token, false},
		{"a longer hash", before, append(bytes.Clone(hash), 0), token, false},
		{"a very long token", before, before.Hash(strings.Repeat("x", 9000)), strings.Repeat("x", 9000), true},
	}
	for _, tt := range tests {
		if got := tt.box.Matches(tt.hash, tt.token); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	if !both.KnowsHash(hash) || after.KnowsHash(hash) {
		t.Error("KnowsHash does not follow the keys")
	}
}

func TestHashIsNotThatOfTheMasterKey(t *testing.T) {
	a, b := newBox(t, newKey(t)), newBox(t, newKey(t))
	if bytes.Equal(a.Hash("t")[idSize:], b.Hash("t")[idSize:]) {
		t.Error("two master keys give one hash")
	}
	if bytes.Contains(a.Hash("a token"), []byte("a token")) {
		t.Error("the token stands in its hash")
	}
}

func TestNew(t *testing.T) {
	key := newKey(t)
	many := make([][]byte, maxKeys+1)
	for i := range many {
		many[i] = newKey(t)
	}
	tests := []struct {
		name string
		keys [][]byte
		ok   bool
	}{
		{"one", [][]byte{key}, true},
		{"the same twice", [][]byte{key, key}, true},
		{"none", nil, false},
		{"short", [][]byte{key[:31]}, false},
		{"empty", [][]byte{{}}, false},
		{"zeros", [][]byte{make([]byte, KeySize)}, false},
		{"too many", many, false},
	}
	for _, tt := range tests {
		b, err := New(tt.keys...)
		if (err == nil) != tt.ok {
			t.Errorf("%s: got %v, want ok %v", tt.name, err, tt.ok)
		}
		if err == nil && len(b.keys) != 1 {
			t.Errorf("%s: got %d keys, want 1", tt.name, len(b.keys))
		}
		if err != nil && strings.Contains(err.Error(), hex.EncodeToString(key[:4])) {
			t.Errorf("%s: the error shows a key: %v", tt.name, err)
		}
	}
}

func TestTokensAndLookup(t *testing.T) {
	box := newBox(t, newKey(t), newKey(t))
	id := "01abcdefghjkmnpqrstvwxyz01"
	token := NewToken(id)
	if len(token) != len(prefix)+idLength+len(generation)+52 || token == NewToken(id) {
		t.Fatalf("got a token of %d bytes", len(token))
	}
	if got := box.Lookup(nil, token); len(got) != 1 || got[0] != id {
		t.Errorf("got %q, want the id", got)
	}
	foreign := []string{
		"", "wr-", "wr-" + id, "wr-" + id + "-g1-", "wr-" + strings.ToUpper(id) + "-g1-x", "ng-abcde-g1-abcdefghijk",
		"wr-" + id[1:] + "-g1-xxxx", "wr-" + id + "-g2-xxxx", "wr-" + id[:25] + "/-g1-xxxx",
	}
	seen := map[string]bool{}
	for _, f := range foreign {
		got := box.Lookup([]string{"before"}, f)
		if len(got) != 3 || got[0] != "before" || got[1] == got[2] {
			t.Errorf("%q: got %q, want one for each key", f, got)
			continue
		}
		if seen[got[1]] || len(got[1]) != 2*lookupSize {
			t.Errorf("%q: got %q, want a lookup of its own", f, got[1])
		}
		seen[got[1]] = true
	}
}

func TestHashText(t *testing.T) {
	old := newKey(t)
	box, other := newBox(t, newKey(t), old), newBox(t, newKey(t))
	for _, token := range []string{NewToken("01abcdefghjkmnpqrstvwxyz01"), "ng-abcde-g1-abcdefghijk"} {
		text := box.HashText(token)
		lookup, hash, err := box.ParseHashText(text)
		if err != nil || lookup != box.Lookup(nil, token)[0] || !box.Matches(hash, token) {
			t.Errorf("%s: got %q, %v, want the token's own", text, lookup, err)
		}
		if _, _, err := other.ParseHashText(text); !errors.Is(err, errHashKey) {
			t.Errorf("%s: got %v under another master key", text, err)
		}
		for _, bad := range []string{"", ":", text[1:], text + "00", "x" + text, strings.Replace(text, ":", "::", 1) + ":"} {
			if _, _, err := box.ParseHashText(bad); err == nil {
				t.Errorf("%q was read as a hash", bad)
			}
		}
	}
}

func TestHint(t *testing.T) {
	tests := []struct{ name, secret, want string }{
		{"empty", "", "***"},
		{"short", "sk-123456789012", "***"},
		{"middling", "sk-1234567890123", "sk…***23"},
		{"long", "sk-proj-abcdefghijklmnopqrstuvwxyz", "sk-proj-…***wxyz"},
		{"not text", "sk-proj-abcdefghijklmnop\nqrstuvwxyz", "***"},
		{"ours", "wr-01abcdefghjkmnpqrstvwxyz01-g1-secretsecret9876", "wr-01abc…***9876"},
	}
	for _, tt := range tests {
		if got := Hint(tt.secret); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestEncodeSortsAsBytes(t *testing.T) {
	before := Encode(make([]byte, 16))
	for i := range 128 {
		b := make([]byte, 16)
		b[15-i/8] = 1 << (i % 8)
		now := Encode(b)
		if now <= before || len(now) != idLength {
			t.Fatalf("%q does not come after %q", now, before)
		}
		before = now
	}
}

func FuzzOpen(f *testing.F) {
	box := newBox(f, newKey(f))
	sealed := box.Seal([]byte("value"), "about")
	f.Add(sealed, "about")
	f.Add([]byte{version}, "")
	f.Fuzz(func(t *testing.T, in []byte, about string) {
		got, err := box.Open(in, about)
		if err == nil && (!bytes.Equal(in, sealed) || about != "about") {
			t.Errorf("opened %q to %q", in, got)
		}
	})
}

func BenchmarkMatches(b *testing.B) {
	box := newBox(b, newKey(b), newKey(b))
	token := NewToken("01abcdefghjkmnpqrstvwxyz01")
	hash := box.Hash(token)
	for _, tt := range []struct {
		name string
		hash []byte
	}{{"right", hash}, {"wrong", box.Hash("x")}, {"unknown", nil}} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				box.Matches(tt.hash, token)
			}
		})
	}
}

func BenchmarkLookupForeign(b *testing.B) {
	box := newBox(b, newKey(b))
	dst := make([]string, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		dst = box.Lookup(dst[:0], "ng-abcde-g1-abcdefghijklmnopqrstuv")
	}
}
