//go:build !race

package gate

import (
	"testing"

	"weir/access"
	"weir/engine"
)

func busyFixture(tb testing.TB) (f *fixture, plain, scoped string) {
	tb.Helper()
	f = newFixture(tb)
	f.static.Teams = []*access.Team{{Meta: access.Meta{ID: "team_a"}}}
	f.static.Configurations = []*access.Configuration{{
		Meta: access.Meta{ID: "aigac_1"}, Access: &access.Scope{
			Providers: &access.NameList{Allow: []string{"openai"}}, Models: &access.NameList{Allow: []string{"openai/gpt-5"}},
		},
	}}
	plain = f.add(1, func(k *access.AccessKey) { k.TeamID, k.Metadata = "team_a", `{"a":1}` })
	scoped = f.add(2, func(k *access.AccessKey) { k.ConfigurationID = "aigac_1" })
	for n := range 1000 {
		f.add(10+n, nil)
	}
	f.apply()
	return f, plain, scoped
}

func TestAllocations(t *testing.T) {
	f, plain, scoped := busyFixture(t)
	for _, tt := range []struct {
		name, token string
		want        float64
	}{
		{"a key without a configuration", plain, 0},
		{"a key with lists of providers and models", scoped, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := exchange("192.0.2.1")
			if got := testing.AllocsPerRun(1000, func() {
				if err := f.gate.Authenticate(x, tt.token); err != nil {
					t.Fatal(err)
				}
				x.Finish()
				x.Reset()
			}); got > tt.want {
				t.Errorf("got %v allocations, want %v", got, tt.want)
			}
		})
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	f, plain, scoped := busyFixture(b)
	for _, bb := range []struct{ name, token string }{{"plain", plain}, {"scoped", scoped}} {
		b.Run(bb.name, func(b *testing.B) {
			x := exchange("192.0.2.1")
			b.ReportAllocs()
			for b.Loop() {
				if err := f.gate.Authenticate(x, bb.token); err != nil {
					b.Fatal(err)
				}
				x.Finish()
				x.Reset()
			}
		})
	}
	b.Run("hash", func(b *testing.B) {
		hash := f.box.Hash(plain)
		for b.Loop() {
			f.box.Matches(hash, plain)
		}
	})
	b.Run("empty exchange", func(b *testing.B) {
		x := engine.NewExchange()
		for b.Loop() {
			x.Finish()
			x.Reset()
		}
	})
}

func BenchmarkKeyring(b *testing.B) {
	f := newFixture(b)
	f.providerKey("k1", "openai", "")
	f.add(1, func(k *access.AccessKey) { k.ProviderKeyIDs = []string{"k1"} })
	f.apply()
	ring, m := f.gate.view.Load().grants["aigk_"+id(1)].ring, model("openai", "gpt-5")
	b.ReportAllocs()
	for b.Loop() {
		ring.Keys(m)
	}
}
