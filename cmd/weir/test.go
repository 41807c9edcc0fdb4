package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"weir/engine/opa"
	"weir/policies"
	"weir/policies/policytest"
)

type testCmd struct {
	Paths     []string `arg:"" help:"Scripts, policies, files of Rego, or folders that hold some."`
	Update    bool     `help:"Rewrite the expected files of the scripts with what came."`
	Only      string   `name:"run" help:"Take only the tests of Rego whose full names match this pattern, such as access_test.test_trial."`
	Coverage  bool     `help:"Tell which lines of Rego its tests did not come by."`
	Threshold float64  `help:"Fail where tests come by fewer lines of Rego, in percent."`
	Config    string   `type:"existingfile" help:"weir.yaml, for where the secrets of policies are."`
	bundleFlags
}

// Run runs the tests of Rego and the policy scripts of each path. A path without either is a mistake.
func (c *testCmd) Run(a *app) error {
	opts, done, err := a.checkOptions(c.Config)
	if err != nil {
		return err
	}
	defer done()
	c.set(&opts)
	rego := policies.RegoTests{
		Options: opts, Threshold: c.Threshold,
		Tests: opa.TestOptions{Run: c.Only, Coverage: c.Coverage || c.Threshold > 0},
	}
	var scripts []string
	failed := false
	for _, path := range c.Paths {
		found, err := policytest.Find(path)
		if err != nil && !errors.Is(err, policytest.ErrNoScripts) {
			return fmt.Errorf("running policy scripts: %w", err)
		}
		scripts = append(scripts, found...)
		if strings.HasSuffix(path, ".txtar") {
			continue
		}
		bad, regoErr := rego.Run(context.Background(), []string{path}, a.out)
		switch {
		case errors.Is(regoErr, policies.ErrNoRegoTests):
			if err != nil {
				return fmt.Errorf("%s: %w, and %w", path, policytest.ErrNoScripts, policies.ErrNoRegoTests)
			}
		case regoErr != nil:
			return fmt.Errorf("running the tests of Rego: %w", regoErr)
		}
		failed = failed || bad
	}
	return c.scripts(a, scripts, failed)
}

func (c *testCmd) scripts(a *app, files []string, failed bool) error {
	if len(files) > 0 {
		var opts []policytest.Option
		if c.Update {
			opts = append(opts, policytest.Update)
		}
		bad, err := policytest.Run(files, a.out, opts...)
		if err != nil {
			return fmt.Errorf("running policy scripts: %w", err)
		}
		failed = failed || bad
	}
	if failed {
		return errFailed
	}
	return nil
}
