package catalog

import (
	"slices"
	"strings"
)

// Source is a file that facts of a catalog came from.
type Source struct {
	Name    string `json:"name"`
	Date    string `json:"date,omitempty"` // YYYY-MM-DD, or the version that was read
	Licence string `json:"licence,omitempty"`
}

// Catalog is what is known about models before any policy is read. It never changes once made.
type Catalog struct {
	byProvider map[string][]*Model
	providers  []string // in order of first appearance
	count      int
	sources    []Source
}

// New makes a catalog of models; those of one provider keep their order.
func New(models []*Model) *Catalog {
	c := &Catalog{byProvider: map[string][]*Model{}, count: len(models)}
	for _, m := range models {
		if _, known := c.byProvider[m.ProviderID]; !known {
			c.providers = append(c.providers, m.ProviderID)
		}
		c.byProvider[m.ProviderID] = append(c.byProvider[m.ProviderID], m)
	}
	return c
}

// Models lists the models of a provider; the caller must not change them.
func (c *Catalog) Models(providerID string) []*Model {
	if c == nil {
		return nil
	}
	return c.byProvider[providerID]
}

// Providers lists the ids of the providers that have models, in the order of the catalog.
func (c *Catalog) Providers() []string {
	if c == nil {
		return nil
	}
	return slices.Clone(c.providers)
}

// Sources lists where the facts came from.
func (c *Catalog) Sources() []Source {
	if c == nil {
		return nil
	}
	return slices.Clone(c.sources)
}

// Len is the number of models.
func (c *Catalog) Len() int {
	if c == nil {
		return 0
	}
	return c.count
}

// Find lists the models that go by a name: an id or alias of any provider, or of one where the name begins with its id
// and a colon. Case does not matter.
func (c *Catalog) Find(name string) []*Model {
	if c == nil {
		return nil
	}
	var found []*Model
	for _, id := range c.providers {
		local := name
		if prefix, rest, ok := strings.Cut(name, ":"); ok && strings.EqualFold(prefix, id) {
			local = rest
		}
		for _, m := range c.byProvider[id] {
			if m.Is(local) {
				found = append(found, m)
			}
		}
	}
	return found
}

// Is reports whether the model's id or one of its aliases is the name; case does not matter.
func (m *Model) Is(name string) bool {
	return strings.EqualFold(m.ID, name) ||
		slices.ContainsFunc(m.IDAliases, func(alias string) bool { return strings.EqualFold(alias, name) })
}

// WithSources returns the same models with another list of where they came from.
func (c *Catalog) WithSources(sources []Source) *Catalog {
	out := *c
	out.sources = slices.Clone(sources)
	return &out
}
