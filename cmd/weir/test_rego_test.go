package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// regoFolder makes a folder with a policy, its Rego in a folder below, and another folder with Rego of its own.
func regoFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"policy.yaml":        "rego: [rego]\non_request:\n  - actions: [{type: rego, config: {query: data.a.allow}}]\n",
		"rego/a.rego":        "package a\n\ndefault allow := false\n\nallow if input.req.method in data.methods\n\nallow if weir.tokens(input.req.id) > 9\n",
		"rego/data.json":     `{"methods": ["GET"]}`,
		"rego/a_test.rego":   "package a_test\n\nimport data.a\n\ntest_get if a.allow with input as {\"req\": {\"method\": \"GET\"}}\n",
		"other/b.rego":       "package b\n\nx := 1\n",
		"other/b_test.rego":  "package b_test\n\ntest_x if {\n\tprint(\"x is\", data.b.x)\n\tdata.b.x == 2\n}\n",
		"empty/nothing.yaml": "on_request: []\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTestRunsRego(t *testing.T) {
	t.Parallel()
	dir := regoFolder(t)
	tests := []struct {
		name   string
		args   []string
		status int
		want   []string
	}{
		{name: "a policy", args: []string{"policy.yaml"}, want: []string{"ok  ", "policy.yaml  1 tests"}},
		{name: "a module", args: []string{"rego/a.rego"}, want: []string{"ok  ", "rego  1 tests"}},
		{name: "a folder", args: []string{"."}, status: 1, want: []string{"policy.yaml  1 tests", "other  1 tests", "FAIL  data.b_test.test_x", "b_test.rego:3", "x is 1"}},
		{name: "some of them", args: []string{"--run", "a_test", "."}, want: []string{"policy.yaml  1 tests", "other  0 tests"}},
		{name: "coverage", args: []string{"--coverage", "policy.yaml"}, want: []string{"covered: 33.3%", "a.rego: not covered: 3 7"}},
		{name: "enough covered", args: []string{"--threshold", "30", "policy.yaml"}, want: []string{"ok  "}},
		{name: "too little covered", args: []string{"--threshold", "40", "policy.yaml"}, status: 1, want: []string{"covered are 33.3%, which is less than 40%"}},
		{name: "nothing to run", args: []string{"empty"}, status: 1, want: []string{"no .txtar script there, and no _test.rego there"}},
		{name: "a bad pattern", args: []string{"--run", "(", "policy.yaml"}, status: 1, want: []string{"the pattern of names"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"test"}, tt.args...)
			args[len(args)-1] = filepath.Join(dir, filepath.FromSlash(args[len(args)-1]))
			p := newProcess(nil)
			status := p.run(args)
			text := p.out.String() + p.errs.String()
			if status != tt.status {
				t.Errorf("got status %d, want %d:\n%s", status, tt.status, text)
			}
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("got no %q in:\n%s", want, text)
				}
			}
		})
	}
}
