package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"weir/actions"
	"weir/engine"
	"weir/engine/catalog"
	"weir/providers"
	"weir/server"
)

type docsCmd struct {
	Dir string `default:"docs" help:"Folder to write to."`
}

// generated begins every generated page, so that a page that is no longer generated can be told from one that was
// written.
const generated = "<!-- Written by 'weir docs'. Edit its source, not this page. -->\n\n"

// Run writes the reference: pages that are made from tables, and the pages of actions and providers as they are embedded.
func (c *docsCmd) Run(a *app) error {
	pages := map[string]string{
		"cel.md": celReference(), "errors.md": errorsPage(), "config.md": server.ConfigDoc(),
		"diagnostics.md": diagnosticsPage(),
	}
	models, err := catalog.Load()
	if err != nil {
		return fmt.Errorf("reading the catalog: %w", err)
	}
	pages["models.md"] = modelsPage(models)
	specs := actions.Registry()
	pages["actions/README.md"] = actionsPage(specs)
	for i := range specs {
		pages["actions/"+specs[i].Name+".md"] = linkNames(specs[i].Doc)
	}
	vendors := providers.Registry()
	pages["providers/README.md"] = providersPage(vendors)
	for i := range vendors {
		pages["providers/"+vendors[i].ID+".md"] = vendors[i].Doc
	}
	for name, text := range pages {
		if err := write(filepath.Join(c.Dir, filepath.FromSlash(name)), generated+strings.TrimSpace(text)+"\n"); err != nil {
			return err
		}
	}
	for what, name := range map[string]string{
		"policy": "policy.schema.json", "rego-input": "rego-input.schema.json", "rego-capabilities": "rego-capabilities.json",
	} {
		text, err := schemaOf(what)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(c.Dir, "schema", name), string(text)); err != nil {
			return err
		}
	}
	for _, dir := range []string{"actions", "providers"} {
		if err := c.removeStale(dir, pages); err != nil {
			return err
		}
	}
	return a.printf("%d pages in %s\n", len(pages), c.Dir)
}

// pageLink is a link to a page beside the one that it stands in.
var pageLink = regexp.MustCompile(`\]\([a-z_]+\.md\)`)

// linkNames makes links between the pages of actions, which are named as source files are, lead to the pages in docs, which
// are named as actions are.
func linkNames(text string) string {
	return pageLink.ReplaceAllStringFunc(text, func(link string) string { return strings.ReplaceAll(link, "_", "-") })
}

// write writes a page unless it is there already, so that its time tells when it changed.
func write(path, text string) error {
	if have, err := os.ReadFile(path); err == nil && string(have) == text { //nolint:gosec // the folder that the user named
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // documents are for everyone
		return fmt.Errorf("writing the reference: %w", err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // as above
		return fmt.Errorf("writing the reference: %w", err)
	}
	return nil
}

// removeStale removes pages that were generated once and are no longer.
func (c *docsCmd) removeStale(dir string, pages map[string]string) error {
	found, err := filepath.Glob(filepath.Join(c.Dir, dir, "*.md"))
	if err != nil {
		return fmt.Errorf("looking for stale pages: %w", err)
	}
	for _, path := range found {
		if _, current := pages[dir+"/"+filepath.Base(path)]; current {
			continue
		}
		text, err := os.ReadFile(path) //nolint:gosec // found in the folder that the user named
		if err == nil && bytes.HasPrefix(text, []byte(strings.TrimSpace(generated))) {
			err = os.Remove(path)
		}
		if err != nil {
			return fmt.Errorf("removing a stale page: %w", err)
		}
	}
	return nil
}

// cell makes a text safe inside a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

// code shows a text as code inside a table.
func code(s string) string {
	if strings.Contains(s, "`") {
		return "`` " + cell(s) + " ``"
	}
	return "`" + cell(s) + "`"
}

func errorsPage() string {
	var b strings.Builder
	b.WriteString("# Error codes\n\nWhat a client is told when an exchange fails, in the error shape of the API that it speaks: OpenAI's `code` and `type`, Anthropic's and\nGemini's own words by the status. Details that are not for clients are in the log, under the `x-request-id` of the answer.\n\n")
	b.WriteString("| Code | Status | Type | Meaning |\n|---|---|---|---|\n")
	for _, f := range engine.Codes() {
		fmt.Fprintf(&b, "| `%s` | %d | `%s` | %s |\n", f.Code, f.Status, f.Type, cell(f.Doc))
	}
	return b.String()
}

func modelsPage(c *catalog.Catalog) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Models\n\nThe built-in catalog has %d models of %d providers; `weir catalog list` shows them.\n\n", c.Len(), len(c.Providers()))
	b.WriteString("| Provider | Models |\n|---|---|\n")
	for _, id := range c.Providers() {
		fmt.Fprintf(&b, "| `%s` | %d |\n", id, len(c.Models(id)))
	}
	b.WriteString("\n## Sources\n\n")
	for _, s := range c.Sources() {
		fmt.Fprintf(&b, "- %s, %s, %s\n", s.Name, s.Date, s.Licence)
	}
	return b.String()
}

func actionsPage(specs []engine.ActionSpec) string {
	var b strings.Builder
	b.WriteString("# Actions\n\n| Action | Phases | |\n|---|---|---|\n")
	for i := range specs {
		fmt.Fprintf(&b, "| [`%s`](%s.md) | %s | %s |\n", specs[i].Name, specs[i].Name, specs[i].Phases, cell(firstSentence(specs[i].Doc)))
	}
	return b.String()
}

func providersPage(specs []engine.ProviderSpec) string {
	var b strings.Builder
	b.WriteString("# Providers\n\n| Provider | Key | Base URL |\n|---|---|---|\n")
	for i := range specs {
		s := &specs[i]
		key := "none needed"
		if len(s.Env) > 0 {
			key = "`" + strings.Join(s.Env, "`, `") + "`"
		}
		base := "to be configured"
		if s.BaseURL != "" {
			base = s.BaseURL
		}
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s |\n", s.ID, s.ID, key, base)
	}
	return b.String()
}

// firstSentence is the first sentence below the title of a page.
func firstSentence(page string) string {
	_, body, _ := strings.Cut(strings.TrimSpace(page), "\n")
	body = strings.Join(strings.Fields(body), " ")
	if end := strings.Index(body, ". "); end >= 0 {
		return body[:end+1]
	}
	return body
}
