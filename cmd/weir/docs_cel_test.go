package main

import (
	"encoding/json"
	"strings"
	"testing"

	"weir/engine/expr"
	"weir/engine/vars"
)

// noValues is a source that has nothing to say.
type noValues struct{}

func (noValues) Var(vars.ID) vars.Value { return vars.Value{} }

func TestCELReference(t *testing.T) {
	page := celReference()
	for _, v := range vars.All() {
		if !strings.Contains(page, "| `"+v.Path+"` |") || !strings.Contains(page, code(v.Example)) {
			t.Errorf("%s is not on the page", v.Path)
		}
	}
	for _, f := range expr.Functions() {
		if !strings.Contains(page, code(f.Signature)+" | ") {
			t.Errorf("%s is not on the page", f.Name)
		}
	}
	for _, field := range []string{"provider_id", "pricing.text.input", "latency.upstream_ms_avg", "quota.remaining_requests", "same_site", "region"} {
		if !strings.Contains(page, "| `"+field+"` | ") {
			t.Errorf("the field %s is not on the page", field)
		}
	}
	for i, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, "| ") && strings.Count(line, "|")-strings.Count(line, `\|`) < 3 {
			t.Errorf("line %d is no row of a table: %s", i+1, line)
		}
	}
}

// TestCELExamples runs what the page says of templates and of the places where others differ.
func TestCELExamples(t *testing.T) {
	env, err := expr.New(expr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range templateExamples() {
		tmpl, diags := env.Template(vars.PhaseRequest, expr.Text{Value: x.code})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if got, err := tmpl.String(noValues{}); err != nil || got != x.want {
			t.Errorf("%s: got %q, %v, want %q", x.code, got, err, x.want)
		}
	}
	for _, d := range differences() {
		got := "an error"
		if e, diags := env.Value(vars.PhaseRequest, expr.Text{Value: d.code}); len(diags) == 0 {
			v, err := e.Value(noValues{})
			if err != nil {
				t.Fatal(err)
			}
			out, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			got = string(out)
		}
		if got != d.here {
			t.Errorf("%s: got %s, want %s", d.code, got, d.here)
		}
	}
}
