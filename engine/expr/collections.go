package expr

import (
	"cmp"
	"slices"
	"strings"

	"weir/engine/catalog"
)

// The collection functions on plain Go slices. They never change what they are given; strategies run them directly and CEL
// programs through the bindings in collectionlib.go.

// matchesID reports whether one of ids names the thing with this id and these aliases. Case does not count.
func matchesID(id string, aliases, ids []string) bool {
	for _, want := range ids {
		if strings.EqualFold(id, want) {
			return true
		}
		for _, alias := range aliases {
			if strings.EqualFold(alias, want) {
				return true
			}
		}
	}
	return false
}

func matchesModel(m *catalog.Model, ids []string) bool {
	if matchesID(m.ID, m.IDAliases, ids) {
		return true
	}
	for _, want := range ids {
		provider, id, ok := strings.Cut(want, ":")
		if ok && matchesProvider(m, []string{provider}) && matchesID(m.ID, m.IDAliases, []string{id}) {
			return true
		}
	}
	return false
}

func matchesProvider(m *catalog.Model, ids []string) bool {
	if m.Provider == nil {
		return matchesID(m.ProviderID, nil, ids)
	}
	return matchesID(m.ProviderID, m.Provider.IDAliases, ids)
}

func matchesAuthor(m *catalog.Model, ids []string) bool {
	if m.Author == nil {
		return matchesID(m.AuthorID, nil, ids)
	}
	return matchesID(m.AuthorID, m.Author.IDAliases, ids)
}

func inRegion(m *catalog.Model, region string) bool {
	return slices.ContainsFunc(m.Datacenters, func(d catalog.Datacenter) bool { return strings.EqualFold(d.Region, region) })
}

func inCountry(m *catalog.Model, code string) bool {
	return slices.ContainsFunc(m.Datacenters, func(d catalog.Datacenter) bool { return strings.EqualFold(d.CountryCode, code) })
}

// keep returns the elements that hold, in order.
func keep[T any](in []T, holds func(T) bool) []T {
	out := make([]T, 0, len(in))
	for _, v := range in {
		if holds(v) {
			out = append(out, v)
		}
	}
	return out
}

// byPrice orders models by the price of their text input, unknown prices last.
func byPrice(in []*catalog.Model) []*catalog.Model {
	out := slices.Clone(in)
	slices.SortStableFunc(out, func(a, b *catalog.Model) int {
		x, y := a.Pricing.Input, b.Pricing.Input
		switch {
		case x == nil && y == nil:
			return 0
		case x == nil:
			return 1
		case y == nil:
			return -1
		default:
			return cmp.Compare(*x, *y)
		}
	})
	return out
}

func shuffled[T any](in []T, intn func(int) int) []T {
	out := slices.Clone(in)
	for i := len(out) - 1; i > 0; i-- {
		j := intn(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func findModel(in []*catalog.Model, provider, id string) *catalog.Model {
	for _, m := range in {
		if matchesProvider(m, []string{provider}) && matchesID(m.ID, m.IDAliases, []string{id}) {
			return m
		}
	}
	return nil
}

// providersOf lists the providers of models, in order of first mention.
func providersOf(models []*catalog.Model) []*providerView {
	var out []*providerView
	at := make(map[*catalog.Provider]int)
	for _, m := range models {
		if m.Provider == nil {
			continue
		}
		i, ok := at[m.Provider]
		if !ok {
			i = len(out)
			at[m.Provider] = i
			out = append(out, &providerView{Provider: m.Provider})
		}
		out[i].models = append(out[i].models, m)
	}
	return out
}

func authorsOf(models []*catalog.Model) []*catalog.Author {
	var out []*catalog.Author
	for _, m := range models {
		if m.Author != nil && !slices.Contains(out, m.Author) {
			out = append(out, m.Author)
		}
	}
	return out
}

// metadataAt reads a dotted path. A key that itself holds dots wins over the path.
func metadataAt(m map[string]any, path string) any {
	if v, ok := m[path]; ok {
		return v
	}
	head, rest, more := strings.Cut(path, ".")
	if !more {
		return nil
	}
	below, ok := m[head].(map[string]any)
	if !ok {
		return nil
	}
	return metadataAt(below, rest)
}

func idOf(v any) (string, bool) {
	switch v := v.(type) {
	case *catalog.Model:
		return v.ID, true
	case *providerView:
		return v.ID, true
	case *catalog.Author:
		return v.ID, true
	case *Key:
		return v.ID, true
	default:
		return "", false
	}
}

func identify(v any) (id string, aliases []string) {
	switch v := v.(type) {
	case *catalog.Model:
		return v.ID, v.IDAliases
	case *providerView:
		return v.ID, v.IDAliases
	case *catalog.Author:
		return v.ID, v.IDAliases
	default:
		return "", nil
	}
}
