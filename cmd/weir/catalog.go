package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"weir/engine/catalog"
	"weir/engine/diag"
)

type catalogCmd struct {
	List   catalogListCmd   `cmd:"" help:"List models."`
	Show   catalogShowCmd   `cmd:"" help:"Show what is known about a model."`
	Import catalogImportCmd `cmd:"" help:"Turn the public JSON of models.dev or LiteLLM into a catalog of Weir's own form."`
}

type catalogListCmd struct {
	Provider string `help:"Only this provider's."`
}

// Run lists models with their prices and windows.
func (c *catalogListCmd) Run(a *app) error {
	models, err := catalog.Load()
	if err != nil {
		return fmt.Errorf("reading the catalog: %w", err)
	}
	ids := models.Providers()
	if c.Provider != "" {
		if !slices.Contains(ids, c.Provider) {
			return unknownProvider(c.Provider, ids)
		}
		ids = []string{c.Provider}
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	rows := []string{"PROVIDER\tMODEL\tWINDOW\tINPUT\tOUTPUT"}
	for _, id := range ids {
		for _, m := range models.Models(id) {
			rows = append(rows, strings.Join([]string{
				id, m.ID, tokens(m.MaxContextWindow), price(m.Pricing.Input), price(m.Pricing.Output),
			}, "\t"))
		}
	}
	if _, err := fmt.Fprintln(w, strings.Join(rows, "\n")); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

func unknownProvider(name string, known []string) error {
	if near, ok := diag.Nearest(name, known); ok {
		return fmt.Errorf("the catalog has no provider %s; did you mean %s?", name, near)
	}
	return fmt.Errorf("the catalog has no provider %s; it has %s", name, strings.Join(known, ", "))
}

func tokens(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

func price(p *float64) string {
	if p == nil {
		return "-"
	}
	return strconv.FormatFloat(*p, 'f', -1, 64)
}

type catalogShowCmd struct {
	Name string `arg:"" help:"Model, with or without its provider: gpt-4o, openai:gpt-4o."`
}

// Run shows every model of the name, in the form of the catalog's own file.
func (c *catalogShowCmd) Run(a *app) error {
	models, err := catalog.Load()
	if err != nil {
		return fmt.Errorf("reading the catalog: %w", err)
	}
	found := models.Find(c.Name)
	if len(found) == 0 {
		return fmt.Errorf("the catalog has no model %s", c.Name)
	}
	if err := catalog.New(found).Write(a.out); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}
