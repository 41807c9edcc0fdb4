package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestSchema(t *testing.T) {
	var out, problems bytes.Buffer
	a := &app{out: &out, err: &problems, getenv: func(string) (string, bool) { return "", false }}
	if status := a.run([]string{"schema"}); status != 0 {
		t.Fatalf("got status %d and %q, want 0", status, problems.String())
	}
	var schema struct {
		Schema     string         `json:"$schema"`
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal(out.Bytes(), &schema); err != nil {
		t.Fatalf("got no JSON: %v", err)
	}
	if schema.Schema == "" || schema.Properties["on_request"] == nil {
		t.Errorf("got %+v, want a schema with the phases", schema)
	}
	file := filepath.Join(t.TempDir(), "policy.json")
	if status := a.run([]string{"schema", "--out", file}); status != 0 {
		t.Fatalf("got status %d and %q, want 0", status, problems.String())
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, out.Bytes()) {
		t.Errorf("got %d bytes and error %v in the file, want what was printed", len(got), err)
	}
}

func TestSchemaOfRego(t *testing.T) {
	t.Parallel()
	for what, member := range map[string]string{"rego-input": "properties", "rego-capabilities": "builtins"} {
		p := newProcess(nil)
		if status := p.run([]string{"schema", what}); status != 0 {
			t.Fatalf("got status %d and %s, want 0", status, p.errs)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(p.out.String()), &got); err != nil || got[member] == nil {
			t.Errorf("%s: got error %v, want JSON with %s", what, err, member)
		}
	}
}
