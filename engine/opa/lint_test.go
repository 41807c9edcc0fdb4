package opa

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine/vars"
)

func TestLint(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, module string
		want         []string // line: code
	}{
		{name: "nothing", module: "default allow := false\nallow if input.req.method == \"POST\"\nallow if { some g in input.caller.groups; g == \"ops\" }"},
		{name: "two values at once", module: "allow if {\n\tinput.req.method == \"GET\"\n\tinput.req.method == \"POST\"\n}", want: []string{"5: rego_never_true"}},
		{name: "a value and not the value", module: "allow if {\n\tinput.req.method != \"GET\"\n\t\"GET\" == input.req.method\n}", want: []string{"5: rego_never_true"}},
		{name: "bounds", module: "allow if {\n\tinput.time.hour > 18\n\tinput.time.hour < 8\n}", want: []string{"5: rego_never_true"}},
		{name: "bounds that meet", module: "allow if {\n\tinput.time.hour >= 8\n\tinput.time.hour <= 8\n\tinput.time.hour == 8.0\n}"},
		{name: "open bounds that meet", module: "allow if {\n\tinput.time.hour > 8\n\t8 >= input.time.hour\n}", want: []string{"5: rego_never_true"}},
		{name: "a value out of bounds", module: "allow if {\n\tinput.time.hour == 3\n\tinput.time.hour >= 8\n}", want: []string{"5: rego_never_true"}},
		{name: "each element by itself", module: "allow if {\n\tinput.caller.groups[_] == \"a\"\n\tinput.caller.groups[_] == \"b\"\n}"},
		{name: "another input", module: "allow if {\n\tinput.req.method == \"GET\"\n\tx with input.req.method as \"POST\"\n}\nx if input.req.method == \"POST\""},
		{name: "inside of a comprehension", module: "n := count([m | m := input.ai.request.messages[_]; m.role == \"a\"; m.role == \"b\"])", want: []string{"3: rego_never_true"}},
		{name: "in else", module: "x := 1 if input.req.method == \"A\" else := 2 if {\n\tinput.time.hour < 1\n\tinput.time.hour > 2\n}", want: []string{"5: rego_never_true"}},
		{name: "constants", module: "a if 1 == 2\nb if 2 > 1\nc if not 1 == 1\nd if false\ne if not true", want: []string{
			"3: rego_never_true", "4: rego_always_true", "5: rego_never_true", "6: rego_never_true", "7: rego_never_true",
		}},
		{name: "an empty object for a body", module: "allow if {\n\t{}\n}", want: []string{"4: rego_always_true"}},
		{name: "not of a set", module: "deny contains \"x\" if input.req.method == \"GET\"\nallow if not deny", want: []string{"4: rego_never_true"}},
		{name: "names of built-ins", module: "count := 1\nf(time) := time\nx if { lower := input.req.method; lower == \"a\" }", want: []string{
			"3: rego_shadowed_builtin", "4: rego_shadowed_builtin", "5: rego_shadowed_builtin",
		}},
		{name: "a result that nobody takes", module: "allow if {\n\tlower(input.req.method)\n\tstartswith(input.req.method, \"P\")\n}", want: []string{"4: rego_unused_result"}},
		{name: "not equal in a loop", module: "allow if input.caller.groups[_] != \"guest\"", want: []string{"3: rego_not_equals_in_loop"}},
		{name: "sprintf", module: "m := sprintf(\"%s of %d%%\", [input.req.method])", want: []string{"3: rego_sprintf_arguments"}},
		{name: "twice", module: "allow if input.req.method == \"GET\"\nallow if input.req.method == \"GET\"", want: []string{"4: rego_duplicate_rule"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, diags := Compile(Options{Modules: []Text{{Name: "m.rego", Text: []byte("package access\n\n" + tt.module + "\n")}}})
			var got []string
			for _, d := range diags {
				got = append(got, fmt.Sprintf("%d: %s", d.Pos.Line, d.Code))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, diags)
			}
		})
	}
}

func TestLintQuery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, module string
		want         []string
	}{
		{name: "a default", module: "default decision := false\ndecision if input.req.method == \"GET\""},
		{name: "no default", module: "decision if input.req.method == \"GET\"", want: []string{"3: rego_missing_default"}},
		{name: "a rule that always holds", module: "decision := {\"allow\": true}"},
		{name: "a value that is made of others", module: "default allow := true\nallow := false if input.req.method == \"GET\"\ndecision := {\"allow\": allow}"},
		{name: "an else that always holds", module: "decision := 1 if input.req.method == \"GET\" else := 2"},
		{name: "an else that does not", module: "decision := 1 if input.req.method == \"GET\" else := 2 if input.time.hour > 1", want: []string{"3: rego_missing_default"}},
		{name: "time in a rule behind it", module: "default decision := false\ndecision if old\nold if time.now_ns() > 1", want: []string{"5: rego_nondeterministic"}},
		{name: "chance in an argument", module: "default decision := false\ndecision if abs(rand.intn(\"x\", 2)) == 1", want: []string{"4: rego_nondeterministic"}},
		{name: "chance that it does not ask", module: "default decision := false\ndecision if input.req.method == \"GET\"\nother := rand.intn(\"x\", 2)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, diags := Compile(Options{Modules: []Text{{Name: "m.rego", Text: []byte("package access\n\n" + tt.module + "\n")}}})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			_, found := p.Query("data.access.decision", vars.PhaseRequest)
			var got []string
			for _, d := range found {
				got = append(got, fmt.Sprintf("%d: %s", d.Pos.Line, d.Code))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, found)
			}
		})
	}
}
