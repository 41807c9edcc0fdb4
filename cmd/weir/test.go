package main

import (
	"fmt"

	"weir/policies/policytest"
)

type testCmd struct {
	Paths  []string `arg:"" help:"Scripts, or folders that hold some."`
	Update bool     `help:"Rewrite the expected files of the scripts with what came."`
}

// Run runs policy scripts.
func (c *testCmd) Run(a *app) error {
	var opts []policytest.Option
	if c.Update {
		opts = append(opts, policytest.Update)
	}
	failed, err := policytest.Run(c.Paths, a.out, opts...)
	if err != nil {
		return fmt.Errorf("running policy scripts: %w", err)
	}
	if failed {
		return errFailed
	}
	return nil
}
