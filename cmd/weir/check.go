package main

import (
	"encoding/json"
	"fmt"

	"github.com/rs/zerolog"

	"weir/actions"
	"weir/engine/diag"
	"weir/policies"
	"weir/providers"
)

type checkCmd struct {
	Paths  []string `arg:"" help:"Policy files, or folders with policy.yaml in or below them."`
	Format string   `enum:"text,json,sarif" default:"text" help:"Form of the report: text, json, or sarif for code review tools."`
	Strict bool     `help:"Make warnings errors, and refuse rules that only watch or go on after errors."`
	Watch  bool     `help:"Check again whenever a file changed, until interrupted."`
	Config string   `type:"existingfile" help:"weir.yaml, for where secrets are."`
	bundleFlags
}

// Run checks policies as loading them would, secrets and providers included.
func (c *checkCmd) Run(a *app) error {
	opts, done, err := a.checkOptions(c.Config)
	if err != nil {
		return err
	}
	defer done()
	c.set(&opts)
	if c.Watch {
		return c.watch(a, opts)
	}
	report, err := policies.Check(c.Paths, opts)
	if err != nil {
		return fmt.Errorf("checking policies: %w", err)
	}
	if err := c.show(a, report); err != nil {
		return err
	}
	if report.HasErrors() || (c.Strict && loose(report)) {
		return errFailed
	}
	return nil
}

// bundleFlags say where the bundles of policies come from that are not served.
type bundleFlags struct {
	Bundle  map[string]string `placeholder:"URL=FILE" help:"A file to read in place of the bundle of this URL."`
	Offline bool              `help:"Ask no server for bundles: the copy that is kept is read."`
}

func (f *bundleFlags) set(o *policies.Options) { o.BundleFiles, o.Offline = f.Bundle, f.Offline }

// checkOptions is what policies are compiled with where they are checked and not served: by weir check, and by an editor,
// which shows what it says. What is returned beside them is to be called at the end.
func (a *app) checkOptions(configPath string) (opts policies.Options, done func(), err error) {
	config, err := a.config(configPath)
	if err != nil {
		return opts, nil, err
	}
	parts, err := a.newParts(config, zerolog.Nop())
	if err != nil {
		return opts, nil, err
	}
	models, err := readModels(config.Catalog)
	if err != nil {
		parts.close()
		return opts, nil, err
	}
	return policies.Options{
		Actions: actions.Registry(), Secrets: parts.secrets, Build: parts.runtime.NewPlan, Services: parts.runtime.Services, Log: zerolog.Nop(),
		Catalog: models, Providers: providers.Registry(), BundleFolder: config.BundleFolder,
	}, parts.close, nil
}

// watch shows a report for every change until the command is told to stop.
func (c *checkCmd) watch(a *app, opts policies.Options) error {
	ctx, stop := a.untilStopped(nil)
	defer stop()
	err := policies.CheckAgain(ctx, c.Paths, opts, func(r *policies.Report) error { return c.show(a, r) })
	if err != nil {
		return fmt.Errorf("checking policies: %w", err)
	}
	return nil
}

func (c *checkCmd) show(a *app, r *policies.Report) error {
	if c.Strict {
		r.Strict()
	}
	switch c.Format {
	case "json":
		return c.writeJSON(a, r)
	case "sarif":
		return c.writeJSON(a, newSARIF(r, c.Strict))
	default:
		return c.writeText(a, r)
	}
}

// loose reports whether something is not enforced, which --strict refuses.
func loose(r *policies.Report) bool {
	for i := range r.Files {
		if len(r.Files[i].Exceptions) > 0 {
			return true
		}
	}
	return false
}

func (c *checkCmd) writeJSON(a *app, report any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(report); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func (c *checkCmd) writeText(a *app, r *policies.Report) error {
	for i := range r.Files {
		f := &r.Files[i]
		if len(f.Diagnostics) > 0 {
			if err := a.printf("%s\n", f.Diagnostics.Error()); err != nil {
				return err
			}
		}
		for _, e := range f.Exceptions {
			word := "note"
			if c.Strict {
				word = "refused"
			}
			if err := a.printf("%s:%d: %s: %s: rule %q, action %q\n", e.File, e.Line, word, e.Kind, e.Rule, e.Action); err != nil {
				return err
			}
		}
		if err := a.printf("%s: %s\n", f.Path, c.verdict(f)); err != nil {
			return err
		}
	}
	return nil
}

func (c *checkCmd) verdict(f *policies.FileReport) string {
	problems, warnings := 0, 0
	for i := range f.Diagnostics {
		if f.Diagnostics[i].Severity == diag.Error {
			problems++
		} else {
			warnings++
		}
	}
	if c.Strict {
		problems += len(f.Exceptions)
	}
	switch {
	case problems > 0:
		return plural(problems, "error")
	case warnings > 0:
		return "ok, " + plural(warnings, "warning")
	default:
		return "ok"
	}
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
