package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestKeyConfigsNameKeys: files name stored provider keys, the gateway gets their ids.
func TestKeyConfigsNameKeys(t *testing.T) {
	t.Parallel()
	const router = `{"rules":[{"provider":"openai","steps":[{"keys":[KEYS],"type":"user"},{"type":"gateway"}]}]}`
	tests := []struct{ name, keys, want, errs string }{
		{name: "by name", keys: `{name: main}`, want: `{"id":"` + idSealed + `"}`},
		{name: "by id", keys: `{id: ` + idSealed + `}`, want: `{"id":"` + idSealed + `"}`},
		{name: "one of its own", keys: `{name: main, value: sk-of-file}`, want: `{"name":"main","value":"sk-of-file"}`},
		{name: "none of that name", keys: `{name: mian}`, errs: `there is no provider key called "mian"; did you mean "main"?`},
		{name: "of another type", keys: `main`, want: `"main"`}, // the gateway tells what is wrong with it
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "own.yaml")
			text := "name: own\nrouter: {rules: [{provider: openai, steps: [{type: user, keys: [" + tt.keys + "]}, {type: gateway}]}]}\n"
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			f := newFakeAdmin(t, map[string]string{"POST /access-key-configurations": "201 " + configJSON})
			_, out, errs := f.run("", "key-configs", "apply", file)
			var want []string
			if tt.errs == "" {
				want = []string{`POST /access-key-configurations {"name":"own","router":` + strings.Replace(router, "KEYS", tt.want, 1) + `}`}
			}
			if diff := cmp.Diff(want, f.changes()); diff != "" || !strings.Contains(errs, tt.errs) {
				t.Errorf("got %q, %q and requests (-want +got):\n%s", out, errs, diff)
			}
		})
	}
}
