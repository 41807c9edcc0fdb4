package main

import (
	"fmt"
	"io"
	"os"

	"weir/engine/catalog"
)

type catalogImportCmd struct {
	File   string `arg:"" type:"existingfile" help:"JSON of models.dev, or LiteLLM's price map."`
	Format string `enum:"auto,models.dev,litellm" default:"auto" help:"Shape of the file: auto, models.dev or litellm."`
	Out    string `type:"path" placeholder:"FILE" help:"File to write, for the catalog key of weir.yaml; standard output where not given."`
	Merge  bool   `help:"Put what was read over the built-in catalog, and write both."`
}

// Run writes what it read in the form of Weir's own catalog.
func (c *catalogImportCmd) Run(a *app) error {
	in, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.File, err)
	}
	defer func() { _ = in.Close() }()
	format := catalog.Format(c.Format)
	if c.Format == "auto" {
		format = catalog.FormatAuto
	}
	models, left, err := catalog.Import(in, format)
	for i := range left {
		a.warnf("left out: %s\n", left[i])
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.File, err)
	}
	a.warnf("%d models of %d providers read, %d entries left out\n", models.Len(), len(models.Providers()), len(left))
	if c.Merge {
		builtin, err := catalog.Load()
		if err != nil {
			return fmt.Errorf("reading the built-in catalog: %w", err)
		}
		models = builtin.Merge(models)
	}
	if c.Out == "" {
		return writeCatalog(models, a.out)
	}
	out, err := os.Create(c.Out)
	if err != nil {
		return fmt.Errorf("writing %s: %w", c.Out, err)
	}
	if err := writeCatalog(models, out); err != nil {
		_ = out.Close() // the write is what failed
		return err
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", c.Out, err)
	}
	return nil
}

func writeCatalog(c *catalog.Catalog, out io.Writer) error {
	if err := c.Write(out); err != nil {
		return fmt.Errorf("writing the catalog: %w", err)
	}
	return nil
}

// readModels gives the built-in catalog with the files of weir.yaml over it, the later over the earlier.
func readModels(files []string) (*catalog.Catalog, error) {
	all, err := catalog.Load()
	if err != nil {
		return nil, fmt.Errorf("reading the built-in catalog: %w", err)
	}
	for _, path := range files {
		in, err := os.Open(path) //nolint:gosec // a file that weir.yaml names
		if err != nil {
			return nil, fmt.Errorf("reading a catalog: %w", err)
		}
		more, err := catalog.Read(in)
		_ = in.Close() // it was only read
		if err != nil {
			return nil, fmt.Errorf("reading the catalog %s: %w", path, err)
		}
		all = all.Merge(more)
	}
	return all, nil
}
