package policytest_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"weir/policies/policytest"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

// TestMain looks for goroutines that a script left. Two of fasthttp's end only after the sleep that they are in.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}

// TestScripts runs a script for each verb.
func TestScripts(t *testing.T) {
	var opts []policytest.Option
	if *update {
		opts = append(opts, policytest.Update)
	}
	policytest.RunDir(t, "testdata/scripts", opts...)
}

func run(t *testing.T, paths ...string) (out string, failed bool) {
	t.Helper()
	var b strings.Builder
	failed, err := policytest.Run(paths, &b)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), failed
}

func TestRunReportsFailures(t *testing.T) {
	tests := []struct {
		name string
		want []string // in the report, in this order
	}{
		{name: "diff", want: []string{"FAIL", "diff.txtar", "> cmp body body.want", "--- body", "+++ body.want", "-{\"error\"", "+something else"}},
		{name: "call", want: []string{"--- call openai 1", "+++ call.want", "-Authorization: test-key-openai", "+Authorization: the-key-of-somebody-else", "call.txtar:5: "}},
		{name: "unknown-verb", want: []string{`unknown-verb.txtar:2: unknown command "polcy" (did you mean "policy"?)`}},
		{name: "usage", want: []string{"usage: provider NAME [FAULTS]"}},
		{name: "status", want: []string{"not today", `"status":403`, "status.txtar:3: got status 403"}},
		{name: "load", want: []string{"policy.yaml does not load:", "policy.yaml:1:1: unknown_key", `did you mean "on_request"?`}},
		{name: "loads", want: []string{"policy.yaml loads"}},
		{name: "no-policy", want: []string{"no policy is loaded"}},
		{name: "no-file", want: []string{"there is no nowhere.yaml in the script or beside it"}},
		{name: "outside", want: []string{"not a file of the script or of its folder"}},
		{name: "request", want: []string{"a request begins with a method and a path"}},
		{name: "stray", want: []string{"the gateway called groq, which the script does not simulate: add provider groq"}},
		{name: "late", want: []string{"providers are simulated before the policy is loaded"}},
		{name: "faults", want: []string{"faults: script line 1: want MATCH -> FAULT"}},
		{name: "order", want: []string{"order.txtar:5: got calls of openai"}},
		{name: "json", want: []string{"got data = []"}},
		{name: "edit-same", want: []string{"policy.yaml already holds what same.yaml holds"}},
		{name: "edit-wrong", want: []string{"wrong.yaml does not load:", "policy.yaml:1:13: wrong_type"}},
		{name: "whole", want: []string{"the answer came to its end"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out, failed := run(t, filepath.Join("testdata", "failing", test.name+".txtar"))
			if !failed {
				t.Errorf("got a script that passes, want a failure:\n%s", out)
			}
			rest := out
			for _, want := range test.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("got\n%s\nwant %q", out, want)
				}
				rest = after
			}
		})
	}
}

// TestRunFolder runs every failing script, each once although one is named twice.
func TestRunFolder(t *testing.T) {
	files, err := filepath.Glob("testdata/failing/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	out, failed := run(t, "testdata/failing", "testdata/failing/usage.txtar")
	if got := strings.Count(out, "FAIL  testdata"); got != len(files) || !failed {
		t.Errorf("got %d failures and failed = %v, want %d, each script once:\n%s", got, failed, len(files), out)
	}
}

func TestRunPasses(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "skip.txtar"), "skip 'not on this machine'\n")
	write(t, filepath.Join(dir, "below", "ok.txtar"), "policy p.yaml\n-- p.yaml --\non_request: []\n")
	write(t, filepath.Join(dir, ".hidden", "bad.txtar"), "nonsense\n")
	out, failed := run(t, dir)
	if failed || !strings.Contains(out, "ok    "+filepath.Join(dir, "below", "ok.txtar")) || !strings.Contains(out, "skip  "+filepath.Join(dir, "skip.txtar")) {
		t.Errorf("got failed = %v and\n%s", failed, out)
	}
	if strings.Contains(out, "hidden") {
		t.Errorf("got a script of a hidden folder:\n%s", out)
	}
}

func TestRunFindsNothing(t *testing.T) {
	for _, path := range []string{t.TempDir(), "testdata/nowhere"} {
		if _, err := policytest.Run([]string{path}, &strings.Builder{}); err == nil {
			t.Errorf("%s: got no error, want one", path)
		}
	}
	if _, err := policytest.Run(nil, &strings.Builder{}); err == nil {
		t.Error("no path: got no error, want one")
	}
}

// TestUpdate rewrites what cmp, call and diagnostics compare with, and leaves the rest of the archive alone.
func TestUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "script.txtar")
	const head = `provider openai
! policy wrong.yaml
diagnostics wrong.want
policy right.yaml
send ask.http
call openai 1 call.want
send nothing.http
cmp body body.want
-- wrong.yaml --
on_requst: []
-- right.yaml --
providers:
  - id: openai
-- ask.http --
POST /v1/chat/completions

{"model": "openai:gpt-4o", "messages": []}
-- nothing.http --
GET /v2
`
	write(t, path, head+"-- wrong.want --\n-- call.want --\nPOST /v1\nAuthorization: x\n-- body.want --\n")
	var b strings.Builder
	if failed, err := policytest.Run([]string{path}, &b, policytest.Update); failed || err != nil {
		t.Fatalf("got %v, %v:\n%s", failed, err, b.String())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := strings.CutPrefix(string(text), head)
	if !ok {
		t.Fatalf("got another script:\n%s", text)
	}
	for _, want := range []string{
		"-- wrong.want --\nwrong.yaml:1:1: unknown_key: ",
		"-- call.want --\nPOST /v1/chat/completions\nAuthorization: test-key-openai\n-- body.want --\n{\"error\":",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q", got, want)
		}
	}
	if out, failed := run(t, path); failed {
		t.Errorf("the updated script fails:\n%s", out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
