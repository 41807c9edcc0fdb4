// Package examples_test runs the scripts of the examples: each example is a folder with a README, a policy and a script.
package examples_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"weir/policies/policytest"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

// TestExamples runs every script of every example.
func TestExamples(t *testing.T) {
	var opts []policytest.Option
	if *update {
		opts = append(opts, policytest.Update)
	}
	policytest.RunDir(t, ".", opts...)
}

// TestExamplesAreComplete holds every example to the three files that a reader looks for.
func TestExamplesAreComplete(t *testing.T) {
	folders, err := filepath.Glob("[0-9][0-9]-*")
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) == 0 {
		t.Fatal("got no example, want some")
	}
	for _, folder := range folders {
		for _, name := range []string{"README.md", "policy.yaml", "test.txtar"} {
			if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
				t.Errorf("%s: got no %s, want one", folder, name)
			}
		}
	}
}
