package opa

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"

	"weir/engine/diag"
)

// testDeadline bounds one test: far more than a decision has, since tests may try many inputs.
const testDeadline = 5 * time.Second

// TestOptions says which tests of a policy are run, and what is told about them.
type TestOptions struct {
	// Run takes the tests whose full name, data.access_test.test_x, the pattern matches; empty = all.
	Run string
	// Coverage asks which lines of the policy's own modules the tests came by.
	Coverage bool
}

// TestResult is what became of one test.
type TestResult struct {
	Name    string // data.access_test.test_x
	Pos     diag.Pos
	Passed  bool
	Skipped bool   // its name begins with todo_
	Failure string // what it failed with, apart from not holding
	Output  string // what print wrote
	Elapsed time.Duration
}

// FileCoverage is how much of one module the tests came by.
type FileCoverage struct {
	Name            string
	Covered, Missed int   // lines
	MissedLines     []int // from 1
}

// TestReport is what became of the tests of one policy, in the order of their names.
type TestReport struct {
	Results []TestResult
	Files   []FileCoverage // where coverage was asked for, in the order of their names
}

// Failed reports whether a test did not pass.
func (r *TestReport) Failed() bool {
	return slices.ContainsFunc(r.Results, func(t TestResult) bool { return !t.Passed && !t.Skipped })
}

// Coverage is how many of a hundred lines the tests came by, over all modules.
func (r *TestReport) Coverage() float64 {
	covered, all := 0, 0
	for _, f := range r.Files {
		covered, all = covered+f.Covered, all+f.Covered+f.Missed
	}
	if all == 0 {
		return 0
	}
	return 100 * float64(covered) / float64(all)
}

// Test runs tests, modules whose rules named test_... must hold, against a policy. They see what the policy sees: its
// functions, its data and bundles. Nothing reaches outside: http.send is for tests to replace.
func Test(ctx context.Context, o Options, tests []Text, t TestOptions) (TestReport, diag.List) {
	var report TestReport
	if _, err := regexp.Compile(t.Run); err != nil {
		return report, diag.List{{Code: codeQuery, Message: fmt.Sprintf("the pattern of names: %v", err)}}
	}
	b := newBuilder(o)
	data := b.read()
	for _, text := range tests {
		b.parse(text)
	}
	for _, bundle := range o.Bundles {
		for _, text := range bundle.Tests {
			b.parse(text)
		}
	}
	if b.diags.HasErrors() {
		return report, b.diags
	}
	store := inmem.NewFromASTObject(data)
	err := storage.Txn(ctx, store, storage.TransactionParams{}, func(txn storage.Transaction) error {
		return b.runTests(ctx, store, txn, t, &report)
	})
	if err != nil {
		b.report(err)
	}
	return report, b.diags
}

func (b *builder) runTests(ctx context.Context, store storage.Store, txn storage.Transaction, t TestOptions, report *TestReport) error {
	runner := tester.NewRunner().SetCompiler(b.compiler(nil)).SetStore(store).SetModules(b.parsed).
		SetTimeout(testDeadline).RaiseBuiltinErrors(true).AddCustomBuiltins(testFunctions()).Filter(t.Run)
	var lines *cover.Cover
	if t.Coverage {
		lines = cover.New()
		runner.SetCoverageQueryTracer(lines).SetCoverageRuns(nil)
	}
	results, err := runner.RunTests(ctx, txn)
	if err != nil {
		return fmt.Errorf("compiling the tests: %w", err)
	}
	for r := range results {
		report.Results = append(report.Results, b.testResult(r))
	}
	slices.SortFunc(report.Results, func(a, b TestResult) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Pos.File, b.Pos.File), a.Pos.Line-b.Pos.Line)
	})
	if lines != nil {
		report.Files = b.coverage(lines)
	}
	return nil
}

func (b *builder) testResult(r *tester.Result) TestResult {
	out := TestResult{
		Name: r.Package + "." + r.Name, Passed: r.Pass(), Skipped: r.Skip, Output: string(r.Output), Elapsed: r.Duration,
	}
	out.Pos, _, _ = b.sources.place(r.Location)
	if r.Error != nil {
		out.Failure = r.Error.Error()
		if errors.Is(r.Error, context.DeadlineExceeded) {
			out.Failure = fmt.Sprintf("took longer than %s", testDeadline)
		}
	}
	for name, sub := range r.SubResults.Iter {
		if sub.Fail && len(sub.SubResults) == 0 {
			out.Failure = strings.TrimPrefix(out.Failure+"; "+strings.Join(name, "/")+" does not hold", "; ")
		}
	}
	return out
}

// coverage reports on the policy's own modules: tests cover themselves.
func (b *builder) coverage(lines *cover.Cover) []FileCoverage {
	own := map[string]*ast.Module{}
	for _, m := range b.own {
		own[m.Package.Location.File] = m
	}
	report := lines.Report(own)
	out := make([]FileCoverage, 0, len(own))
	for name := range own {
		f := FileCoverage{Name: name}
		if src := b.sources.byName[name]; src != nil && src.at != nil {
			f.Name = src.at(0).File
		}
		if got := report.Files[name]; got != nil {
			f.Covered = got.CoveredLines
			for _, r := range got.NotCovered {
				for line := r.Start.Row; line <= r.End.Row; line++ {
					at, _, _ := b.sources.place(&ast.Location{File: name, Row: line, Col: 1})
					if !slices.Contains(f.MissedLines, at.Line) && !got.IsCovered(line) {
						f.MissedLines = append(f.MissedLines, at.Line)
					}
				}
			}
		}
		slices.Sort(f.MissedLines)
		f.Missed = len(f.MissedLines)
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b FileCoverage) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// testFunctions are Weir's own functions in the form that the runner of tests takes.
func testFunctions() []*tester.Builtin {
	all := functions()
	out := make([]*tester.Builtin, len(all))
	for i, f := range all {
		out[i] = &tester.Builtin{
			Decl: f.decl,
			Func: rego.FunctionDyn(
				&rego.Function{Name: f.decl.Name, Decl: f.decl.Decl},
				func(bctx rego.BuiltinContext, terms []*ast.Term) (*ast.Term, error) { return f.call(bctx, terms) },
			),
		}
	}
	return out
}
