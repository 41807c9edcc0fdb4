package opa

import (
	"bytes"
	"context"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestCapabilitiesInOPA does what opa test --capabilities does with the file that weir schema rego-capabilities writes: OPA
// knows our functions by it and has none, and tests put others in their place.
func TestCapabilitiesInOPA(t *testing.T) {
	t.Parallel()
	text, err := Capabilities()
	if err != nil {
		t.Fatal(err)
	}
	known, err := ast.LoadCapabilitiesJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	module := ast.MustParseModuleWithOpts(`package access_test

leaks if count(weir.detect(input.ai.request.system, ["email"])) > 0

found(_, _) := [{"entity": "email", "start": 0, "end": 1, "text": "x"}]

nothing(_, _) := []

test_leaks if leaks with weir.detect as found with input as {"ai": {"request": {"system": "x"}}}

test_clean if not leaks with weir.detect as nothing with input as {"ai": {"request": {"system": "x"}}}
`, ast.ParserOptions{Capabilities: known})
	runner := tester.NewRunner().SetCompiler(ast.NewCompiler().WithCapabilities(known)).SetModules(map[string]*ast.Module{"a_test.rego": module})
	results, err := runner.RunTests(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	passed := 0
	for r := range results {
		if !r.Pass() {
			t.Errorf("%s: got %v", r.Name, r.Error)
		}
		passed++
	}
	if passed != 2 {
		t.Errorf("got %d tests, want 2", passed)
	}
}
