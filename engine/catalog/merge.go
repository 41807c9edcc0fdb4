package catalog

import (
	"cmp"
	"slices"
	"strings"
)

// Merge makes a catalog of both: what over knows stands above what c knows, field by field, aliases and refused
// parameters are joined, and new models follow the old ones of their provider. An entry of c whose id is an alias in over
// becomes that alias, so that no name stands for two models of one provider.
func (c *Catalog) Merge(over *Catalog) *Catalog {
	models := make([]*Model, 0, c.Len()+over.Len())
	authors := map[string]*Author{}
	for _, id := range union(c.Providers(), over.Providers()) {
		models = append(models, mergeModels(c.Models(id), over.Models(id))...)
	}
	for _, m := range models {
		m.Author = mergeAuthor(authors, m.Author)
	}
	out := New(models)
	out.sources = union(c.Sources(), over.Sources())
	return out
}

func union[T comparable](a, b []T) []T {
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func mergeModels(base, over []*Model) []*Model {
	byName := make(map[string]*Model, len(over))
	for _, m := range over {
		byName[strings.ToLower(m.ID)] = m
	}
	absorbed := map[string]bool{}
	for _, m := range over {
		for _, alias := range m.IDAliases {
			absorbed[strings.ToLower(alias)] = true
		}
	}
	out := make([]*Model, 0, len(base)+len(over))
	done := make(map[string]bool, len(over))
	for _, m := range base {
		name := strings.ToLower(m.ID)
		if absorbed[name] && byName[name] == nil {
			continue
		}
		merged := *m
		if o := byName[name]; o != nil {
			done[name] = true
			merged.overlay(o)
		}
		merged.dropAliases(byName)
		out = append(out, &merged)
	}
	for _, m := range over {
		if !done[strings.ToLower(m.ID)] {
			added := *m
			out = append(out, &added)
		}
	}
	return out
}

// dropAliases removes aliases that over has as models of their own.
func (m *Model) dropAliases(byName map[string]*Model) {
	taken := func(alias string) bool {
		other := byName[strings.ToLower(alias)]
		return other != nil && !strings.EqualFold(other.ID, m.ID)
	}
	m.IDAliases = slices.DeleteFunc(slices.Clone(m.IDAliases), taken)
	m.Snapshots = slices.DeleteFunc(slices.Clone(m.Snapshots), taken)
}

// overlay puts the fields that o knows over those of m.
func (m *Model) overlay(o *Model) {
	m.IDAliases = union(m.IDAliases, o.IDAliases)
	m.Snapshots = union(m.Snapshots, o.Snapshots)
	m.UnsupportedParams = union(m.UnsupportedParams, o.UnsupportedParams) // public files know fewer of them
	m.AuthorID = cmp.Or(o.AuthorID, m.AuthorID)
	m.Author = cmp.Or(o.Author, m.Author)
	if o.DisplayName != o.ID { // else nobody named it
		m.DisplayName = cmp.Or(o.DisplayName, m.DisplayName)
	}
	m.Description = cmp.Or(o.Description, m.Description)
	m.MaxContextWindow = cmp.Or(o.MaxContextWindow, m.MaxContextWindow)
	m.MaxOutputTokens = cmp.Or(o.MaxOutputTokens, m.MaxOutputTokens)
	m.ParameterCount = cmp.Or(o.ParameterCount, m.ParameterCount)
	m.Quantization = cmp.Or(o.Quantization, m.Quantization)
	m.DataTrainingPolicy = cmp.Or(o.DataTrainingPolicy, m.DataTrainingPolicy)
	m.DataRetentionPolicy = cmp.Or(o.DataRetentionPolicy, m.DataRetentionPolicy)
	m.DataRetentionDays = cmp.Or(o.DataRetentionDays, m.DataRetentionDays)
	m.ReleaseDate = cmp.Or(o.ReleaseDate, m.ReleaseDate)
	for _, list := range []struct{ to, from *[]string }{
		{&m.InputModalities, &o.InputModalities},
		{&m.OutputModalities, &o.OutputModalities},
		{&m.SupportedFeatures, &o.SupportedFeatures},
	} {
		if *list.from != nil {
			*list.to = *list.from
		}
	}
	if o.Datacenters != nil {
		m.Datacenters = o.Datacenters
	}
	m.Pricing.overlay(&o.Pricing)
}

func mergeAuthor(known map[string]*Author, a *Author) *Author {
	if a == nil {
		return nil
	}
	have := known[a.ID]
	if have == nil {
		shared := *a
		known[a.ID] = &shared
		return &shared
	}
	have.IDAliases = union(have.IDAliases, a.IDAliases)
	if have.DisplayName == have.ID {
		have.DisplayName = a.DisplayName
	}
	return have
}
