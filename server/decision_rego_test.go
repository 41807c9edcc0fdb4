package server

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine/opa"
)

const maskModule = `package system.log

mask contains "/input/ai/request/messages" if input.input.vars.private

mask contains {"op": "upsert", "path": "/input/caller/id", "value": "someone"}

mask contains sprintf("/input/n/%d", [i]) if {
	some i, n in input.input.n
	n == 42
}

mask contains "/labels" if input.input.vars.broken

drop if input.path == "health/decision"
`

func compiledPolicy(t *testing.T, module string) *opa.Policy {
	t.Helper()
	p, diags := opa.Compile(opa.Options{Modules: []opa.Text{{Name: "log.rego", Text: []byte(module)}}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

// TestPolicyMasksItsDecisions: the rules that OPA asks about its own log say what Weir's holds.
func TestPolicyMasksItsDecisions(t *testing.T) {
	t.Parallel()
	p := compiledPolicy(t, maskModule)
	input := func(private, broken bool) map[string]any {
		return map[string]any{
			"vars": map[string]any{"private": private, "broken": broken}, "caller": map[string]any{"id": "anna"}, "n": []any{int64(41), int64(42)},
			"ai": map[string]any{"request": map[string]any{"messages": []any{map[string]any{"text": "SECRETWORD"}}, "model": "m"}},
		}
	}
	encode := func(private, broken bool, path string) (string, *DecisionLog) {
		d, r := testLog(), testRecord(input(private, broken), "RESULTWORD")
		r.Rego, r.Path = p, path
		return string(d.encode(r)), d
	}
	line, _ := encode(true, false, "access/decision")
	var got struct {
		Input          map[string]any `json:"input"`
		Erased, Masked []string
	}
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"vars": map[string]any{"private": true, "broken": false}, "caller": map[string]any{"id": "someone"}, "n": []any{41.0},
		"ai": map[string]any{"request": map[string]any{"model": "m"}},
	}
	if diff := cmp.Diff(want, got.Input); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
	if len(got.Erased) != 2 || len(got.Masked) != 1 {
		t.Errorf("got erased %q and masked %q", got.Erased, got.Masked)
	}
	if line, _ := encode(false, false, "access/decision"); !strings.Contains(line, "SECRETWORD") {
		t.Errorf("got %s, want what no rule masks", line)
	}
	line, d := encode(false, true, "access/decision")
	if strings.Contains(line, "SECRETWORD") || strings.Contains(line, "RESULTWORD") || !strings.Contains(line, `"mask_failed":true`) || d.masking.Load() != 1 {
		t.Errorf("got %s, want neither input nor result", line)
	}
	if line, _ := encode(false, false, "health/decision"); line != "" {
		t.Errorf("got %s, want it dropped", line)
	}
}
