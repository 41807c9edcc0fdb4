package policies

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/engine/diag"
)

func TestStrict(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, path, "route: {total_timeout: 1s, per_request_timeout: 2s}\n")
	r, err := Check([]string{path}, testOptions())
	if err != nil || r.HasErrors() || len(r.Files[0].Diagnostics) != 1 {
		t.Fatalf("got %+v and %v, want one warning", r, err)
	}
	r.Strict()
	if !r.HasErrors() || r.Files[0].Diagnostics[0].Severity != diag.Error {
		t.Errorf("got %+v, want the warning to be an error", r.Files[0].Diagnostics)
	}
}

func TestCheckAgain(t *testing.T) {
	dir := t.TempDir()
	main, part := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "part.yaml")
	write(t, main, "include: part.yaml\n")
	write(t, part, policyNamed("one"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reports, done := make(chan *Report, 10), make(chan error, 1)
	go func() {
		done <- CheckAgain(ctx, []string{dir}, testOptions(), func(r *Report) error {
			reports <- r
			return nil
		})
	}()
	next := func(what string) *Report {
		t.Helper()
		select {
		case r := <-reports:
			return r
		case <-time.After(10 * time.Second):
			t.Fatalf("got no report %s", what)
			return nil
		}
	}
	if r := next("at first"); r.HasErrors() || len(r.Files) != 1 {
		t.Fatalf("got %+v, want one file without errors", r.Files)
	}
	time.Sleep(50 * time.Millisecond) // until the folder is watched
	write(t, part, "on_request: [\n")
	if r := next("of the broken part"); !r.HasErrors() || r.Files[0].Diagnostics[0].Pos.File != part {
		t.Errorf("got %+v, want the mistake in the part", r.Files)
	}
	write(t, part, policyNamed("two"))
	if r := next("of the repaired part"); r.HasErrors() {
		t.Errorf("got %+v, want no error", r.Files)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("got %v at the end, want nil", err)
	}
}

func TestCheckAgainEndsOnErrors(t *testing.T) {
	if err := CheckAgain(t.Context(), []string{filepath.Join(t.TempDir(), "gone.yaml")}, testOptions(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the file is not there", err)
	}
	path, full := filepath.Join(t.TempDir(), "policy.yaml"), errors.New("the disk is full")
	write(t, path, "{}")
	if err := CheckAgain(t.Context(), []string{path}, testOptions(), func(*Report) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v, want what showing the report said", err)
	}
}

// TestDiagnosticCodes looks for the codes that sources report and expects every one of them in the table, and the other
// way around.
func TestDiagnosticCodes(t *testing.T) {
	var sources []string
	for _, pattern := range []string{"*.go", "../engine/*.go", "../engine/expr/*.go", "../engine/opa/*.go", "../actions/*.go", "../cmd/weir/serve_plan.go", "../cmd/weir/check_sarif.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, found...)
	}
	used := map[string]string{}
	patterns := []*regexp.Regexp{
		regexp.MustCompile(`(?:rrorf|warnf|\.diagnostic|\.report)\((?:[^"\n]*, )?"([a-z]+(?:_[a-z]+)*)",`),
		regexp.MustCompile(`(?:rrorf|warnf|report)\([^\n]*?\), "([a-z]+(?:_[a-z]+)+)",`),
		regexp.MustCompile(`[Cc]ode: +"([a-z_]+)"`),
		regexp.MustCompile(`\.Code(?:, [\w.]+)* = "([a-z_]+)"`),
		regexp.MustCompile(`code(?:, \w+)+ :?= "([a-z_]+)"`),
		regexp.MustCompile(`code[A-Z]\w+ += "([a-z_]+)"`),
		regexp.MustCompile(`(?:code :?= |return )"((?:bad|no|unknown|invalid|type|unset|secret|not|unsupported|wrong)_[a-z_]+|syntax)"`),
	}
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(filepath.Base(path), "codes") || filepath.Base(path) == "error.go" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range patterns {
			if i == len(patterns)-1 && !strings.Contains(path, "/expr/") {
				continue // elsewhere a bare string is not a code
			}
			for _, m := range p.FindAllStringSubmatch(string(text), -1) {
				used[m[1]] = path
			}
		}
	}
	table := DiagnosticCodes()
	for code, path := range used {
		if !slices.ContainsFunc(table, func(d DiagnosticCode) bool { return d.Code == code }) {
			t.Errorf("%s reports %q, which is not in the table of codes.go", path, code)
		}
	}
	seen := map[string]bool{}
	for _, d := range table {
		if _, ok := used[d.Code]; !ok {
			t.Errorf("the table has %q, which nothing reports", d.Code)
		}
		if seen[d.Code] || !strings.HasSuffix(d.Doc, ".") && !strings.HasSuffix(d.Doc, ".\n") {
			t.Errorf("%q is there twice, or its text does not end in a full stop", d.Code)
		}
		seen[d.Code] = true
	}
}
