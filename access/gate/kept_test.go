package gate

import (
	"testing"

	"weir/access"
	"weir/engine"
)

// entry is the first of a key's ring for a model of OpenAI.
func (f *fixture) entry(n int) engine.RingKey {
	f.t.Helper()
	keys, ok := f.gate.view.Load().grants["aigk_"+id(n)].ring.Keys(model("openai", "gpt-5"))
	if !ok || len(keys) == 0 {
		f.t.Fatal("got no key")
	}
	return keys[0]
}

// TestEntriesAreShared: whoever has a provider key has the same entry of it, so that its rests are known to all, and it stays
// the same while other things change.
func TestEntriesAreShared(t *testing.T) {
	f := newFixture(t)
	f.providerKey("k1", "openai", "")
	f.static.Configurations = []*access.Configuration{{
		Meta: access.Meta{ID: "aigac_1"}, Router: &access.Router{Rules: []access.RouterRule{{Provider: "openai", Steps: []access.Step{user("k1")}}}},
	}}
	f.add(1, func(k *access.AccessKey) { k.ProviderKeyIDs = []string{"k1"} })
	f.add(2, func(k *access.AccessKey) { k.ConfigurationID = "aigac_1" })
	f.apply()
	first := f.entry(1)
	if f.entry(2) != first {
		t.Error("got two entries for one provider key")
	}
	f.change(1, func(k *access.AccessKey) { k.Name = "other" })
	f.providerKey("k2", "openai", "") // everything is made anew
	f.apply()
	if f.entry(1) != first || f.entry(2) != first {
		t.Error("got another entry although the provider key is the same")
	}
	change := func(edit func(k *access.ProviderKey)) {
		other := *f.static.ProviderKeys[0]
		edit(&other)
		f.static.ProviderKeys = append([]*access.ProviderKey{&other}, f.static.ProviderKeys[1:]...)
		f.apply()
	}
	change(func(k *access.ProviderKey) { k.Metadata = `{"a":1}` })
	if f.entry(1) != first {
		t.Error("got another entry although the value is the same")
	}
	change(func(k *access.ProviderKey) { k.Name = "new name" })
	if got := f.entry(1); got.Name != "new name" || got.Value != first.Value {
		t.Errorf("got the name %q, want the new one", got.Name)
	}
	change(func(k *access.ProviderKey) { k.Sealed = f.box.Seal([]byte("sk-new"), "k1") })
	if got := f.entry(1); got.Value != "sk-new" || got == first || f.entry(2) != got {
		t.Errorf("got %q, want the entry of the new value for both", got.Value)
	}
}

// TestScopesAreShared: keys of one configuration have one scope, which stays while the configuration does.
func TestScopesAreShared(t *testing.T) {
	f := newFixture(t)
	conf := &access.Configuration{Meta: access.Meta{ID: "aigac_1"}, Access: &access.Scope{Models: &access.NameList{Allow: []string{"gpt-5"}}}}
	f.static.Configurations = []*access.Configuration{conf}
	scope := func(n int) *engine.ModelScope { return f.gate.view.Load().grants["aigk_"+id(n)].scope }
	f.add(1, func(k *access.AccessKey) { k.ConfigurationID = "aigac_1" })
	f.apply()
	first := scope(1)
	f.providerKey("k1", "openai", "")
	f.add(2, func(k *access.AccessKey) { k.ConfigurationID = "aigac_1" })
	f.add(3, nil)
	f.apply()
	if first == nil || scope(1) != first || scope(2) != first {
		t.Error("got another scope although the configuration is the same")
	}
	if scope(3) != nil {
		t.Error("got a scope of a key without a configuration")
	}
	other := *conf
	other.Access = &access.Scope{Models: &access.NameList{Allow: []string{"gpt-4"}}}
	f.static.Configurations = []*access.Configuration{&other}
	f.apply()
	if second := scope(1); second == nil || second == first || scope(2) != second {
		t.Error("got the scope of the configuration before")
	}
}
