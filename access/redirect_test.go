package access

import (
	"errors"
	"testing"
)

// TestKeysAreNotRedirected: an editor, who cannot read provider keys, cannot have them sent elsewhere either.
func TestKeysAreNotRedirected(t *testing.T) {
	b := newBench(t)
	editor := Actor{Name: "eve", Role: RoleEditor}
	move := edit(func(p *Provider) { p.BaseURL = "https://eve.example/v1" })
	if _, err := b.Update(t.Context(), editor, KindProvider, b.custom.ID, WriteOptions{}, move); !errors.Is(err, ErrForbidden) {
		t.Errorf("got %v for an editor who moves a provider with keys, want it refused", err)
	}
	rename := edit(func(p *Provider) { p.Name = "Theirs" })
	if _, err := b.Update(t.Context(), editor, KindProvider, b.custom.ID, WriteOptions{}, rename); err != nil {
		t.Errorf("got %v for an editor who renames it", err)
	}
	if _, err := b.Update(t.Context(), admin, KindProvider, b.custom.ID, WriteOptions{}, move); err != nil {
		t.Errorf("got %v for an admin who moves it", err)
	}
	// Policies name providers too, and keys may be there before a provider of the store is.
	b.providerKey("policy's", "from-policy", "sk-of-policy-0123456789")
	taken := func() *Provider {
		return &Provider{Meta: Meta{Name: "x"}, ProviderID: "from-policy", BaseURL: "https://eve.example/v1"}
	}
	if err := b.Create(t.Context(), editor, KindProvider, taken(), WriteOptions{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("got %v for an editor who makes a provider that keys wait for, want it refused", err)
	}
	if err := b.Create(t.Context(), admin, KindProvider, taken(), WriteOptions{}); err != nil {
		t.Errorf("got %v for an admin who does", err)
	}
	free := &Provider{Meta: Meta{Name: "x"}, ProviderID: "free", BaseURL: "https://free.example/v1"}
	if err := b.Create(t.Context(), editor, KindProvider, free, WriteOptions{}); err != nil {
		t.Errorf("got %v for an editor who makes another", err)
	}
	away := edit(func(p *Provider) { p.BaseURL = "https://elsewhere.example/v1" })
	if _, err := b.Update(t.Context(), editor, KindProvider, free.ID, WriteOptions{}, away); err != nil {
		t.Errorf("got %v for an editor who moves one without keys", err)
	}
}
