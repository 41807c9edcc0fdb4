package policies

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/engine/diag"
	"weir/engine/opa"
)

// ErrNoRegoTests says that there was nothing to run.
var ErrNoRegoTests = errors.New("no _test.rego there")

// RegoTests says which tests of Rego are run.
type RegoTests struct {
	Options Options
	Tests   opa.TestOptions
	// Threshold is how many of a hundred lines the tests must come by; 0 = any.
	Threshold float64
}

// Run runs the tests of policies and writes a line for each set, with what failed below it. A path is a policy, a file of
// Rego, or a folder that is searched for tests: those that belong to a policy beside them or above run with it, the others with
// the modules and data of their folder. The error is of finding them; failed says that a test did, or that too little is
// covered.
func (r *RegoTests) Run(ctx context.Context, paths []string, out io.Writer) (failed bool, err error) {
	sets, err := r.find(paths) //nolint:contextcheck // compiling waits for nothing
	if err != nil {
		return false, err
	}
	if len(sets) == 0 {
		return false, ErrNoRegoTests
	}
	for i := range sets {
		bad, err := r.runSet(ctx, &sets[i], out)
		if err != nil {
			return failed, err
		}
		failed = failed || bad
	}
	return failed, nil
}

// regoSet is the Rego of one policy or folder with its tests.
type regoSet struct {
	name    string
	sources regoSources
	diags   diag.List
}

func (r *RegoTests) find(paths []string) ([]regoSet, error) {
	opts := r.Options
	opts.Secrets = append(slices.Clone(opts.Secrets), EnvSecrets(anySecret))
	var sets []regoSet
	done := map[string]bool{} // tests that a set has, by identity
	for _, path := range paths {
		var tests []string
		if isDir(path) || !isPolicyName(path) {
			var err error
			if tests, err = regoTestFiles(path); err != nil {
				return nil, err
			}
		}
		for _, policy := range regoPolicies(path, tests) {
			s := regoSet{name: policy}
			s.sources, s.diags = readRego(Input{Path: policy}, opts)
			if len(s.sources.Tests) == 0 && !s.diags.HasErrors() {
				continue
			}
			for _, t := range s.sources.Tests {
				done[identity(t.Name)] = true
			}
			sets = append(sets, s)
		}
		for _, test := range tests {
			if done[identity(test)] {
				continue
			}
			dir := filepath.Dir(test)
			s := regoSet{name: dir}
			s.sources, s.diags = readRego(Input{Path: filepath.Join(dir, "policy.yaml"), Text: []byte("rego: [.]")}, opts)
			for _, t := range s.sources.Tests {
				done[identity(t.Name)] = true
			}
			done[identity(test)] = true
			sets = append(sets, s)
		}
	}
	return sets, nil
}

// anySecret stands in for secrets that are not configured: no test of Rego reads one, and policies do not load without.
func anySecret(string) (string, bool) { return "a secret that is not configured", true }

// regoTestFiles lists the tests at or below a path, sorted. A module stands for those in its folder and below.
func regoTestFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("looking for tests: %w", err)
	}
	if !info.IsDir() {
		if opa.IsTest(path) {
			return []string{path}, nil
		}
		path = filepath.Dir(path)
	}
	var out []string
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != path && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case !entry.IsDir() && opa.IsTest(name):
			out = append(out, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for tests: %w", err)
	}
	return out, nil
}

// regoPolicies lists the policies that tests may belong to: the path itself where it is one, else every document with the key
// rego beside a test or in a folder above it, up to the path.
func regoPolicies(path string, tests []string) []string {
	if !isDir(path) {
		if isPolicyName(path) {
			return []string{path}
		}
		return nil
	}
	names := regexp.MustCompile(`(?m)^"?rego"?\s*:`)
	var out []string
	seen := map[string]bool{}
	for _, test := range tests {
		for dir := filepath.Dir(test); !seen[dir]; dir = filepath.Dir(dir) {
			seen[dir] = true
			entries, err := os.ReadDir(dir)
			if err != nil {
				break
			}
			for _, e := range entries {
				name := filepath.Join(dir, e.Name())
				if e.IsDir() || !isPolicyName(name) {
					continue
				}
				if text, err := readBounded(name, maxDocument); err == nil && names.Match(text) {
					out = append(out, name)
				}
			}
			if identity(dir) == identity(path) {
				break
			}
		}
	}
	slices.Sort(out)
	return out
}

func (r *RegoTests) runSet(ctx context.Context, s *regoSet, out io.Writer) (failed bool, err error) {
	start := time.Now()
	var b strings.Builder
	if s.diags.HasErrors() {
		fmt.Fprintf(&b, "FAIL  %s\n", s.name)
		indent(&b, s.diags.Error())
		_, err := io.WriteString(out, b.String())
		return true, err //nolint:wrapcheck // the report's own writer
	}
	report, diags := opa.Test(ctx, s.sources.Options, s.sources.Tests, r.Tests)
	failed = diags.HasErrors() || report.Failed()
	low := r.Threshold > 0 && report.Coverage() < r.Threshold
	verdict := "ok  "
	if failed || low {
		verdict = "FAIL"
	}
	fmt.Fprintf(&b, "%s  %s  %d tests  %.2fs\n", verdict, s.name, len(report.Results), time.Since(start).Seconds())
	if diags.HasErrors() {
		indent(&b, diags.Error())
	}
	for i := range report.Results {
		regoResult(&b, &report.Results[i])
	}
	regoCoverage(&b, &report)
	if low {
		fmt.Fprintf(&b, "    covered are %.1f%%, which is less than %v%%\n", report.Coverage(), r.Threshold)
	}
	_, err = io.WriteString(out, b.String())
	return failed || low, err //nolint:wrapcheck // the report's own writer
}

// regoResult tells of a test that did not pass.
func regoResult(b *strings.Builder, t *opa.TestResult) {
	switch {
	case t.Skipped:
		fmt.Fprintf(b, "    skip  %s  %s:%d\n", t.Name, t.Pos.File, t.Pos.Line)
	case !t.Passed:
		fmt.Fprintf(b, "    FAIL  %s  %s:%d\n", t.Name, t.Pos.File, t.Pos.Line)
		if t.Failure != "" {
			indent(b, "    "+t.Failure)
		}
		if t.Output != "" {
			indent(b, "    "+t.Output)
		}
	}
}

func regoCoverage(b *strings.Builder, r *opa.TestReport) {
	if len(r.Files) == 0 {
		return
	}
	fmt.Fprintf(b, "    covered: %.1f%%\n", r.Coverage())
	for i := range r.Files {
		f := &r.Files[i]
		lines := make([]string, len(f.MissedLines))
		for k, line := range f.MissedLines {
			lines[k] = strconv.Itoa(line)
		}
		if len(lines) > 0 {
			fmt.Fprintf(b, "    %s: not covered: %s\n", f.Name, strings.Join(lines, " "))
		}
	}
}

func indent(b *strings.Builder, text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		b.WriteString("    " + line)
	}
	b.WriteString("\n")
}
