package main

import (
	"encoding/json"
	"fmt"

	"github.com/rs/zerolog"

	"weir/actions"
	"weir/engine/diag"
	"weir/policies"
)

type checkCmd struct {
	Paths  []string `arg:"" help:"Policy files, or folders with policy.yaml in or below them."`
	Format string   `enum:"text,json" default:"text" help:"Form of the report: text or json."`
	Strict bool     `help:"Refuse warnings, and rules that only watch or go on after errors."`
	Config string   `type:"existingfile" help:"weir.yaml, for where secrets are."`
}

// Run checks policies as loading them would, secrets and providers included.
func (c *checkCmd) Run(a *app) error {
	config, err := a.config(c.Config)
	if err != nil {
		return err
	}
	parts, err := a.newParts(config, zerolog.Nop())
	if err != nil {
		return err
	}
	defer parts.close()
	report, err := policies.Check(c.Paths, policies.Options{
		Actions: actions.Registry(), Secrets: parts.secrets, Build: parts.runtime.NewPlan, Log: zerolog.Nop(),
	})
	if err != nil {
		return fmt.Errorf("checking policies: %w", err)
	}
	if c.Format == "json" {
		err = c.writeJSON(a, report)
	} else {
		err = c.writeText(a, report)
	}
	if err != nil {
		return err
	}
	if report.HasErrors() || (c.Strict && loose(report)) {
		return errFailed
	}
	return nil
}

// loose reports whether there is something that --strict refuses.
func loose(r *policies.Report) bool {
	for i := range r.Files {
		if len(r.Files[i].Exceptions) > 0 || len(r.Files[i].Diagnostics) > 0 {
			return true
		}
	}
	return false
}

func (c *checkCmd) writeJSON(a *app, r *policies.Report) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
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
			if err := a.printf("%s:%d: %s: %s: rule %q, action %q\n", f.Path, e.Line, word, e.Kind, e.Rule, e.Action); err != nil {
				return err
			}
		}
		if err := a.printf("%s: %s\n", f.Path, verdict(f)); err != nil {
			return err
		}
	}
	return nil
}

func verdict(f *policies.FileReport) string {
	problems, warnings := 0, 0
	for i := range f.Diagnostics {
		if f.Diagnostics[i].Severity == diag.Error {
			problems++
		} else {
			warnings++
		}
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
